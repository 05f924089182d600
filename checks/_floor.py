"""The remedy for a table that leaks: a floor that no permissive policy can lift."""

from validate_schema.pack import Facts, Remedy
from validate_schema.pack.model import catalog as cat
from validate_schema.pack.remedies import (
    create_policy,
    enable_row_security,
    free_policy_name,
    tenant_condition,
    tenant_policy,
)

_NOTE = (
    "A restrictive policy binds the tenant whatever the other policies allow. Take the open branch out of "
    "them as well: RLS005 and RLS006 name it."
)
_LOCK = "ACCESS EXCLUSIVE on the table, for a moment: nothing is rewritten."


def floor(name: cat.QName, role: str, facts: Facts) -> Remedy:
    """Return the statements that keep `role` to its tenant's rows; none for a role that policies do not
    bind, or where the tenant context is not known."""
    table = facts.tables_by_name.get(name)
    if facts.memberships.bypasses(role):
        return Remedy(
            note=f"{role} is not subject to policies: take SUPERUSER and BYPASSRLS from it (BYP001)."
        )
    condition = tenant_condition(table, facts) if table is not None else None
    if table is None or condition is None:
        return Remedy(
            note="Write a policy that binds the tenant; how the session says its tenant is not known."
        )
    if not any(p.permissive for p in table.policies):
        return Remedy(steps=(*tenant_policy(table, facts), *enable_row_security(table)), lock=_LOCK)
    clauses = f"AS RESTRICTIVE USING ({condition}) WITH CHECK ({condition})"
    create = create_policy(name, free_policy_name("tenant_floor", table), clauses)
    return Remedy(steps=(create, *enable_row_security(table)), note=_NOTE, lock=_LOCK)
