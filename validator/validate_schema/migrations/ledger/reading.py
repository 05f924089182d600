"""Read every ledger of a database."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from ...model.catalog import QName
from ...model.history import Ledger
from ...sql.ident import display
from . import sqitch
from .shapes import Shape, shape_of
from .tables import Tracker, fetch, trackers

if TYPE_CHECKING:
    import psycopg

# The platform's own migrations on a Supabase database, which no project has files of.
_PLATFORM = {
    ("auth", "schema_migrations"),
    ("storage", "migrations"),
    ("realtime", "schema_migrations"),
    ("supabase_functions", "migrations"),
}
_PLATFORM_MARKS = {("auth", "users"), ("storage", "buckets"), ("storage", "objects")}


def read_ledgers(connection: "psycopg.Connection[Any]") -> tuple[Ledger, ...]:
    """Return the ledgers of all schemas, known by their shape, each with its entries' effective state.

    Reads inside a transaction that is open, else in one of its own; writes nothing. A ledger whose rows
    this role may not read has a `reason` instead of entries.
    """
    with connection.transaction():
        tables = trackers(connection)
        found = [(t, shape) for t in tables if not _platform(t, tables) and (shape := shape_of(t))]
        ledgers = [_read(connection, tracker, shape, tables) for tracker, shape in found]
        ledgers += sqitch.registries(connection, tables)
    return tuple(ledgers)


def _platform(tracker: Tracker, tables: Sequence[Tracker]) -> bool:
    if tracker.qname not in _PLATFORM:
        return False
    names = {tuple(t.qname) for t in tables}
    schemas = {schema for schema, _ in names}
    return bool(names & _PLATFORM_MARKS) or "supabase_migrations" in schemas


def _read(
    connection: "psycopg.Connection[Any]", tracker: Tracker, shape: Shape, tables: Sequence[Tracker]
) -> Ledger:
    tool = _single_column_tool(shape.tool, tracker, tables)
    ledger = blank(tool, tracker, complete=shape.complete)
    if tracker.reason:
        return msgspec.structs.replace(ledger, reason=f"{ledger.table} could not be read: {tracker.reason}")
    rows = fetch(connection, tracker, shape.wanted, shape.order)
    lock = _lock(connection, tool, tracker, tables)
    return msgspec.structs.replace(ledger, entries=shape.read(rows), lock=lock)


def blank(tool: str, tracker: Tracker, *, complete: bool = True) -> Ledger:
    """Return the ledger that `tracker` is, without entries."""
    schema, name = tracker.qname
    return Ledger(tool=tool, table=display(tracker.qname), schema=schema, relation=name, complete=complete)


def _single_column_tool(tool: str, tracker: Tracker, tables: Sequence[Tracker]) -> str:
    """Rails and dbmate have the same table; Rails keeps another one beside it."""
    beside = QName(tracker.qname.schema, "ar_internal_metadata")
    return "rails" if tool == "dbmate" and any(t.qname == beside for t in tables) else tool


_LOCKS = {
    "knex": ("{}_lock", "is_locked", "1"),
    "yoyo": ("yoyo_lock", "locked", "1"),
    "liquibase": ("databasechangeloglock", "locked", "true"),
}


def _lock(
    connection: "psycopg.Connection[Any]", tool: str, tracker: Tracker, tables: Sequence[Tracker]
) -> str:
    """Return what the tool's lock table says of a run that has not ended, "" for nothing."""
    if tool not in _LOCKS:
        return ""
    pattern, column, taken = _LOCKS[tool]
    name = QName(tracker.qname.schema, pattern.format(tracker.qname.name))
    lock = next((t for t in tables if t.qname == name and column in t.columns and not t.reason), None)
    if lock is None or not any(row[column] == taken for row in fetch(connection, lock, [column], [])):
        return ""
    return f"{display(name)} is taken: a run is going on, or it died"
