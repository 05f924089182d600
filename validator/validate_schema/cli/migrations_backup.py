"""`validate-schema migrations backup`: dump the database, keep the newest."""

from pathlib import Path
from typing import Any

import click

from . import migrating, options


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
def command(*, folder: Path | None, keep: int, **given: Any) -> int:
    """Dump the database with pg_dump into DIR/<database>_<UTC time>.dump.

    Compressed, readable by you alone, complete or not there. The newest N of this database stay; no
    other file is touched. The database is only read.
    """
    from ..catalog.connect import connect
    from ..run.migrating import backup_folder, save
    from .request import config_of, database_of

    told = options.Options(**given)
    url = database_of(told)
    folder = folder or backup_folder(config_of(told)) or Path("backups")
    with connect(url) as connection:
        save(connection, url, folder, keep, say=click.echo)
    return 0
