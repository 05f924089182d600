"""Put a backup in the place of what a database holds: in one transaction, or not at all.

pg_restore turns the archive into a script, which psql runs after what empties the database. Its option for a
single transaction ends the script with COMMIT once all of the archive is read; without it, the script commits
around large objects. An error or a broken file leaves the database as it was; a restore that is killed has
happened whole or not at all.
"""

import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ..catalog.connect import Destination
from ..model.errors import RunnerError
from ..model.wording import form, listed
from . import clearing, programs
from .archive import Archive, read_archive, require_backup

if TYPE_CHECKING:
    import psycopg

_CHUNK = 1 << 20
# The database, or the role, may be set to be read only, or to give up early. The script's own BEGIN is one
# too many, of which the server would warn.
_LIMITS = """set client_min_messages = error;
set idle_in_transaction_session_timeout = 0;
set statement_timeout = 0;
set lock_timeout = {lock_timeout_ms};
"""
_NEWER_LIMIT = "set transaction_timeout = 0;\n"
_BEGIN = "begin isolation level read committed read write;\n"
_REMEDY = {"role": "create them", "extension": "install them"}
# pg_dump 17 and newer begin with this setting, which older servers do not know.
_NEWER = re.compile(rb"^SET transaction_timeout = 0;$", re.MULTILINE)


def check(connection: "psycopg.Connection[Any]", path: Path) -> Archive:
    """Return what the backup at `path` needs, once all of it is at hand; reads only.

    Raises `UsageError` for a file that is no backup, and `RunnerError` where it cannot be read, or the server
    lacks roles or extensions of it: they are not part of a backup.
    """
    require_backup(path)
    found = read_archive(programs.find(connection.info.server_version), path)
    for kind, wanted, there in (
        ("role", found.roles, "select rolname from pg_catalog.pg_roles"),
        ("extension", found.extensions, "select name from pg_catalog.pg_available_extensions"),
    ):
        lacking = sorted(wanted - {name for (name,) in connection.execute(there.encode())})
        if lacking:
            raise RunnerError(
                f"{path} was not restored: this server has no {form(len(lacking), kind)} {listed(lacking)},"
                f" of which the backup speaks; {_REMEDY[kind]}, then restore again. Nothing was changed"
            )
    return found


def kept_slots(connection: "psycopg.Connection[Any]") -> tuple[str, ...]:
    """Return the replication slots of the database's subscriptions: a restore asks nothing of the publishers,
    so the slots stay there."""
    found = connection.execute(
        "select subslotname from pg_catalog.pg_subscription where subslotname is not null and subdbid ="
        " (select oid from pg_catalog.pg_database where datname = current_database()) order by subslotname"
    )
    return tuple(name for (name,) in found)


def restore(
    destination: Destination, version_num: int, path: Path, archive: Archive, *, lock_timeout_ms: int = 10_000
) -> None:
    """Replace all that the database at `destination` holds by the backup at `path`, which `check` returned
    `archive` of.

    What is there is dropped first, in the same transaction. Roles, and settings of the database itself, are
    not part of a backup and stay. Raises `RunnerError` where anything fails: then the database is as it was.
    """
    bin_dir = programs.find(version_num)
    target, environ = programs.credentials(destination)
    run = [str(bin_dir / "psql"), "--no-psqlrc", "--quiet", "--no-password", "--set=ON_ERROR_STOP=1",
           "--dbname", target]  # fmt: skip
    read = [str(bin_dir / "pg_restore"), "--single-transaction", "--file=-", str(path.resolve())]
    before = _LIMITS.format(lock_timeout_ms=lock_timeout_ms) + _NEWER_LIMIT * (version_num >= 170000)
    before += _BEGIN + clearing.script(archive)
    with tempfile.TemporaryFile() as complaints, tempfile.TemporaryFile() as reading:
        source = subprocess.Popen(read, stdout=subprocess.PIPE, stderr=reading)
        sink = subprocess.Popen(run, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                stderr=complaints, env=environ)  # fmt: skip
        try:
            assert source.stdout is not None
            assert sink.stdin is not None
            whole = _pour(source, sink.stdin, before, version_num)
        finally:
            source.kill()
            source.communicate()
            status = sink.wait()
        if whole and status == 0:
            return
        said, unread = (_text(file) for file in (complaints, reading))
    why = programs.reason(said if status != 0 and said else unread, destination)
    raise RunnerError(f"{path} was not restored, {destination.shown} is as it was: {why}")


def _pour(source: "subprocess.Popen[bytes]", sink: IO[bytes], before: str, version_num: int) -> bool:
    """Feed the scripts; return whether pg_restore came to the end of its one. If not, psql comes to the end
    of its input without COMMIT, and the server undoes what was done."""
    assert source.stdout is not None
    try:
        sink.write(before.encode())
        for chunk in _script(source.stdout, version_num):
            sink.write(chunk)
        return source.wait() == 0
    except BrokenPipeError:
        return False
    finally:
        _close(sink)


def _script(stream: IO[bytes], version_num: int) -> Iterator[bytes]:
    head = stream.read(_CHUNK)
    yield _NEWER.sub(b"", head, count=1) if version_num < 170000 else head
    while chunk := stream.read(_CHUNK):
        yield chunk


def _close(sink: IO[bytes]) -> None:
    try:
        sink.close()
    except BrokenPipeError:
        return  # psql has stopped at an error, and says so itself


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")
