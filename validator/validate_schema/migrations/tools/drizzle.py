"""Drizzle, 0.x with a journal and 1.x with directories. Sources: drizzle-orm, migrator.ts,
pg-core/dialect.ts; drizzle-kit, cli/commands/generate.ts and migrate.ts (a migration of its own SQL)."""

import hashlib
import json
import uuid
from collections.abc import Sequence

import msgspec

from ...catalog.ledgers import Shape
from ...model.errors import MigrationError
from ...model.history import LedgerEntry, ToolWords
from ..discovery import order
from ..discovery.files import directory, scripted, whole
from ..discovery.folder import Folder
from ..records import MigrationFile
from ..rows import Row, moment
from ..tool import Checksum, Layout, LedgerTable, Loaded, Tool
from ..versions import Versions
from ..writing import TRANSACTION, New, Script, Writing, sql_of

_JOURNAL = "meta/_journal.json"


def _load(folder: Folder, chosen: bool) -> Loaded | None:
    """The journal's order (0.x), or dated directories (1.x). Breakpoints are comments to PostgreSQL."""
    if (folder.path / _JOURNAL).is_file():
        return _journal(folder)
    scripts = scripted(folder)
    snapshots = any((folder.path / d / "snapshot.json").is_file() for d in folder.directories)
    if not scripts or not (chosen or snapshots):
        return None
    return Loaded(tuple(directory(folder, name, "transaction") for name in sorted(scripts, key=order.locale)))


def _journal(folder: Folder) -> Loaded:
    path = folder.path / _JOURNAL
    try:
        journal = json.loads(folder.text(path))
        entries = [(str(e["tag"]), str(e.get("when", ""))) for e in journal["entries"]]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise MigrationError(f"{path}: not a Drizzle journal ({error})") from None
    if (dialect := journal.get("dialect", "postgresql")) not in ("postgresql", "pg"):
        raise MigrationError(f"{path}: the migrations are for {dialect}, not for PostgreSQL")
    for tag, _ in entries:
        if f"{tag}.sql" not in folder.files:
            raise MigrationError(f"{path}: lists {tag}, but there is no {tag}.sql")
    return Loaded(
        tuple(whole(folder, f"{tag}.sql", when or tag, tag, "transaction") for tag, when in entries)
    )


def _read(rows: list[Row]) -> tuple[LedgerEntry, ...]:
    """Return entries by name (1.x) or, where that is missing, by the journal's `when`.

    `created_at` is that `when`, not a time of applying.
    """
    return tuple(
        LedgerEntry(
            version=row.get("name") or row["created_at"] or "",
            name=row.get("name") or "",
            checksum=row["hash"] or "",
            applied_at=moment(row, "applied_at"),
            rank=rank,
        )
        for rank, row in enumerate(rows, 1)
    )


def _place(version: str) -> tuple[object, ...]:
    """The journal's times in milliseconds have 13 digits, directories begin with 14 and a name."""
    return (0, int(version)) if version.isdecimal() else (1, order.locale(version))


def _checksums(file: MigrationFile, _: object) -> tuple[str, ...]:
    return (hashlib.sha256(file.raw).hexdigest(),)


def _align(files: Sequence[MigrationFile], entries: Sequence[LedgerEntry]) -> list[LedgerEntry]:
    """Directories of 1.x may meet rows of 0.x, which have no name: the hash tells whose they are."""
    if any(file.version.isdecimal() for file in files):
        by_tag = {file.name: file.version for file in files}
        return [msgspec.structs.replace(e, version=by_tag.get(e.name, e.version), name="") for e in entries]
    by_hash = {_checksums(file, ())[0]: file.version for file in files}
    return [
        msgspec.structs.replace(e, version=by_hash.get(e.checksum, e.version)) if not e.name else e
        for e in entries
    ]


def _write(new: New, script: Script) -> dict[str, str]:
    """The SQL with a breakpoint between statements, which some drivers take one at a time only; its entry in
    the journal, and the last snapshot again under a name of its own: the models have not changed."""
    text = sql_of(script.up, between="--> statement-breakpoint")
    folder = new.after.folder
    tag = f"{new.version}_{new.name}"
    if not (folder / _JOURNAL).is_file():
        return {f"{tag}/migration.sql": text} | _snapshot(new, "{}/snapshot.json", tag)
    journal = json.loads((folder / _JOURNAL).read_text("utf-8"))
    last = journal["entries"][-1]
    moment = max(int(new.now.timestamp() * 1000), int(last["when"]) + 1)
    entry = {"idx": last.get("idx", len(journal["entries"]) - 1) + 1, "version": last.get("version", "7")}
    journal["entries"].append(entry | {"when": moment, "tag": tag, "breakpoints": True})
    files = {f"{tag}.sql": text} | _snapshot(new, "meta/{}_snapshot.json", new.version)
    return files | {_JOURNAL: json.dumps(journal, indent=2, ensure_ascii=False) + "\n"}


def _snapshot(new: New, pattern: str, name: str) -> dict[str, str]:
    """Return the last migration's snapshot as that of the new one, by its path; nothing where there is none,
    or none of which it is known how it names the one before."""
    last = new.after.files[-1].path if new.after.files else None
    if last is None:
        return {}
    before = last.parent.name if last.name == "migration.sql" else last.stem.partition("_")[0]
    path = new.after.folder / pattern.format(before)
    try:
        held = json.loads(path.read_text("utf-8"))
        known = held["id"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}
    held["id"] = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{known} {new.name}"))
    held |= {"prevIds": [known]} if "prevIds" in held else {"prevId": known}
    return {pattern.format(name): json.dumps(held, indent=2, ensure_ascii=False) + "\n"}


TOOL = Tool(
    "drizzle",
    "Drizzle",
    proves="✓ | ✓ | 1.x | ✓ SHA-256 | –",
    rank=2,
    layouts=(Layout(_load, "meta/_journal.json or <date>_<name>/migration.sql", places=("drizzle",)),),
    ledgers=(
        LedgerTable(
            Shape(
                "hash:text! id:int! created_at:int8",
                optional="name:text applied_at:time",
                key="id",
                certain="drizzle|migration",
            ),
            _read,
            ("id",),
        ),
    ),
    versions=Versions(place=_place),
    checksum=Checksum(_checksums, line_ends="does not look"),
    align=_align,
    writing=Writing(
        TRANSACTION,
        _write,
        amends=(_JOURNAL,),
        then="run `npx drizzle-kit migrate`, and say the same in the schema's TypeScript",
    ),
    words=ToolWords(
        apply="npx drizzle-kit migrate",
        late="drizzle compares with the newest entry alone and will never run it: generate it again",
    ),
    passes_over=True,
)
