"""The project's template and the databases cloned from it, for one process of a test run."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ..config import LoadedConfig, load
from ..migrations import MigrationSet, discover
from ..migrations.run.cluster import created_roles
from ..model.errors import MigrationError, UsageError, ValidateSchemaError
from ..model.report import Report
from ..run.history import replayed
from ..scratch import Server, list_scratch, open_server
from .assertion import examined
from .database import MigratedDatabase

if TYPE_CHECKING:
    import pytest


@dataclass(frozen=True)
class Settings:
    """What the test run was told: the project's config and migrations, and where databases are made."""

    config: LoadedConfig
    folder: Path
    server: str = "embedded"

    @cached_property
    def migrations(self) -> MigrationSet:
        named = self.config.config.migrations
        return discover(
            self.folder,
            named.tool,
            programs=named.command is not None,
            placeholders=named.placeholders,
            role=named.role,
        )

    @property
    def base(self) -> Path:
        """The folder of the config, where `[migrations] command` runs."""
        return self.config.base

    @contextmanager
    def open(self) -> Iterator[Server]:
        key, superuser = self.migrations.digest, self.config.config.migrations.superuser
        with open_server(self.server, key=key, passing=True, superuser=superuser) as server:
            yield server


def read_settings(config: "pytest.Config") -> Settings:
    """Read the options, then the ini file, then the project's config; paths are relative to the file
    that names them, those of options to the directory that pytest was called from."""

    file, from_here = _said(config, "config")
    loaded = load(from_here / file if file else None, config.rootpath)
    folder, from_there = _said(config, "migrations")
    path = loaded.config.migrations.path
    if folder is not None:
        migrations = from_there / folder
    elif path is not None:
        migrations = (loaded.path.parent if loaded.path else config.rootpath) / path
    else:
        raise UsageError(
            "validate-schema knows no migrations: set [migrations] path in validate-schema.toml,"
            " or validate_schema_migrations in pytest's configuration"
        )
    return Settings(loaded, migrations, server_of(config))


def server_of(config: "pytest.Config") -> str:
    """Return where databases are made: as the option or the ini file says, else here."""
    return _said(config, "server")[0] or "embedded"


def _said(config: "pytest.Config", name: str) -> tuple[str | None, Path]:
    option = config.getoption(f"validate_schema_{name}")
    return option or config.getini(f"validate_schema_{name}") or None, (
        config.invocation_params.dir if option else config.rootpath
    )


class Pool:
    """Databases for the tests of this process. The server is opened when the first is asked for.

    On a server by URL nothing is touched but databases whose name and comment are validate-schema's own,
    and the template goes with its last user. Databases of a process that died are dropped by whoever
    opens or leaves the server next.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._stack = ExitStack()

    @cached_property
    def server(self) -> Server:
        return self._stack.enter_context(self.settings.open())

    @cached_property
    def template(self) -> str:
        """The template's name; whoever asks first, of all processes, runs the migrations."""
        migrations = self.settings.migrations
        ran = replayed(
            self.server, migrations, self.settings.config.config.migrations.command, self.settings.base
        )
        if ran.failure is not None:
            raise MigrationError(ran.error)
        texts = (f.sql or f.path.read_text(errors="replace") for f in migrations.files)
        self.server.own_roles(ran.template, set(ran.notes.stand_in_roles).union(*map(created_roles, texts)))
        return ran.template

    @contextmanager
    def database(self) -> Iterator[MigratedDatabase]:
        """Open a new database with the migrations applied; it is dropped with the block."""
        with self.server.database(self.template) as database:
            yield MigratedDatabase(database)

    @cached_property
    def report(self) -> Report:
        """The report on the migrated schema, with the checks and the config of the project."""
        with self.database() as database:
            return examined(database, self.settings.config)

    @property
    def used(self) -> bool:
        return "server" in vars(self)

    def close(self, *, clear: bool) -> None:
        """Leave the server; with `clear`, drop what others left on it, and the template with them."""
        if clear and self.used:
            with suppress(ValidateSchemaError):
                self.server.clear()
        self._stack.close()


def clear_up(settings: Settings) -> None:
    """Drop what the workers of a run left, once all are gone: their templates on a server by URL, and
    what those that died did not drop. A server of our own runs on only if its last user died."""
    key = settings.migrations.digest
    own = "://" not in settings.server
    if own and not any(e.key == key and e.running for e in list_scratch()):
        return
    with settings.open() as server:
        server.clear()
