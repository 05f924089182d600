"""Connections to the databases of a fleet: what they are asked in, and how they are all stopped at once."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from ..catalog.connect import Connection, connect
from ..catalog.queries import USER_SCHEMA
from ..catalog.session import PRINTING
from ..model.secret import Secret

if TYPE_CHECKING:
    import psycopg

_LOCK_MS = 200  # far below the second after which a server looks for deadlocks, and ends one of the sessions
_BEGIN = "begin isolation level repeatable read, read only"
# As the reader prints, for what is printed is hashed; hashes of many rows want memory, not temporary files.
_SETTINGS = {**PRINTING, "work_mem": "64MB"}
_SCHEMAS = f"""
    select oid::int8, nspname::text from pg_namespace where {USER_SCHEMA} order by nspname collate "C"
"""
_OPEN: set[Connection] = set()


def stop_all() -> None:
    """Have the server cancel what is being asked of it, so that nobody waits for threads that wait for it."""
    for connection in tuple(_OPEN):
        with suppress(Exception):
            connection.cancel()


@contextmanager
def connected(url: Secret | None, timeout_ms: int) -> Iterator[Connection]:
    """Hold a connection that reads alone, and waits for no lock longer than a moment. Raises what `connect`
    does."""
    with connect(url, statement_timeout_ms=timeout_ms, lock_timeout_ms=_LOCK_MS) as connection:
        _OPEN.add(connection)
        try:
            yield connection
        finally:
            _OPEN.discard(connection)


@contextmanager
def snapshot(connection: Connection, timeout_ms: int) -> Iterator[None]:
    """Hold one snapshot that is read only, printing as the reader prints."""
    values = _SETTINGS | {"statement_timeout": f"{timeout_ms}ms"}
    named = [text for pair in values.items() for text in pair]
    each = ", ".join("pg_catalog.set_config(%s, %s, true)" for _ in values)
    connection.execute(_BEGIN)
    try:
        connection.execute(f"select {each}".encode(), named)
        yield
    finally:
        if not (connection.closed or connection.broken):
            connection.execute("rollback")


def execute(connection: Connection, sql: str, values: Sequence[Any] | None = None) -> "psycopg.Cursor[Any]":
    """Run one statement in the snapshot that is open."""
    return connection.execute(sql.encode(), values)


def schemas(connection: Connection) -> dict[int, str]:
    """Return the names of all schemas that are the user's, by oid."""
    return dict(execute(connection, _SCHEMAS).fetchall())
