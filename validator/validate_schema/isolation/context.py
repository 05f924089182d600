"""How a session tells the database which tenant it works for."""

import re
from dataclasses import dataclass

from ..facts import Facts
from ..ident import quote_literal

_PLACEHOLDER = re.compile(r"(?<!:):(tenant|user)\b")


@dataclass(frozen=True)
class ContextSetup:
    """Statements that set the context. ``:tenant`` and ``:user`` stand for the quoted values."""

    statements: tuple[str, ...]

    def of(self, tenant: str, user: str = "") -> tuple[str, ...]:
        """Return the statements for a tenant and a user, with their values in place."""
        values = {"tenant": quote_literal(tenant).strip(), "user": quote_literal(user).strip()}
        return tuple(_PLACEHOLDER.sub(lambda m: values[m[1]], s).rstrip(" ;\n") for s in self.statements)


def default_context(facts: Facts) -> ContextSetup | None:
    """Return the set-up for the setting that policies read; None when no setting is known."""
    setting = facts.tenancy.setting
    if setting is None:
        return None
    return ContextSetup((f"select set_config({quote_literal(setting).strip()}, :tenant, false)",))
