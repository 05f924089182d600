"""`validate-schema render`: another view of a saved report."""

from pathlib import Path
from typing import Any

import click

from ..report import read_report
from . import options


@click.command("render")
@click.argument("saved", type=click.Path(path_type=Path), metavar="REPORT.json")
@options.output_files
def command(*, saved: Path, **given: Any) -> None:
    """Render a saved JSON report in other formats; no database is needed."""
    from .inputs import refuse_inputs
    from .output import deliver, pair_formats

    told = options.Options(**given)
    refuse_inputs(told.reports, (saved,))
    deliver(read_report(saved), pair_formats(told.reports, told.formats), told)
