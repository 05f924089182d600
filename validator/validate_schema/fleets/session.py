"""Connections to the databases of a fleet: what they are asked in, and how they are all stopped at once."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from psycopg.pq import TransactionStatus

from ..catalog.connect import Connection, Patience, connect
from ..catalog.queries import USER_SCHEMA
from ..catalog.session import PRINTING
from ..model.secret import Secret

if TYPE_CHECKING:
    import psycopg

_LOCK_MS = 200  # far below the second after which a server looks for deadlocks, and ends one of the sessions
_TRAVEL_S = 2  # what an answer may take beside the time that the server keeps itself
_BEGIN = "begin isolation level repeatable read, read only"
# As the reader prints, for what is printed is hashed; hashes of many rows want memory, not temporary files.
_SETTINGS = {**PRINTING, "work_mem": "64MB"}
_SCHEMAS = f"""
    select oid::int8, nspname::text from pg_namespace where {USER_SCHEMA} order by nspname collate "C"
"""
_CANCEL_S = 1.0
_OPEN: set[Connection] = set()
_STOPPED = Event()


def begin() -> None:
    """Take back what `stop_all` said: a new run begins."""
    _STOPPED.clear()


def stop_all() -> None:
    """Have the servers cancel what is being asked of them, so that nobody waits for threads that wait for
    them; those that do not answer to that either are left alone."""
    asked = [Thread(target=_cancel, args=(connection,), daemon=True) for connection in tuple(_OPEN)]
    for thread in asked:
        thread.start()
    for thread in asked:
        thread.join(_CANCEL_S)
    _STOPPED.set()


def stopped() -> bool:
    """Tell whether all was stopped: nobody waits for an answer any more."""
    return _STOPPED.is_set()


def _cancel(connection: Connection) -> None:
    with suppress(Exception):
        connection.cancel_safe(timeout=_CANCEL_S)


@contextmanager
def connected(url: Secret | None, timeout_ms: int) -> Iterator[Connection]:
    """Hold a connection that reads alone, and waits for no lock longer than a moment. Raises what `connect`
    does."""
    patience = Patience(2 * timeout_ms / 1000 + _TRAVEL_S, _STOPPED.is_set)
    with connect(
        url, statement_timeout_ms=timeout_ms, lock_timeout_ms=_LOCK_MS, patience=patience
    ) as connection:
        # After a pipeline that failed, driver and server would not agree on what is prepared.
        connection.prepare_threshold = None
        _OPEN.add(connection)
        try:
            yield connection
        finally:
            _OPEN.discard(connection)


@contextmanager
def snapshot(connection: Connection, timeout_ms: int) -> Iterator[None]:
    """Hold one snapshot that is read only, printing as the reader prints."""
    limits = {"statement_timeout": f"{timeout_ms}ms", "lock_timeout": f"{_LOCK_MS}ms"}
    values = _SETTINGS | limits  # a pooler may have refused them as options of the connection
    named = [text for pair in values.items() for text in pair]
    each = ", ".join("pg_catalog.set_config(%s, %s, true)" for _ in values)
    connection.execute(_BEGIN)
    try:
        connection.execute(f"select {each}".encode(), named)
        yield
    finally:
        if not (connection.closed or connection.broken):
            connection.execute("rollback")


@contextmanager
def pipelined(connection: Connection) -> Iterator[None]:
    """Have statements sent without waiting for their answers. What one of them raises, is raised at the end,
    when the transaction that it left open is gone."""
    try:
        with connection.pipeline():
            yield
    finally:
        if connection.info.transaction_status in (TransactionStatus.INTRANS, TransactionStatus.INERROR):
            connection.execute("rollback")


def execute(connection: Connection, sql: str, values: Sequence[Any] | None = None) -> "psycopg.Cursor[Any]":
    """Run one statement in the snapshot that is open."""
    return connection.execute(sql.encode(), values)


def schemas(connection: Connection) -> dict[int, str]:
    """Return the names of all schemas that are the user's, by oid."""
    return dict(execute(connection, _SCHEMAS).fetchall())
