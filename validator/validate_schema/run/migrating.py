"""The commands on migrations: which files and ledger are meant, what became of each file, a backup."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from ..config import LoadedConfig
from ..migrations import MigrationSet, discover
from ..migrations.apply import interrupted
from ..migrations.history.compare import compare
from ..migrations.ledger import ledger_for, read_ledgers
from ..model.errors import MigrationError, UsageError
from ..model.history import HistoryEntry, Ledger
from ..model.secret import Secret

if TYPE_CHECKING:
    import psycopg


@dataclass(frozen=True)
class Found:
    """The migrations, and the ledger's table if one was named."""

    migrations: MigrationSet
    ledger: str | None


def find(
    config: LoadedConfig,
    migrations: Path | None,
    tool: str | None,
    ledger: str | None,
    *,
    programs: bool = False,
) -> Found:
    """Return the migrations that are named, or else the config's, or else those of its folder, `programs`
    too. Raises `UsageError` for none, and `MigrationError` for a folder that cannot be used."""
    named = config.config.migrations
    folder = migrations or (config.base / named.path if named.path else None)
    chosen = tool or named.tool
    if folder is not None:
        found = discover(folder, chosen, programs=programs, placeholders=named.placeholders, role=named.role)
        return Found(found, ledger or named.ledger)
    try:
        found = discover(
            config.base, chosen, programs=programs, placeholders=named.placeholders, role=named.role
        )
    except MigrationError as error:
        raise UsageError(
            f"--migrations is missing: give a folder, or name one in the config's [migrations]; {error}"
        ) from None
    return Found(found, ledger or named.ledger)


def backup_folder(config: LoadedConfig) -> Path | None:
    """Return the folder of backups that the config names, if it does."""
    named = config.config.migrations.backup
    return config.base / named if named else None


def history(
    connection: "psycopg.Connection[Any]", found: Found
) -> tuple[Ledger | None, tuple[HistoryEntry, ...]]:
    """Return the ledger of the migrations and what it and the files say of each, an interrupted one of
    the runner's among them. Raises `MigrationError` where several ledgers fit."""
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


def save(
    connection: "psycopg.Connection[Any]",
    url: Secret | None,
    folder: Path,
    keep: int,
    *,
    say: Callable[[str], object],
    spare: Collection[Path] = (),
) -> Path:
    """Back up the connection's database, which `url` leads to; `say` is told where to. The newest `keep`
    backups of it stay, and those in `spare`."""
    from ..catalog.connect import parse_url
    from ..scratch.dump import back_up

    path = back_up(
        parse_url(url),
        connection.info.dbname,
        connection.info.server_version,
        folder,
        now=datetime.now(UTC),
        keep=keep,
        spare=spare,
    )
    say(f"backup: {path} ({_size(path.stat().st_size)})")
    return path


def _size(count: int) -> str:
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count} bytes"
