"""Stand-ins for extensions that a scratch server lacks."""

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ScratchError

if TYPE_CHECKING:
    from psycopg import Connection

FOLDER = "standins"
COMMENT = "stand-in by validate-schema"
_OURS = Path(__file__).parent / "extensions"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}")


def provide(folder: Path) -> None:
    """Put our own stand-ins where the server of this cluster finds them (`extension_control_path`)."""
    target = folder / FOLDER / "extension"
    target.mkdir(mode=0o755, parents=True, exist_ok=True)
    for file in _OURS.iterdir():
        if file.suffix in (".control", ".sql"):
            shutil.copyfile(file, target / file.name)


def write(folder: Path, name: str, version: str | None = None) -> None:
    """Write an empty extension `name` for the server of this cluster.

    Raises `ScratchError` for a name or version that cannot be a file's.
    """
    version = version or "0"
    for text in (name, version):
        if not _NAME.fullmatch(text) or "--" in text or ".." in text:
            raise ScratchError(f"no stand-in can be made for the extension {text!r}: not an extension's name")
    target = folder / FOLDER / "extension"
    control = f"comment = '{COMMENT}: empty'\ndefault_version = '{version}'\nrelocatable = true\n"
    (target / f"{name}--{version}.sql").write_text("")
    (target / f"{name}.control").write_text(control)


def installed(conn: "Connection[Any]") -> set[str]:
    """Return the names of the extensions in a database that are stand-ins."""
    rows = conn.execute(
        "select extname from pg_catalog.pg_extension e"
        " where pg_catalog.obj_description(e.oid, 'pg_extension') like %s",
        [COMMENT + "%"],
    ).fetchall()
    return {name for (name,) in rows}
