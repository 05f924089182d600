"""`validate-schema checks`: what is checked."""

from collections.abc import Sequence
from pathlib import Path

import click

from ..checking.engine import select_checks
from ..checking.packs import checks_at_hand
from ..config import load
from ..model.wording import some
from ..run.request import split_ids
from ..sql.ident import visible
from . import options


@click.command("checks")
@options.selection_ids
@options.config
@click.option("--format", "format_", type=click.Choice(("txt", "json")), default="txt", show_default=True)
def command(
    packs: Sequence[str], select: Sequence[str], ignore: Sequence[str], config_path: Path | None, format_: str
) -> None:
    """List the checks with id, severity, name and title: ours and those of packs."""
    known = checks_at_hand(load(config_path, Path.cwd()), packs)
    chosen = select_checks(known, split_ids(select), split_ids(ignore))
    if format_ == "json":
        import msgspec

        rows = [
            {
                "id": c.id,
                "name": c.name,
                "severity": c.severity.value,
                "title": c.title,
                "why": c.why,
                "pack": c.pack,
            }
            for c in chosen
        ]
        click.echo(msgspec.json.format(msgspec.json.encode(rows), indent=2))
        return
    id_width, name_width = (
        max((len(getattr(c, part)) for c in chosen), default=0) for part in ("id", "name")
    )
    for check in chosen:
        origin = f" ({check.pack})" if check.pack else ""
        names = f"{check.id:<{id_width}}  {check.severity.value:<7}  {check.name:<{name_width}}"
        click.echo(visible(f"{names}  {check.title}{origin}"))
    click.echo(f"\n{some(len(chosen), 'check')}; `validate-schema explain ID` tells more.")
