"""Migrations that cannot run in a transaction: one statement each, and the traces of a crash.

A note in `unfinished_migration` is committed before the statement runs, and leaves in the transaction
that records the migration. A note that is found with the lock held is an interrupted one; the catalog
tells whether its statement was finished.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ...catalog.asking import EQUALS
from ...model.errors import HistoryError, RunnerError
from . import lock, session, store
from .execute import LOST
from .screening import Body, Lone
from .store import Row

if TYPE_CHECKING:
    import psycopg


def run(conn: "psycopg.Connection[Any]", body: Body, lone: Lone, row: Row, limits: session.Limits) -> None:
    """Run the statement of `body` and record `row`.

    Raises `HistoryError` or `RunnerError` where it fails; an index that is left half built is dropped.
    """
    import psycopg

    at = lone.piece
    try:
        _settings(conn, body)
        there = _state(conn, lone)
        if there is not None and not (lone.tolerant and there[0]):
            state = "already exists" if there[0] else "already exists and is invalid: drop it first"
            raise HistoryError(f"{body.place(at.start)}: the index {lone.name} {state}; nothing was applied")
        _note(conn, row)
        # Its waiting blocks nobody, and giving up would leave an invalid index behind.
        conn.execute("set lock_timeout = 0")
        session.run_piece(conn, at)
    except psycopg.Error as error:
        failure = session.failed(conn, body, at, error)
        with suppress(psycopg.Error):  # the note stays then, and the next run settles it
            _clear(conn, body, lone, row, limits)
        raise failure from None
    _finish(conn, row, limits)


def recover(
    conn: "psycopg.Connection[Any]",
    body: Body,
    row: Row,
    limits: session.Limits,
    say: Callable[[str], None],
) -> bool:
    """Settle an interrupted migration; return whether it had finished and is now recorded.

    Otherwise nothing of it is left, and it is to be run again.
    """
    lone, since = body.lone, f"{body.label} was interrupted (begun {row.at})"
    if lone is not None and _finished(conn, body, lone):
        _finish(conn, row, limits)
        say(f"{since}: its statement had finished; recorded")
        return True
    if lone is not None:
        _clear(conn, body, lone, row, limits)
    else:
        store.end(conn, row.version)
    say(f"{since}: it had not finished, nothing of it is left")
    return False


def _finished(conn: "psycopg.Connection[Any]", body: Body, lone: Lone) -> bool:
    if lone.kind == "create":
        _settings(conn, body)
        state = _state(conn, lone)
        return state is not None and state[0]
    if lone.kind == "drop":
        _settings(conn, body)
        found = conn.execute("select pg_catalog.to_regclass(%s) is null", [lone.index]).fetchone()
        return bool(found and found[0])
    return False


def _settings(conn: "psycopg.Connection[Any]", body: Body) -> None:
    """Run the SET statements before the one that counts."""
    for piece in body.pieces:
        if body.lone is not None and piece != body.lone.piece and piece.start < body.lone.piece.start:
            session.run_piece(conn, piece)


def _state(conn: "psycopg.Connection[Any]", lone: Lone) -> tuple[bool, str] | None:
    """Return whether the index to be made is valid, and its quoted name; None when there is none, or it
    is not to be made. An index lies in its table's schema, which need not be first in the search path."""
    if lone.kind != "create":
        return None
    found = conn.execute(
        "select i.indisvalid and i.indisready, pg_catalog.format('%%I.%%I', n.nspname, x.relname)"
        f" from pg_catalog.pg_index i join pg_catalog.pg_class x on x.oid {EQUALS} i.indexrelid"
        f" join pg_catalog.pg_namespace n on n.oid {EQUALS} x.relnamespace"
        f" where i.indrelid {EQUALS} pg_catalog.to_regclass(%s) and x.relname {EQUALS} %s",
        [lone.table, lone.name],
    ).fetchone()
    return None if found is None else (bool(found[0]), str(found[1]))


def _note(conn: "psycopg.Connection[Any]", row: Row) -> None:
    import psycopg

    if not lock.held(conn):
        raise RunnerError(LOST)
    try:
        store.begin(conn, row)
    except psycopg.errors.UniqueViolation:
        raise RunnerError(f"{row.version} {row.name}: another runner is at it; run again") from None


def _finish(conn: "psycopg.Connection[Any]", row: Row, limits: session.Limits) -> None:
    session.reset(conn, limits)
    with conn.transaction():
        store.end(conn, row.version)
        store.add(conn, row)


def _clear(conn: "psycopg.Connection[Any]", body: Body, lone: Lone, row: Row, limits: session.Limits) -> None:
    """Drop an index that was left invalid, then take the note back."""
    session.reset(conn, limits)
    if lone.kind == "create":
        conn.execute("set lock_timeout = 0; set statement_timeout = 0")
        _settings(conn, body)
        state = _state(conn, lone)
        if state is not None and not state[0]:
            conn.execute(f"drop index concurrently {state[1]}".encode())
        session.reset(conn, limits)
    store.end(conn, row.version)
