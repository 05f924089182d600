"""The tenants' table of a fleet of schemas: found by its shape, known by the members' names in it."""

from collections.abc import Sequence

from psycopg import Error

from ..catalog.connect import Connection
from ..catalog.session import may_pass
from ..model.fleet import Control
from ..sql.ident import quote_ident
from .session import execute, snapshot
from .standing import ATTEMPTS

# django-tenants calls it so; for ros-apartment it is the column that `config.tenant_names` reads.
# Sources: django_tenants/models.py (TenantMixin), ros-apartment's README ("Managing Migrations").
_LIKELY = ("schema_name", "tenant_schema", "schema", "tenant_name", "subdomain")
_UNIQUE_TEXTS = """
    select n.nspname::text, c.relname::text, a.attname::text
    from pg_index i
    join pg_class c on c.oid = i.indrelid and c.relkind in ('r', 'p') and not c.relispartition
    join pg_namespace n on n.oid = c.relnamespace
    join pg_attribute a on a.attrelid = c.oid and a.attnum = i.indkey[0]
    join pg_type t on t.oid = a.atttypid
    where i.indisunique and i.indisvalid and i.indnkeyatts = 1 and i.indpred is null and t.typcategory = 'S'
      and n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and n.nspname <> all (%s)
      and has_schema_privilege(n.oid, 'USAGE') and has_column_privilege(c.oid, a.attnum, 'SELECT')
      and not row_security_active(c.oid)
    order by array_position(%s::text[], a.attname::text) nulls last, 1, 2, 3
    limit 20
"""


def find_control(
    connection: Connection, members: Sequence[str], *, timeout_ms: int
) -> tuple[Control, tuple[str, ...]] | None:
    """Return the table that lists the members, and the names of schemas in it that are no shared schema's;
    None where there is none, or more than one.

    It stands in no member, and a unique column of text in it holds the names of at least half of the members,
    and at least as many of those as of others: a table of people may hold some by chance. Raises
    `psycopg.Error` where it cannot be looked for.
    """
    if len(members) < 2:
        return None
    for _ in range(ATTEMPTS - 1):
        try:
            return _found(connection, members, timeout_ms)
        except Error as error:
            if connection.broken or connection.closed or not may_pass(error):
                raise
    return _found(connection, members, timeout_ms)


def _found(
    connection: Connection, members: Sequence[str], timeout_ms: int
) -> tuple[Control, tuple[str, ...]] | None:
    found = []
    with snapshot(connection, timeout_ms):
        asked = (list(members), list(_LIKELY))
        for schema, table, column in execute(connection, _UNIQUE_TEXTS, asked).fetchall():
            names = _names(connection, Control(schema, table, column), members)
            if names is not None:
                found.append((Control(schema, table, column), names))
        shared = {row[0] for row in execute(connection, "select nspname::text from pg_namespace")}
    likely = [f for f in found if f[0].column in _LIKELY] or found
    if len({f[0] for f in likely}) != 1:
        return None
    control, names = likely[0]
    beside = shared - set(members)
    return control, tuple(name for name in names if name not in beside)


def _names(connection: Connection, control: Control, members: Sequence[str]) -> tuple[str, ...] | None:
    """Return the names in a column, None where they are not the members'."""
    column = quote_ident(control.column)
    home = f"{quote_ident(control.schema)}.{quote_ident(control.table)}"
    most = 2 * len(members) + 100
    known = f"select count(*) from (select from {home} where {column}::text = any (%s)) held"
    ((held,),) = execute(connection, known, (list(members),)).fetchall()
    if 2 * held < len(members):
        return None
    listed = f"select {column}::text from {home} where {column} is not null order by 1 limit {most}"
    names = tuple(row[0] for row in execute(connection, listed))
    return names if len(names) <= 2 * held + 1 else None
