"""yoyo. Sources: yoyo, migrations.py and internalmigrations/v2.py."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ...catalog.ledgers import Shape
from ...model.history import LedgerEntry, ToolWords
from ..discovery import python
from ..discovery.files import code, undone_by, whole
from ..discovery.folder import Folder
from ..discovery.order import topological
from ..records import MigrationFile, Mode
from ..rows import Row, moment, ranks
from ..tool import Checksum, Layout, LedgerTable, Loaded, Lock, Tool
from ..versions import Versions
from ..writing import TRANSACTION, New, Script, Writing, sql_of

_DIRECTIVE = r"--\s*(depends|transactional)\s*:(.*)"
_IMPORTS = rb"(?m)^(?:from|import)[ \t]+yoyo\b"
_NONE = ("_tmp_yoyonew", "post-apply", "__init__", "conftest")


def _load(folder: Folder, chosen: bool) -> Loaded | None:
    """``<id>.sql`` and ``<id>.py``, each after those that its ``-- depends:`` names, ties by name.

    Known by that directive, by yoyo.ini, or by a program that imports yoyo.
    """
    names = [
        n
        for n in folder.files
        if (n in folder.sql or (n.endswith(".py") and b"step" in folder.raw(n))) and not n.startswith(_NONE)
    ]
    directives = {n: _directives(folder, n) for n in names}
    marked = "yoyo.ini" in folder.files or (folder.path.parent / "yoyo.ini").is_file()
    marked = marked or any(n.endswith(".py") and re.search(_IMPORTS, folder.raw(n)) for n in names)
    if not names or not (chosen or marked or any("depends" in d for d in directives.values())):
        return None
    files = []
    for name in names:
        known = directives[name]
        stem = name.rpartition(".")[0]
        mode: Mode = "statements" if known.get("transactional", "").strip() == "false" else "transaction"
        written = name.endswith(".py")
        file = code(folder, name, stem, stem) if written else whole(folder, name, stem, stem, mode)
        files.append(replace(file, requires=tuple(known.get("depends", "").split())))
    return Loaded(topological(folder.path, files))


def _directives(folder: Folder, name: str) -> dict[str, str]:
    """Return the directives: of the leading comments, or of the module's variables."""
    if name.endswith(".py"):
        if b"__depends__" not in folder.raw(name):
            return {}
        depends = python.variables(folder.path / name, folder.raw(name)).get("__depends__") or ()
        return {"depends": " ".join(map(str, depends))} if depends else {}
    found = {}
    for line in folder.text(name).splitlines():
        if not line.startswith("--"):
            break
        if m := re.match(_DIRECTIVE, line):
            found[m[1]] = m[2]
    return found


def _undo(_: Folder, file: MigrationFile) -> Iterator[Path]:
    yield file.path.with_name(f"{file.path.stem}.rollback.sql")


def _read(rows: list[Row]) -> tuple[LedgerEntry, ...]:
    """The hash is one of the id and says nothing of the content."""
    order = ranks([row["applied_at_utc"] for row in rows])
    return tuple(
        LedgerEntry(
            version=row["migration_id"] or "",
            name=row["migration_id"] or "",
            applied_at=moment(row, "applied_at_utc") + "Z",
            rank=rank,
        )
        for row, rank in zip(rows, order, strict=True)
    )


def _checksums(file: MigrationFile, _: object) -> tuple[str, ...]:
    return (hashlib.sha256(file.version.encode()).hexdigest(),)


def _write(new: New, script: Script) -> dict[str, str]:
    """The SQL after all that nothing else comes after, and beside it what takes it back."""
    needed = {version for file in new.after.files for version in file.requires}
    last = [file.version for file in new.after.files if file.version not in needed]
    depends = f"-- depends: {' '.join(last)}\n" if last else ""
    files = {f"{new.version}_{new.name}.sql": f"{depends}\n{sql_of(script.up)}"}
    return files | ({f"{new.version}_{new.name}.rollback.sql": sql_of(script.down)} if script.down else {})


TOOL = Tool(
    "yoyo",
    "yoyo",
    proves="✓ | ✓ | as missing and pending | – | a lock left behind",
    rank=15,
    layouts=(Layout(_load, "<id>.sql with `-- depends:`, or yoyo.ini", undone_by(_undo)),),
    ledgers=(
        LedgerTable(
            Shape("migration_hash:string! migration_id:string applied_at_utc:time", key="migration_hash"),
            _read,
            ("applied_at_utc", "migration_id"),
            lock=Lock("yoyo_lock", "locked", "1"),
        ),
    ),
    companions=(
        Shape(
            "migration_hash:string id:string! migration_id:string operation:string",
            optional="username:string hostname:string comment:string created_at_utc:time",
            names="^_yoyo_log$",
        ),
        Shape("installed_at_utc:time version:int!", names="^_yoyo_version$"),
        Shape("locked:int! ctime:time pid:int!", names="^yoyo_lock$"),
    ),
    versions=Versions(place=None, named=True),
    checksum=Checksum(_checksums, content=False),
    writing=Writing(TRANSACTION, _write, down=True),
    words=ToolWords(apply="yoyo apply", revert="yoyo rollback --revision {name}"),
)
