"""`validate-schema migrations backup`: dump the database, keep the newest."""

from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import migrating, options

if TYPE_CHECKING:
    import psycopg


@click.command("backup")
@migrating.database
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The folder of backups; made if it is not there. Default: [migrations] backup, then backups.",
)
@migrating.keep
@options.config
def command(*, database_url: str | None, folder: Path | None, keep: int, config_path: Path | None) -> int:
    """Dump the database with pg_dump into DIR/<database>_<UTC time>.dump.

    Compressed, readable by you alone, complete or not there. The newest N of this database stay; no
    other file is touched. The database is only read.
    """
    from ..catalog.connect import connect

    url = migrating.choose_url(database_url)
    folder = folder or migrating.backup_folder(config_path) or Path("backups")
    with connect(url) as connection:
        save_to(connection, url, folder, keep)
    return 0


def save_to(
    connection: "psycopg.Connection[Any]",
    url: str | None,
    folder: Path,
    keep: int,
    spare: Collection[Path] = (),
) -> Path:
    """Back the connection's database up and say so."""
    from ..catalog.connect import parse_url
    from ..scratch.dump import back_up

    path = back_up(
        parse_url(url),
        connection.info.dbname,
        connection.info.server_version,
        folder,
        now=datetime.now(UTC),
        keep=keep,
        spare=spare,
    )
    click.echo(f"backup: {path} ({_size(path.stat().st_size)})")
    return path


def _size(count: int) -> str:
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count} bytes"
