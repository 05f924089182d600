"""`validate-schema migrations verify`: the check after a deploy or at boot."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from . import migrating
from .options import Options

if TYPE_CHECKING:
    from ..migrations import MigrationSet
    from ..model.history import HistoryEntry, Ledger

_WORDS = {
    "pending": "not applied",
    "gap": "not applied, though later ones are",
    "missing": "applied, without a file",
    "edited": "edited after it was applied",
    "line_endings": "differs by line ends from what was applied",
    "on_disk": "not applied: there is no ledger",
    "rolled_back": "rolled back",
}


@click.command("verify")
@migrating.files
@migrating.database
@click.option("--health", metavar="URL", help="Then require that GET URL answers 200.")
@click.option(
    "--health-timeout",
    type=click.FloatRange(min=0),
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="How long the service may take to answer 200.",
)
def command(*, health: str | None, health_timeout: float, **given: Any) -> int:
    """Require that the applied set equals the files exactly, each with its checksum.

    A ledger that records no checksum of a file cannot vouch for its content: that is said, and is no
    failure. With --health, the service must then answer too. Reads only.

    Ends with 0 when all is so, 1 when it is not, 2 for a wrong option or folder, 3 when the database
    could not be asked.
    """
    from ..catalog.connect import connect
    from ..run.migrating import decided, history
    from .health import require_healthy, require_url
    from .request import database_of

    if health is not None:
        require_url(health)
    told = Options(**given)
    found = migrating.found(told, programs=True)
    with connect(database_of(told)) as connection:
        found = decided(connection, found)
        tracker, entries = history(connection, found)
    problems = differences(found.migrations, tracker, entries)
    for problem in problems:
        click.echo(f"✗ {problem}")
    if problems:
        click.echo(f"✗ the applied set is not that of {found.migrations.folder}: {len(problems)} differ")
        return 1
    click.echo(f"✓ {agreement(tracker, entries)}")
    for line in migrating.remarks(found.migrations, tracker):
        click.echo(line)
    if health is not None:
        require_healthy(health, health_timeout)
        click.echo("✓ the service answers 200")
    return 0


def differences(
    migrations: "MigrationSet", ledger: "Ledger | None", entries: "Sequence[HistoryEntry]"
) -> list[str]:
    """Return what keeps the applied set from being the files, a line each."""
    from ..migrations.history.compare import shared
    from ..sql.ident import visible

    if ledger is not None and ledger.reason:
        return [ledger.reason]
    found = [f"{v.version}: {' and '.join(v.files)} have the same version" for v in shared(migrations)]
    for e in entries:
        if e.status not in ("applied", "unverifiable", "baseline"):
            found.append(
                f"{e.version} {e.name or e.recorded_name}: {_WORDS.get(e.status) or e.why or e.status}"
            )
    return [visible(line) for line in found]


def agreement(ledger: "Ledger | None", entries: "Sequence[HistoryEntry]") -> str:
    """Return what was compared, and what could not be."""
    table = ledger.table if ledger else "no ledger"
    verified = sum(e.verified for e in entries)
    rest = len(entries) - verified
    trusted = f", {rest} without one to compare" if rest else ""
    partial = (
        "; it records the current version alone, so a file below it that never ran would not show"
        if ledger and not ledger.complete
        else ""
    )
    said = f"{len(entries)} of {len(entries)} applied by {table}: {verified} with the same checksum"
    return f"{said}{trusted}{partial}"
