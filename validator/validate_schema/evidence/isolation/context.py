"""How a session tells the database which tenant it works for."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ...facts.facts import Facts
from ...model.principals import PLATFORM_ROLES, Kind
from ...sql.ident import quote_ident, quote_literal
from ...sql.settings import ROLE, word_for

_ROLE = "current_user::text"  # the context is set as the role that asks
_TAKES_ROLE = re.compile(  # as a value: SET ROLE of a name is no tenant's
    r"(?:select (?:pg_catalog\.)?set_config\('role',|set (?:local |session )?role(?: to)?)"
    r"\s*'((?:[^']|'')*)'(?:, (?:true|false)\))?",
    re.IGNORECASE,
)
_PLACEHOLDER = re.compile(r"(?<!:):(tenant[2-9]?|user|person|role)\b")
_PERSON = re.compile(r"(?<!:):(?:user|person)\b")
_CLAIMS, _ONE_CLAIM = "request.jwt.claims", "request.jwt.claim"
_LOGGED_IN = {("aud",): "'authenticated'", ("aal",): "'aal1'", ("is_anonymous",): "'false'"}
_SESSION_OF = {  # what each gateway says of a request, besides the claims that policies read
    "supabase": (_CLAIMS, {("sub",): ":person", ("role",): ":role", **_LOGGED_IN}),
    "postgrest": (_CLAIMS, {("sub",): ":person", ("role",): ":role"}),
    "hasura": ("hasura.user", {("x-hasura-user-id",): ":person", ("x-hasura-role",): ":role"}),
}


@dataclass(frozen=True)
class ContextSetup:
    """Statements that set the context. ``:tenant`` and ``:person``, or ``:user``, are the quoted values,
    ``:tenant2`` for the sub-tenant on the second level, and so on; ``:role`` for the role that asks, as an
    expression. `person` is the user of the first tenant, where one is to stand for it; `preset` the gateway
    whose sessions they are."""

    statements: tuple[str, ...]
    person: str | None = None
    preset: str = ""

    def of(self, tenant: str, user: str = "", below: tuple[str, ...] = ()) -> tuple[str, ...]:
        """Return the statements for a tenant and a user, with their values in place. `below` are the
        sub-tenants, level by level; where none is given the tenant stands for them too."""
        values = {"tenant": tenant, "user": user, "person": user}
        values |= {f"tenant{i}": v for i, v in enumerate(below, 2)}
        said = {name: quote_literal(value).strip() for name, value in values.items()} | {"role": _ROLE}
        return tuple(
            _PLACEHOLDER.sub(lambda m: said.get(m[1], said["tenant"]), s).rstrip(" ;\n")
            for s in self.statements
        )

    def of_nobody(self) -> "ContextSetup":
        """Return what a session says that nobody has logged in for."""
        return replace(self, statements=tuple(_PERSON.sub("null", s) for s in self.statements), person=None)

    def names(self, level: int) -> bool:
        """Tell whether the context says which sub-tenant of a level (1 is below the first) it is for."""
        return (f"tenant{level + 1}" if level else "tenant") in self._named

    @property
    def by_role(self) -> bool:
        """Whether a session takes the role of its tenant: it can be for none that is no role."""
        return role_taken(self.of("tenant")) is not None

    @property
    def names_person(self) -> bool:
        """Whether the context says which person asks."""
        return bool({"user", "person"} & self._named)

    @property
    def _named(self) -> set[str]:
        return {m[1] for s in self.statements for m in _PLACEHOLDER.finditer(s)}


def role_taken(context: Sequence[str]) -> str | None:
    """Return the role that the statements of a session take as its tenant's, None where they take none."""
    found = [m for m in map(_TAKES_ROLE.fullmatch, context) if m]
    if not found:
        return None
    return found[-1][1].replace("''", "'")


def become(role: str, context: Sequence[str]) -> tuple[str, ...]:
    """Return the statements by which a superuser's session becomes that of a role. Where it says that it is a
    tenant's by taking the tenant's role, the role goes by that name from then on: so does whatever it was
    granted, and the policies that are for it."""
    taken = role_taken(context)
    if not taken or taken == role:
        return (f"set local session authorization {quote_ident(role)}",)
    name = quote_ident(taken)
    return f"alter role {quote_ident(role)} rename to {name}", f"set local session authorization {name}"


