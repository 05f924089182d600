"""The row-security policy that confines a table to the current tenant, written as SQL.

The policy compares with the tenant context that the config or the existing policies name. It is
fail-closed: an unset or empty context matches no row. Sources: PostgreSQL documentation, "Row
Security Policies" and CREATE POLICY.
"""

import re
from typing import NamedTuple

from ...facts.facts import Facts
from ...model.catalog import Column, Constraint, QName, Table
from ...model.finding import Step
from ...model.tenancy import Level, TableClass
from ...sql.ident import quote_ident, quote_qname, quote_role
from ...sql.settings import read_as_text
from .steps import alter_table, create_policy

POLICY_NAME = "tenant_isolation"
SHARED_POLICY_NAME = "shared_rows"
LONGEST_WAY = 12  # tables to the owner: of a policy that nests deeper, what it lets through cannot be read

_TEXTUAL = ("text", "character", "name", '"char"')
_TYPE_MODIFIER = re.compile(r"\([^)]*\)")


def tenant_policy(table: Table, facts: Facts, role: str = "PUBLIC") -> tuple[Step, ...]:
    """Return the steps that confine `table` to the current tenant, for `role`.

    A table with the tenant column is bound by it, the root by its own key, an inherited table by
    EXISTS over the tables on its path (whoever queries it needs SELECT on those). Where NULL means
    a shared row, a second policy lets everybody read such rows and nobody change them. Empty when
    the tenant context is unknown, no foreign key leads to an owner, or the owner is further away than
    `LONGEST_WAY`: then only a person can say.
    """
    condition = tenant_condition(table, facts)
    if condition is None:
        return ()
    name, to = free_policy_name(POLICY_NAME, table), "" if role == "PUBLIC" else f"TO {quote_role(role)} "
    steps = [create_policy(table.qname, name, f"{to}USING ({condition}) WITH CHECK ({condition})")]
    column = facts.tenant_column(table)
    if column is not None and table.qname in facts.tenancy.null_means_global:
        name = free_policy_name(SHARED_POLICY_NAME, table)
        steps.append(
            create_policy(table.qname, name, f"FOR SELECT {to}USING ({quote_ident(column)} IS NULL)")
        )
    return tuple(steps)


def tenant_condition(table: Table, facts: Facts) -> str | None:
    """Return the condition under which a row of `table` belongs to the current tenant; None where
    `tenant_policy` returns nothing."""
    if not facts.tenancy.identified or _context(None, facts) is None:
        return None
    return _owned(table, facts)


def enable_row_security(table: Table) -> tuple[Step, ...]:
    """Return the steps that switch row security on and make the owner subject to it."""
    security = "ROW LEVEL SECURITY"
    steps = []
    if not table.row_security:
        steps.append(alter_table(table.qname, f"ENABLE {security}", f"DISABLE {security}"))
    if not table.force_row_security:
        steps.append(alter_table(table.qname, f"FORCE {security}", f"NO FORCE {security}"))
    return tuple(steps)


def free_policy_name(wanted: str, table: Table) -> str:
    """Return the name with a number where the table has such a policy."""
    taken = {p.name for p in table.policies}
    names = [wanted, *(f"{wanted}_{n}" for n in range(2, len(taken) + 3))]
    return next(n for n in names if n not in taken)


class _Row(NamedTuple):
    """A row whose owner a condition asks for. `alias` is empty for the table that the policy is on."""

    table: Table
    alias: str = ""

    def column(self, name: str) -> str:
        """Return a column for a comparison in the row's own scope."""
        return f"{self.alias}.{quote_ident(name)}" if self.alias else quote_ident(name)

    def outer_column(self, name: str) -> str:
        """Return a column for a subquery. The policy's own table goes by schema and name there: an
        alias inside could be called as it is."""
        return f"{self.alias or quote_qname(self.table.qname)}.{quote_ident(name)}"


class _Way(NamedTuple):
    """On to the row that owns another; `pairs` are (its column, the other's column)."""

    parent: Table
    pairs: tuple[tuple[str, str], ...]


