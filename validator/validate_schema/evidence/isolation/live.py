"""Among the real rows, read-only: how many of other tenants does each app role see?"""

from typing import TYPE_CHECKING, Any, NamedTuple

from ...facts.facts import Facts, NotExamined
from ...model.catalog import Table
from ...model.isolation import AppRole, Cell, Isolation, Outcome, Probe
from ...model.tenancy import TableClass
from ...model.wording import some
from ...sql.ident import quote_ident, quote_literal, quote_qname
from .context import ContextSetup, default_context
from .ground import brief

if TYPE_CHECKING:
    import psycopg

_MOST = 1_000
_MOST_KEYS = 200  # of other tenants' parents, where those tell whose a row is


def live_counts(
    conn: "psycopg.Connection[Any]", facts: Facts, *, context: ContextSetup | None = None
) -> Isolation:
    """Count rows of other tenants that each app role sees with one tenant's context.

    Reads in READ ONLY transactions that are rolled back, at most 1,000 rows of a table; those of an
    inherited table belong to the tenant that its path leads to. The connected role must be able to SET ROLE
    to the app role; where it cannot, the result is inconclusive.
    """
    setup = context or default_context(facts)
    try:
        owned = facts.of_class(TableClass.ROOT, TableClass.TENANT, TableClass.INHERITED)
    except NotExamined as error:
        return Isolation(live=True, reason=str(error))
    if setup is None:
        return Isolation(live=True, reason="no setting or statement that sets the tenant context is known")
    if not facts.app_roles:
        return Isolation(live=True, reason="no app role is configured and none could be inferred")
    roles = tuple(AppRole(r, "configured or inferred; reached by SET ROLE") for r in facts.app_roles)
    tables = [t for t in owned if t.kind != "foreign"]
    cells = [_count(conn, facts, table, role.name, setup) for role in roles for table in tables]
    return Isolation(
        attempted=True,
        live=True,
        roles=roles,
        tables=tuple(t.qname for t in tables),
        cells=tuple(cells),
        notes=tuple(
            f"not counted: {facts.show(t.qname)} is a foreign table" for t in owned if t.kind == "foreign"
        ),
    )


class _Owners(NamedTuple):
    """How SQL tells whose a row is: `key` is an expression over the table's own columns, `query` gives
    each key with its tenant, as `key` and `tenant`. `direct`: the key is the tenant itself."""

    key: str
    query: str
    direct: bool


def _owners(facts: Facts, table: Table) -> _Owners | None:
    """Return where the rows' tenants stand: in the table, or at the end of its path."""
    target = quote_qname(table.qname)
    own = facts.held_levels.get(table.qname, {}).get(0)
    if own is not None:
        key = f"{quote_ident(own)}::text"
        return _Owners(key, f"select {key} as key, {key} as tenant from {target}", direct=True)
    last, joins = table, f"{target} as t0"
    first: tuple[str, ...] = ()
    for n, parent in enumerate(facts.standings[table.qname].path):
        found = next((k for k in last.foreign_keys if k.references == parent), None)
        if found is None:
            return None
        pairs = zip(found.columns, found.referenced_columns, strict=True)
        on = " and ".join(f"t{n}.{quote_ident(a)} = t{n + 1}.{quote_ident(b)}" for a, b in pairs)
        joins += f" join {quote_qname(parent)} as t{n + 1} on {on}"
        first = first or found.columns
        last = facts.tables_by_name[parent]
        top = facts.held_levels.get(parent, {}).get(0)
        if top is not None:
            tenant = f"t{n + 1}.{quote_ident(top)}::text"
            query = f"select {_row(first, 't0.')} as key, {tenant} as tenant from {joins}"
            return _Owners(_row(first), query, direct=False)
    return None


def _row(columns: tuple[str, ...], table: str = "") -> str:
    return f"row({', '.join(table + quote_ident(c) for c in columns)})::text"


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

    owners = _owners(facts, table)
    if owners is None:
        return cell(Outcome.INCONCLUSIVE, "not counted: neither the table nor its path names the tenant")
    try:
        with conn.transaction(force_rollback=True):
            conn.execute("set transaction isolation level repeatable read, read only")
            conn.execute("set local statement_timeout = '30s'")
            tenant = _tenant(conn, table, role, owners)
            if tenant is None:
                return cell(Outcome.INCONCLUSIVE, "no row is there, or none that the connected role sees")
            query = _of_others(conn, table, owners, tenant)
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
        return cell(Outcome.LEAK, "rows of other tenants are visible", some(seen, "row"), script)
    if not there:
        return cell(
            Outcome.INCONCLUSIVE, "the connected role sees rows of one tenant only: nothing to compare with"
        )
    return cell(
        Outcome.ISOLATED, f"none of {some(there, 'row')} of other tenants is visible", "0 rows", script
    )


def _tenant(conn: "psycopg.Connection[Any]", table: Table, role: str, owners: _Owners) -> str | None:
    """Return a tenant that has rows: one that the role sees without a context, if there is any."""
    known = None
    conn.execute(f"set local role {quote_ident(role)}".encode())
    if owners.direct:
        known = conn.execute(
            f"select {owners.key} from {quote_qname(table.qname)} limit 1".encode()
        ).fetchone()
    conn.execute("reset role")
    query = f"select tenant from ({owners.query}) as o where tenant is not null limit 1"
    found = known or conn.execute(query.encode()).fetchone()
    return None if found is None or found[0] is None else str(found[0])


def _of_others(conn: "psycopg.Connection[Any]", table: Table, owners: _Owners, tenant: str) -> str:
    """Return the query that counts rows of other tenants, by what stands in the table itself: the app
    role may not see the parents that say whose they are."""
    others = f"<> {quote_literal(tenant)}"
    if owners.direct:
        condition = f"{owners.key} {others}"
    else:
        query = f"select distinct key from ({owners.query}) as o where tenant {others} limit {_MOST_KEYS}"
        keys = [quote_literal(key).strip() for (key,) in conn.execute(query.encode())]
        condition = f"{owners.key} in ({', '.join(keys) or 'null'})"
    return (
        f"select count(*) from (select from {quote_qname(table.qname)} where {condition} limit {_MOST}) as t"
    )


def _number(conn: "psycopg.Connection[Any]", query: str) -> int:
    row = conn.execute(query.encode()).fetchone()
    return int(row[0]) if row else 0
