"""Run one migration with its row: all or nothing."""

from typing import TYPE_CHECKING, Any

from ...model.errors import HistoryError, RunnerError
from . import lock, session, store
from .screening import Body
from .store import Row

if TYPE_CHECKING:
    import psycopg

LOST = (
    "the runner's advisory lock is gone: a pooler hands out another session for each transaction, or a"
    " migration released it; connect to PostgreSQL itself"
)


def in_transaction(conn: "psycopg.Connection[Any]", body: Body, row: Row, *, again: bool = False) -> None:
    """Run `body` and record `row` in one transaction.

    The row comes first: its key keeps a second runner out even where the lock does not, and no setting of
    the migration is in its way. Raises `HistoryError` or `RunnerError`; then nothing of it has happened.
    """
    import psycopg

    conn.execute("begin")
    try:
        _claim(conn, row, again=again)
        for piece in body.pieces:
            try:
                session.run_piece(conn, piece)
            except psycopg.Error as error:
                raise session.failed(conn, body, piece, error) from None
        session.as_login(conn)
        if not store.holds(conn, row.version):
            raise HistoryError(f"{body.file.path}: takes its own row out of {store.LEDGER}")
        try:
            conn.execute("commit")
        except psycopg.Error as error:
            raise session.failed(conn, body, None, error) from None
    finally:
        if not conn.closed and conn.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
            conn.execute("rollback")


def _claim(conn: "psycopg.Connection[Any]", row: Row, *, again: bool) -> None:
    import psycopg

    if not lock.held(conn):
        raise RunnerError(LOST)
    try:
        store.add(conn, row, again=again)
    except psycopg.errors.UniqueViolation:
        raise RunnerError(
            f"{row.version} {row.name}: another runner has just applied it; run again"
        ) from None
