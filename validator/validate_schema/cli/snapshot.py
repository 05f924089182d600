"""`validate-schema snapshot`: save the catalog."""

from pathlib import Path
from typing import Any

import click

from ..model.wording import some
from . import options
from .headings import Headed


@click.command("snapshot", cls=Headed)
@options.target
@click.option(
    "--output", "-o", default="-", show_default=True, metavar="FILE", help="Where to write; - is stdout."
)
def command(*, output: str, **given: Any) -> None:
    """Write the catalog as JSON. Checking it later gives the same findings as the database."""
    from ..catalog.snapshot import dump_snapshot
    from ..model.progress import Progress
    from ..report import write
    from ..run.source import open_source
    from .inputs import STDOUT, inputs_of, refuse_inputs
    from .request import config_of, source_of

    told = options.Options(**given)
    config = config_of(told)
    refuse_inputs((output,), inputs_of(told, config))
    with open_source(source_of(told, config), Progress()) as opened:
        text = dump_snapshot(opened.catalog).decode()
    if output == STDOUT:
        click.echo(text, nl=False)
    else:
        write(text, Path(output))
        click.echo(f"snapshot: {output} ({some(len(opened.catalog.tables), 'table')})", err=True)
