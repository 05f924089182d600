"""`validate-schema snapshot`: save the catalog."""

from pathlib import Path

import click

from . import options


@click.command("snapshot")
@options.target
@click.option(
    "--output", "-o", default="-", show_default=True, metavar="FILE", help="Where to write; - is stdout."
)
def command(
    database_url: str | None,
    migrations: Path | None,
    tool: str | None,
    snapshot: Path | None,
    scratch: str,
    statement_timeout: int,
    config_path: Path | None,
    output: str,
) -> None:
    """Write the catalog as JSON. Checking it later gives the same findings as the database."""
    from ..catalog.snapshot import dump_snapshot
    from ..config_file import load
    from ..examine import open_source
    from ..progress import Progress
    from ..report import write
    from .validate import STDOUT, choose_source, with_timeout

    config = load(config_path, Path.cwd())
    source = choose_source(
        database_url, migrations, snapshot, tool or config.config.migrations.tool, scratch, config
    )
    with open_source(with_timeout(source, statement_timeout), Progress()) as opened:
        text = dump_snapshot(opened.catalog).decode()
    if output == STDOUT:
        click.echo(text, nl=False)
    else:
        write(text, Path(output))
        click.echo(f"snapshot: {output} ({len(opened.catalog.tables)} tables)", err=True)
