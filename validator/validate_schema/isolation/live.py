"""Among the real rows, read-only: how many of other tenants does each app role see?"""

from typing import TYPE_CHECKING, Any

from ..facts import Facts, NotExamined
from ..ident import quote_ident, quote_literal, quote_qname
from ..model.catalog import Table
from ..model.isolation import AppRole, Cell, Isolation, Outcome, Probe
from ..model.tenancy import TableClass
from .context import ContextSetup, default_context
from .repair import brief

if TYPE_CHECKING:
    import psycopg

_MOST = 1_000


def live_counts(
    conn: "psycopg.Connection[Any]", facts: Facts, *, context: ContextSetup | None = None
) -> Isolation:
    """Count rows of other tenants that each app role sees with one tenant's context.

    Reads in READ ONLY transactions that are rolled back, at most 1,000 rows of a table. The connected
    role must be able to SET ROLE to the app role; where it cannot, the result is inconclusive.
    """
    setup = context or default_context(facts)
    try:
        tables = [t for t in facts.of_class(TableClass.ROOT, TableClass.TENANT) if t.kind != "foreign"]
    except NotExamined as error:
        return Isolation(live=True, reason=str(error))
    if setup is None:
        return Isolation(live=True, reason="no setting or statement that sets the tenant context is known")
    if not facts.app_roles:
        return Isolation(live=True, reason="no app role is configured and none could be inferred")
    roles = tuple(AppRole(r, "configured or inferred; reached by SET ROLE") for r in facts.app_roles)
    cells = [_count(conn, facts, table, role.name, setup) for role in roles for table in tables]
    return Isolation(
        attempted=True, live=True, roles=roles, tables=tuple(t.qname for t in tables), cells=tuple(cells)
    )


def _count(
    conn: "psycopg.Connection[Any]", facts: Facts, table: Table, role: str, setup: ContextSetup
) -> Cell:
    import psycopg

    def cell(outcome: Outcome, why: str, observed: str = "", statements: tuple[str, ...] = ()) -> Cell:
        return Cell(
            role=role,
            table=table.qname,
            probe=Probe.READ,
            outcome=outcome,
            why=why,
            observed=observed,
            statements=statements,
        )

    level = facts.level(table)
    name = level.key if table.qname == level.root else facts.tenant_column(table)
    if name is None:
        return cell(Outcome.INCONCLUSIVE, "the table has no tenant column")
    column, target = quote_ident(name), quote_qname(table.qname)
    try:
        with conn.transaction(force_rollback=True):
            conn.execute("set transaction read only")
            conn.execute("set local statement_timeout = '30s'")
            conn.execute(f"set local role {quote_ident(role)}".encode())
            known = conn.execute(f"select {column}::text from {target} limit 1".encode()).fetchone()
            conn.execute("reset role")
            found = (
                known
                or conn.execute(
                    f"select {column}::text from {target} where {column} is not null limit 1".encode()
                ).fetchone()
            )
            if found is None or found[0] is None:
                return cell(Outcome.INCONCLUSIVE, "no row is there, or none that the connected role sees")
            tenant = str(found[0])
            others = f"{column}::text <> {quote_literal(tenant)}"
            query = f"select count(*) from (select from {target} where {others} limit {_MOST}) as t"
            there = _number(conn, query)
            conn.execute(f"set local role {quote_ident(role)}".encode())
            for statement in setup.of(tenant):
                conn.execute(statement.encode())
            seen = _number(conn, query)
    except psycopg.errors.InsufficientPrivilege as error:
        said = error.diag.message_primary or ""
        denied = said == f"permission denied for table {table.name}"
        return cell(Outcome.DENIED if denied else Outcome.INCONCLUSIVE, said)
    except psycopg.Error as error:
        return cell(Outcome.INCONCLUSIVE, brief(error))
    script = (f"set role {quote_ident(role)}", *setup.of(tenant), query)
    if seen:
        return cell(Outcome.LEAK, "rows of other tenants are visible", f"{seen} rows", script)
    if not there:
        return cell(
            Outcome.INCONCLUSIVE, "the connected role sees rows of one tenant only: nothing to compare with"
        )
    return cell(Outcome.ISOLATED, f"none of {there} rows of other tenants is visible", "0 rows", script)


def _number(conn: "psycopg.Connection[Any]", query: str) -> int:
    row = conn.execute(query.encode()).fetchone()
    return int(row[0]) if row else 0
