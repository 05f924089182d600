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

    Of reports of a fleet it shows how many members were like the reference.

    What is no report is named on standard error and left out, and so are reports of fleets among others.
    """
    from ..report.comparing import render_trend
    from ..report.fleet import is_fleet

    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder")
    paths = sorted(folder.glob("*.json"))
    fleets = [path for path in paths if is_fleet(path)]
    if fleets and len(fleets) == len(paths):
        return _fleets(fleets, format)
    found = []
    for path in paths:
        try:
            found.append((path.name, read_report(path)))
        except SnapshotError as error:
            click.echo(f"left out: {error}", err=True)
    if not found:
        raise UsageError(f"{folder}: no JSON reports in it; write one with --report {folder}/today.json")
    found.sort(key=lambda entry: (entry[1].generated_at, entry[0]))
    click.echo(render_trend(found, format), nl=False)
    return 0


def _fleets(paths: list[Path], format: str) -> int:
    from ..report.fleet import read_fleet
    from ..report.fleet_comparing import render_fleet_trend

    found = [(path.name, read_fleet(path)) for path in paths]
    found.sort(key=lambda entry: (entry[1].generated_at, entry[0]))
    click.echo(render_fleet_trend(found, format), nl=False)
    return 0
