"""Questions to rows, which are answered in full or not at all, and to the system catalogs."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg

EQUALS = "operator(pg_catalog.=)"
"""PostgreSQL's own ``=``, whatever the session's path leads to."""
_SETTINGS = """
select pg_catalog.set_config('statement_timeout', %s, true), pg_catalog.set_config('lock_timeout', %s, true),
       pg_catalog.set_config('row_security', 'off', true),
       pg_catalog.set_config('search_path', 'pg_catalog', true)
"""


@contextmanager
def asking(
    conn: "psycopg.Connection[Any]", *, statement_timeout_ms: int, lock_timeout_ms: int
) -> Iterator[None]:
    """Hold a short READ ONLY transaction, or a savepoint in an open one, that is rolled back.

    Row security is switched off, which makes PostgreSQL refuse a query that a policy would filter: an answer
    is whole, never quietly partial. Names without a schema are PostgreSQL's own. Times are in milliseconds.
    Raises psycopg's errors. Sources: PostgreSQL documentation, `row_security`, `statement_timeout`, SET
    TRANSACTION.
    """
    with conn.transaction(force_rollback=True):
        conn.execute("set transaction read only")
        conn.execute(_SETTINGS, [f"{statement_timeout_ms}ms", f"{lock_timeout_ms}ms"])
        yield


# Operands are worked out from left to right: the path is read before it is set.
_PLAINLY = """
select pg_catalog.current_setting('search_path'),
       pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', false)
"""
_BACK = "select pg_catalog.set_config('search_path', %s, false)"


def catalog_rows(
    conn: "psycopg.Connection[Any]",
    question: str,
    given: "Sequence[object] | Mapping[str, object] | None" = None,
) -> list[tuple[Any, ...]]:
    """Return the rows of a question to the system catalogs, whose names and operators are PostgreSQL's own:
    a schema on the session's path may hold an operator that fits better. The path is as it was afterwards.

    Raises psycopg's errors. Source: PostgreSQL documentation, "Operator Type Resolution", and "Writing
    SECURITY DEFINER Functions Safely" of CREATE FUNCTION.
    """
    with conn.transaction():
        (path, _) = conn.execute(_PLAINLY).fetchone() or ("", "")
        rows = conn.execute(question.encode(), given).fetchall()
        conn.execute(_BACK, [path])
    return rows
