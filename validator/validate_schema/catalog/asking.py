"""A question to rows that is answered in full or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg

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
