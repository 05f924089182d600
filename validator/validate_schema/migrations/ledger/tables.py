"""Tables as the shapes of ledgers look at them, and their rows as text."""

from collections.abc import Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from ...catalog.asking import catalog_rows
from ...model.catalog import QName
from ...sql.ident import quote_ident, quote_qname
from ..rows import Row

if TYPE_CHECKING:
    import psycopg


class Tracker(NamedTuple):
    """A table that may be a ledger: its columns with their types, its primary key, and `reason` why
    its rows cannot be read, "" if they can."""

    qname: QName
    columns: dict[str, str]
    key: tuple[str, ...]
    reason: str


# A tracker is narrow: wider tables are not even looked at.
_WIDEST = 16
_AT_ONCE = 300
_TABLES = """
select n.nspname, c.relname,
       array_agg(a.attname::text order by a.attnum),
       array_agg(pg_catalog.format_type(a.atttypid, null) order by a.attnum),
       coalesce((select array_agg(k.attname::text order by k.attnum) from pg_catalog.pg_index i
                 join pg_catalog.pg_attribute k on k.attrelid = i.indrelid and k.attnum = any (i.indkey)
                 where i.indrelid = c.oid and i.indisprimary), '{{}}'),
       pg_catalog.has_schema_privilege(n.oid, 'usage'),
       pg_catalog.has_table_privilege(c.oid, 'select'),
       pg_catalog.row_security_active(c.oid)
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where {chosen} c.relkind in ('r', 'p') and not c.relispartition and c.relpersistence <> 't'
  and n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and c.relnatts <= %(widest)s * 4
group by n.oid, n.nspname, c.oid, c.relname
having count(*) <= %(widest)s
order by n.nspname, c.relname
"""


# Of ten thousand schemas only the tables that may be ledgers are wanted: which those are is found out first,
# in one pass, so that nothing else is asked of all the others.
_CHOSEN = """c.oid = any (array(
    select t.oid from pg_catalog.pg_class t
    where t.relkind in ('r', 'p')
      and t.relnamespace in (select oid from pg_catalog.pg_namespace where nspname = any (%(schemas)s))
      and (t.relname = any (%(names)s) or t.oid in (
          select attrelid from pg_catalog.pg_attribute
          where attname = any (%(telling)s) and attnum > 0 and not attisdropped)))) and"""


def trackers(
    connection: "psycopg.Connection[Any]",
    schemas: Sequence[str] | None = None,
    *,
    telling: Sequence[str] = (),
    names: Sequence[str] = (),
) -> tuple[Tracker, ...]:
    """Return the narrow tables of all schemas that are not the system's; of `schemas`, where they are given,
    those that have a column in `telling` or are called as one of `names`."""
    given = {
        "widest": _WIDEST,
        "schemas": list(schemas or ()),
        "telling": list(telling),
        "names": list(names),
    }
    sql = _TABLES.format(chosen="" if schemas is None else _CHOSEN)
    rows = catalog_rows(connection, sql, given)
    return tuple(
        Tracker(
            QName(schema, name),
            dict(zip(columns, types, strict=True)),
            tuple(key),
            _reason(usage, select, hidden),
        )
        for schema, name, columns, types, key, usage, select, hidden in rows
    )


def _reason(usage: bool, select: bool, hidden: bool) -> str:
    if not usage:
        return "this role has no USAGE on its schema"
    if not select:
        return "this role has no SELECT on it"
    return "row-level security may hide rows of it from this role" if hidden else ""


def fetch(
    connection: "psycopg.Connection[Any]", tracker: Tracker, columns: Sequence[str], order: Sequence[str]
) -> list[Row]:
    """Return the rows of a tracker by `order`, those of `columns` that it has, every value as text.

    Times are ISO 8601, in UTC where the column has a zone; bytes are hexadecimal, arrays JSON.
    """
    present, values, sorting = _selected(tracker, columns, order)
    sql = f"select {values} from {quote_qname(tracker.qname)} order by {sorting or '1'}"
    rows = connection.execute(sql.encode()).fetchall()
    return [dict(zip(present, row, strict=True)) for row in rows]


def fetch_all(
    connection: "psycopg.Connection[Any]",
    alike: Sequence[Tracker],
    columns: Sequence[str],
    order: Sequence[str],
) -> list[list[Row]]:
    """Return the rows of trackers that have the same columns, as `fetch` does of one, some hundreds of
    tables a query."""
    found: list[list[Row]] = [[] for _ in alike]
    for start in range(0, len(alike), _AT_ONCE):
        present, values, sorting = _selected(alike[start], columns, order)
        first = quote_ident(present[0])
        place = f"pg_catalog.row_number() over (order by {sorting or first})"
        sql = " union all ".join(
            f"select {number}, {place}, {values} from {quote_qname(tracker.qname)}"
            for number, tracker in enumerate(alike[start : start + _AT_ONCE], start)
        )
        for number, _, *row in sorted(connection.execute(sql.encode()).fetchall(), key=itemgetter(0, 1)):
            found[number].append(dict(zip(present, row, strict=True)))
    return found


def _selected(tracker: Tracker, columns: Sequence[str], order: Sequence[str]) -> tuple[list[str], str, str]:
    """Return the columns that a tracker has, the SQL of their texts, and that of its order."""
    present = [c for c in columns if c in tracker.columns]
    values = ", ".join(_text(tracker.columns[c], quote_ident(c)) for c in present)
    return present, values, ", ".join(quote_ident(c) for c in order if c in tracker.columns)


def _text(type_name: str, column: str) -> str:
    """Return the expression that gives a column's value as text. Every name in it is qualified, as the
    search path is the user's."""
    if type_name == "timestamp with time zone":
        return f"""pg_catalog.to_char({column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
    if type_name.startswith("timestamp"):
        return f"""pg_catalog.to_char({column}, 'YYYY-MM-DD"T"HH24:MI:SS.US')"""
    if type_name == "bytea":
        return f"pg_catalog.encode({column}, 'hex')"
    if type_name.endswith("[]"):
        return f"pg_catalog.array_to_json({column})::pg_catalog.text"
    return f"{column}::pg_catalog.text"
