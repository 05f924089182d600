"""`validate-schema init`: the first config, from what the database shows."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..model.errors import UsageError
from . import options
from .headings import Headed

if TYPE_CHECKING:
    from ..config import LoadedConfig
    from ..run.source import Source

FILE_NAME = "validate-schema.toml"


@click.command("init", cls=Headed)
@options.target
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    default=Path(FILE_NAME),
    show_default=True,
    metavar="FILE",
    help="Where to write; - is stdout.",
)
@click.option("--force", is_flag=True, help="Replace the file if it exists.")
def command(*, output: Path, force: bool, **given: Any) -> None:
    """Write a commented config: the tenancy that was inferred, the migrations and contract of the folder.

    Without a target the migrations of the working directory are looked for. An existing file is left alone;
    --force infers its tenancy again, with what it declares, and keeps its other sections and the comment at
    its head; comments inside of [tenancy] are written anew.
    """
    from ..model.progress import Progress
    from ..report import write
    from ..run.first import first_config
    from .inputs import STDOUT, inputs_of, refuse_inputs
    from .request import config_of

    printed = str(output) == STDOUT
    if output.exists() and not force and not printed:
        raise UsageError(f"{output} exists: --force replaces its tenancy, --output names another file")
    if output.name == "pyproject.toml":
        raise UsageError(f"{output} holds more than this config: write to {FILE_NAME}")
    told = options.Options(**given)
    config = config_of(told)
    if config.path is None or output.resolve() != config.path:
        refuse_inputs((output,), inputs_of(told, config))
    source = _source(told, config)
    old = output.read_text(encoding="utf-8") if output.is_file() and not printed else None
    text = first_config(source, config, output, old, Progress())
    if printed:
        click.echo(text, nl=False)
        return
    write(text, output)
    click.echo(f"wrote {output}: read it, settle what is commented out, commit it", err=True)


def _source(told: options.Options, config: "LoadedConfig") -> "Source | None":
    """Return what is looked at: the target, else the migrations of the working directory; None where those
    are programs that the config does not run."""
    from ..run.first import found_migrations
    from .request import environment_url, libpq_is_told, source_of

    given = (told.database_url, told.migrations, told.snapshot, environment_url())
    if all(each is None for each in given) and not libpq_is_told():
        found = found_migrations(Path(), told.tool)
        if found is None:
            return source_of(told, config)
        if found.program and config.config.migrations.command is None:
            return None
        told = replace(told, migrations=found.folder)
    return source_of(told, config)