def _owned(table: Table, facts: Facts) -> str | None:
    """Return the condition under which a row belongs to the current tenant."""
    row, opened = _Row(table), ""
    for depth in range(LONGEST_WAY + 1):
        found = _decided_by(row, facts)
        if found is None:
            return None
        if isinstance(found, str):
            return opened + found + ")" * depth
        alias = quote_ident(f"owner_{depth + 1}")
        joined = " AND ".join(f"{alias}.{quote_ident(p)} = {row.outer_column(c)}" for p, c in found.pairs)
        opened += f"EXISTS (SELECT 1 FROM {quote_qname(found.parent.qname)} AS {alias} WHERE {joined} AND "
        row = _Row(found.parent, alias)
    return None


def _decided_by(row: _Row, facts: Facts) -> str | _Way | None:
    """Return the condition under which a row belongs to the current tenant, or the way to the row that
    decides it."""
    standing = facts.standings.get(row.table.qname)
    if standing is None:
        return None
    match standing.table_class:
        case TableClass.TENANT if standing.column is not None:
            return _held(row, standing.column, facts.level(row.table), facts)
        case TableClass.ROOT:
            return _root_row(row, facts)
        case TableClass.INHERITED if standing.path:
            known = facts.once(_ways)
            if row.table.qname not in known:
                known[row.table.qname] = _to_parent(row.table, standing.path[0], facts)
            return known[row.table.qname]
    return None


def _ways(_: Facts) -> dict[QName, _Way | None]:
    return {}  # those from inherited tables that were asked for so far


def _root_row(row: _Row, facts: Facts) -> str | _Way | None:
    """Return what decides of a root's own row: its key, or the level above for a deeper root."""
    level = facts.level(row.table)
    if level.parent is None:
        return _held(row, level.key, level, facts) if level.key else None
    upper = next((above for above in facts.tenancy.levels if above.root == level.parent), None)
    if upper is None:
        return None
    column = next((c for c in upper.columns if row.table.column(c)), None)
    return _held(row, column, upper, facts) if column else None


def _held(row: _Row, name: str, level: Level, facts: Facts) -> str | _Way | None:
    """Return the condition under which column `name` holds the current tenant's key at `level`, or the
    way to the deeper root whose key it holds."""
    column = row.table.column(name)
    if column is None:
        return None
    if level.parent is None:
        return f"{row.column(name)} = {_context(column, facts)}"
    root = facts.tables_by_name.get(level.root) if level.root else None
    if root is None or level.key is None:
        return None
    return _Way(root, ((level.key, name),))


def _to_parent(table: Table, parent: QName, facts: Facts) -> _Way | None:
    key, target = _link(table, parent), facts.tables_by_name.get(parent)
    if key is None or target is None:
        return None
    return _Way(target, tuple(zip(key.referenced_columns, key.columns, strict=True)))


def _link(table: Table, parent: QName) -> Constraint | None:
    """Return the foreign key to `parent` that says most surely who owns the row."""

    def doubt(key: Constraint) -> tuple[bool, bool, str]:
        columns = [table.column(c) for c in key.columns]
        optional = any(c is None or not c.not_null for c in columns)
        return (not key.holds, optional, key.name)

    return min((k for k in table.foreign_keys if k.references == parent), key=doubt, default=None)


def _context(column: Column | None, facts: Facts) -> str | None:
    """Return the tenant context as a scalar subquery, evaluated once per statement, in the type of
    `column`; None when neither a setting nor a helper is known."""
    tenancy = facts.tenancy
    if tenancy.current_tenant:
        call, returns = _helper(tenancy.current_tenant, facts)
        return f"(SELECT {call}{_cast(column, returns)})"
    if tenancy.setting:
        return f"(SELECT {read_as_text(tenancy.setting)}{_cast(column, 'text')})"
    return None


def _cast(column: Column | None, have: str | None) -> str:
    """Return the cast from type `have` (None: unknown) to that of `column`.

    Text is compared as text: a cast to varchar(n) would cut the context, and could turn it into
    another tenant's key. A length or precision is left out for the same reason.
    """
    if column is None or have is None:
        return ""
    want = column.base_type
    if '"' not in want:
        want = _TYPE_MODIFIER.sub("", want)
    if want == have or (want.startswith(_TEXTUAL) and have.startswith(_TEXTUAL)):
        return ""
    return f"::{want}"


def _helper(configured: str, facts: Facts) -> tuple[str, str | None]:
    """Return the helper's call, and its return type where the catalog tells."""
    helper = facts.tenant_helper
    if helper is not None:
        return f"{quote_qname(helper.qname)}()", helper.returns
    return (configured if "(" in configured else f"{configured}()"), None
