"""Read every ledger of a database."""

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from ...model.catalog import QName
from ...model.history import Ledger
from ...sql.ident import display
from .. import tools
from ..tool import LedgerTable, Tool
from .tables import Tracker, fetch, fetch_all, trackers

if TYPE_CHECKING:
    import psycopg


def read_ledgers(connection: "psycopg.Connection[Any]") -> tuple[Ledger, ...]:
    """Return the ledgers of all schemas, known by their shape, each with its entries' effective state.

    Reads inside a transaction that is open, else in one of its own; writes nothing. A ledger whose rows
    this role may not read has a `reason` instead of entries.
    """
    with connection.transaction():
        tables = trackers(connection)
        names = {t.qname for t in tables}
        found = [(t, whose) for t in tables if not _platforms(t, names) and (whose := _whose(t, names))]
        ledgers = [_read(connection, tracker, tool, table, tables) for tracker, (tool, table) in found]
        for tool in tools.everything():
            if tool.registry:
                ledgers += tool.registry(connection, tables)
    return tuple(ledgers)


def read_ledgers_of(connection: "psycopg.Connection[Any]", schemas: Sequence[str]) -> tuple[Ledger, ...]:
    """Return the ledgers of many schemas that are alike, in a few queries: as `read_ledgers` does, but for
    what tools keep in a registry of the whole database, and for who holds a lock."""
    known = [table for _, table in _tables()]
    with connection.transaction():
        tables = trackers(
            connection,
            schemas,
            telling=[table.shape.telling for table in known],
            names=[table.shape.beside for table in known if table.shape.beside],
        )
        names = {t.qname for t in tables}
        alike: dict[tuple[object, ...], list[Tracker]] = {}
        kinds: dict[tuple[object, ...], tuple[Tool, LedgerTable]] = {}
        key: tuple[object, ...]
        found = []
        for tracker in tables:
            if _platforms(tracker, names) or (whose := _whose(tracker, names)) is None:
                continue
            if tracker.reason:
                found.append(_read(connection, tracker, *whose, tables))
                continue
            key = (id(whose[1]), tuple(tracker.columns.items()))
            kinds[key] = whose
            alike.setdefault(key, []).append(tracker)
        for key, group in alike.items():
            tool, table = kinds[key]
            rows = fetch_all(connection, group, tuple(table.shape.known), table.order)
            found += [
                msgspec.structs.replace(_ledger(tracker, tool, table), entries=table.read(of))
                for tracker, of in zip(group, rows, strict=True)
            ]
    return tuple(found)


def unread(connection: "psycopg.Connection[Any]", tool: str) -> str:
    """Return a table that looks like the tool's ledger and cannot be read as one, "" without one."""
    with connection.transaction():
        tables = trackers(connection)
    names = {t.qname for t in tables}
    shapes = [table.shape for of, table in _tables() if of.name == tool]
    alike = (t for t in tables if any(shape.resembles(t.qname, t.columns, names) for shape in shapes))
    return next((display(t.qname) for t in alike), "")


def _platforms(tracker: Tracker, names: Collection[QName]) -> bool:
    return any(t.platforms(tracker.qname, names) for t in tools.everything() if t.platforms)


def _whose(tracker: Tracker, names: Collection[QName]) -> tuple[Tool, LedgerTable] | None:
    """Return the tool whose ledger a table may be: of several the one that asks for most."""
    fitting = (
        (tool, table) for tool, table in _tables() if table.shape.reads(tracker.qname, tracker.columns, names)
    )
    return max(fitting, key=lambda found: found[1].shape.strictness, default=None)


def _tables() -> Iterator[tuple[Tool, LedgerTable]]:
    for tool in tools.everything():
        for table in tool.ledgers:
            yield tool, table


def _read(
    connection: "psycopg.Connection[Any]",
    tracker: Tracker,
    tool: Tool,
    table: LedgerTable,
    tables: Sequence[Tracker],
) -> Ledger:
    ledger = _ledger(tracker, tool, table)
    if tracker.reason:
        return msgspec.structs.replace(ledger, reason=f"{ledger.table} could not be read: {tracker.reason}")
    rows = fetch(connection, tracker, tuple(table.shape.known), table.order)
    lock = _lock(connection, table, tracker, tables)
    return msgspec.structs.replace(ledger, entries=table.read(rows), lock=lock)


def _ledger(tracker: Tracker, tool: Tool, table: LedgerTable) -> Ledger:
    schema, name = tracker.qname
    return Ledger(
        tool=tool.name,
        table=display(tracker.qname),
        schema=schema,
        relation=name,
        complete=table.complete,
    )


def _lock(
    connection: "psycopg.Connection[Any]", table: LedgerTable, tracker: Tracker, tables: Sequence[Tracker]
) -> str:
    """Return what the tool's lock table says of a run that has not ended, "" for nothing."""
    if table.lock is None:
        return ""
    name = QName(tracker.qname.schema, table.lock.pattern.format(tracker.qname.name))
    column = table.lock.column
    lock = next((t for t in tables if t.qname == name and column in t.columns and not t.reason), None)
    if lock is None or not any(
        row[column] == table.lock.taken for row in fetch(connection, lock, [column], [])
    ):
        return ""
    return f"{display(name)} is taken: a run is going on, or it died"
