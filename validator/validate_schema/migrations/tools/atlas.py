"""Atlas. Sources: ariga/atlas, sql/migrate/dir.go, sql/migrate/migrate.go."""

import base64
import hashlib
import re
from dataclasses import replace
from typing import Any

from ...catalog.ledgers import Shape
from ...model.errors import MigrationError
from ...model.history import LedgerEntry, LedgerState, ToolWords
from ..discovery import order
from ..discovery.files import undone_in, way_up, whole
from ..discovery.folder import Folder
from ..discovery.sections import Marks
from ..records import MigrationFile, Mode
from ..rows import Row, first_line, moment, ranks
from ..tool import Checksum, Layout, LedgerTable, Loaded, Tool, recorded_names
from ..writing import TRANSACTION, Writing, one_file

_DELIMITER = r"\s*--\s*atlas:delimiter\b"
_ALONE = r"(?m)^-- atlas:txmode none\b"
_CHECKPOINT = r"(?m)^-- atlas:checkpoint\b"
# Checks, the way up and the way down in one file. Source: Atlas documentation, "Pre-migration Checks".
_ARCHIVE = r"\s*--\s*atlas:txtar\b"
_PARTS = Marks(
    "-- migration.sql --",
    r"(?m)^-- (\S+) --[ \t\r]*(?:\n|\Z)",
    blocks=True,
    ups=("migration.sql",),
    downs=("down.sql",),
)
_META = ".atlas_cloud_identifier"


def _load(folder: Folder, chosen: bool) -> Loaded | None:
    """``<version>[_<name>].sql``, bytewise, from the last checkpoint on."""
    if not folder.sql or not (chosen or "atlas.sum" in folder.files):
        return None
    files: list[MigrationFile] = []
    superseded: list[MigrationFile] = []
    for name in folder.sql:
        text = folder.text(name)
        if re.match(_DELIMITER, text):
            raise MigrationError(f"{folder.path / name}:1: atlas:delimiter is not supported")
        head = "\n".join(text.replace("\r\n", "\n").split("\n\n", 1)[:1]) if "\n\n" in text else ""
        mode: Mode = "statements" if re.search(_ALONE, head) else "transaction"
        if re.search(_CHECKPOINT, head):
            superseded += files
            files.clear()
        version, _, rest = name[:-4].partition("_")
        file = whole(folder, name, version, rest or version, mode)
        if re.match(_ARCHIVE, text):
            section = way_up(folder, name, _PARTS, "Atlas")
            file = replace(file, sql=section.sql, first_line=section.first_line)
        files.append(file)
    return Loaded(tuple(files), superseded=tuple(superseded))


def _read(rows: list[Row]) -> tuple[LedgerEntry, ...]:
    """`type` is a set of bits, 1 is a baseline."""
    rows = [row for row in rows if row["version"] != _META]
    order = ranks([row["executed_at"] for row in rows])
    return tuple(
        LedgerEntry(
            version=row["version"] or "",
            name=row["description"] or "",
            state=_state(row),
            checksum=row.get("hash") or "",
            applied_at=moment(row, "executed_at"),
            rank=rank,
            message=first_line(row.get("error")),
        )
        for row, rank in zip(rows, order, strict=True)
    )


def _state(row: Row) -> LedgerState:
    bits = int(row.get("type") or 2)
    if bits & 1:
        return "baseline"
    done = row["applied"] == row["total"] or bits & 4
    return "applied" if done and not row.get("error") else "failed"


def _add(before: Any, file: MigrationFile) -> Any:
    state = hashlib.sha256() if before is None else before.copy()
    state.update(file.path.name.encode())
    if not file.raw.startswith(b"-- atlas:sum ignore"):
        state.update(file.raw)
    return state


def _checksums(file: MigrationFile, before: Any) -> tuple[str, ...]:
    return (base64.b64encode(_add(before, file).digest()).decode(),)


def _normal(recorded: str) -> str:
    return recorded.removeprefix("h1:")


TOOL = Tool(
    "atlas",
    "Atlas",
    proves="✓ | ✓ | ✓ | ✓ chained: after an edited file, later ones are unverifiable | ✓",
    rank=5,
    layouts=(Layout(_load, "atlas.sum and <version>_<name>.sql", undone_in(_PARTS)),),
    ledgers=(
        LedgerTable(
            Shape(
                "executed_at:time! version:string! description:string! applied:int! total:int!"
                " execution_time:int!",
                optional="type:int! error:string error_stmt:string hash:string! partial_hashes:any"
                " operator_version:string!",
                key="version",
            ),
            _read,
            ("executed_at", "version"),
        ),
    ),
    names=recorded_names,
    checksum=Checksum(_checksums, _normal, add=_add),
    writing=Writing(TRANSACTION, one_file, sorts=order.bytewise, then="run `atlas migrate hash`"),
    words=ToolWords(
        apply="atlas migrate apply",
        late="atlas stops at it: run `atlas migrate rebase`, or apply once with --exec-order non-linear",
        accept="write the directory's checksums anew with `atlas migrate hash`",
        resolve="then `atlas migrate apply` goes on from the statement that failed",
    ),
)
