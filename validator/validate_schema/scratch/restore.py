"""Put a backup in the place of what a database holds: in one transaction, or not at all.

pg_restore turns the archive into a script; psql runs it between BEGIN and a COMMIT that it is given only
once pg_restore has come to its end. An error or a broken file leaves the database as it was; a restore that
is killed has happened whole or not at all.
"""

import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from ..catalog.connect import Destination
from ..model.errors import RunnerError, UsageError
from . import programs

_MAGIC = b"PGDMP"
_CHUNK = 1 << 20
# pg_dump 17 and newer begin with this setting, which older servers do not know.
_NEWER = re.compile(rb"^SET transaction_timeout = 0;$", re.MULTILINE)

# Everything that the backup could bring goes: what extensions own goes with them, schemas go with what is
# in them. The schema public stays, since pg_dump takes it for granted, and is emptied.
_CLEAR = r"""
do $clear$
declare
    what record;
begin
    for what in select format('drop event trigger %I', evtname) as sql from pg_catalog.pg_event_trigger e
        where not exists (select from pg_catalog.pg_depend d where d.deptype = 'e' and d.objid = e.oid
            and d.classid = 'pg_catalog.pg_event_trigger'::regclass)
    loop execute what.sql; end loop;
    for what in select format('drop publication %I', pubname) as sql from pg_catalog.pg_publication
    loop execute what.sql; end loop;
    for what in select format('drop extension if exists %I cascade', extname) as sql
        from pg_catalog.pg_extension where extname <> 'plpgsql'
    loop execute what.sql; end loop;
    for what in select format('drop schema if exists %I cascade', nspname) as sql from pg_catalog.pg_namespace
        where nspname !~ '^pg_' and nspname not in ('information_schema', 'public')
    loop execute what.sql; end loop;
    loop
        select format('drop %s if exists %s cascade', i.type, i.identity) as sql into what
        from pg_catalog.pg_depend d
        cross join lateral pg_catalog.pg_identify_object(d.classid, d.objid, 0) i
        where d.refclassid = 'pg_catalog.pg_namespace'::regclass and d.refobjid = to_regnamespace('public')
            and d.deptype = 'n' and d.objsubid = 0
            and i.type not in ('default acl', 'extension', 'index')
        limit 1;
        exit when not found;
        execute what.sql;
    end loop;
    for what in select format('drop foreign data wrapper %I cascade', fdwname) as sql
        from pg_catalog.pg_foreign_data_wrapper
    loop execute what.sql; end loop;
    perform pg_catalog.lo_unlink(oid) from pg_catalog.pg_largeobject_metadata;
end
$clear$;
"""


def require_backup(path: Path) -> None:
    """Raise `UsageError` for a file that is not a backup in pg_dump's custom format."""
    try:
        with path.open("rb") as file:
            head = file.read(len(_MAGIC))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from None
    if head != _MAGIC:
        raise UsageError(f"{path}: not a backup in pg_dump's custom format; `migrations backup` makes one")


def restore(destination: Destination, version_num: int, path: Path, *, lock_timeout_ms: int = 10_000) -> None:
    """Replace all that the database at `destination` holds by the backup at `path`.

    Schemas, extensions, publications, event triggers and large objects of the database are dropped first,
    in the same transaction. Roles, and settings of the database itself, are not part of a backup and stay.
    Raises `UsageError` for a file that is no backup and `RunnerError` where anything fails: then the
    database is as it was.
    """
    require_backup(path)
    bin_dir = programs.find(version_num)
    target, environ = programs.credentials(destination)
    run = [str(bin_dir / "psql"), "--no-psqlrc", "--quiet", "--no-password", "--set=ON_ERROR_STOP=1",
           "--dbname", target]  # fmt: skip
    read = [str(bin_dir / "pg_restore"), "--file=-", str(path.resolve())]
    with tempfile.TemporaryFile() as complaints, tempfile.TemporaryFile() as reading:
        source = subprocess.Popen(read, stdout=subprocess.PIPE, stderr=reading)
        sink = subprocess.Popen(run, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                stderr=complaints, env=environ)  # fmt: skip
        try:
            assert source.stdout is not None
            assert sink.stdin is not None
            whole = _pour(source, sink.stdin, version_num, lock_timeout_ms)
        finally:
            source.kill()
            source.communicate()
            status = sink.wait()
        if whole and status == 0:
            return
        said, unread = (_text(file) for file in (complaints, reading))
    why = programs.reason(said if status != 0 and said else unread, destination)
    raise RunnerError(f"{path} was not restored, {destination.shown} is as it was: {why}")


def _pour(source: "subprocess.Popen[bytes]", sink: IO[bytes], version_num: int, lock_timeout_ms: int) -> bool:
    """Feed the script; COMMIT follows only if pg_restore ended well. Without it psql ends at the end of
    its input, and the server undoes what was done."""
    assert source.stdout is not None
    try:
        limits = f"set statement_timeout = 0;\nset lock_timeout = {lock_timeout_ms};\n"
        sink.write(f"begin;\nset client_min_messages = warning;\n{limits}{_CLEAR}".encode())
        for chunk in _script(source.stdout, version_num):
            sink.write(chunk)
        if source.wait() != 0:
            return False
        sink.write(b"\ncommit;\n")
    except BrokenPipeError:
        return False
    finally:
        _close(sink)
    return True


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
