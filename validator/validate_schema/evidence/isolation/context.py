"""How a session tells the database which tenant it works for."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ...facts.facts import Facts
from ...model.principals import Kind
from ...sql.ident import quote_literal

_LOGGED_IN = "authenticated"  # what a gateway says of those who are
_PLACEHOLDER = re.compile(r"(?<!:):(tenant[2-9]?|user)\b")


@dataclass(frozen=True)
class ContextSetup:
    """Statements that set the context. ``:tenant`` and ``:user`` stand for the quoted values,
    ``:tenant2`` for the sub-tenant on the second level, and so on. `person` is the user of the first tenant,
    where one is to stand for it."""

    statements: tuple[str, ...]
    person: str | None = None

    def of(self, tenant: str, user: str = "", below: tuple[str, ...] = ()) -> tuple[str, ...]:
        """Return the statements for a tenant and a user, with their values in place. `below` are the
        sub-tenants, level by level; where none is given the tenant stands for them too."""
        values = {"tenant": tenant, "user": user} | {f"tenant{i}": v for i, v in enumerate(below, 2)}
        return tuple(
            _PLACEHOLDER.sub(lambda m: quote_literal(values.get(m[1], tenant)).strip(), s).rstrip(" ;\n")
            for s in self.statements
        )

    def names(self, level: int) -> bool:
        """Tell whether the context says which sub-tenant of a level (1 is below the first) it is for."""
        found = {m[1] for s in self.statements for m in _PLACEHOLDER.finditer(s)}
        return (f"tenant{level + 1}" if level else "tenant") in found


def default_context(facts: Facts) -> ContextSetup | None:
    """Return the set-up for the setting of the tenant, or what policies read as it where none is told, and
    for the settings and claims that they read as the person; None where none is known."""
    said: dict[str, dict[tuple[str, ...], str]] = {}
    setting = facts.tenancy.setting
    for told in facts.principals.of_kind(Kind.TENANT, Kind.PERSON):
        value, name = ":tenant" if told.kind is Kind.TENANT else ":user", told.variable.setting
        if told.kind is Kind.PERSON or setting is None or name.lower() == setting.lower():
            said.setdefault(name, {})[told.variable.path] = value
    if setting is not None and not any(name.lower() == setting.lower() for name in said):
        said = {setting: {(): ":tenant"}, **said}
    for told in facts.principals.variables:
        if told.variable.path == ("role",) and told.variable.setting in said:
            said[told.variable.setting][told.variable.path] = quote_literal(_LOGGED_IN).strip()
    statements = tuple(
        f"select set_config({quote_literal(name).strip()}, {_value(claims)}, false)"
        for name, claims in said.items()
    )
    return ContextSetup(statements) if statements else None


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
