"""Count, within bounds, what stands in the tenant columns: NULLs, orphans, placeholders.

Everything runs in short READ ONLY transactions that are rolled back, with a time limit for each
statement. Row security is switched off for them, which makes PostgreSQL refuse a query that a
policy would filter: a count is complete or not taken, never quietly partial. Sources: PostgreSQL
documentation, `row_security`, `statement_timeout`, SET TRANSACTION.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from .facts import Facts
from .ident import quote_ident, quote_literal, quote_qname
from .model.catalog import Column, QName, Table
from .model.evidence import Evidence, TenantRows

if TYPE_CHECKING:
    import psycopg

    from .config import DataConfig

LOCK_TIMEOUT_MS = 2_000
SAMPLE = 5
_TABLES_AT_ONCE = 64  # keeps the locks of one transaction far below max_locks_per_transaction

_ACCESS = """
select want.schema, want.name, want.attribute,
       has_schema_privilege(n.oid, 'USAGE') and has_column_privilege(c.oid, a.attnum, 'SELECT'),
       row_security_active(c.oid)
from unnest(%s::text[], %s::text[], %s::text[]) as want(schema, name, attribute)
join pg_catalog.pg_namespace n on n.nspname = want.schema
join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = want.name
join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attname = want.attribute and not a.attisdropped
"""
_SETTINGS = """
select set_config('statement_timeout', %s, true), set_config('lock_timeout', %s, true),
       set_config('row_security', 'off', true), set_config('search_path', 'pg_catalog', true)
