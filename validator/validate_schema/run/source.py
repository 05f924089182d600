"""Open what is to be examined: a database of any engine, migrations on a scratch server, a snapshot."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from ..catalog.engines import Engine, engine_at, engine_behind
from ..catalog.reader import read_catalog
from ..catalog.snapshot import fingerprint, load_snapshot
from ..facts.platforms import set_apart
from ..model.catalog import Catalog
from ..model.progress import Progress
from ..model.secret import Secret
from ..model.wording import some
from .opened import Broken, File, Live, Opened, Replayed, Snapshot

if TYPE_CHECKING:
    import psycopg
    import sqlalchemy

    from ..catalog.connect import Destination
    from ..scratch import Database, Server


EMBEDDED = Secret("embedded")


class Source(msgspec.Struct, frozen=True):
    """Where the catalog comes from: one of these, or libpq's environment when none is set. A `connection`
    belongs to the caller: it is read, and left open as it was; an `engine` of his is asked for one before
    the source is opened. `handle` is what a caller has to a database of another engine than PostgreSQL: an
    engine or connection of SQLAlchemy, or a driver's connection; a URL may lead to one as well.

    `scratch` names the scratch server for `migrations`; `tool` the migration tool where the folder
    does not tell, and `command` runs migrations that are programs, in the folder `base`. `superuser`: whoever
    runs migrations is one (`open_server`). `role` is the role that migrates, as which they are run. `called`
    is what people call the migrations, where that is not their path.
    """

    database_url: Secret | None = None
    migrations: Path | None = None
    snapshot: Path | None = None
    connection: "psycopg.Connection | None" = None
    engine: "sqlalchemy.Engine | None" = None
    handle: Any = None
    tool: str | None = None
    command: str | None = None
    superuser: bool = False
    role: str | None = None
    placeholders: dict[str, str] = {}
    base: Path = Path()
    scratch: Secret = EMBEDDED
    statement_timeout_ms: int = 30_000
    called: str = ""

    @property
    def kind(self) -> str:
        if self.snapshot is not None:
            return "snapshot"
        return "migrations" if self.migrations is not None else "database"

    @property
    def foreign(self) -> Engine | None:
        """The engine of the database; None is PostgreSQL, or no database."""
        return engine_at(self.database_url) if self.handle is None else engine_behind(self.handle)


@contextmanager
def open_source(source: Source, progress: Progress, *, broken: bool = False) -> Iterator[Opened]:
    """Open the source and read its catalog; what was started for it ends with the block.

    Migrations that fail raise `MigrationError`, unless `Broken` ones are wanted too.
    """
    if source.snapshot is not None:
        yield Snapshot(set_apart(load_snapshot(source.snapshot)), source.snapshot.name)
    elif (engine := source.foreign) is not None:
        yield _read_foreign(engine, source, progress)
    elif source.migrations is not None:
        with _open_migrations(source, source.migrations, progress, broken=broken) as opened:
            yield opened
    elif source.connection is not None:
        yield _read_connection(source.connection, progress)
    else:
        with _open_database(source, progress) as opened:
            yield opened


def _read_connection(connection: "psycopg.Connection", progress: Progress) -> Live:
    from ..catalog.connect import parse_url

    with progress.step("reading the catalog"):
        catalog = set_apart(read_catalog(connection))
    return Live(catalog, parse_url(connection.info.dsn).shown, connection)


@contextmanager
def _open_database(source: Source, progress: Progress) -> Iterator[Live]:
    from ..catalog.connect import connect, parse_url

    destination = parse_url(source.database_url)
    with progress.step(f"connecting to {destination.shown}"):
        connection = connect(source.database_url, statement_timeout_ms=source.statement_timeout_ms)
    with connection:
        with progress.step("reading the catalog"):
            catalog = set_apart(read_catalog(connection, default_schema=destination.default_schema))
        copy = partial(_copy, source, destination, catalog, progress)
        yield Live(catalog, destination.shown, connection, copy)


def _read_foreign(engine: Engine, source: Source, progress: Progress) -> File:
    given = source.database_url if source.handle is None else source.handle
    with progress.step("reading the catalog"):
        return File(*engine.offers().read(given))


@contextmanager
def _copy(
    source: Source,
    destination: "Destination",
    catalog: Catalog,
    progress: Progress,
    *,
    superuser: bool = False,
) -> Iterator[tuple["Database", tuple[str, ...]]]:
    """Open a database on a scratch server with the schema of a live one, without its rows. Not `superuser`:
    whoever it belongs to is none (`open_server`)."""
    from ..scratch import open_server
    from ..scratch.copy import copy_schema

    with (
        open_server(
            source.scratch, key=fingerprint(catalog), progress=progress, superuser=superuser
        ) as server,
        copy_schema(server, destination, catalog, progress) as copied,
    ):
        yield copied


@contextmanager
def _clone(server: "Server", template: str) -> Iterator[tuple["Database", tuple[str, ...]]]:
    with server.database(template) as database:
        yield database, ()


@contextmanager
def _open_migrations(
    source: Source, folder: Path, progress: Progress, *, broken: bool
) -> Iterator[Replayed | Broken]:
    from ..migrations import discover
    from ..model.errors import MigrationError
    from ..scratch import open_server
    from .history import replayed

    migrations = discover(
        folder,
        source.tool,
        programs=source.command is not None,
        placeholders=source.placeholders,
        role=source.role,
    )
    name, shown = source.called or _shown_folder(folder), f"scratch PostgreSQL ({source.scratch})"
    with (
        progress.step("starting the scratch PostgreSQL"),
        open_server(
            source.scratch,
            key=migrations.digest,
            progress=progress,
            superuser=source.superuser,
        ) as server,
    ):
        with progress.step(f"applying {some(len(migrations.files), 'migration')}"):
            ran = replayed(server, migrations, source.command, source.base)
        if ran.failure and not broken:
            raise MigrationError(ran.error)
        template = None if ran.failure else ran.template
        with server.database(template) as database, database.connect() as connection:
            with progress.step("reading the catalog"), database.admin() as reader:
                catalog = set_apart(read_catalog(reader, default_schema="public"))
                catalog = replace_database(catalog, name)
            if ran.failure:
                reason = f"there is no schema to judge: {ran.failure.statement.file} fails"
                yield Broken(catalog, shown, migrations, ran, reason)
            else:
                copy = partial(_clone, server, ran.template)
                yield Replayed(catalog, shown, migrations, ran, connection, copy)


def _shown_folder(folder: Path) -> str:
    """Return the last two names of the folder: enough to know it, nothing of the machine."""
    return "/".join(folder.resolve().parts[-2:]).lstrip("/")


def replace_database(catalog: Catalog, name: str) -> Catalog:
    """Return the catalog under the name that stands in the report: a throwaway database's own
    name differs with every run."""
    import msgspec

    return msgspec.structs.replace(catalog, server=msgspec.structs.replace(catalog.server, database=name))
