"""`validate-schema fleet fix`: the correction of the members that differ, tried before it is written."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import options
from .fleet import members, request_of

if TYPE_CHECKING:
    from ..fleets.mend import Mending


@click.command("fix")
@members
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    metavar="DIR",
    help="The folder for the scripts, one for each shape that differs.",
)
@options.scratch
@options.statement_timeout
@options.timeout
@options.config
@click.option("--force", is_flag=True, help="Write a script even if its trial found something wrong.")
def command(*, into: Path, force: bool, **given: Any) -> int:
    """Write what makes the members that differ like the reference: one script for psql for each shape.

    \b
    validate-schema fleet fix --schemas 'tenant_%' --into mend
    psql "$DATABASE_URL" -f mend/shape-9d29787e.sql

    Each is run on a copy of that shape first. What only a member has, what would lose rows, and what would
    give a right is never guessed: it stands in the script as a comment. Nothing is written to a member.

    Ends with 0 when the scripts were written or nothing was to be mended, 1 when a trial found something
    wrong, 3 when a member could not be examined.
    """
    from ..fleets.mend import mendings
    from ..model.progress import Progress
    from ..model.wording import some
    from .request import config_of

    names = ("database_url", "config_path", "statement_timeout", "timeout", "scratch")
    told = options.Options(**{name: given[name] for name in names})
    request = request_of(
        given
        | {
            "shard": None,
            "prove": False,
            "resume": None,
            "migrations": None,
            "scheduler": None,
            "expected": "none",
        },
        told,
        config_of(told),
    )
    report, found = mendings(request, Progress())
    reference = report.reference.name if report.reference else ""
    several, wrong = len({m.database for m in found}) > 1, False
    for mending in found:
        wrong |= _write(mending, reference, report.generated_at, into, several=several, force=force)
    unread = len(report.of_state("unread"))
    if unread:
        click.echo(f"{some(unread, 'member')} could not be examined", err=True)
        return 3
    if not found:
        click.echo("nothing differs", err=True)
    return 1 if wrong else 0


def _write(mending: "Mending", reference: str, when: str, into: Path, *, several: bool, force: bool) -> bool:
    """Write a script, say what is in it, and return whether its trial found something wrong."""
    from ..fleets.script import said, script_of
    from ..model.errors import UsageError
    from ..report import write
    from ..sql.ident import visible

    bad = bool(mending.refused or mending.left)
    left = [f"to decide: {said(c)} ({a.why})" for a in mending.open for c in a.changes]
    left += [f"not mended: {said(r.change)} ({r.reason})" for r in mending.refused]
    left += [f"still different afterwards: {said(c)}" for c in mending.left]
    for line in left:
        click.echo(visible(f"shape {mending.shape.id}: {line}"), err=True)
    if not mending.done or (bad and not force):
        why = (
            "nothing to mend that is certain" if not mending.done else "see above (--force writes it anyway)"
        )
        click.echo(f"shape {mending.shape.id}: not written: {why}", err=True)
        return bad
    name = f"shape-{mending.shape.id}{f'-{_plain(mending.database)}' if several else ''}.sql"
    try:
        into.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{into}: cannot write: {error.strerror or error}") from None
    write(script_of(mending, reference, when), into / name)
    click.echo(
        f"written: {into / name} ({len(mending.mended)} of {len(mending.shape.changes)} differences,"
        f" {len(mending.members)} members)",
        err=True,
    )
    return bad


def _plain(name: str) -> str:
    """Return a name as a part of a file name; different names stay different."""
    from urllib.parse import quote

    return quote(name, safe="").replace(".", "%2E")
