"""`validate-schema init`: the first config, from what the database shows."""

from pathlib import Path
from typing import Any

import click

from ..model.errors import UsageError
from . import options

FILE_NAME = "validate-schema.toml"


@click.command("init")
@options.target
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    default=Path(FILE_NAME),
    show_default=True,
    metavar="FILE",
)
@click.option("--force", is_flag=True, help="Replace the file if it exists.")
def command(*, output: Path, force: bool, **given: Any) -> None:
    """Write a commented config from what was inferred. An existing file is left alone."""
    from ..model.progress import Progress
    from ..report import write
    from ..run.provenance import run_time
    from ..run.source import open_source
    from ..tenancy import identify
    from ..tenancy.draft import draft_config
    from .inputs import inputs_of, refuse_inputs
    from .request import config_of, source_of

    if output.exists() and not force:
        raise UsageError(f"{output} exists: --force replaces it, --output names another file")
    told = options.Options(**given)
    config = config_of(told)
    refuse_inputs((output,), (path for path in inputs_of(told, config) if path != config.path))
    with open_source(source_of(told, config), Progress()) as opened:
        tenancy = identify(opened.catalog, config.config.tenancy, today=run_time({}).date())
        text = draft_config(opened.catalog, tenancy, config.config.tenancy)
    write(text, output)
    click.echo(f"wrote {output}: read it, settle what is commented out, commit it", err=True)
