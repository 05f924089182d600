"""sqlx. Sources: sqlx-core, migrate/source.rs; sqlx-postgres, migrate.rs."""

import hashlib
import re

from ...catalog.ledgers import Shape
from ...model.history import LedgerEntry, ToolWords
from ..discovery.files import by_number, matching, undone_beside, whole
from ..discovery.folder import Folder
from ..discovery.pairs import UP, of_dialects
from ..records import MigrationFile
from ..rows import Row, moment, ranks, true
from ..tool import Checksum, Layout, LedgerTable, Loaded, Tool, recorded_names
from ..versions import INTEGERS
from ..writing import TRANSACTION, Writing, one_file, pair

_NAME = r"(\d+)_(.*?)(?:\.up)?\.sql"
_ALONE = b"-- no-transaction"  # its first bytes: behind a byte-order mark sqlx does not see it


def _load(folder: Folder, chosen: bool) -> Loaded | None:
    """``<n>_<name>.sql`` or ``.up.sql`` by number, each in a transaction unless it opts out."""
    found = matching(folder, _NAME)
    marked = folder.near("Cargo.toml", ".sqlx") or any(folder.raw(m[0]).startswith(_ALONE) for m in found)
    reversible = bool(matching(folder, UP)) and not of_dialects(folder)
    if not found or not (chosen or marked or reversible):
        return None
    return Loaded(tuple(_file(folder, m) for m in by_number(found)))


def _file(folder: Folder, m: re.Match[str]) -> MigrationFile:
    alone = folder.raw(m[0]).startswith(_ALONE)
    name = m[2].replace("_", " ")
    return whole(folder, m[0], str(int(m[1])), name, "message" if alone else "transaction")


def _read(rows: list[Row]) -> tuple[LedgerEntry, ...]:
    order = ranks([row["installed_on"] for row in rows])
    return tuple(
        LedgerEntry(
            version=row["version"] or "",
            name=row["description"] or "",
            state="applied" if true(row, "success") else "failed",
            checksum=row["checksum"] or "",
            applied_at=moment(row, "installed_on"),
            rank=rank,
        )
        for row, rank in zip(rows, order, strict=True)
    )


def _checksums(file: MigrationFile, _: object) -> tuple[str, ...]:
    return (hashlib.sha384(file.raw).hexdigest(),)


TOOL = Tool(
    "sqlx",
    "sqlx",
    proves="✓ | ✓ | ✓ | ✓ SHA-384 | ✓",
    rank=11,
    layouts=(Layout(_load, "<n>_<name>.sql or <n>_<name>.up.sql", undone_beside, home=("Cargo.toml",)),),
    ledgers=(
        LedgerTable(
            Shape(
                "installed_on:time! version:int8! description:text! success:bool! checksum:bytes!",
                optional="execution_time:int!",
                key="version",
            ),
            _read,
            ("installed_on", "version"),
        ),
    ),
    versions=INTEGERS,
    names=recorded_names,
    checksum=Checksum(_checksums),
    writing=Writing(TRANSACTION, pair, down=True, one_way=Writing(TRANSACTION, one_file)),
    words=ToolWords(
        apply="sqlx migrate run",
        resolve="then delete its row from the ledger, and run `sqlx migrate run` again",
    ),
)
