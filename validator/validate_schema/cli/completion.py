"""`validate-schema completion`: the script that a shell evaluates."""

import click
from click.shell_completion import get_completion_class


@click.command("completion")
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
def command(shell: str) -> None:
    """Print the completion script: eval "$(validate-schema completion bash)"."""
    from .main import cli

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"no completion for {shell}")
    name = "validate-schema"
    click.echo(kind(cli, {}, name, "_VALIDATE_SCHEMA_COMPLETE").source())
