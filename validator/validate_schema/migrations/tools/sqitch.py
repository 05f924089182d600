"""sqitch. Sources: App::Sqitch, Plan.pm, Plan/Change.pm, Engine.pm, Engine/pg.sql.

Its registry is several tables of one schema, which may have any name.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from ...catalog.ledgers import Shape
from ...model.catalog import QName
from ...model.errors import MigrationError
from ...model.history import Ledger, LedgerEntry, ToolWords
from ...sql.ident import display
from ..discovery.files import undone_by, whole
from ..discovery.folder import Folder
from ..ledger.tables import Tracker, fetch
from ..records import MigrationFile
from ..rows import Row, moment, ranks
from ..tool import Checksum, Layout, Loaded, Tool
from ..versions import Versions

if TYPE_CHECKING:
    import psycopg

_LINE = r"(@?)([^\s\[@#%][^\s\[@]*)\s.*\d{4}-\d{2}-\d{2}T"
_CHANGES = {"change_id", "change", "project", "committed_at"}
_EVENTS = {"event", *_CHANGES}


def _load(folder: Folder, chosen: bool) -> Loaded | None:
    """The plan's order; psql runs each deploy script, without a transaction of its own."""
    if "sqitch.plan" not in folder.files:
        return None
    top = folder.path
    if "sqitch.conf" in folder.files and (
        m := re.search(r"^\s*top_dir\s*=\s*(\S+)", folder.text("sqitch.conf"), re.MULTILINE)
    ):
        top = folder.path / m[1]
    entries = [m for line in folder.text("sqitch.plan").splitlines() if (m := re.match(_LINE, line))]
    files = []
    for index, m in enumerate(entries):
        if m[1]:
            continue
        deployed = _deploy_name(entries, index)
        path = top / "deploy" / f"{deployed}.sql"
        files.append(whole(folder, path, deployed, m[2], "statements"))
    if not files and chosen:
        raise MigrationError(f"{folder.path / 'sqitch.plan'}: plans no change")
    return Loaded(tuple(files), territory=top / "deploy")


def _deploy_name(entries: list[re.Match[str]], index: int) -> str:
    """Return the script of a planned change: a reworked one keeps its old form under the next tag."""
    name, tag = entries[index][2], ""
    for later in entries[index + 1 :]:
        if later[1] and not tag:
            tag = later[2]
        elif not later[1] and later[2] == name:
            return f"{name}@{tag}" if tag else name
    return name


def _undo(_: Folder, file: MigrationFile) -> Iterator[Path]:
    top = next(p for p in file.path.parents if p.name == "deploy")
    yield top.with_name("revert") / file.path.relative_to(top)


def _registries(connection: "psycopg.Connection[Any]", tables: Sequence[Tracker]) -> list[Ledger]:
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
    ledger = Ledger(tool=TOOL.name, table=display(changes.qname), schema=schema, relation=name)
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


def _checksums(file: MigrationFile, _: object) -> tuple[str, ...]:
    return (hashlib.sha1(file.raw, usedforsecurity=False).hexdigest(),)


def _align(files: Sequence[MigrationFile], entries: Sequence[LedgerEntry]) -> list[LedgerEntry]:
    """A change that was reworked is deployed once under its name for each time that it is planned."""
    planned: dict[str, list[str]] = {}
    for file in files:
        planned.setdefault(file.name, []).append(file.version)
    result = []
    for entry in entries:
        versions = planned.get(entry.version, [])
        version = versions.pop(0) if versions else entry.version
        result.append(msgspec.structs.replace(entry, version=version, name=version))
    return result


_WHO = "committer_name:text! committer_email:text! planned_at:time! planner_name:text! planner_email:text!"


def _shape(columns: str, optional: str = "", beside: str = "changes") -> Shape:
    return Shape(columns, optional, beside=beside)


TOOL = Tool(
    "sqitch",
    "Sqitch",
    proves="✓ | ✓ | ✓ | ✓ SHA-1 | ✓",
    rank=3,
    layouts=(Layout(_load, "sqitch.plan", undone_by(_undo)),),
    companions=(
        _shape("installer_name:text! version:any! installed_at:time!", "installer_email:text!"),
        _shape("creator_name:text! project:text! uri:text created_at:time!", "creator_email:text!"),
        _shape(
            "change_id:text! change:text! project:text! note:text! committed_at:time!",
            f"script_hash:text {_WHO}",
            "events",
        ),
        _shape(
            "tag_id:text! tag:text! project:text! change_id:text! note:text!", f"committed_at:time! {_WHO}"
        ),
        _shape("dependency_id:text change_id:text! type:text! dependency:text!"),
        _shape(
            "event:text! change_id:text! change:text! project:text! note:text!",
            f"committed_at:time! requires:texts! conflicts:texts! tags:texts! {_WHO}",
        ),
    ),
    registry=_registries,
    versions=Versions(place=None),
    checksum=Checksum(_checksums, line_ends="does not look"),
    align=_align,
    words=ToolWords(apply="sqitch deploy", revert="sqitch revert --to @HEAD^"),
)
