"""`validate-schema scratch`: what throwaway servers and databases there are, and their removal."""

import click


@click.group("scratch")
def command() -> None:
    """List or remove throwaway PostgreSQL servers and databases."""


@command.command("list")
def list_() -> None:
    """List scratch clusters: version, state, templates, size."""
    from ..scratch import list_scratch

    entries = list_scratch()
    if not entries:
        click.echo("no scratch servers")
    for entry in entries:
        click.echo(entry.line())


@command.command("clean")
def clean() -> None:
    """Stop and remove every scratch cluster that nobody is using."""
    from ..scratch import clean_scratch

    removed = clean_scratch()
    for line in removed:
        click.echo(line)
    click.echo(f"{len(removed)} removed")
