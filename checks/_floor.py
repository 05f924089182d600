"""The remedy for a table that leaks: a floor that no permissive policy can lift."""

from validate_schema.pack import Facts, Remedy
from validate_schema.pack.model import catalog as cat
from validate_schema.pack.remedies import enable_row_security, tenant_condition, tenant_policy
from validate_schema.pack.sql import quote_ident, quote_qname

_NOTE = (
    "A restrictive policy binds the tenant whatever the other policies allow. Take the open branch out of "
    "them as well: RLS005 and RLS006 name it."
)
_LOCK = "ACCESS EXCLUSIVE on the table, for a moment: nothing is rewritten."


def floor(name: cat.QName, role: str, facts: Facts) -> Remedy:
    """Return the statements that keep `role` to its tenant's rows; none for a role that policies do not
    bind, or where the tenant context is not known."""
    known, table = facts.roles.get(role), facts.tables_by_name.get(name)
    if known is not None and (known.superuser or known.bypassrls):
        return Remedy(
            note=f"{role} is not subject to policies: take SUPERUSER and BYPASSRLS from it (BYP001)."
        )
    condition = tenant_condition(table, facts) if table is not None else None
    if table is None or condition is None:
        return Remedy(
            note="Write a policy that binds the tenant; how the session says its tenant is not known."
        )
    if not any(p.permissive for p in table.policies):
        return Remedy((*tenant_policy(table, facts), *enable_row_security(table)), lock=_LOCK)
    policy = quote_ident(_free("tenant_floor", table))
    create = (
        f"CREATE POLICY {policy} ON {quote_qname(name)} AS RESTRICTIVE USING ({condition}) "
        f"WITH CHECK ({condition});"
    )
    return Remedy((create, *enable_row_security(table)), _NOTE, _LOCK)


def _free(wanted: str, table: cat.Table) -> str:
    taken = {p.name for p in table.policies}
    names = [wanted, *(f"{wanted}_{n}" for n in range(2, len(taken) + 3))]
    return next(n for n in names if n not in taken)
