"""The keys of the made-up tenants, on every level of tenancy."""

from typing import TYPE_CHECKING

from .hints import distances, literals
from .rows import MALFORMED, OTHERS, A, B, Column, sibling
from .variety import policy_text

if TYPE_CHECKING:
    from .seed import Seeder

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


def find_keys(seeder: "Seeder") -> Keys:
    """Return each level's keys: of A, of B, of tenants that policies name, and of A's sub-tenants besides
    the one that its session works for (`rows.sibling`)."""
    found: Keys = {}
    named = _named_tenants(seeder)
    levels = range(len(seeder.facts.tenancy.levels))
    for i in levels:
        column = _key_column(seeder, i)
        if column is None:
            continue
        a, b, other = _keys_for(seeder, column)
        found[i] = {A: a, B: b}
        taken = (a, b, other, *MALFORMED)
        others = [t for t in named if t not in taken and seeder.fits(t, column)]
        found[i] |= dict(zip(OTHERS, others, strict=False))
        found[i] |= {sibling(n): a if i < n else other for n in levels[1:]}
    return found


def _key_column(seeder: "Seeder", index: int) -> Column | None:
    level = seeder.facts.tenancy.levels[index]
    if level.root is not None:
        return next((c for c in seeder.columns_of(level.root) if c.name == level.key), None)
    for table, held in seeder.facts.held_levels.items():
        if index in held:
            return next((c for c in seeder.columns_of(table) if c.name == held[index]), None)
    return None


def _keys_for(seeder: "Seeder", column: Column) -> tuple[str, str, str]:
    for name in _kinds(seeder, column):
        if all(seeder.fits(key, column) for key in _KEYS[name]):
            return _KEYS[name]
    a, b, other = (seeder.values.make(column.type, column.modifier, n) for n in (1, 2, 3))
    return a, b, other


def _kinds(seeder: "Seeder", column: Column) -> tuple[str, ...]:
    kind, modifier = seeder.values.bottom(column.type, column.modifier)
    if kind.name == "uuid":
        return ("uuid",)
    if kind.category == "N":
        return ("number",)
    if 4 < modifier < 12:
        return ("short",)
    policies = (p for t in seeder.facts.tables for p in t.policies)
    wants = any("uuid" in (p.using or "") + (p.check or "") for p in policies)
    return ("uuid", "text", "number") if wants else ("text", "uuid", "number")


def _named_tenants(seeder: "Seeder") -> list[str]:
    """Return the literals of policies and of the functions they call: one may be a tenant's key. First
    those that stand nearest to a tenant column or to the tenant's setting."""
    facts = seeder.facts
    names = {name for held in facts.held_levels.values() for name in held.values()}
    names |= {facts.tenancy.setting} if facts.tenancy.setting else set()
    found: dict[str, int] = {}
    for text in sorted({policy_text(seeder, t) for t in facts.tables if t.policies}):
        for word, far in distances(text, names, literals(text)).items():
            found[word] = min(far, found.get(word, far))
    return sorted(found, key=lambda word: (found[word], word))
