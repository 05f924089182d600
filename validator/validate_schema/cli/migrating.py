"""What the commands on migrations share: their options, the files, the ledger."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..model.errors import UsageError
from . import options

if TYPE_CHECKING:
    import psycopg

    from ..migrations import MigrationSet
    from ..model.history import HistoryEntry, Ledger

_Command = TypeVar("_Command", bound=Callable[..., Any])

_PG_VARIABLES = ("PGHOST", "PGHOSTADDR", "PGSERVICE", "PGDATABASE", "PGUSER", "PGPORT")

database = click.option(
    "--database-url", metavar="URL", help="The database. Default: DATABASE_URL, then PG*."
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


@dataclass(frozen=True)
class Found:
    """The migrations, the ledger's table if one was named, and the config's folder of backups."""

    migrations: "MigrationSet"
    ledger: str | None
    backups: Path | None


def find(migrations: Path | None, tool: str | None, ledger: str | None, config_path: Path | None) -> Found:
    """Return the migrations that the options or the config name. Raises `UsageError`."""
    from ..config import load
    from ..migrations import discover

    config = load(config_path, Path.cwd())
    named = config.config.migrations
    base = config.path.parent if config.path else Path()
    folder = migrations or (base / named.path if named.path else None)
    if folder is None:
        raise UsageError("--migrations is missing: give a folder, or name one in the config's [migrations]")
    backups = base / named.backup if named.backup else None
    return Found(discover(folder, tool or named.tool), ledger or named.ledger, backups)


def backup_folder(config_path: Path | None) -> Path | None:
    """Return the folder of backups that the config names, if it does."""
    from ..config import load

    config = load(config_path, Path.cwd())
    named = config.config.migrations.backup
    return (config.path.parent if config.path else Path()) / named if named else None


def strays(migrations: "MigrationSet") -> list[str]:
    """Return the SQL files in the folder that are no part of the sequence, in a sentence if there are any."""
    from ..sql.ident import visible

    names = [visible(migrations.label(path)) for path in migrations.stray]
    if not names:
        return []
    rest = f" and {len(names) - _FEW} more" if len(names) > _FEW else ""
    return [f"note: outside the sequence, never run: {', '.join(names[:_FEW])}{rest}"]


def choose_url(given: str | None) -> str | None:
    """Return the database's URL: the option, then DATABASE_URL; None for PG*. Raises `UsageError`."""
    url = given if given is not None else os.environ.get("DATABASE_URL")
    if url is None and not any(os.environ.get(name) for name in _PG_VARIABLES):
        raise UsageError("no database: give --database-url, or set DATABASE_URL or PG*")
    return url


def history(
    connection: "psycopg.Connection[Any]", found: Found
) -> "tuple[Ledger | None, tuple[HistoryEntry, ...]]":
    """Return the ledger of the migrations and what it and the files say of each, an interrupted one of
    the runner's among them. Raises `MigrationError` where several ledgers fit."""
    import msgspec

    from ..migrations.apply import interrupted
    from ..migrations.history.compare import compare
    from ..migrations.ledger import ledger_for, read_ledgers

    ledger = ledger_for(read_ledgers(connection), found.migrations, found.ledger)
    begun = interrupted(connection)
    entries = tuple(
        msgspec.structs.replace(
            entry,
            status="failed",
            why=f"begun {begun[entry.version]} and not ended; `migrations apply` settles it",
        )
        if entry.version in begun
        else entry
        for entry in compare(found.migrations, ledger)
    )
    return ledger, entries
