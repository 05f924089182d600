"""How a session tells the database which tenant it works for."""

import re
from dataclasses import dataclass

from ...facts.facts import Facts
from ...sql.ident import quote_literal

_PLACEHOLDER = re.compile(r"(?<!:):(tenant[2-9]?|user)\b")


@dataclass(frozen=True)
class ContextSetup:
    """Statements that set the context. ``:tenant`` and ``:user`` stand for the quoted values,
    ``:tenant2`` for the sub-tenant on the second level, and so on."""

    statements: tuple[str, ...]

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
    """Return the set-up for the setting that policies read; None when no setting is known."""
    setting = facts.tenancy.setting
    if setting is None:
        return None
    return ContextSetup((f"select set_config({quote_literal(setting).strip()}, :tenant, false)",))
