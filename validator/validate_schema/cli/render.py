"""`validate-schema render`: another view of a saved report."""

from collections.abc import Sequence
from pathlib import Path

import click

from ..report import read_report
from . import options


@click.command("render")
@click.argument("saved", type=click.Path(path_type=Path), metavar="REPORT.json")
@options.output_files
def command(saved: Path, reports: Sequence[str], formats: Sequence[str], color: bool | None) -> None:
    """Render a saved JSON report in other formats; no database is needed."""
    from .validate import deliver, pair_formats

    deliver(read_report(saved), pair_formats(reports, formats), color=color)
