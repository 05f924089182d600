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

    Ends with 1 when there are new ones, else with 0.
    """
    from ..checking.baseline import compare
    from ..report.comparing import render_comparison

    earlier, later = read_report(old), read_report(new)
    found = compare(earlier, later.findings, later.suppressed, later.checks)
    click.echo(render_comparison(found, earlier, later, format), nl=False)
    return 1 if found.new else 0
