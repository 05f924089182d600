"""Apply what is pending: the applied-set runner."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ...model.errors import HistoryError, RunnerError
from ...model.secret import mask
from ..ledger import read_ledgers, unread
from ..records import MigrationSet
from . import alone, bootstrap, execute, lock, plan, session, store
from .plan import Consent, Plan
from .session import Limits

if TYPE_CHECKING:
    import psycopg

Say = Callable[[str], None]


@dataclass(frozen=True)
class Wishes:
    """What was asked for: `ledger` names the table to take over, `wait_seconds` bounds the waiting for
    another runner."""

    consent: Consent = Consent()
    limits: Limits = Limits()
    ledger: str | None = None
    wait_seconds: float = 600.0


def survey(conn: "psycopg.Connection[Any]", migrations: MigrationSet, wishes: Wishes) -> Plan:
    """Return what `apply` would do now; reads only. Raises what `apply` raises before it changes
    anything."""
    rows, source = store.applied(conn), None
    ledgers = read_ledgers(conn)
    taken: tuple[store.Row, ...] = ()
    if not rows:
        taken, source = bootstrap.take_over(migrations, ledgers, wishes.ledger, wishes.consent.edited)
        if source is None and (table := unread(conn, migrations.tool)):
            raise HistoryError(
                f"{table} has the columns of {migrations.tool}'s ledger, but other types or more of them:"
                " what is applied here cannot be told. Mend it, or drop it where nothing is applied"
            )
    consent = replace(wishes.consent, edited=()) if taken else wishes.consent
    found = plan.make(migrations, rows or taken, store.unfinished(conn), consent)
    due = [body.file.version for body in found.pending]
    if rows and (why := bootstrap.recorded_elsewhere(migrations, ledgers, due)):
        raise HistoryError(why)
    return replace(found, taken_over=taken, source=source)


def apply(
    conn: "psycopg.Connection[Any]",
    migrations: MigrationSet,
    wishes: Wishes,
    *,
    say: Say,
    before_change: Callable[[], None] = lambda: None,
) -> int:
    """Apply what is pending on `conn` (autocommit, writable) and return how many migrations that were.

    One runner at a time. Everything that can be known beforehand is looked at before anything is
    changed; `before_change` is called in between, if there is anything to do. Raises `HistoryError`
    (files and database disagree, a migration fails) and `RunnerError` (time-out, lost connection).
    """
    import psycopg

    try:
        session.reset(conn, wishes.limits)
        lock.acquire(conn, wishes.wait_seconds, say)
        found = survey(conn, migrations, wishes)
        for note in found.notes:
            say(f"note: {note}")
        if not found.changes:
            return 0
        before_change()
        _prepare(conn, found, say)
        return _run(conn, found, wishes.limits, say)
    except psycopg.Error as error:
        text = error.diag.message_primary or str(error)
        raise RunnerError(f"the database refused: {mask(' '.join(text.split()))}") from None


def _prepare(conn: "psycopg.Connection[Any]", found: Plan, say: Say) -> None:
    """Make the tables, take another ledger over, record accepted checksums: in one transaction."""
    with conn.transaction():
        store.create(conn)
        store.take_over(conn, found.taken_over)
        for row in found.accepted:
            store.accept(conn, row)
    if found.source is not None:
        say(f"taken over from {found.source.table} ({found.source.tool}): {len(found.taken_over)}")
        for note in found.source.notes:
            say(f"note: {note}")
    for row in found.accepted:
        say(f"accepted as edited: {row.version} {row.name}")


def _run(conn: "psycopg.Connection[Any]", found: Plan, limits: Limits, say: Say) -> int:
    settled = set()
    for row, body in found.interrupted:
        if alone.recover(conn, body, row, limits, say):
            settled.add(row.version)
    count = 0
    for body in found.pending:
        if body.file.version in settled:
            continue
        session.reset(conn, limits)
        row = plan.row_of(body.file)
        if body.lone is not None:
            alone.run(conn, body, body.lone, row, limits)
        else:
            execute.in_transaction(conn, body, row, again=plan.runs_again(body.file))
        say(f"applied {body.label}")
        count += 1
    return count


def hold_lock(conn: "psycopg.Connection[Any]", *, say: Say, wait_seconds: float = 600.0) -> None:
    """Keep runners away for as long as `conn` lives. Raises `RunnerError`."""
    lock.acquire(conn, wait_seconds, say)


def interrupted(conn: "psycopg.Connection[Any]") -> dict[str, str]:
    """Return the versions that were begun outside a transaction and not ended, with the time in UTC."""
    return {row.version: row.at for row in store.unfinished(conn)}