"""
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_INTEGER = re.compile(r"[+-]?\d{1,18}")
_TYPE_MODIFIER = re.compile(r"\([\d,-]+\)")
_INTEGERS = frozenset({"smallint", "integer", "bigint"})
_TEXTUAL = frozenset({"text", "character varying", "character", "name"})


class _Read(NamedTuple):
    """A column that a count reads."""

    table: QName
    column: str


@dataclass(frozen=True)
class _Count:
    """One count: a subquery that yields `rows` and `sample`, and the columns that it reads."""

    sql: str
    reads: tuple[_Read, ...]


@dataclass(frozen=True)
class _Plan:
    """What is counted in one table by reading, and the counts that constraints or types settle."""

    table: QName
    column: str
    counts: Mapping[str, _Count]
    proven: Mapping[str, int]
    refused: str = ""

    @property
    def query(self) -> str:
        columns = ", ".join(f"{name}.rows, {name}.sample" for name in self.counts)
        sources = ", ".join(f"({count.sql}) as {name}" for name, count in self.counts.items())
        return f"select {columns} from {sources}"


_Result = tuple[Any, ...] | str


def gather(conn: "psycopg.Connection[Any]", facts: Facts, bounds: "DataConfig") -> Evidence:
    """Return bounded counts for every tenant table that has its tenant column.

    A table that could not be counted (permission, row security, time-out, lock) says why in
    `TenantRows.unreadable`; the others keep their counts. At most `bounds.limit` rows are counted
    of each kind, and each table's statement may take `bounds.statement_timeout_ms`. Inside an open
    transaction everything runs in savepoints that are rolled back. Nothing is written. Raises
    psycopg's error when the connection is broken from the start.
    """
    if not facts.tenancy.identified:
        return Evidence(gathered=True, limit=bounds.limit)
    plans = [p for t in facts.tenant_tables if (p := _plan(t, facts, bounds.limit)) is not None]
    plans = _permitted(conn, plans, facts)
    todo = [p for p in plans if p.counts]
    results: dict[QName, _Result] = {}
    for start in range(0, len(todo), _TABLES_AT_ONCE):
        results.update(_count(conn, todo[start : start + _TABLES_AT_ONCE], bounds))
    rows = tuple(_rows(p, results.get(p.table, ()), bounds.limit) for p in plans)
    return Evidence(gathered=True, limit=bounds.limit, tenant_rows=rows)


def _plan(table: Table, facts: Facts, limit: int) -> _Plan | None:
    name = facts.tenant_column(table)
    column = table.column(name) if name is not None else None
    if column is None:
        return None
    counts: dict[str, _Count] = {}
    proven: dict[str, int] = {}
    if _never_null(table, column):
        proven["null_rows"] = 0
    else:
        counts["null_rows"] = _bounded(table, column, f"{_col(column)} is null", limit)
    orphans = _orphans(table, column, facts, limit)
    if orphans is not None:
        counts["orphan_rows"] = orphans
    suspects = _comparable(facts.tenancy.placeholders, column)
    if suspects is None:
        proven["placeholder_rows"] = 0
    else:
        counts["placeholder_rows"] = _bounded(table, column, f"{_operand(column)} = any({suspects})", limit)
    return _Plan(table.qname, column.name, counts, proven)


def _never_null(table: Table, column: Column) -> bool:
    """Tell whether PostgreSQL has checked every row for NULL: a foreign table's constraints are only
    promises."""
    return column.not_null and table.kind != "foreign"


def _col(column: Column) -> str:
    return f"t.{quote_ident(column.name)}"


def _from(table: Table) -> str:
    """Return the table for FROM: its own rows alone, or a partitioned table with its partitions.
    Plain inheritance children are tables of their own and counted as such."""
    only = "only " if table.kind == "table" else ""
    return f"{only}{quote_qname(table.qname)} t"


def _bounded(table: Table, column: Column, condition: str, limit: int, *also: _Read) -> _Count:
    """Return the count of the rows that meet `condition`, up to `limit`, with some of their values."""
    found = f"select {_col(column)}::text as v from {_from(table)} where {condition} limit {limit}"
    sample = f"(array_agg(distinct v order by v))[1:{SAMPLE}]"
    sql = f"select count(*) as rows, {sample} as sample from ({found}) as found"
    return _Count(sql, (_Read(table.qname, column.name), *also))


def _orphans(table: Table, column: Column, facts: Facts, limit: int) -> _Count | None:
    """Return the count of rows whose tenant is no key of the root; None where a validated foreign
    key settles it or there is no root in this database."""
    level = facts.level(table)
    root = facts.tables_by_name.get(level.root) if level.root else None
    key = root.column(level.key) if root is not None and level.key else None
    if root is None or key is None or facts.root_guarded(table):
        return None
    own, theirs = _col(column), f"r.{quote_ident(key.name)}"
    if not _same_family(column, key):
        own, theirs = _as_text(column, own), _as_text(key, theirs)
        if "uuid" in (column.base_type, key.base_type):
            own, theirs = f"lower({own})", f"lower({theirs})"
    match = f"select from {quote_qname(root.qname)} r where {theirs} = {own}"
    condition = f"{_col(column)} is not null and not exists ({match})"
    return _bounded(table, column, condition, limit, _Read(root.qname, key.name))


def _plain_type(column: Column) -> str:
    """Return the base type without length or precision."""
    return _TYPE_MODIFIER.sub("", column.base_type)


def _same_family(one: Column, other: Column) -> bool:
    """Tell whether `=` compares the two columns as they are, under search_path = pg_catalog."""
    types = {_plain_type(one), _plain_type(other)}
    if _is_citext(one) or _is_citext(other):
        return False
    return len(types) == 1 or types <= _INTEGERS | {"numeric"} or types <= _TEXTUAL


def _is_citext(column: Column) -> bool:
    return column.base_type.endswith("citext")


def _as_text(column: Column, operand: str) -> str:
    return f"lower({operand}::text)" if _is_citext(column) else f"{operand}::text"


def _comparable(placeholders: Sequence[str], column: Column) -> str | None:
    """Return the placeholders that the column's type can hold as a SQL array, None if it can hold
    none. Typed as the column is, so that an index on it can serve."""
    kind = _plain_type(column)
    if kind == "uuid":
        return _array((p for p in placeholders if _UUID.fullmatch(p)), "uuid")
    if kind in _INTEGERS or kind == "numeric":
        wide = "numeric" if kind == "numeric" else "bigint"
        return _array((p for p in placeholders if _INTEGER.fullmatch(p)), wide)
    return _array(placeholders, "text")


def _array(values: Iterable[str], element: str) -> str | None:
    literals = ", ".join(map(quote_literal, values))
    return f"array[{literals}]::{element}[]" if literals else None


def _operand(column: Column) -> str:
    """Return the column as it is compared with placeholders: as text unless its type is known."""
    plain = _plain_type(column)
    known = plain in _INTEGERS or plain in _TEXTUAL or plain in ("uuid", "numeric")
    return _col(column) if known else f"{_col(column)}::text"


def _permitted(conn: "psycopg.Connection[Any]", plans: Sequence[_Plan], facts: Facts) -> list[_Plan]:
    """Return the plans without the counts that the connected role may not take, in one query."""
    reads = sorted({read for p in plans for c in p.counts.values() for read in c.reads})
    if not reads:
        return list(plans)
    columns = [
        list(part) for part in zip(*((r.table.schema, r.table.name, r.column) for r in reads), strict=True)
    ]
    with conn.transaction(force_rollback=True):
        conn.execute("set transaction read only")
        rows = conn.execute(_ACCESS, columns).fetchall()
    access = {_Read(QName(schema, name), column): (may, hidden) for schema, name, column, may, hidden in rows}
    reasons = {read: _refusal(read, access.get(read), facts) for read in reads}
    return [_without_refused(p, reasons) for p in plans]


def _without_refused(plan: _Plan, reasons: Mapping[_Read, str]) -> _Plan:
    allowed = {n: c for n, c in plan.counts.items() if not any(reasons[r] for r in c.reads)}
    refused = {reasons[r]: None for c in plan.counts.values() for r in c.reads if reasons[r]}
    return replace(plan, counts=allowed, refused="; ".join(refused))


def _refusal(read: _Read, access: tuple[bool, bool] | None, facts: Facts) -> str:
    """Return why a column cannot be read in full, with what would allow it; empty when it can."""
    name, role = facts.show(read.table), facts.catalog.server.role.name
    if access is None:
        return f"{name}.{read.column} no longer exists"
    may, hidden = access
    if not may:
        grant = (
            f"GRANT SELECT ({quote_ident(read.column)}) ON {quote_qname(read.table)} TO {quote_ident(role)}"
        )
        return f"{role} may not read {name} ({grant}, and USAGE on its schema)"
    if hidden:
        return f"row security hides rows of {name} from {role} (connect as a role with BYPASSRLS)"
    return ""


def _count(
    conn: "psycopg.Connection[Any]", plans: Sequence[_Plan], bounds: "DataConfig"
) -> dict[QName, _Result]:
    """Return each table's row of counts, or the reason why there is none.

    The statements go out together. One that fails ends its transaction; those after it start again.
    """
    results: dict[QName, _Result] = {}
    rest = list(plans)
    while rest:
        rows, failure = _run(conn, rest, bounds)
        results.update(zip((p.table for p in rest), rows, strict=False))
        if failure is None:
            break
        rest = rest[len(rows) :]
        if conn.closed:
            results.update((p.table, "the connection was lost") for p in rest)
            break
        if rest:
            results[rest.pop(0).table] = failure
    return results


def _run(
    conn: "psycopg.Connection[Any]", plans: Sequence[_Plan], bounds: "DataConfig"
) -> tuple[list[tuple[Any, ...]], str | None]:
    """Return the rows of the leading plans that succeeded, and why the next one did not."""
    from psycopg import Error

    lock_ms = min(LOCK_TIMEOUT_MS, max(1, bounds.statement_timeout_ms // 2))
    timeouts = [f"{bounds.statement_timeout_ms}ms", f"{lock_ms}ms"]
    cursors: list[psycopg.Cursor[Any]] = []
    failure = None
    try:
        with conn.transaction(force_rollback=True):
            conn.execute("set transaction read only")
            conn.execute(_SETTINGS, timeouts)
            with conn.pipeline():
                for plan in plans:
                    cursors.append(conn.cursor())
                    cursors[-1].execute(plan.query)
    except Error as error:
        failure = _reason(error, bounds)
    rows = []
    for cursor in cursors:
        if cursor.rowcount != 1:
            break
        rows.extend(cursor.fetchall())
    return rows, failure


def _reason(error: "psycopg.Error", bounds: "DataConfig") -> str:
    from psycopg import errors

    if isinstance(error, errors.LockNotAvailable):
        return "another session holds a lock on it"
    if isinstance(error, errors.QueryCanceled):
        return f"counting took longer than {bounds.statement_timeout_ms} ms (data.statement_timeout_ms)"
    return error.diag.message_primary or str(error).partition("\n")[0]


def _rows(plan: _Plan, result: _Result, limit: int) -> TenantRows:
    failure = result if isinstance(result, str) else ""
    found = dict(plan.proven)
    samples: dict[str, tuple[str, ...]] = {}
    if not isinstance(result, str):
        for place, name in enumerate(plan.counts):
            found[name], sample = result[2 * place], result[2 * place + 1]
            samples[name] = tuple(sample or ())
    return TenantRows(
        table=plan.table,
        column=plan.column,
        null_rows=found.get("null_rows"),
        orphan_rows=found.get("orphan_rows"),
        orphan_sample=samples.get("orphan_rows", ()),
        placeholder_rows=found.get("placeholder_rows"),
        placeholder_values=samples.get("placeholder_rows", ()),
        capped=any(count >= limit for count in found.values()),
        unreadable="; ".join(filter(None, (plan.refused, failure))),
    )
