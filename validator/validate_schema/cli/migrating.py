"""What the commands on migrations share: their options, the files, the ledger."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from . import options
from .options import Options

if TYPE_CHECKING:
    from ..migrations import MigrationSet
    from ..model.history import Ledger
    from ..run.migrating import Found

_Command = TypeVar("_Command", bound=Callable[..., Any])

database = click.option(
    "--database-url",
    type=options.SECRET,
    metavar="URL",
    help="The database. Default: DATABASE_URL, then PG*.",
)
_FEW = 3
_FILES = (
    click.option(
        "--migrations",
        type=click.Path(path_type=Path),
        metavar="DIR",
        help="The migrations. Default: [migrations] path.",
    ),
    click.option("--tool", metavar="NAME", help="Migration tool, where the folder does not tell."),
    click.option("--ledger", metavar="TABLE", help="The ledger's table, where several fit: schema.name."),
    options.config,
)
keep = click.option(
    "--keep",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    metavar="N",
    help="How many backups of this database stay in the folder.",
)


def files(command: _Command) -> _Command:
    """Add the options that name the migrations and their ledger."""
    for option in reversed(_FILES):
        command = option(command)
    return command


def found(options: Options, *, programs: bool = False) -> "Found":
    """Return the migrations that the options or the config name, `programs` too. Raises `UsageError`."""
    from ..run.migrating import find
    from .request import config_of

    return find(config_of(options), options.migrations, options.tool, options.ledger, programs=programs)


def remarks(migrations: "MigrationSet", ledger: "Ledger | None" = None) -> list[str]:
    """Return what must be said of the files and of their `ledger`, and which SQL files in the folder are
    outside the sequence."""
    from ..migrations.history.compare import notes
    from ..model.wording import first_of
    from ..sql.ident import visible

    said = [f"note: {visible(note)}" for note in (*migrations.notes, *notes(migrations, ledger))]
    names = [visible(migrations.label(path)) for path in migrations.stray]
    outside = [f"note: outside the sequence, never run: {first_of(names, _FEW)}"] if names else []
    return [*said, *outside]
