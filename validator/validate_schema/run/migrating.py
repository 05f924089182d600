"""The commands on migrations: which files and ledger are meant, what became of each file, a backup."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from ..config import LoadedConfig
from ..migrations import MigrationSet, discover
from ..migrations.apply import interrupted
from ..migrations.history.compare import compare
from ..migrations.ledger import deciding, fits, ledger_for, read_ledgers
from ..model.errors import MigrationError, UsageError
from ..model.history import HistoryEntry, Ledger
from ..model.secret import Secret

if TYPE_CHECKING:
    import psycopg


@dataclass(frozen=True)
class Found:
    """The migrations, the ledger's table if one was named, and how they are read again as those of some
    tools; None where the tool was named."""

    migrations: MigrationSet
    ledger: str | None
    again: Callable[[tuple[str, ...]], MigrationSet] | None


def find(
    config: LoadedConfig,
    migrations: Path | None,
    tool: str | None,
    ledger: str | None,
    *,
    programs: bool = False,
) -> Found:
    """Return the migrations that are named, or else the config's, or else those of its folder, `programs`
    too; whose they are may be for the ledger to decide. Raises `UsageError` for none, and `MigrationError`
    for a folder that cannot be used."""
    named = config.config.migrations
    folder = migrations or (config.base / named.path if named.path else None)
    chosen = tool or named.tool
    read = partial(
        discover,
        folder or config.base,
        chosen,
        programs=programs,
        placeholders=named.placeholders,
        role=named.role,
    )
    again = None if chosen else lambda tools: read(ledgers=tools)
    try:
        return Found(read(decided=False), ledger or named.ledger, again)
    except MigrationError as error:
        if folder is not None:
            raise
        raise UsageError(
            f"--migrations is missing: give a folder, or name one in the config's [migrations]; {error}"
        ) from None


def decided(connection: "psycopg.Connection[Any]", found: Found) -> Found:
    """Return the migrations as the tool reads them whose ledger the database has, where the files leave that
    open. Raises `MigrationError` where that does not help."""
    ledgers, files = read_ledgers(connection), found.migrations
    tools = deciding(ledgers, found.ledger)
    fitting = not files.undecided and any(fits(ledger, files.tool) for ledger in ledgers)
    if tools and found.again is not None and not fitting:
        return replace(found, migrations=found.again(tools))
    return replace(found, migrations=files.require_decided())


def require_same(connection: "psycopg.Connection[Any]", found: Found) -> None:
    """Raise `MigrationError` where the ledger's tool reads the migrations otherwise than the files alone
    do: what it recorded would run again."""
    settled = decided(connection, found).migrations
    if settled.tool != found.migrations.tool:
        raise MigrationError(
            f"{found.migrations.folder}: reads as {found.migrations.tool}, and the database has the ledger of"
            f" {settled.tool}, which the files fit; say which with --tool or `tool` in [migrations]"
        )


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
