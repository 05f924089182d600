"""One snapshot of the catalog's rows: the transaction, the pipeline, and what to do when it fails."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import psycopg
from psycopg.pq import TransactionStatus

from ..model.catalog import Unreadable
from ..model.errors import ConnectError, ReadError, ValidateSchemaError
from ..sql.ident import quote_literal
from .connect import first_line
from .names import Fetch, Row
from .piecewise import OF_ONE_OBJECT, Pieces
from .queries import Query, queries

_BEGIN = "begin isolation level repeatable read, read only"
_SET_TRANSACTION = "set transaction isolation level repeatable read, read only"
_SAVEPOINT = "validate_schema_reading"
# The first two statements run under the session's own search path, where anybody's functions may come first.
_CURRENT = (
    "select pg_catalog.current_schemas(false), pg_catalog.current_database(), current_user,"
    " pg_catalog.current_setting('server_version')"
)
# Whatever changes how the server prints types, expressions and constants; JIT costs more than it saves.
PRINTING = {
    "search_path": "pg_catalog",
    "quote_all_identifiers": "off",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "bytea_output": "hex",
    "standard_conforming_strings": "on",
    "xmloption": "content",
    "lc_monetary": "C",
    "extra_float_digits": "1",
    "jit": "off",
}
# The queries of what tables consist of, and where they say of which.
_PARTS = {
    "defaults": "adrelid",
    "columns": "attrelid",
    "column_details": "attrelid",
    "constraints": "conrelid",
    "foreign_keys": "conrelid",
    "indexes": "indrelid",
}
_LIMITS = {"statement_timeout": "30s", "lock_timeout": "2s"}  # where the session has none
_ATTEMPTS = 20
# What the server says when an object went away between two of its own look-ups. Source: PostgreSQL
# documentation, "Error Codes"; XX000 is "cache lookup failed" and "could not open relation with OID".
_MOVED = frozenset({"XX000", "42P01", "42704", "42703", "42883", "3F000", "40001", "40P01"})


class Rows(NamedTuple):
    """The rows of one snapshot: `fetch(name)` hands out each query's once, of those of the `names`. `denied`
    lists what could not be read."""

    fetch: Fetch
    names: tuple[str, ...]
    denied: tuple[Unreadable, ...] = ()


def read_rows(
    conn: psycopg.Connection[Any],
    statement_timeout_ms: int | None,
    *,
    only: Collection[str] | None = None,
    without: Collection[str] = (),
    bare: Collection[int] = (),
    by_piece: bool = False,
) -> Rows:
    """Run all queries but those `without` in one transaction and return their rows, of the schemas `only`
    where they are given, and of the tables `bare` no more than that they are there.

    A reading that meets an object in the middle of being dropped begins again. What is refused, stays locked
    or cannot be printed is noted, and the rest read `by_piece`. Raises `ReadError` or `ConnectError`, as
    `read_catalog` says.
    """
    settings = _settings(statement_timeout_ms)
    plan = tuple(query for query in _plan(conn.info.server_version, only) if query.name not in without)
    if bare:
        plan = tuple(_without_parts(query, bare) for query in plan)
    moved: psycopg.Error | None = None
    locked = 0
    for attempt in range(1, _ATTEMPTS + 1):
        last = attempt == _ATTEMPTS
        try:
            with _snapshot(conn):
                if by_piece or locked > 1 or last:
                    return _piece_by_piece(conn, settings, plan, last=last)
                return _pipelined(conn, settings, plan)
        except psycopg.Error as error:
            apart = isinstance(error, (psycopg.errors.InsufficientPrivilege, *OF_ONE_OBJECT))
            if conn.broken or conn.closed or not (apart or may_pass(error)):
                raise _explained(conn, error, statement_timeout_ms) from error
            by_piece = by_piece or apart
            locked += isinstance(error, psycopg.errors.LockNotAvailable)
            moved = error
    raise ReadError(
        f"the schema changed under each of {_ATTEMPTS} attempts to read it ({first_line(moved)}); "
        "try again when no migration is running"
    ) from moved


def _plan(version: int, only: Collection[str] | None) -> tuple[Query, ...]:
    if only is None:
        return queries(version)
    names = ", ".join(quote_literal(name) for name in sorted(only)) or "null"
    return queries(version, f"in (select oid from pg_namespace where nspname in ({names}))")


def _without_parts(query: Query, bare: Collection[int]) -> Query:
    """Return the query without the rows that are parts of some tables."""
    table = _PARTS.get(query.name)
    if table is None:
        return query
    listed = ", ".join(map(str, sorted(bare)))
    return query._replace(sql=f"select * from ({query.sql}) part where {table} not in ({listed})")


def _settings(statement_timeout_ms: int | None) -> str:
    values = {name: quote_literal(value) for name, value in PRINTING.items()}
    for name, limit in _LIMITS.items():
        here = f"pg_catalog.current_setting('{name}')"
        values[name] = f"case when {here} operator(pg_catalog.=) '0' then '{limit}' else {here} end"
    if statement_timeout_ms is not None:
        values["statement_timeout"] = f"'{statement_timeout_ms}ms'"
    set_config = "pg_catalog.set_config('{}', {}, true)".format
    return "select " + ", ".join(set_config(name, value) for name, value in values.items())


@contextmanager
def _snapshot(conn: psycopg.Connection[Any]) -> Iterator[None]:
    """Hold one snapshot for the reading and leave no trace of it. After an interrupt nothing more is said to
    the server: a pipeline that was cut takes no statement, and its error would stand in the interrupt's
    place. What ends it may be two statements, which the server does not prepare. A transaction of our own is
    committed: it only read, and at a rollback psycopg forgets all that it has prepared."""
    if conn.info.transaction_status is TransactionStatus.IDLE:
        begin, end = (_BEGIN if conn.autocommit else _SET_TRANSACTION), "commit"
    else:
        begin, end = f"savepoint {_SAVEPOINT}", f"rollback to {_SAVEPOINT}; release {_SAVEPOINT}"
    conn.execute(begin)
    try:
        yield
    except Exception:
        if not (conn.broken or conn.closed):
            conn.execute(end, prepare=False)
        raise
    conn.execute(end, prepare=False)


def _pipelined(conn: psycopg.Connection[Any], settings: str, plan: tuple[Query, ...]) -> Rows:
    """Send all queries at once and wait for all results.

    They are prepared only on a connection that prepares everything: one that will ask them again.
    """
    prepare = conn.prepare_threshold == 0
    with conn.pipeline():
        cursors = {"current": conn.execute(_CURRENT)}
        conn.execute(settings)
        for query in plan:
            cursors[query.name] = conn.execute(query.sql, prepare=prepare)

    def fetch(name: str) -> list[Row]:
        return cursors.pop(name).fetchall() if name in cursors else []

    return Rows(fetch, tuple(cursors))


def _piece_by_piece(
    conn: psycopg.Connection[Any], settings: str, plan: tuple[Query, ...], *, last: bool
) -> Rows:
    """Read what can be read; the rest is noted."""
    current = conn.execute(_CURRENT).fetchall()
    conn.execute(settings)
    pieces = Pieces(conn, last=last)
    rows = {"current": current} | {query.name: pieces.rows(query) for query in plan}
    return Rows(lambda name: rows.pop(name, []), tuple(rows), tuple(pieces.unreadable))


def may_pass(error: psycopg.Error) -> bool:
    """Tell whether the same reading may succeed a moment later."""
    return error.sqlstate in _MOVED or isinstance(error, psycopg.errors.LockNotAvailable)


def _explained(
    conn: psycopg.Connection[Any], error: psycopg.Error, statement_timeout_ms: int | None
) -> ValidateSchemaError:
    if conn.broken or conn.closed:
        return ConnectError(f"the server went away while the catalog was read: {first_line(error)}")
    if isinstance(error, psycopg.errors.QueryCanceled):
        return ReadError(
            f"reading the catalog was cut short: {first_line(error)} "
            f"({_limit(conn, statement_timeout_ms)}); raise it with --statement-timeout"
        )
    return ReadError(f"the catalog could not be read: {first_line(error)}")


def _limit(conn: psycopg.Connection[Any], statement_timeout_ms: int | None) -> str:
    if statement_timeout_ms is not None:
        return f"statement_timeout is {statement_timeout_ms} ms"
    row = conn.execute("show statement_timeout").fetchone()
    value = row[0] if row and row[0] != "0" else _LIMITS["statement_timeout"]
    return f"statement_timeout is {value}"
