"""The keys of the made-up tenants, on every level of tenancy."""

import re

from ...sql.settings import word_for
from .ground import Ground
from .hints import SETTING, UUID, distances, literals
from .rows import MALFORMED, OTHERS, THIRD, A, B, Column, sibling

_CAST = re.compile(r'\b(\w+)"?\)?(?:::text\)?)?::(?:bigint|integer|smallint|numeric)\b')
Keys = dict[int, dict[str, str]]  # by level, then by whose they are

_KEYS = {  # by the kind of type; text ones share a prefix, which a LIKE falls for
    "uuid": (
        "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa",
        "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb",
        "dddddddd-dddd-4ddd-8ddd-dddddddddddd",
    ),
    "number": ("1001", "10012", "10013"),
    "text": ("tenant1", "tenant12", "tenant13"),
    "short": ("a", "ab", "ac"),
}


def find_keys(ground: Ground) -> Keys:
    """Return each level's keys: of A, of B, of tenants that policies name, and of A's sub-tenants besides
    the one that its session works for (`rows.sibling`)."""
    found: Keys = {}
    named = [name for name in _named_tenants(ground) if name not in _roles_of_tenants(ground)]
    levels = range(len(ground.facts.tenancy.levels))
    for i in levels:
        column = ground.key_column(i)
        if column is None:
            continue
        kind, (a, b, other) = _keys_for(ground, column)
        found[i] = {A: a, B: b}
        taken = (a, b, other, *MALFORMED)
        others = [t for t in named if t not in taken and _is_of(kind, t) and ground.fits(t, column)]
        found[i] |= dict(zip(OTHERS, others, strict=False))
        found[i] |= {sibling(n): a if i < n else other for n in levels[1:]}
        if i == 0:
            found[i][THIRD] = other  # for whoever may join any
    return found


def _is_of(kind: str, text: str) -> bool:
    """Tell whether a text may be a key where keys are of that kind: policies cast them to it."""
    if kind == "uuid":
        return UUID.fullmatch(text) is not None
    return kind != "number" or re.fullmatch(r"\d{1,9}", text) is not None


def _keys_for(ground: Ground, column: Column) -> tuple[str, tuple[str, str, str]]:
    """Return the kind of the keys, "" where it is that of no text, and three of them."""
    for name in _kinds(ground, column):
        keys = _free_names(ground, _KEYS[name])
        if all(ground.fits(key, column) for key in keys):
            return name, keys
    a, b, other = (ground.values.make(column.type, column.modifier, n) for n in (1, 2, 3))
    return "", (a, b, other)


def _roles_of_tenants(ground: Ground) -> frozenset[str]:
    """Return the roles that there are, where each tenant is one: none of them is another tenant to itself."""
    if not word_for(ground.facts.tenancy.setting):
        return frozenset()
    return frozenset(r for (r,) in ground.conn.execute("select rolname::text from pg_catalog.pg_roles"))


def _free_names(ground: Ground, keys: tuple[str, str, str]) -> tuple[str, str, str]:
    """Return keys that no role is called by: a tenant's role is to be made for each."""
    taken = _roles_of_tenants(ground)
    while taken.intersection(keys):
        a, b, other = keys
        keys = f"{a}_", f"{b}_", f"{other}_"
    return keys


def _kinds(ground: Ground, column: Column) -> tuple[str, ...]:
    kind, modifier = ground.values.bottom(column.type, column.modifier)
    if kind.name == "uuid":
        return ("uuid",)
    if kind.category == "N":
        return ("number",)
    if 4 < modifier < 12:
        return ("short",)
    texts = [ground.texts.own(t) for t in ground.facts.tables if t.policies]
    if any("uuid" in text for text in texts):
        return ("uuid", "text", "number")
    names = {n for held in ground.facts.held_levels.values() for n in held.values()}
    cast = any(m[1] in names for text in texts for m in _CAST.finditer(text))
    return ("number", "text", "uuid") if cast else ("text", "uuid", "number")


def _named_tenants(ground: Ground) -> list[str]:
    """Return the literals of policies and of the functions they call: one may be a tenant's key. First
    those that stand nearest to a tenant column or to the tenant's setting; not those that another setting
    stands nearer to: they are its words."""
    facts = ground.facts
    names = {name for held in facts.held_levels.values() for name in held.values()}
    names |= {facts.tenancy.setting} if facts.tenancy.setting else set()
    found: dict[str, int] = {}
    for text in sorted({ground.texts.own(t) for t in facts.tables if t.policies}):
        words = literals(text)
        elsewhere = distances(text, set(SETTING.findall(text)) - names, words)
        for word, far in distances(text, names, words).items():
            if far <= elsewhere[word]:
                found[word] = min(far, found.get(word, far))
    return sorted(found, key=lambda word: (found[word], word))
