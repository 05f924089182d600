"""Stand-ins for extensions that a scratch server lacks."""

import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..model.errors import ScratchError
from .home import make_folder

if TYPE_CHECKING:
    from psycopg import Connection

FOLDER = "standins"
COMMENT = "stand-in by validate-schema"
_OURS = Path(__file__).parent / "extensions"
# Extensions whose control file names the schema that they are made in: a dump says nothing of it. Source: the
# control files of each.
FIXED_SCHEMAS = {
    "adminpack": "pg_catalog",
    "pg_cron": "pg_catalog",
    "pg_graphql": "graphql",
    "pg_tle": "pgtle",
    "pgmq": "pgmq",
    "pgsodium": "pgsodium",
    "plv8": "pg_catalog",
    "postgis_tiger_geocoder": "tiger",
    "postgis_topology": "topology",
    "supabase_vault": "vault",
}
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}")

# The second is how servers before 15 say it.
_MISSING = re.compile(
    r'extension "([^"]+)" (?:is not available|has no installation script)'
    r'|could not open extension control file "(?:[^"]*/)?([^"/]+)\.control"'
)


def missing_extension(message: str) -> str | None:
    """Return the extension whose files the server lacks, as an error message says; None where it says another
    thing."""
    found = _MISSING.search(message)
    return (found[1] or found[2]) if found else None


def provide(folder: Path) -> None:
    """Put our own stand-ins where the server of this cluster finds them (`extension_control_path`)."""
    target = folder / FOLDER / "extension"
    shutil.rmtree(target, ignore_errors=True)  # what earlier runs asked for
    make_folder(target)
    target.chmod(0o755)  # pg_available_extensions lists it, as the server's user
    for file in _OURS.iterdir():
        if file.suffix in (".control", ".sql"):
            _put(target / file.name, file.read_text())


def write(folder: Path, name: str, version: str | None = None, schema: str = "") -> None:
    """Write an empty extension `name` for the server of this cluster, or our own under another version; with
    a `schema`, it is made there and nowhere else.

    Raises `ScratchError` for a name or version that cannot be a file's.
    """
    version = version or "0"
    for text in (name, version, *filter(None, (schema,))):
        if not _NAME.fullmatch(text) or "--" in text or ".." in text:
            raise ScratchError(f"no stand-in can be made for the extension {text!r}: not an extension's name")
    target = folder / FOLDER / "extension"
    if own := next(_OURS.glob(f"{name}--*.sql"), None):
        _put(target / f"{name}--{version}.sql", own.read_text())
        return
    place = f"schema = '{schema}'\nrelocatable = false\n" if schema else "relocatable = true\n"
    control = f"comment = '{COMMENT}: empty'\ndefault_version = '{version}'\ntrusted = true\n{place}"
    _put(target / f"{name}--{version}.sql", "")
    _put(target / f"{name}.control", control)


def _put(file: Path, text: str) -> None:
    """Write a file whole or not at all, readable by the server's user whatever the umask is."""
    unfinished = file.with_name(f".{file.name}.{os.getpid()}")
    unfinished.write_text(text)
    unfinished.chmod(0o644)
    unfinished.replace(file)


def installed(conn: "Connection[Any]") -> set[str]:
    """Return the names of the extensions in a database that are stand-ins."""
    rows = conn.execute(
        "select extname from pg_catalog.pg_extension e"
        " where pg_catalog.obj_description(e.oid, 'pg_extension') like %s",
        [COMMENT + "%"],
    ).fetchall()
    return {name for (name,) in rows}
