"""`validate-schema history`: the trend of a folder of reports."""

from pathlib import Path

import click

from ..model.errors import SnapshotError, UsageError
from ..report import read_report


@click.command("history")
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--format", type=click.Choice(("txt", "md", "json")), default="txt", show_default=True)
def command(folder: Path, format: str) -> int:
    """Show how the findings went on over the JSON reports of DIR, oldest first.

    What is no report is named on standard error and left out.
    """
    from ..report.comparing import render_trend

    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder")
    found = []
    for path in sorted(folder.glob("*.json")):
        try:
            found.append((path.name, read_report(path)))
        except SnapshotError as error:
            click.echo(f"left out: {error}", err=True)
    if not found:
        raise UsageError(f"{folder}: no JSON reports in it; write one with --report {folder}/today.json")
    found.sort(key=lambda entry: (entry[1].generated_at, entry[0]))
    click.echo(render_trend(found, format), nl=False)
    return 0
