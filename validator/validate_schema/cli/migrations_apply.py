"""`validate-schema migrations apply`: the one command that migrates a database."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import migrating
from .options import Options

if TYPE_CHECKING:
    from ..migrations.apply.plan import Plan


@click.command("apply")
@migrating.files
@migrating.database
@click.option("--dry-run", is_flag=True, help="Say what would run; change nothing.")
@click.option(
    "--backup",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Back the database up to DIR first. Default: [migrations] backup, if set.",
)
@migrating.keep
@click.option(
    "--allow-edited",
    multiple=True,
    metavar="VERSION",
    help="Accept that this file was edited after it was applied, and record its checksum. Repeatable.",
)
@click.option(
    "--allow-missing", is_flag=True, help="Go on although applied migrations have no file in the folder."
)
@click.option(
    "--lock-timeout",
    type=click.IntRange(min=0),
    default=5_000,
    show_default=True,
    metavar="MS",
    help="How long a statement waits for a lock; 0 is without limit.",
)
@click.option(
    "--statement-timeout",
    type=click.IntRange(min=0),
    default=3_600_000,
    show_default=True,
    metavar="MS",
    help="How long a statement runs; 0 is without limit.",
)
@click.option(
    "--wait",
    type=click.FloatRange(min=0),
    default=600.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for another runner.",
)
def command(
    *,
    dry_run: bool,
    backup: Path | None,
    keep: int,
    allow_edited: Sequence[str],
    allow_missing: bool,
    lock_timeout: int,
    statement_timeout: int,
    wait: float,
    **given: Any,
) -> int:
    """Apply pending migrations. This WRITES TO THE DATABASE.

    Each file and its row in validate_schema.applied_migrations are one transaction: both happen, or
    neither. A version that is missing from that table runs, whatever higher ones are there. Files are
    never undone.

    Ends with 0 when nothing is left to do, 1 when a migration fails or files and database contradict
    each other, 2 for a wrong option or folder, 3 when it could not be completed (connection, time-out).
    """
    from ..catalog.connect import connect, parse_url
    from ..migrations.apply import Consent, Limits, Wishes, apply, survey
    from ..run.migrating import backup_folder, require_same, save
    from .request import config_of, database_of

    told = Options(**given)
    found, url = migrating.found(told), database_of(told)
    folder, destination = backup or backup_folder(config_of(told)), parse_url(url)
    wishes = Wishes(
        consent=Consent(tuple(allow_edited), allow_missing),
        limits=Limits(lock_timeout, statement_timeout, destination.default_schema),
        ledger=found.ledger,
        wait_seconds=wait,
    )
    with connect(url, writable=not dry_run) as connection:
        require_same(connection, found)
        if dry_run:
            _foretell(survey(connection, found.migrations, wishes), migrating.remarks(found.migrations))
            return 0

        def back_up() -> None:
            if folder is not None:
                save(connection, url, folder, keep, say=click.echo)

        click.echo(f"writing to {destination.shown} as {connection.info.user}")
        for line in migrating.remarks(found.migrations):
            click.echo(line)
        count = apply(connection, found.migrations, wishes, say=click.echo, before_change=back_up)
    already = len(found.migrations.files) - count
    click.echo(f"{count} applied, {already} were already" if count else "nothing to apply")
    return 0


def _foretell(plan: "Plan", remarks: Iterable[str]) -> None:
    for line in remarks:
        click.echo(line)
    for note in plan.notes:
        click.echo(f"note: {note}")
    if plan.source is not None:
        click.echo(f"would take over {len(plan.taken_over)} from {plan.source.table} ({plan.source.tool})")
    for row in plan.accepted:
        click.echo(f"would accept as edited: {row.version} {row.name}")
    for row, _ in plan.interrupted:
        click.echo(f"would settle first, as it was interrupted: {row.version} {row.name}")
    for body in plan.pending:
        how = " (outside a transaction)" if body.lone else ""
        click.echo(f"would apply {body.label}{how}")
    click.echo(f"{len(plan.pending)} to apply; nothing was changed")
