"""Diesel. Sources: diesel_migrations, file_based_migrations.rs; diesel_cli, migrations/mod.rs."""

import re
import tomllib
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from ...catalog.ledgers import Shape
from ...model.errors import MigrationError
from ...model.history import ToolWords
from ..discovery.files import undone_by, whole
from ..discovery.folder import Folder
from ..records import MigrationFile, Mode
from ..rows import recorded
from ..tool import Layout, LedgerTable, Loaded, Tool
from ..versions import Versions, by_bytes
from ..writing import TRANSACTION, New, Script, Writing, before_name, sql_of

_SETUP = "00000000000000_diesel_initial_setup"
_DATED = r"\d{4}-\d\d-\d\d-\d{6}(?:-\d{4})?_.+"


def _load(folder: Folder, chosen: bool) -> Loaded | None:
    """``<version>_<name>/up.sql`` by version, each in a transaction unless ``metadata.toml`` says not."""
    found = [d for d in folder.directories if "_" in d and (folder.path / d / "up.sql").is_file()]
    marked = _SETUP in found or any(re.fullmatch(_DATED, d) for d in found) or folder.near("diesel.toml")
    if not found or not (chosen or marked):
        return None
    return Loaded(tuple(_file(folder, d) for d in sorted(found, key=_version)))


def _version(directory: str) -> str:
    return directory.partition("_")[0].replace("-", "")


def _file(folder: Folder, directory: str) -> MigrationFile:
    path = Path(directory) / "up.sql"
    name = directory.partition("_")[2]
    return whole(folder, path, _version(directory), name, _mode(folder, Path(directory) / "metadata.toml"))


def _mode(folder: Folder, path: Path) -> Mode:
    if not (folder.path / path).is_file():
        return "transaction"
    try:
        said = tomllib.loads(folder.text(path))
    except tomllib.TOMLDecodeError as error:
        raise MigrationError(f"{folder.path / path}: {error}") from None
    return "transaction" if said.get("run_in_transaction", True) else "message"


def _undo(_: Folder, file: MigrationFile) -> Iterator[Path]:
    yield file.path.with_name("down.sql")


def _next(files: Sequence[MigrationFile], now: datetime) -> str:
    """Return the date as Diesel's own command writes it, after that of the last one."""
    stamp, last = now.strftime("%Y%m%d%H%M%S"), max((f.version for f in files), default="")
    digits = stamp.ljust(len(last), "0")
    fresh = digits if digits > last else str(int(last) + 1)
    parts = [fresh[a:b] for a, b in ((0, 4), (4, 6), (6, 8), (8, 14), (14, None)) if fresh[a:b]]
    return "-".join(parts)


def _write(new: New, script: Script) -> dict[str, str]:
    files = {"up.sql": sql_of(script.up), "down.sql": sql_of(script.down)}
    return {f"{new.version}_{new.name}/{name}": text for name, text in files.items() if text}


TOOL = Tool(
    "diesel",
    "Diesel",
    proves="✓ | ✓ | as missing and pending | – | ✓",
    rank=13,
    layouts=(Layout(_load, "<version>_<name>/up.sql", undone_by(_undo), home=("diesel.toml",)),),
    ledgers=(
        LedgerTable(
            Shape("version:varchar(50)! run_on:time!", key="version", names="diesel"),
            recorded("version", time="run_on", order="times"),
            ("run_on", "version"),
        ),
    ),
    versions=Versions(place=by_bytes),
    writing=Writing(TRANSACTION, _write, down=True, version=_next, sorts=before_name),
    words=ToolWords(apply="diesel migration run"),
)
