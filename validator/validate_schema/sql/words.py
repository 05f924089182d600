"""Names that read like a tenant's key. Names only support what foreign keys and policies say."""

import re
from functools import lru_cache
from typing import NamedTuple

_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[^\W\dA-Z_]+|[A-Z]+|\d+")
_KEY_WORDS = frozenset({"id", "uuid", "guid", "uid", "key", "pk", "fk", "no", "ref", "code", "slug"})

# Strong stems name the customer of a multi-tenant product almost always; weak ones are often just
# one more entity, so they need more of the schema, or policies, behind them.
_STRONG = {
    "organization": ("organization", "organisation", "org", "orgn", "organizational"),
    "tenant": ("tenant", "tenancy"),
    "workspace": ("workspace",),
    "account": ("account", "acct"),
    "company": ("company", "corporation"),
    "namespace": ("namespace", "nid"),
}
_WEAK = {
    "team": ("team",),
    "customer": ("customer", "cust"),
    "client": ("client",),
    "project": ("project", "proj"),
    "environment": ("environment", "env"),
    "store": ("store", "shop"),
    "site": ("site", "website"),
    "application": ("app", "application"),
    "agency": ("agency",),
    "group": ("group",),
    "firm": ("firm",),
    "merchant": ("merchant",),
    "school": ("school",),
}
_FAMILY = {word: family for stems in (_STRONG, _WEAK) for family, words in stems.items() for word in words}
_PEOPLE = frozenset({"user", "profile", "person", "people", "member", "employee", "customeruser", "login"})
_BARE_KEYS = frozenset({"tenant", "nid", "namespace"})


class KeyName(NamedTuple):
    """A column name read as a key: `orgId` is stem ``org`` of the family ``organization``.

    `family` is None where the stem is not a word for a tenant. `keyed` tells that the name ends
    like a key, or is a word that is only ever used as one.
    """

    stem: str
    family: str | None
    keyed: bool

    @property
    def strong(self) -> bool:
        return self.family in _STRONG


@lru_cache(maxsize=65536)
def words(name: str) -> tuple[str, ...]:
    """Split snake_case, camelCase and anything between into lower-case words."""
    return tuple(word.lower() for word in _WORD.findall(name))


@lru_cache(maxsize=65536)
def key_name(column: str) -> KeyName:
    """Read a column's name as a key."""
    parts = list(words(column))
    keyed = False
    while len(parts) > 1 and parts[-1] in _KEY_WORDS:
        parts.pop()
        keyed = True
    while len(parts) > 1 and len(parts[0]) == 1:
        parts.pop(0)
    stem = "".join(parts)
    if stem not in _FAMILY:
        glued = next((stem.removesuffix(end) for end in ("uuid", "id") if stem.endswith(end)), "")
        if glued in _FAMILY:
            stem, keyed = glued, True
    return KeyName(stem, _FAMILY.get(stem), keyed or stem in _BARE_KEYS)


@lru_cache(maxsize=65536)
def table_stem(table: str) -> str:
    """Return a table's name in the singular, as one lower-case word."""
    plain = table.replace("_", "").lower()
    if not plain.isalnum():
        plain = "".join(filter(str.isalnum, plain))
    return singular(plain) or table


def singular(word: str) -> str:
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "xes", "ches", "shes")):
        return word[:-2]
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


def agrees(column: str, table: str) -> bool:
    """Tell whether a key column is named after a table: ``organization_id``, ``org_id`` or
    ``c_orgid`` after ``organizations``."""
    key, name = key_name(column), table_stem(table)
    if key.family is not None and _FAMILY.get(name) == key.family:
        return True
    last = singular(words(table)[-1]) if words(table) else name
    return bool(key.stem) and (key.stem in (name, last) or (len(key.stem) >= 3 and name.startswith(key.stem)))


def of_people(table: str) -> bool:
    """Tell whether a table's name is that of people rather than of tenants."""
    return table_stem(table) in _PEOPLE or (bool(words(table)) and singular(words(table)[-1]) in _PEOPLE)


def of_tenants(table: str) -> bool:
    """Tell whether a table's name is a word that almost always names tenants: ``organizations``."""
    return _FAMILY.get(table_stem(table)) in _STRONG


_BY = frozenset({"owner", "author", "creator", "assignee", "login", "email"})


def reads_as_person(column: str) -> bool:
    """Tell whether a column's name is that of a person: ``user_id``, ``primary_owner_user_id``,
    ``created_by``, ``author``, ``login``."""
    parts = [*words(column)]
    while len(parts) > 1 and parts[-1] in _KEY_WORDS:
        parts.pop()
    last = singular(parts[-1]) if parts else ""
    return last in _PEOPLE or last in _BY or (len(parts) > 1 and last == "by")


_TOKEN_WORDS = frozenset(
    words(
        "token secret hash hashed digest fast encrypted key api access refresh session auth bearer "
        "reset password recovery verification verify confirmation confirm activation invite invitation "
        "magic link login logout unsubscribe unlock remember signing share one time use "
        "public private restore portal preview download upload guest checkin embed tracking"
    )
)


def reads_as_token(column: str) -> bool:
    """Tell whether a column's name is that of a secret of the application's own making, or of its hash:
    ``token``, ``reset_password_token``, ``hashed_secret_key``, ``key_hash``. Nobody can guess it, and it is
    looked up before the tenant is known. ``device_token`` and ``content_hash`` are made elsewhere."""
    parts = frozenset(words(column))
    hashed = "key" in parts and not parts.isdisjoint({"hash", "hashed", "digest"})
    return parts <= _TOKEN_WORDS and (hashed or not parts.isdisjoint({"token", "secret"}))


_HANDED_OUT = (
    (frozenset({"key", "api", "access"}), frozenset({"api", "access"})),
    (frozenset({"code", "invite", "invitation", "join"}), frozenset({"invite", "invitation", "join"})),
)


def reads_as_ticket(column: str, table: str) -> bool:
    """Tell the same of a secret that is handed out, which the table's name may say as well: ``api_keys.key``,
    ``invite_codes.code``, ``team.join_code``. It may be short enough to guess."""
    parts = frozenset(words(column))
    around = parts | {word.removesuffix("s") for word in words(table)}
    return reads_as_token(column) or any(
        parts <= held and not parts.isdisjoint({"key", "code"}) and not around.isdisjoint(named)
        for held, named in _HANDED_OUT
    )
