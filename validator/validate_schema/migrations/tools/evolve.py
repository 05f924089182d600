"""Evolve. Sources: lecaillon/Evolve, FileMigrationLoader.cs, FileMigrationScript.cs, MigrationScript.cs,
MigrationVersion.cs and PostgreSQLMetadataTable.cs."""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from ...catalog.ledgers import Shape
from ...model.history import LedgerEntry, LedgerState, ToolWords
from ..discovery.files import filled_in, whole
from ..discovery.folder import Folder
from ..records import MigrationFile, Mode
from ..rows import Row, moment, true
from ..tool import Checksum, Layout, LedgerTable, Loaded, Tool
from ..versions import REPEATABLE, Place, Versions, by_numbers, repeatable
from ..writing import TRANSACTION, Writing, lettered, next_lettered

_NAME = r"(?i)(?:V(\d+(?:[._]\d+)*)|R)__(.*)\.sql"
_PLACEHOLDER = r"\$\{[^}\n]+\}"
_BOM = b"\xef\xbb\xbf"
# The kinds of rows that are no file's: schemas that it made or found empty.
_META = ("1", "2")
_START = "3"


def _load(folder: Folder, chosen: bool) -> Loaded | None:
    """``V<version>__<name>.sql`` by version, then ``R__`` by name, each in a transaction unless it opts
    out."""
    if not (chosen or folder.near("*.csproj", "*.fsproj", "*.sln", "evolve.json")):
        return None
    found = folder.reach(_NAME, folder.tree)
    versioned = sorted((by_numbers(_dotted(m[1])), p.as_posix(), p, m) for p, m in found if m[1])
    files = [_file(folder, path, _dotted(m[1]), m[2]) for _, _, path, m in versioned]
    rest = sorted((m[2], p.as_posix(), p) for p, m in found if not m[1])
    files += [_file(folder, path, REPEATABLE + name.replace("_", " "), name) for name, _, path in rest]
    return filled_in(tuple(files), _PLACEHOLDER, "Evolve") if files else None


def _dotted(version: str) -> str:
    return version.replace("_", ".")


def _file(folder: Folder, path: Path, version: str, name: str) -> MigrationFile:
    first = folder.text(path).partition("\n")[0].lower()
    mode: Mode = "statements" if "evolve-tx-off" in first else "transaction"
    return whole(folder, path, version, name.replace("_", " "), mode)


def _same(version: str) -> str:
    if repeatable(version) or not re.fullmatch(r"\d+(\.\d+)*", version):
        return version
    return ".".join(map(str, by_numbers(version)))


def _place(version: str) -> Place:
    return (1, version) if repeatable(version) else (0, by_numbers(version))


def _read(rows: list[Row]) -> tuple[LedgerEntry, ...]:
    """Return one entry for each version, and for each repeatable by its description: the last row."""
    effective: dict[str, LedgerEntry] = {}
    for rank, row in enumerate(rows, 1):
        if row["type"] in _META:
            continue
        version = row["version"] or f"{REPEATABLE}{row['description']}"
        effective[version] = LedgerEntry(
            version=version,
            name=row["description"] or "",
            state=_state(row),
            checksum=row["checksum"] or "",
            applied_at=moment(row, "installed_on"),
            rank=rank,
        )
    return tuple(effective.values())


def _state(row: Row) -> LedgerState:
    if row["type"] == _START:
        return "baseline"
    return "applied" if true(row, "success") else "failed"


def _names(file: MigrationFile) -> set[str]:
    return {file.name}


def _checksums(file: MigrationFile, _: Sequence[MigrationFile]) -> tuple[str, ...]:
    """Return the sum of the text with LF, and, as before 1.8, of the bytes."""
    text = file.raw.removeprefix(_BOM).replace(b"\r\n", b"\n")
    return tuple(hashlib.md5(raw, usedforsecurity=False).hexdigest().upper() for raw in (text, file.raw))


TOOL = Tool(
    "evolve",
    "Evolve",
    proves="✓ | ✓ | ✓ | ✓ MD5 | ✓",
    rank=33,
    layouts=(Layout(_load, "V<version>__<name>.sql", home=("*.csproj", "*.fsproj", "*.sln", "evolve.json")),),
    ledgers=(
        LedgerTable(
            Shape(
                "installed_by:varchar(100)! id:int4! type:int2 version:varchar(50) description:varchar(200)!"
                " name:varchar! checksum:varchar(32) installed_on:time! success:bool!",
                key="id",
            ),
            _read,
            ("id",),
        ),
    ),
    versions=Versions(same=_same, place=_place),
    names=_names,
    checksum=Checksum(_checksums, line_ends="accepts that"),
    writing=Writing(TRANSACTION, lettered, version=next_lettered),
    words=ToolWords(
        apply="evolve migrate",
        late="Evolve stops at it unless OutOfOrder is on: give it a later version",
        accept="accept it with `evolve repair`",
    ),
)
