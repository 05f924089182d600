"""`validate-schema migrations …`: each command in a module of its own."""

import click

from .lazy import LazyGroup

COMMANDS = {
    "apply": "Apply pending migrations, each with its row in one transaction. Writes to the database.",
    "backup": "Dump the database into a folder; keep the newest backups.",
    "restore": "Replace all that the database holds by a backup. Writes to the database.",
    "status": "Say of every migration whether it was applied.",
    "test": "Test migrations with rows: every upgrade path.",
    "verify": "Require that the applied set equals the files exactly; then ask a health endpoint.",
}


@click.group("migrations", cls=LazyGroup, lazy=COMMANDS, prefix="migrations_")
def command() -> None:
    """Apply migrations, compare them with the ledger, back up and restore.

    apply and restore write to the database that is named; all others only read.
    """
