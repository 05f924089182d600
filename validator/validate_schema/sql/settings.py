"""Which setting of the session an expression reads."""

import re
from collections.abc import Iterable
from typing import NamedTuple

from .ident import quote_literal
from .syntax import Call, Cast, Const, Node, SessionValue, uncast, walk

# What Supabase and Neon bring along, where the catalog does not have it or holds no text of it. Sources:
# the migrations of Supabase's `auth` schema, the documentation of pg_session_jwt.
_JWT = "nullif(current_setting('request.jwt.claims', true), '')::jsonb"
PLATFORM_HELPERS = {
    ("auth", "uid"): f"({_JWT} ->> 'sub')::uuid",
    ("auth", "jwt"): _JWT,
    ("auth", "role"): f"{_JWT} ->> 'role'",
    ("auth", "email"): f"{_JWT} ->> 'email'",
    ("auth", "user_id"): f"{_JWT} ->> 'sub'",
    ("auth", "session"): _JWT,
}

# Settings that SQL reads by a word: the role that a session has taken, and the one that it logged in as.
# Source: PostgreSQL documentation, "System Information Functions", SET ROLE, SET SESSION AUTHORIZATION.
ROLE, LOGIN = "role", "session_authorization"
_BY_WORD = {"current_user": ROLE, "current_role": ROLE, "user": ROLE, "session_user": LOGIN}
_WORDS = {ROLE: "current_user", LOGIN: "session_user"}

_SCHEMA = re.compile(r'"((?:[^"]|"")*)"|([^\s",]+)')


def own_path(settings: Iterable[str]) -> str | None:
    """Return the search_path among settings written as ``name=value``, None where there is none."""
    return next((s.partition("=")[2] for s in settings if s.startswith("search_path=")), None)


def schemas_of(path: str) -> tuple[str, ...]:
    """Return the schemas of a search path as the catalog holds it: a quoted name may hold a comma.
    Source: PostgreSQL documentation, search_path; "Identifiers and Key Words"."""
    found = ((m[1].replace('""', '"') if m[2] is None else m[2].lower()) for m in _SCHEMA.finditer(path))
    return tuple(name for name in found if name)


def is_guarded(settings: Iterable[str]) -> bool:
    """Tell whether the settings of a function have it look for what is temporary, and so may be its caller's,
    in the last place. Source: PostgreSQL documentation, "Writing SECURITY DEFINER Functions Safely"."""
    path = own_path(settings)
    schemas = schemas_of(path) if path is not None else ()
    return schemas[-1:] == ("pg_temp",) and "pg_temp" not in schemas[:-1]


def only_a_path(settings: Iterable[str]) -> bool:
    """Tell whether nothing but the search_path is set."""
    return all(setting.startswith("search_path=") for setting in settings)


class Setting(NamedTuple):
    """A setting by its name as written, though names of settings have no case; without `missing_ok` it is
    an error where the session never set it."""

    name: str
    missing_ok: bool


def setting_of(node: Node) -> Setting | None:
    """Return the setting that a call of current_setting() reads; None where it is no such call, the name is
    worked out, or it is given more than a truth value: somebody's own function of that name. Source:
    PostgreSQL documentation, "Configuration Settings Functions" and "Boolean Type"."""
    if not isinstance(node, Call) or node.name != "current_setting" or not node.args:
        return None
    if node.schema not in ("", "pg_catalog"):
        return None
    name, *more = map(uncast, node.args)
    if not isinstance(name, Const) or not isinstance(name.value, str):
        return None
    missing_ok = _truth(node.args[1]) if more else False
    return None if missing_ok is None or len(more) > 1 else Setting(name.value, missing_ok)


def said_by(node: Node) -> Setting | None:
    """Return the setting that an expression is the value of: what a call of current_setting() reads, or the
    role of the session by the word for it; None for anything else."""
    if isinstance(node, SessionValue):
        return Setting(_BY_WORD[node.name], missing_ok=True) if node.name in _BY_WORD else None
    return setting_of(node)


def word_for(setting: str | None) -> str:
    """Return the word by which SQL reads the role of a session, "" for any other setting."""
    return _WORDS.get((setting or "").lower(), "")


def read_as_text(setting: str) -> str:
    """Return the expression that reads a setting, as text, and gives NULL while it is unset or empty."""
    word = word_for(setting)
    return f"{word}::text" if word else f"nullif(current_setting({quote_literal(setting).strip()}, true), '')"


def _truth(node: Node) -> bool | None:
    """Return the truth value that a constant is; None where it is something else, or a text."""
    plain, kinds = uncast(node), {n.type.names[-1] for n in walk(node) if isinstance(n, Cast)}
    given = plain.value if isinstance(plain, Const) and kinds <= {"bool", "boolean"} else None
    words = {"t": True, "true": True, "f": False, "false": False}
    return given if isinstance(given, bool) else words.get(given.lower()) if isinstance(given, str) else None


# What PostgREST takes from a request as it comes. Source: its documentation, "Transaction-Scoped Settings".
_BY_CLIENT = ("request.header", "request.cookie")


def is_written_by_client(name: str) -> bool:
    """Tell whether a setting holds what whoever asks sends along, and nobody vouches for."""
    return name.lower().startswith(_BY_CLIENT)


_ONE_CLAIM, _CLAIMS = "request.jwt.claim", "request.jwt.claims"


def claim_setting(name: str) -> tuple[str, tuple[str, ...]]:
    """Return a setting as one that holds JSON and the path of a claim there, () for a setting that holds
    one value. What PostgREST once gave each claim, it gives all of them together now: they say the same.
    Source: PostgREST's documentation, "Transaction-Scoped Settings" and its changelog of version 9."""
    name = name.lower()
    if name == _ONE_CLAIM:
        return _CLAIMS, ()
    if name.startswith(f"{_ONE_CLAIM}."):
        return _CLAIMS, (name.removeprefix(f"{_ONE_CLAIM}."),)
    return name, ()
