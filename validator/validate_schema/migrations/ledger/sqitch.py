"""sqitch's registry: several tables of one schema, which may have any name.

Source: sqitch, lib/App/Sqitch/Engine/pg.sql and lib/App/Sqitch/Engine.pm.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from ...model.catalog import QName
from ...model.history import Ledger, LedgerEntry
from ...sql.ident import display
from .attempts import moment, ranks
from .tables import Row, Tracker, fetch

if TYPE_CHECKING:
    import psycopg

_CHANGES = {"change_id", "change", "project", "committed_at"}
_EVENTS = {"event", "change_id", "change", "project", "committed_at"}


def registries(connection: "psycopg.Connection[Any]", tables: Sequence[Tracker]) -> list[Ledger]:
    """Return a ledger for each project in each registry."""
    by_name = {t.qname: t for t in tables}
    found: list[Ledger] = []
    for changes in tables:
        events = by_name.get(QName(changes.qname.schema, "events"))
        if changes.qname.name != "changes" or not changes.columns.keys() >= _CHANGES:
            continue
        if events is None or not events.columns.keys() >= _EVENTS:
            continue
        found += _registry(connection, changes, events)
    return found


def _registry(connection: "psycopg.Connection[Any]", changes: Tracker, events: Tracker) -> list[Ledger]:
    schema, name = changes.qname
    ledger = Ledger(tool="sqitch", table=display(changes.qname), schema=schema, relation=name)
    if reason := changes.reason or events.reason:
        return [msgspec.structs.replace(ledger, reason=f"{ledger.table} could not be read: {reason}")]
    columns = ["change_id", "script_hash", "change", "project", "committed_at"]
    deployed = fetch(connection, changes, columns, ["committed_at"])
    log = fetch(connection, events, ["event", *columns], ["committed_at"])
    projects = dict.fromkeys(row["project"] or "" for row in (*deployed, *log))
    if len(projects) < 2:
        return [msgspec.structs.replace(ledger, entries=_entries(deployed, log))]
    return [
        msgspec.structs.replace(
            ledger,
            table=f"{ledger.table} ({project})",
            entries=_entries(_of(deployed, project), _of(log, project)),
        )
        for project in projects
    ]


def _of(rows: list[Row], project: str) -> list[Row]:
    return [row for row in rows if (row["project"] or "") == project]


def _entries(deployed: list[Row], log: list[Row]) -> tuple[LedgerEntry, ...]:
    """Return the changes that are deployed, and those whose last event was a failure or a revert."""
    order = ranks([row["committed_at"] for row in deployed])
    entries = [_entry(row, rank) for row, rank in zip(deployed, order, strict=True)]
    present = {row["change_id"] for row in deployed}
    names = {row["change"] for row in deployed}
    last = {row["change_id"]: row for row in log}
    for change_id, row in last.items():
        if change_id in present or row["change"] in names:
            continue
        if row["event"] == "fail":
            entries.append(LedgerEntry(version=row["change"] or "", name=row["change"] or "", state="failed"))
        elif row["event"] == "revert":
            entries.append(
                LedgerEntry(version=row["change"] or "", name=row["change"] or "", state="rolled_back")
            )
    return tuple(entries)


def _entry(row: Row, rank: int | None) -> LedgerEntry:
    return LedgerEntry(
        version=row["change"] or "",
        name=row["change"] or "",
        checksum=row.get("script_hash") or "",
        applied_at=moment(row, "committed_at"),
        rank=rank,
    )
