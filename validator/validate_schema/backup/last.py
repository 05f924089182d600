"""Where the last backup is: for the report's rollback plan."""

from pathlib import Path
from typing import TYPE_CHECKING

from ..config import MigrationsConfig
from ..model.history import LastBackup
from .dump import made_at, newest

if TYPE_CHECKING:
    import psycopg


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
