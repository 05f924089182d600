"""`validate-schema migrations restore`: put a backup in the place of what the database holds."""

import sys
from pathlib import Path

import click

from ..model.errors import UsageError
from ..model.secret import Secret
from . import migrating
from .options import Options


@click.command("restore")
@click.argument("file", type=click.Path(path_type=Path))
@migrating.database
@click.option(
    "--backup",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where the safety backup goes. Default: beside FILE.",
)
@migrating.keep
@click.option(
    "--lock-timeout",
    type=click.IntRange(min=0),
    default=10_000,
    show_default=True,
    metavar="MS",
    help="How long to wait for what applications have locked; 0 is without limit.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
def command(
    *, file: Path, database_url: Secret | None, backup: Path | None, keep: int, lock_timeout: int, yes: bool
) -> int:
    """Replace ALL that the database holds by the backup FILE. This WRITES TO THE DATABASE.

    A safety backup is made first, and you are asked. What is there is dropped and the backup put in its
    place in one transaction: whatever fails, the database is as it was. Applications may stay connected;
    they wait, or keep a lock that makes the restore give up.

    Ends with 0 when it is restored, 1 when the answer was no, 2 for a wrong option or file, 3 when it could
    not be completed.
    """
    from ..catalog.connect import connect, parse_url
    from ..migrations.apply import hold_lock
    from ..model.wording import listed
    from ..run.migrating import save
    from ..scratch.archive import require_backup
    from ..scratch.restore import check, kept_slots, restore
    from .request import database_of

    require_backup(file)
    url = database_of(Options(database_url=database_url))
    destination = parse_url(url)
    with connect(url) as connection:
        name = connection.info.dbname
        archive = check(connection, file)
        if not (yes or _agreed(f"Replace all that {name} at {destination.shown} holds by {file}?")):
            click.echo("nothing was changed", err=True)
            return 1
        hold_lock(connection, say=click.echo)
        saved = save(connection, url, backup or file.parent, keep, say=click.echo, spare=(file,))
        click.echo(f"writing to {destination.shown}: restoring {file}")
        slots = kept_slots(connection)
        restore(destination, connection.info.server_version, file, archive, lock_timeout_ms=lock_timeout)
    click.echo(f"restored {name} from {file}; what was there before: {saved}")
    if slots:
        click.echo(f"replication slots stay at the publisher, drop those that nobody uses: {listed(slots)}")
    if archive.subscriptions:
        click.echo(
            f"subscriptions are off until ALTER SUBSCRIPTION … ENABLE: {listed(archive.subscriptions)}"
        )
    click.echo("run ANALYZE when it is convenient: planner statistics are not part of a backup")
    return 0


def _agreed(question: str) -> bool:
    """Return the answer. Raises `UsageError` where nobody can give one, `click.Abort` where nobody does."""
    if not sys.stdin.isatty():
        raise UsageError("restore replaces all data and nobody can be asked here: add --yes")
    return click.confirm(question, err=True)
