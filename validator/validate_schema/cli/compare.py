"""`validate-schema compare`: two saved reports."""

from pathlib import Path

import click

from ..report import read_report


@click.command("compare")
@click.argument("old", type=click.Path(path_type=Path), metavar="OLD.json")
@click.argument("new", type=click.Path(path_type=Path), metavar="NEW.json")
@click.option("--format", type=click.Choice(("txt", "md", "json")), default="txt", show_default=True)
def command(old: Path, new: Path, format: str) -> int:
    """Compare two saved JSON reports: which findings are new, resolved, unchanged.

    Of two reports of a fleet also which members are new and gone, which drifted, and which were mended.

    Ends with 1 when there are new findings, or members that drifted, are absent or behind, else with 0.
    """
    from ..checking.baseline import compare
    from ..model.errors import UsageError
    from ..report.comparing import render_comparison
    from ..report.fleet import is_fleet

    of_fleets = is_fleet(old), is_fleet(new)
    if all(of_fleets):
        return _fleets(old, new, format)
    if any(of_fleets):
        raise UsageError(f"{old if of_fleets[0] else new}: is of a fleet, and the other report is not")

    earlier, later = read_report(old), read_report(new)
    found = compare(earlier, later.findings, later.suppressed, later.checks)
    click.echo(render_comparison(found, earlier, later, format), nl=False)
    return 1 if found.new or found.changed else 0


def _fleets(old: Path, new: Path, format: str) -> int:
    from ..report.fleet import read_fleet
    from ..report.fleet_comparing import compare_fleets, render_fleets

    earlier, later = read_fleet(old), read_fleet(new)
    found = compare_fleets(earlier, later)
    click.echo(render_fleets(found, earlier, later, format), nl=False)
    return 1 if found.worse else 0
