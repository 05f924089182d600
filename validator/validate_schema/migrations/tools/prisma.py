"""Prisma Migrate. Sources: prisma-engines, apply_migrations.rs, sql_migration_persistence.rs, checksum.rs."""

import hashlib
import tomllib
from collections.abc import Iterator
from pathlib import Path

from ...catalog.ledgers import Shape
from ...model.errors import MigrationError
from ...model.history import LedgerEntry, LedgerState, ToolWords
from ..discovery import order
from ..discovery.files import directory, scripted, undone_by
from ..discovery.folder import Folder
from ..records import MigrationFile
from ..rows import Row, first_line, moment
from ..tool import Checksum, Layout, LedgerTable, Loaded, Tool
from ..versions import Versions
from ..writing import MESSAGE, New, Script, Writing, sql_of

_LOCK = "migration_lock.toml"


def _load(folder: Folder, chosen: bool) -> Loaded | None:
    """``<dir>/migration.sql`` in `localeCompare` order, each as one message."""
    locked = _LOCK in folder.files
    scripts = scripted(folder)
    if not scripts or (not chosen and not locked and _has_snapshots(folder)):
        return None
    if locked:
        _require_postgresql(folder)
        if lost := set(folder.directories) - set(scripts):
            raise MigrationError(f"{folder.path / min(lost)}: holds no migration.sql; Prisma stops there")
    return Loaded(tuple(directory(folder, name, "message") for name in sorted(scripts, key=order.locale)))


def _has_snapshots(folder: Folder) -> bool:
    """Tell whether another tool of the same layout was here, which keeps the schema beside each script."""
    return any((folder.path / d / "snapshot.json").is_file() for d in folder.directories)


def _require_postgresql(folder: Folder) -> None:
    path = folder.path / _LOCK
    try:
        provider = tomllib.loads(folder.text(_LOCK)).get("provider", "postgresql")
    except tomllib.TOMLDecodeError as error:
        raise MigrationError(f"{path}: {error}") from None
    if provider not in ("postgresql", "postgres", "cockroachdb"):
        raise MigrationError(f"{path}: the migrations are for {provider}, not for PostgreSQL")


def _undo(_: Folder, file: MigrationFile) -> Iterator[Path]:
    yield file.path.with_name("down.sql")


def _read(rows: list[Row]) -> tuple[LedgerEntry, ...]:
    """Return one entry for each name: the attempt that was not rolled back, else the last."""
    effective: dict[str, tuple[int, Row]] = {}
    for rank, row in enumerate(rows, 1):
        name = row["migration_name"] or ""
        seen = effective.get(name)
        if seen is None or seen[1]["rolled_back_at"] or not row["rolled_back_at"]:
            effective[name] = (rank, row)
    return tuple(_entry(name, rank, row) for name, (rank, row) in effective.items())


def _entry(name: str, rank: int, row: Row) -> LedgerEntry:
    state: LedgerState = "applied"
    if row["rolled_back_at"]:
        state = "rolled_back"
    elif not row["finished_at"]:
        state = "failed" if row.get("logs") else "running"
    by_hand = state == "applied" and row.get("applied_steps_count") == "0"
    return LedgerEntry(
        version=name,
        name=name,
        state=state,
        checksum=row["checksum"] or "",
        applied_at=moment(row, "finished_at"),
        rank=None if by_hand else rank,
        message="marked as applied by hand" if by_hand else first_line(row.get("logs")),
    )


def _checksums(file: MigrationFile, _: object) -> tuple[str, ...]:
    digest = hashlib.sha256(file.raw).digest()
    # The first releases forgot the leading zeros.
    return digest.hex(), "".join(f"{byte:x}" for byte in digest)


def _write(new: New, script: Script) -> dict[str, str]:
    return {f"{new.version}_{new.name}/migration.sql": sql_of(script.up)}


TOOL = Tool(
    "prisma",
    "Prisma",
    proves="✓ | ✓ | ✓ | ✓ SHA-256 | ✓",
    rank=1,
    layouts=(Layout(_load, "<name>/migration.sql", undone_by(_undo), places=("prisma/migrations",)),),
    ledgers=(
        LedgerTable(
            Shape(
                "migration_name:string! id:any! checksum:string! finished_at:time rolled_back_at:time"
                " started_at:time!",
                optional="logs:string applied_steps_count:int!",
                key="id",
            ),
            _read,
            ("started_at", "finished_at", "id"),
        ),
    ),
    versions=Versions(place=order.locale, named=True),
    checksum=Checksum(_checksums, line_ends="accepts that"),
    writing=Writing(MESSAGE, _write, sorts=order.locale),
    words=ToolWords(
        apply="npx prisma migrate deploy",
        resolve="then say so: `npx prisma migrate resolve --rolled-back {name}`, and deploy again",
    ),
)
