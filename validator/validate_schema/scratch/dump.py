"""Make a backup; keep the newest ones."""

import errno
import os
import re
import subprocess
from collections.abc import Collection
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from ..catalog.connect import Destination
from ..config import MigrationsConfig
from ..model.errors import RunnerError, UsageError
from ..model.history import LastBackup
from . import locks, programs

if TYPE_CHECKING:
    import psycopg

_NO_LOCKS = frozenset({errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS})
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO})
_STAMP = "%Y%m%dT%H%M%SZ"
_HINT = "; a backup holds all rows: take it as a superuser or a role with BYPASSRLS"


def back_up(
    destination: Destination,
    database: str,
    version_num: int,
    folder: Path,
    *,
    now: datetime,
    keep: int = 10,
    spare: Collection[Path] = (),
) -> Path:
    """Dump `database` at `destination` into a new file of `folder` and return it.

    pg_dump's custom format, compressed, readable by its owner alone. The file appears whole, under
    ``<database>_<UTC time>.dump``, or not at all. The newest `keep` of this database stay, and those in
    `spare`; no other file is touched. Raises `RunnerError` and `UsageError`, one line each.
    """
    bin_dir = programs.find(version_num)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
            raise UsageError(f"{folder}: not a folder that can be written to")
        _remove_left(folder, database)
        part = folder / f".{_stem(database)}_{os.getpid()}.partial"
        lock = _open(part)
    except OSError as error:
        if error.errno in _FULL:
            raise RunnerError(f"no backup could be made in {folder}: {error.strerror}") from None
        why = "not a folder" if folder.exists() and not folder.is_dir() else error.strerror or error
        raise UsageError(f"{folder}: {why}") from None
    try:
        _dump(bin_dir, destination, lock.fd)
        os.fsync(lock.fd)
        _require_readable(bin_dir, part)
        path = _publish(part, folder, database, now)
    finally:
        part.unlink(missing_ok=True)
        lock.release()
    for old in _backups(folder, database)[keep:]:
        if old != path and not any(_same(old, kept) for kept in spare):
            old.unlink(missing_ok=True)
    return path


def newest(folder: Path, database: str) -> Path | None:
    """Return the newest backup of `database` in `folder`, None without one. Raises `OSError` where the
    folder cannot be read."""
    return next(iter(_backups(folder, database)), None)


def made_at(backup: Path) -> str:
    """Return when a backup was made, by its name: ISO 8601, in UTC."""
    stamp = backup.stem.rpartition("Z")[0][-len("20260102T030405") :]
    return datetime.strptime(f"{stamp}Z", _STAMP).strftime("%Y-%m-%dT%H:%M:%SZ")


def _dump(bin_dir: Path, destination: Destination, fd: int) -> None:
    target, environ = programs.credentials(destination, "-c default_transaction_read_only=on")
    command = [str(bin_dir / "pg_dump"), "--format=custom", "--no-password", "--lock-wait-timeout=60000",
               "--dbname", target]  # fmt: skip
    said = subprocess.run(command, stdout=fd, stderr=subprocess.PIPE, env=environ, check=False)
    if said.returncode != 0:
        why = programs.reason(said.stderr.decode(errors="replace"), destination)
        hint = _HINT if "row-level security" in why else ""
        raise RunnerError(f"no backup of {destination.shown} could be made, nothing was changed: {why}{hint}")


def _require_readable(bin_dir: Path, path: Path) -> None:
    """Raise `RunnerError` unless pg_restore can read the table of contents."""
    said = subprocess.run([bin_dir / "pg_restore", "--list", path], capture_output=True, check=False)
    if said.returncode != 0:
        why = programs.reason(said.stderr.decode(errors="replace"))
        raise RunnerError(f"the backup that was just written cannot be read: {why}")


def _open(part: Path) -> locks.Lock:
    """Return `part`, new, open and locked; not locked where the file system knows no locks."""
    try:
        lock = locks.acquire(part)
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        return locks.Lock(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
    assert lock is not None  # it waited
    return lock


def _remove_left(folder: Path, database: str) -> None:
    """Remove what backups of `database` left that were killed: whoever still writes to one has it locked."""
    pattern = re.compile(rf"\.{re.escape(_stem(database))}_\d+\.partial")
    for path in folder.iterdir():
        if not pattern.fullmatch(path.name) or path.is_symlink() or not path.is_file():
            continue
        with suppress(OSError):
            lock = locks.acquire(path, wait=False)
            if lock is not None:
                path.unlink(missing_ok=True)
                lock.release()


def _publish(part: Path, folder: Path, database: str, now: datetime) -> Path:
    """Give the finished file its name; never over another one."""
    stamp = now.strftime(_STAMP)
    for number in range(1, 1000):
        path = folder / f"{_stem(database)}_{stamp}{f'_{number}' if number > 1 else ''}.dump"
        try:
            os.link(part, path)
        except FileExistsError:
            continue
        except OSError:  # a file system without links
            if path.exists():
                continue
            part.rename(path)
        directory = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
        return path
    raise RunnerError(f"{folder}: holds too many backups of the same second")


def _stem(database: str) -> str:
    """Return the database's name as part of a file name; different names stay different."""
    return (
        quote(database, safe="").replace(".", "%2E") if database.startswith(".") else quote(database, safe="")
    )


def _backups(folder: Path, database: str) -> list[Path]:
    """Return the backups of `database` in `folder`, newest first."""
    pattern = re.compile(rf"{re.escape(_stem(database))}_(\d{{8}}T\d{{6}}Z)(?:_(\d+))?\.dump")
    found = [(m[1], int(m[2] or 1), p) for p in folder.iterdir() if (m := pattern.fullmatch(p.name))]
    return [path for *_, path in sorted(found, reverse=True) if path.is_file() and not path.is_symlink()]


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False


def last_backup(config: MigrationsConfig, base: Path, connection: "psycopg.Connection | None") -> LastBackup:
    """Return the newest backup of the connection's database in the folder that the config names."""
    if config.backup is None:
        return LastBackup()
    if connection is None:
        return LastBackup(reason=f"no database was looked at whose backups {config.backup} could hold")
    name = connection.info.dbname
    try:
        path = newest(base / config.backup, name)
    except OSError as error:
        return LastBackup(reason=f"{config.backup} cannot be read ({error.strerror or error})")
    if path is None:
        return LastBackup(reason=f"{config.backup} holds none of {name}")
    return LastBackup(file=f"{config.backup.rstrip('/')}/{path.name}", made_at=made_at(path))
