"""`validate-schema checks`: what is checked."""

from collections.abc import Sequence

import click

from ..checking.engine import select_checks
from ..checking.packs import builtin_checks
from ..model.wording import some
from ..run.request import split_ids
from . import options


@click.command("checks")
@options.selection_ids
@click.option("--format", "format_", type=click.Choice(("txt", "json")), default="txt", show_default=True)
def command(select: Sequence[str], ignore: Sequence[str], format_: str) -> None:
    """List the checks with id, severity, name and title."""
    chosen = select_checks(builtin_checks(), split_ids(select), split_ids(ignore))
    if format_ == "json":
        import msgspec

        rows = [
            {"id": c.id, "name": c.name, "severity": c.severity.value, "title": c.title, "why": c.why}
            for c in chosen
        ]
        click.echo(msgspec.json.format(msgspec.json.encode(rows), indent=2))
        return
    width = max(len(c.name) for c in chosen)
    for check in chosen:
        click.echo(f"{check.id}  {check.severity.value:<7}  {check.name:<{width}}  {check.title}")
    click.echo(f"\n{some(len(chosen), 'check')}; `validate-schema explain ID` tells more.")
