"""Migrations that are programs: a command of the project's own brings the scratch database up to date."""

import hashlib
import os
import re
import shlex
import signal
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import TYPE_CHECKING, Any, NamedTuple

from ...model.errors import MigrationError, ScratchError
from ...model.history import Failure, Statement
from ...model.limits import limits
from ...model.secret import Secret, mask
from ...model.wording import first_of, some
from .. import tools
from ..history.compare import compare
from ..ledger import ledger_for, read_ledgers
from ..records import REPLAY_VERSION, FailedMigration, MigrationSet, ReplayNotes
from ..tool import Tool
from .behalf import NO_SUPERUSER
from .surroundings import environment

if TYPE_CHECKING:
    from ...scratch import Database, Server

_COMPILED = frozenset({"__pycache__", "node_modules"})
# How programs begin the line that says what went wrong; failing that, any line that speaks of it.
_TELLING = (
    re.compile(r"[\w.:]*(?:error|exception|fatal)\b[^:]*:", re.IGNORECASE),
    re.compile(r"\b\w*(?:error|exception|fatal|failed)\b", re.IGNORECASE),
)
# What the server says to whoever is no superuser: the code, and its words, which are English there. A system
# says "Permission denied" and no more.
_DENIED = re.compile(
    r"\b42501\b|InsufficientPrivilege|\bpermission denied (?:to|for) |\bmust be (?:superuser|owner of) "
    r"|\bmust have .* (?:privileges?|option|attribute)\b"
)
_LONGEST, _FEW = 300, 3
UNFENCED = (
    "The command of the migrations ran without a fence, which this system cannot put up: its environment"
    " leads to the scratch database, and nothing kept it from others that it knows"
)
_AT_ONCE = "What each migration did, and would lose if undone, is not known: one command ran them all"
_UNLED = ": let it read DATABASE_URL, or PGHOST, PGPORT, PGUSER, PGPASSWORD and PGDATABASE"
_OBJECTS = """
select pg_catalog.count(*), pg_catalog.sum(pg_catalog.hashtext(made.number || ':' || made.changed)) from (
    select oid::text, xmin::text from pg_catalog.pg_class
    union all select oid::text, xmin::text from pg_catalog.pg_type
    union all select oid::text, xmin::text from pg_catalog.pg_proc
    union all select oid::text, xmin::text from pg_catalog.pg_namespace
) made(number, changed)
"""


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
    file did is not known: the command runs them all. Raises what `run_command` raises, and `MigrationError`
    for a command that leaves the database as empty as it was, or migrations that its ledger does not have.
    """

    def build(database: "Database") -> str:
        if progress:
            progress(f"running {mask(command)}")
        tool = tools.find(migrations.tool)
        before = _state(database)
        kept = run_command(database, command, folder, limits().migration_seconds, tool)
        if _state(database) == before:
            raise MigrationError(
                f"`{_shown(command)}` did not touch the scratch database{kept.told() or _UNLED}"
            )
        left = left_over(database, migrations)
        if left:
            names = f"{first_of(left, _FEW)} of {some(len(migrations.files), 'migration')}"
            raise MigrationError(f"`{_shown(command)}` did not apply {names}{kept.told()}")
        return "" if kept.fenced else UNFENCED

    name = server.template(digest(command, migrations.folder), build)
    labels = tuple(migrations.label(f.path) for f in migrations.files)
    about = server.about(name)
    notes = (_AT_ONCE, *filter(None, [about]))
    return name, ReplayNotes(labels, notes=notes, purposes=(None,) * len(labels), at_once=True)


def _state(database: "Database") -> object:
    """Return what changes with every object that is made or altered."""
    with database.connect() as connection:
        return connection.execute(_OBJECTS).fetchone()


def left_over(database: "Database", migrations: MigrationSet) -> tuple[str, ...]:
    """Return the files that the ledger of their tool, where the command wrote one, says were not applied."""
    with database.connect() as connection:
        ledger = ledger_for(read_ledgers(connection), migrations, None)
    if ledger is None or ledger.reason:
        return ()
    return tuple(e.file for e in compare(migrations, ledger) if e.status in ("pending", "gap", "failed"))


def digest(command: str, folder: Path) -> str:
    """Return the SHA-256 of the command and of all files below `folder`, but compiled, installed and hidden
    ones."""
    found = hashlib.sha256(f"{REPLAY_VERSION}\0{command}\0".encode())
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(
            f for f in folders if f not in _COMPILED and f[0] != "." and not _installed(place, f)
        )
        for name in sorted(n for n in names if n[0] != "." and not n.endswith(".pyc")):
            path = Path(place, name)
            if path.is_file():
                content = hashlib.sha256(path.read_bytes()).hexdigest()
                shown = path.relative_to(folder).as_posix()
                found.update(f"{shown}\0{content}\0".encode(errors="surrogateescape"))
    return found.hexdigest()


def _installed(place: str, name: str) -> bool:
    """Tell whether a folder is a virtual environment of Python."""
    return Path(place, name, "pyvenv.cfg").exists()


class Kept(NamedTuple):
    """What a command was kept from, in words, and whether anything but its environment kept it."""

    wanted: tuple[str, ...] = ()
    fenced: bool = True

    def told(self) -> str:
        """Return the end of a sentence on a command that did not do what it should, "" if this was not
        why."""
        if not self.wanted:
            return ""
        others = first_of(self.wanted, _FEW)
        return f"; it was kept from {others}: only the scratch database can be reached, by DATABASE_URL"


def run_command(
    database: "Database", command: str, folder: Path, time_limit: float, tool: Tool | None = None
) -> Kept:
    """Run `command` in `folder` by the shell, so that `database` is the one that it connects to
    (`environment`) and, where the system can, the only one that it could (`scratch.fence`). `tool` wrote the
    programs that it runs.

    Raises `FailedMigration`, with the most telling line that it wrote, when it fails, and `MigrationError`
    when it was kept from another database before that, or takes longer than `time_limit` seconds; it is then
    ended with all that it started. `ScratchError` where it fails after the server refused what takes a
    superuser.
    """
    from ...scratch.door import opened
    from ...scratch.fence import fenced

    shown = _shown(command)
    with (
        TemporaryFile() as output,
        TemporaryDirectory(prefix="validate-schema-") as beside,
        opened(database) as door,
    ):
        secret = door.parameters.get("password", "")
        surroundings = environment(door.parameters, folder, Path(beside), tool)
        try:
            with fenced(command, door.places, cwd=folder, env=surroundings, output=output) as (
                process,
                fence,
            ):
                status = _await(process, time_limit)
        except OSError as error:
            raise MigrationError(f"`{shown}` cannot be run in {folder}: {error.strerror or error}") from None
        kept = Kept((*fence.kept_from, *door.turned_away), fence.stands)
        lines = _lines(output)
        said = _said(lines, database.conninfo, secret)
    if status is None:
        limit = f"{time_limit:g} s ([limits] migration_seconds)"
        raise MigrationError(f"`{shown}` did not end within {limit}{said}{kept.told()}")
    if status:
        told = f"failed with status {status}{said}"
        if kept.wanted:
            raise MigrationError(f"`{shown}` {told}{kept.told()}")
        if database.server.lends_no_superuser and any(map(_DENIED.search, lines)):
            raise ScratchError(f"`{shown}` {told}: {NO_SUPERUSER}")
        failure = Failure(statement=Statement(file=f"`{shown}`", line=1), message=told)
        raise FailedMigration(f"`{shown}` {told}", failure)
    return kept


def _shown(command: str) -> str:
    return mask(shlex.join(["sh", "-c", command]) if "\n" in command else command)


def _await(process: "subprocess.Popen[bytes]", time_limit: float) -> int | None:
    """Return the exit status of a command, None of one that did not end in time; all that it started has
    ended."""
    try:
        return process.wait(time_limit)
    except subprocess.TimeoutExpired:
        return None
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _lines(output: Any) -> list[str]:
    output.seek(0)
    return [line.strip() for line in output.read().decode(errors="replace").splitlines() if line.strip()]


def _said(lines: Sequence[str], conninfo: str, password: str) -> str:
    """Return the most telling line of what a program wrote: the last that tells of an error, without the
    password in `conninfo`, where it was led to, and without `password`."""
    if not lines:
        return ", and wrote nothing"
    begun = [line for line in lines if _TELLING[0].match(line)]
    telling = begun or [line for line in lines if _TELLING[1].search(line)] or lines
    line = mask(Secret(conninfo).hide_in(telling[-1]))
    line = line.replace(password, "***") if password else line
    return ": " + (line if len(line) <= _LONGEST else line[:_LONGEST].rstrip() + "…")
