"""The set of applied migrations: the ledger of `migrations apply`, and hand-written tables of that shape."""

import hashlib

from ...catalog.ledgers import Shape
from ...model.history import ToolWords
from ..discovery.files import plain_mode, undone_beside, whole
from ..discovery.folder import Folder
from ..discovery.plain import numbered
from ..records import MigrationFile, Mode
from ..rows import recorded
from ..tool import Checksum, Layout, LedgerTable, Loaded, Tool, recorded_names
from ..versions import NUMBERS
from ..writing import TRANSACTION, Writing, one_file


def _load(folder: Folder, chosen: bool) -> Loaded | None:
    """``<version>_<name>.sql`` by number, for a ledger that is a set of versions: only when it is chosen,
    as nothing in the files tells it from a plain folder. Each runs in a transaction where it can."""
    found = numbered(folder)
    if not chosen or not found:
        return None
    files = []
    for version, name, path in found:
        mode: Mode = "statements" if plain_mode(folder.text(path)) == "statements" else "transaction"
        files.append(whole(folder, path, version, name.removesuffix(".up") or path[:-4], mode))
    return Loaded(tuple(files))


def _names(file: MigrationFile) -> set[str]:
    path = file.path
    return recorded_names(file) | {
        path.stem.removesuffix(".up"),
        path.name.replace(".up.sql", ".sql"),
        path.as_posix(),
    }


def _checksums(file: MigrationFile, _: object) -> tuple[str, ...]:
    return (hashlib.sha256(file.raw).hexdigest(),)


def _normal(recorded_: str) -> str:
    return recorded_.strip().removeprefix("sha256:").removeprefix("\\x").lower()


_NAMED = r"^(applied|schema)_migrations?$"

TOOL = Tool(
    "applied-set",
    "a migration tool",
    proves="✓ | ✓ | ✓ | ✓ SHA-256 | –",
    rank=16,
    layouts=(Layout(_load, "<version>_<name>.sql", undone_beside),),
    ledgers=(
        LedgerTable(
            Shape(
                "applied_at:time version:any! name:string checksum:bytes",
                key="version",
                certain="migration",
            ),
            recorded("version", name="name", checksum="checksum", time="applied_at", order="times"),
            ("applied_at", "version"),
        ),
    ),
    companions=(
        Shape(
            "started_at:time! version:text! name:text! checksum:text!",
            key="version",
            names="^unfinished_migration$",
        ),
        # Not read, as they lack a part: runners of a project's own.
        Shape(
            "applied_at:time name:string!", "id:int! checksum:string version:string", key="name", names=_NAMED
        ),
        Shape(
            "applied_at:time version:any!", "id:int! checksum:string name:string", key="version", names=_NAMED
        ),
    ),
    versions=NUMBERS,
    names=_names,
    checksum=Checksum(_checksums, _normal),
    writing=Writing(TRANSACTION, one_file),
    words=ToolWords(
        apply="validate-schema migrations apply",
        accept="accept it with `validate-schema migrations apply --allow-edited VERSION`",
    ),
)
