"""Migrations that are programs: a command of the project's own brings the scratch database up to date."""

import hashlib
import os
import re
import shlex
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from ...model.errors import MigrationError
from ...model.history import Failure, Statement
from ...model.limits import limits
from ...model.secret import Secret, mask
from ..records import REPLAY_VERSION, FailedMigration, MigrationSet, ReplayNotes

if TYPE_CHECKING:
    from ...scratch import Database, Server

_COMPILED = frozenset({"__pycache__", "node_modules", ".git"})
# How programs begin the line that says what went wrong; failing that, any line that speaks of it.
_TELLING = (
    re.compile(r"[\w.:]*(?:error|exception|fatal)\b[^:]*:", re.IGNORECASE),
    re.compile(r"\b\w*(?:error|exception|fatal|failed)\b", re.IGNORECASE),
)
_LONGEST = 300


def templated_by(
    server: "Server",
    command: str,
    migrations: MigrationSet,
    folder: Path,
    *,
    progress: Callable[[str], None] | None = None,
) -> tuple[str, ReplayNotes]:
    """Return the name of a template database that `command` migrated, and the notes of that.

    It runs in `folder`, once for each server, command, and content of the migrations' folder. What each
    file did is not known: the command runs them all. Raises what `run_command` raises.
    """

    def build(database: "Database") -> None:
        if progress:
            progress(f"running {mask(command)}")
        run_command(database, command, folder, limits().migration_seconds)

    name = server.template(digest(command, migrations.folder), build)
    labels = tuple(migrations.label(f.path) for f in migrations.files)
    return name, ReplayNotes(applied=labels, purposes=(None,) * len(labels))


def digest(command: str, folder: Path) -> str:
    """Return the SHA-256 of the command and of all files below `folder`, but compiled and hidden ones."""
    found = hashlib.sha256(f"{REPLAY_VERSION}\0{command}\0".encode())
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        parts = path.relative_to(folder).parts
        if not _COMPILED.isdisjoint(parts) or path.suffix == ".pyc":
            continue
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        found.update(f"{'/'.join(parts)}\0{content}\0".encode(errors="surrogateescape"))
    return found.hexdigest()


def run_command(database: "Database", command: str, folder: Path, time_limit: float) -> None:
    """Run `command` in `folder` by the shell, with DATABASE_URL and PGHOST, PGDATABASE and the like set
    to `database` and no other PG* variable.

    Raises `FailedMigration`, with the most telling line that it wrote, when it fails, and `MigrationError`
    when it takes longer than `time_limit` seconds; it is then ended with all that it started.
    """
    shown = mask(shlex.join(["sh", "-c", command]) if "\n" in command else command)
    with TemporaryFile() as output:
        try:
            process = subprocess.Popen(
                command,
                shell=True,
                cwd=folder,
                env=environment(database),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise MigrationError(f"`{shown}` cannot be run in {folder}: {error.strerror or error}") from None
        try:
            status = process.wait(time_limit)
        except subprocess.TimeoutExpired:
            said = _said(output, database.conninfo)
            raise MigrationError(
                f"`{shown}` did not end within {time_limit:g} s ([limits] migration_seconds){said}"
            ) from None
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if status:
            said = f"failed with status {status}{_said(output, database.conninfo)}"
            failure = Failure(statement=Statement(file=f"`{shown}`", line=1), message=said)
            raise FailedMigration(f"`{shown}` {said}", failure)


def environment(database: "Database") -> dict[str, str]:
    """Return this process's environment with `database` as the one that programs connect to.

    The URL has the form that libpq, SQLAlchemy, Django's and Rails' URL readers and node-postgres share:
    a socket's folder as the parameter ``host``.
    """
    from psycopg.conninfo import conninfo_to_dict

    given = conninfo_to_dict(database.conninfo)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    names = {
        "host": "PGHOST",
        "port": "PGPORT",
        "user": "PGUSER",
        "password": "PGPASSWORD",
        "dbname": "PGDATABASE",
    }
    own = {variable: str(given[name]) for name, variable in names.items() if given.get(name)}
    return kept | own | {"DATABASE_URL": _url(given)}


def _url(given: dict[str, Any]) -> str:
    host, port = str(given.get("host") or ""), given.get("port")
    user = quote(str(given.get("user") or ""), safe="")
    secret = f":{quote(str(given['password']), safe='')}" if given.get("password") else ""
    socket = host.startswith("/")
    place = "" if socket else host + (f":{port}" if port else "")
    options = {"host": host} | ({"port": str(port)} if port else {}) if socket else {}
    query = f"?{urlencode(options)}" if options else ""
    return f"postgresql://{user}{secret}@{place}/{quote(str(given['dbname']), safe='')}{query}"


def _said(output: Any, secret: str) -> str:
    """Return the most telling line of what a program wrote: the last that tells of an error, without the
    password that `secret`, where it was led to, holds."""
    output.seek(0)
    lines = [line.strip() for line in output.read().decode(errors="replace").splitlines() if line.strip()]
    if not lines:
        return ", and wrote nothing"
    begun = [line for line in lines if _TELLING[0].match(line)]
    telling = begun or [line for line in lines if _TELLING[1].search(line)] or lines
    line = mask(Secret(secret).hide_in(telling[-1]))
    return ": " + (line if len(line) <= _LONGEST else line[:_LONGEST].rstrip() + "…")
