"""Postgrator. Sources: rickbergfalk/postgrator, postgrator.js, lib/Client.js and lib/utils.js."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from ...catalog.ledgers import Shape
from ...model.history import LedgerEntry, ToolWords
from ..discovery.files import by_number, code, coded, matching, undone_by, whole
from ..discovery.folder import Folder
from ..records import MigrationFile
from ..rows import Row, recorded
from ..tool import Checksum, Layout, LedgerTable, Loaded, Tool, recorded_names
from ..versions import INTEGERS
from ..writing import MESSAGE, New, Script, Writing, sql_of

_DO = r"(\d+)\.do\.(?:(.*)\.)?sql"
_UNDO = r"(\d+)\.undo\.(?:.*\.)?sql"


def _load(folder: Folder, _: bool) -> Loaded | None:
    """``<n>.do.<name>.sql`` by number, each as one message."""
    found = [*matching(folder, _DO), *coded(folder, r"(\d+)\.do\.(?:(.*)\.)?(?:[cm]?js|[cm]?ts)")]
    if not found:
        return None
    undo = tuple(folder.path / m[0] for m in matching(folder, _UNDO))
    return Loaded(tuple(_file(folder, m) for m in by_number(found)), beside=undo)


def _file(folder: Folder, m: re.Match[str]) -> MigrationFile:
    version, name = str(int(m[1])), m[2] or ""
    if m[0].endswith(".sql"):
        return whole(folder, m[0], version, name, "message")
    return code(folder, m[0], version, name)


def _undo(folder: Folder, file: MigrationFile) -> Iterator[Path]:
    for name in folder.files:
        if (m := re.fullmatch(_UNDO, name)) and int(m[1]) == int(file.version):
            yield folder.path / name


_recorded = recorded("version", name="name", checksum="md5", time="run_at", order="times")


def _read(rows: list[Row]) -> tuple[LedgerEntry, ...]:
    """Its first row is 0, before anything was applied."""
    return _recorded([row for row in rows if row["version"] != "0"])


def _checksums(file: MigrationFile, _: Sequence[MigrationFile]) -> tuple[str, ...]:
    if file.program:
        return ()
    return (hashlib.md5(file.raw, usedforsecurity=False).hexdigest(),)


def _write(new: New, script: Script) -> dict[str, str]:
    files = {f"{new.version}.do.{new.name}.sql": sql_of(script.up)}
    return files | ({f"{new.version}.undo.{new.name}.sql": sql_of(script.down)} if script.down else {})


TOOL = Tool(
    "postgrator",
    "Postgrator",
    proves="✓ | ✓ | ✓ | ✓ MD5 | –",
    rank=31,
    layouts=(Layout(_load, "<n>.do.<name>.sql", undone_by(_undo)),),
    ledgers=(
        LedgerTable(
            Shape("md5:text version:int8! name:text run_at:time", key="version"), _read, ("run_at", "version")
        ),
    ),
    versions=INTEGERS,
    names=recorded_names,
    checksum=Checksum(_checksums),
    writing=Writing(MESSAGE, _write, down=True),
    words=ToolWords(
        apply="npx postgrator",
        late="Postgrator looks at the highest version alone and will never run it:"
        " give it a version after the last one",
    ),
    passes_over=True,
)
