"""The command group: the bare run is the main job; subcommands load when they are called."""

from typing import Any

import click

from ..model.version import __version__
from . import options
from .lazy import LazyGroup, refuse_stray_options

COMMANDS = {
    "checks": "List the checks.",
    "compare": "Compare two saved reports: what is new, what is gone.",
    "completion": "Print the completion script of a shell.",
    "demo": "Validate the bundled FlakeGuard example and write its report.",
    "diff": "Compare two schemas: databases, snapshots, migrations, declarations.",
    "doctor": "Say what can be connected to, read and started here.",
    "explain": "Explain a check: what it examines, why, bad and good SQL.",
    "fix": "Write the migration that mends what is found, after trying it on a copy.",
    "fleet": "Tell which of many alike schemas or databases differ, and in what.",
    "history": "Show how the findings of saved reports went on over time.",
    "init": "Write a commented validate-schema.toml from what was inferred.",
    "migrations": "Apply migrations, compare them with the ledger, back up and restore.",
    "prove": "Prove with two tenants' rows that they are kept apart; print the matrix.",
    "render": "Render a saved JSON report in another format.",
    "scratch": "List or remove throwaway PostgreSQL servers and databases.",
    "snapshot": "Save the catalog as JSON, to be checked or compared later.",
}


@click.group(
    cls=LazyGroup,
    lazy=COMMANDS,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Exit codes: 0 pass, 1 findings at or above --fail-on, 2 usage, 3 could not be completed.",
)
@options.target
@options.contracts
@options.selection
@options.proof
@options.replay
@options.repro
@options.baseline
@options.output
@click.version_option(__version__, prog_name="validate-schema")
@click.pass_context
def cli(ctx: click.Context, /, **given: Any) -> int | None:
    """Validate a multi-tenant PostgreSQL schema and report what was examined.

    \b
    validate-schema --database-url postgresql://… --report out.md
    validate-schema --migrations prisma/migrations --report out.html

    Without a subcommand the target is examined, the findings go to standard output, and each
    --report is written. The connection is read-only.
    """
    if ctx.invoked_subcommand is not None:
        refuse_stray_options(ctx)
        return None
    from .validate import validate

    return validate(options.Options(**given))