def default_context(facts: Facts, preset: str | None = None) -> ContextSetup | None:
    """Return the set-up for the setting of the tenant, or what policies read as it where none is told, and
    for the settings and claims that they read as the person; None where none is known. `preset` is the
    gateway whose sessions are made, inferred from what policies read where it is None."""
    said: dict[str, dict[tuple[str, ...], str]] = {}
    setting = facts.tenancy.setting
    for told in facts.principals.of_kind(Kind.TENANT, Kind.PERSON):
        value, name = ":tenant" if told.kind is Kind.TENANT else ":user", told.variable.setting
        if told.kind is Kind.PERSON or setting is None or setting.lower() in _names(name, told.variable.path):
            said.setdefault(name, {})[told.variable.path] = value
    if setting is not None and not any(name.lower() == setting.lower() for name in said):
        said = {setting: {(): ":tenant"}, **said}
    gateway = preset or _gateway_of(facts)
    if gateway:
        name, claims = _SESSION_OF[gateway]
        said[name] = claims | {path: v for path, v in said.get(name, {}).items() if path}
    statements = [*_statements(said), *(_one_by_one(said[_CLAIMS]) if _CLAIMS in said and gateway else ())]
    return ContextSetup(tuple(statements), preset=gateway) if statements else None


def _names(setting: str, path: tuple[str, ...]) -> tuple[str, ...]:
    """Return what a variable is called where it is said: its setting, and that of the one claim."""
    claim = (f"{_ONE_CLAIM}.{path[0]}",) if setting.lower() == _CLAIMS and len(path) == 1 else ()
    return (setting.lower(), *claim)


def with_preset(setup: ContextSetup, facts: Facts, preset: str) -> ContextSetup:
    """Return the set-up with what a gateway says first."""
    first = default_context(facts, preset)
    assert first is not None, "a gateway says who asks"
    return replace(setup, statements=(*first.statements, *setup.statements), preset=preset)


def _gateway_of(facts: Facts) -> str:
    """Return which gateway sends the requests, as what policies read and the app roles tell; "" for
    none. Sources: Hasura's documentation, "Postgres: Row-level security"; PostgREST's, "Transaction-Scoped
    Settings"; Supabase's, "Postgres Roles"."""
    if not facts.principals.gateway:
        return ""
    if any(v.variable.setting.startswith("hasura.") for v in facts.principals.variables):
        return "hasura"
    return "supabase" if set(PLATFORM_ROLES) & set(facts.tenancy.app_roles) else "postgrest"


def _statements(said: Mapping[str, Mapping[tuple[str, ...], str]]) -> list[str]:
    names = {name: quote_literal(ROLE if word_for(name) else name).strip() for name in said}
    return [f"select set_config({names[name]}, {_value(claims)}, false)" for name, claims in said.items()]


def _one_by_one(claims: Mapping[tuple[str, ...], str]) -> list[str]:
    """Return the statements by which PostgREST gave each claim a setting of its own before version 9, and
    Supabase still does."""
    plain: dict[str, dict[tuple[str, ...], str]]
    plain = {f"{_ONE_CLAIM}.{path[0]}": {(): v} for path, v in claims.items() if len(path) == 1}
    return _statements(plain)


def _value(claims: Mapping[tuple[str, ...], str]) -> str:
    """Return the text of a setting: one value, or a JSON object of claims by their paths."""
    if set(claims) == {()}:
        return claims[()]
    return f"{_object({path: v for path, v in claims.items() if path})}::text"


def _object(claims: Mapping[tuple[str, ...], str]) -> str:
    parts = []
    for name in dict.fromkeys(path[0] for path in claims):
        below = {path[1:]: value for path, value in claims.items() if path[0] == name}
        value = _object({p: v for p, v in below.items() if p}) if () not in below else f"{below[()]}::text"
        parts.append(f"{quote_literal(name).strip()}, {value}")
    return f"json_build_object({', '.join(parts)})"
