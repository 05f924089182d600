"""Count, within bounds, what stands in the tenants' rows: tenants that are NULL, orphans or
placeholders, references that leave the tenant, duplicates that a NULL hides.

Everything runs in short READ ONLY transactions that are rolled back, with a time limit for each
statement. Row security is switched off for them, which makes PostgreSQL refuse a query that a
policy would filter: a count is complete or not taken, never quietly partial. Sources: PostgreSQL
documentation, `row_security`, `statement_timeout`, SET TRANSACTION.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from time import monotonic
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from ..catalog.asking import asking
from ..facts.facts import Facts
from ..model.catalog import Column, QName, Table
from ..model.evidence import EmptyKeys, Evidence, TenantRows
from ..model.limits import limits
from ..sql.ident import quote_ident, quote_literal, quote_qname
from .counters import counters
from .counting import (
    INTEGERS,
    TEXTUAL,
    Count,
    Plan,
    Read,
    as_text,
    bounded,
    col,
    plain_type,
    same_family,
    source,
)
from .keys import duplicates, gap_plans, reference_plans, strays

if TYPE_CHECKING:
    import psycopg

    from ..config import DataConfig

LOCK_TIMEOUT_MS = 2_000
_EMPTY = "empty_keys"
_SEEN = "seen_rows"  # told where it can be had: no check needs it
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
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_INTEGER = re.compile(r"[+-]?\d{1,18}")


_Result = tuple[Any, ...] | str
_Key = tuple[QName, str]


def gather(conn: "psycopg.Connection[Any]", facts: Facts, bounds: "DataConfig") -> Evidence:
    """Return bounded counts for every tenant table that has its tenant column, for the foreign keys
    between them that may leave the tenant, and for the uniques that a NULL switches off.

    A table that could not be counted (permission, row security, time-out, lock) says why in
    `TenantRows.unreadable`; the others keep their counts. At most `bounds.limit` rows are counted
    of each kind, and each table's statement may take `bounds.statement_timeout_ms`. Inside an open
    transaction everything runs in savepoints that are rolled back. Nothing is written. Raises
    psycopg's error when the connection is broken from the start.
    """
    used, unread = counters(conn, bounds, LOCK_TIMEOUT_MS)
    if not facts.tenancy.identified:
        return Evidence(gathered=True, limit=bounds.limit, counters=used, counters_reason=unread)
    plans = [p for t in facts.tenant_tables if (p := _plan(t, facts, bounds.limit)) is not None]
    references, gaps = reference_plans(facts, bounds.limit), gap_plans(facts, bounds.limit)
    roots = _root_plans(facts, bounds.limit)
    allowed = _permitted(conn, [*plans, *references, *gaps, *roots], facts)
    todo = [p for p in allowed if p.counts]
    results: dict[_Key, _Result] = {}
    end = monotonic() + limits().counting_seconds
    for start in range(0, len(todo), _TABLES_AT_ONCE):
        results.update(_count(conn, todo[start : start + _TABLES_AT_ONCE], bounds, end))
    counted = [(p, results.get(p.key, ())) for p in allowed]
    keyed = counted[len(plans) :]
    return Evidence(
        gathered=True,
        limit=bounds.limit,
        tenant_rows=tuple(_rows(p, found) for p, found in counted[: len(plans)]),
        stray_references=tuple(strays(p, found) for p, found in keyed[: len(references)]),
        hidden_duplicates=tuple(duplicates(p, found) for p, found in keyed[len(references) :][: len(gaps)]),
        empty_keys=tuple(_empty_keys(p, found) for p, found in counted[len(counted) - len(roots) :]),
        counters=used,
        counters_reason=unread,
    )


def empty_keys(conn: "psycopg.Connection[Any]", facts: Facts, bounds: "DataConfig") -> tuple[EmptyKeys, ...]:
    """Return whether the keys of the roots are empty texts, as `gather` does, and count nothing else."""
    if not facts.tenancy.identified:
        return ()
    plans = _permitted(conn, _root_plans(facts, bounds.limit), facts)
    todo = [p for p in plans if p.counts]
    end = monotonic() + limits().counting_seconds
    results = _count(conn, todo, bounds, end) if todo else {}
    return tuple(_empty_keys(p, results.get(p.key, ())) for p in plans)


def _root_plans(facts: Facts, limit: int) -> list[Plan]:
    found = []
    for table, column in facts.text_roots:
        counts = {_EMPTY: _bounded(table, column, f"{col(column)} = ''", limit)}
        found.append(Plan(table.qname, column.name, counts, {}, name=_EMPTY))
    return found


def _empty_keys(plan: Plan, result: _Result) -> EmptyKeys:
    if isinstance(result, str):
        return EmptyKeys(plan.table, plan.column, unreadable="; ".join(filter(None, (plan.refused, result))))
    return EmptyKeys(plan.table, plan.column, result[0] if result else None, plan.refused)


def _plan(table: Table, facts: Facts, limit: int) -> Plan | None:
    name = facts.tenant_column(table)
    column = table.column(name) if name is not None else None
    if column is None:
        return None
    counts = {_SEEN: _bounded(table, column, "true", 1)}
    proven: dict[str, int] = {}
    if _never_null(table, column):
        proven["null_rows"] = 0
    else:
        counts["null_rows"] = _bounded(table, column, f"{col(column)} is null", limit)
    orphans = _orphans(table, column, facts, limit)
    if orphans is not None:
        counts["orphan_rows"] = orphans
    suspects = _comparable(facts.tenancy.placeholders, column)
    if suspects is None:
        proven["placeholder_rows"] = 0
    else:
        counts["placeholder_rows"] = _bounded(table, column, f"{_operand(column)} = any({suspects})", limit)
    return Plan(table.qname, column.name, counts, proven)


def _never_null(table: Table, column: Column) -> bool:
    """Tell whether PostgreSQL has checked every row for NULL: a foreign table's constraints are only
    promises."""
    return column.not_null and table.kind != "foreign"


def _bounded(table: Table, column: Column, condition: str, limit: int, *also: Read) -> Count:
    """Return the count of the rows that meet `condition`, up to `limit`, with some of their values."""
    found = f"select {col(column)}::text as v from {source(table)} where {condition} limit {limit}"
    return Count(bounded(found), (Read(table.qname, column.name), *also))


def _orphans(table: Table, column: Column, facts: Facts, limit: int) -> Count | None:
    """Return the count of rows whose tenant is no key of the root; None where a validated foreign
    key settles it or there is no root in this database."""
    level = facts.level(table)
    root = facts.tables_by_name.get(level.root) if level.root else None
    key = root.column(level.key) if root is not None and level.key else None
    if root is None or key is None or facts.root_guarded(table):
        return None
    own, theirs = col(column), f"r.{quote_ident(key.name)}"
    if not same_family(column, key):
        own, theirs = as_text(column, own), as_text(key, theirs)
        if "uuid" in (column.base_type, key.base_type):
            own, theirs = f"lower({own})", f"lower({theirs})"
    match = f"select from {quote_qname(root.qname)} r where {theirs} = {own}"
    condition = f"{col(column)} is not null and not exists ({match})"
    return _bounded(table, column, condition, limit, Read(root.qname, key.name))


def _comparable(placeholders: Sequence[str], column: Column) -> str | None:
    """Return the placeholders that the column's type can hold as a SQL array, None if it can hold
    none. Typed as the column is, so that an index on it can serve."""
    kind = plain_type(column)
    if kind == "uuid":
        return _array((p for p in placeholders if _UUID.fullmatch(p)), "uuid")
    if kind in INTEGERS or kind == "numeric":
        wide = "numeric" if kind == "numeric" else "bigint"
        return _array((p for p in placeholders if _INTEGER.fullmatch(p)), wide)
    return _array(placeholders, "text")


def _array(values: Iterable[str], element: str) -> str | None:
    literals = ", ".join(map(quote_literal, values))
    return f"array[{literals}]::{element}[]" if literals else None


def _operand(column: Column) -> str:
    """Return the column as it is compared with placeholders: as text unless its type is known."""
    plain = plain_type(column)
    known = plain in INTEGERS or plain in TEXTUAL or plain in ("uuid", "numeric")
    return col(column) if known else f"{col(column)}::text"


def _permitted(conn: "psycopg.Connection[Any]", plans: Sequence[Plan], facts: Facts) -> list[Plan]:
    """Return the plans without the counts that the connected role may not take, in one query."""
    reads = sorted({read for p in plans for c in p.counts.values() for read in c.reads})
    if not reads:
        return list(plans)
    columns = [
        list(part) for part in zip(*((r.table.schema, r.table.name, r.column) for r in reads), strict=True)
    ]
    with conn.transaction(force_rollback=True):
        conn.execute("set transaction read only")
        conn.execute("select pg_catalog.set_config('search_path', 'pg_catalog', true)")
        rows = conn.execute(_ACCESS, columns).fetchall()
    access = {Read(QName(schema, name), column): (may, hidden) for schema, name, column, may, hidden in rows}
    reasons = {read: _refusal(read, access.get(read), facts) for read in reads}
    return [_without_refused(p, reasons) for p in plans]


def _without_refused(plan: Plan, reasons: Mapping[Read, str]) -> Plan:
    allowed = {n: c for n, c in plan.counts.items() if not any(reasons[r] for r in c.reads)}
    needed = (c for n, c in plan.counts.items() if n != _SEEN)
    refused = {reasons[r]: None for c in needed for r in c.reads if reasons[r]}
    return replace(plan, counts=allowed, refused="; ".join(refused))


def _refusal(read: Read, access: tuple[bool, bool] | None, facts: Facts) -> str:
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
    conn: "psycopg.Connection[Any]", plans: Sequence[Plan], bounds: "DataConfig", end: float
) -> dict[_Key, _Result]:
    """Return each table's row of counts, or the reason why there is none.

    The statements go out together. One that fails ends its transaction; those after it start again, until the
    monotonic clock says `end`.
    """
    results: dict[_Key, _Result] = {}
    rest = list(plans)
    while rest:
        if monotonic() > end:
            late = f"all counts together took longer than {limits().counting_seconds} s"
            results.update((p.key, f"{late} ([limits] counting_seconds)") for p in rest)
            break
        rows, failure = _run(conn, rest, bounds)
        results.update(zip((p.key for p in rest), rows, strict=False))
        if failure is None:
            break
        rest = rest[len(rows) :]
        if conn.closed:
            results.update((p.key, "the connection was lost") for p in rest)
            break
        if rest:
            results[rest.pop(0).key] = failure
    return results


def _run(
    conn: "psycopg.Connection[Any]", plans: Sequence[Plan], bounds: "DataConfig"
) -> tuple[list[tuple[Any, ...]], str | None]:
    """Return the rows of the leading plans that succeeded, and why the next one did not."""
    from psycopg import Error

    most_ms = bounds.statement_timeout_ms
    lock_ms = min(LOCK_TIMEOUT_MS, max(1, most_ms // 2))
    cursors: list[psycopg.Cursor[Any]] = []
    failure = None
    try:
        with asking(conn, statement_timeout_ms=most_ms, lock_timeout_ms=lock_ms), conn.pipeline():
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


def _rows(plan: Plan, result: _Result) -> TenantRows:
    failure = result if isinstance(result, str) and set(plan.counts) != {_SEEN} else ""
    found = dict(plan.proven)
    samples: dict[str, tuple[str, ...]] = {}
    if not isinstance(result, str):
        for place, name in enumerate(plan.counts):
            found[name], sample = result[2 * place], result[2 * place + 1]
            samples[name] = tuple(sample or ())
    return TenantRows(
        table=plan.table,
        column=plan.column,
        seen_rows=found.get(_SEEN),
        null_rows=found.get("null_rows"),
        orphan_rows=found.get("orphan_rows"),
        orphan_sample=samples.get("orphan_rows", ()),
        placeholder_rows=found.get("placeholder_rows"),
        placeholder_values=samples.get("placeholder_rows", ()),
        unreadable="; ".join(filter(None, (plan.refused, failure))),
    )
