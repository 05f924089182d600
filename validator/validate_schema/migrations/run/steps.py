"""What each migration changes in the catalog, by reading it after every file."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from ...catalog.reader import read_catalog
from ...contract.diff.catalogs import compare
from ...model.catalog import Catalog
from ...model.difference import Change
from ...model.history import Failure
from ..records import FailedMigration, MigrationFile, MigrationSet, ReplayNotes
from .replay import replay

if TYPE_CHECKING:
    import psycopg

    from ...scratch import Database

# Reading a catalog takes as long as 500 objects do, and each table brings about 20. The limit is a few
# seconds; how long a run takes must not decide what its report says, so it is counted and not timed.
_BASE, _TABLE, _LIMIT = 500, 20, 200_000
_CREATE_TABLE = re.compile(r"\bcreate\s+table\b", re.IGNORECASE)


class Step(NamedTuple):
    """One file: what it changed, or where it failed."""

    file: str
    changes: tuple[Change, ...] = ()
    failure: Failure | None = None


def replay_steps(
    database: "Database", migrations: MigrationSet, *, progress: Callable[[str], None] | None = None
) -> tuple[Step, ...]:
    """Run `migrations` on the empty `database`, reading its catalog after each file.

    The step of a file that fails is the last. Raises `ScratchError` as `replay` does.
    """
    with Recorder(database, migrations) as recorder:
        try:
            replay(database, migrations, progress=progress, before=recorder.begin, after=recorder.take)
        except FailedMigration as failed:
            return (*recorder.steps, Step(failed.failure.statement.file, failure=failed.failure))
    return tuple(recorder.steps)


def replay_and_record(
    database: "Database", migrations: MigrationSet, *, progress: Callable[[str], None] | None = None
) -> tuple[ReplayNotes, tuple[Step, ...]]:
    """Run `migrations` as `replay` does, and return its notes with the steps of the last files: all of
    them, unless they are so many that reading the catalog after each would take long."""
    with Recorder(database, migrations, first=first_read(migrations)) as recorder:
        notes = replay(database, migrations, progress=progress, before=recorder.begin, after=recorder.take)
    return notes, tuple(recorder.steps)


class Recorder:
    """Reads the catalog when a file has run, over a connection of its own: the migrations' may have
    taken another role. `first` is the index of the first file whose changes are wanted."""

    def __init__(self, database: "Database", migrations: MigrationSet, first: int = 0) -> None:
        self.steps: list[Step] = []
        self._database, self._migrations, self._skip = database, migrations, first
        self._before: Catalog | None = None

    def __enter__(self) -> "Recorder":
        # A connection that will ask the same again prepares its queries the first time.
        self._connection = self._database.admin(autocommit=True, prepare_threshold=0)
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def begin(self) -> None:
        """Read the catalog from which the first file starts."""
        if self._skip == 0:
            self._before = self._read()

    def take(self, file: MigrationFile, _: "psycopg.Connection[Any]") -> None:
        """Compare the catalog with what it was before `file`."""
        if self._skip:
            self._skip -= 1
            self._before = self._read() if self._skip == 0 else None
            return
        after = self._read()
        assert self._before is not None, "it is read before the first file that is compared"
        self.steps.append(Step(self._migrations.label(file.path), compare(self._before, after)))
        self._before = after

    def _read(self) -> Catalog:
        return read_catalog(self._connection, default_schema="public")


def first_read(migrations: MigrationSet) -> int:
    """Return the index of the first file that there is time to read the catalog after."""
    tables = [len(_CREATE_TABLE.findall(f.sql)) for f in migrations.files]
    made, spent = sum(tables), 0
    for index in range(len(tables) - 1, -1, -1):
        spent += _BASE + _TABLE * made
        if spent > _LIMIT:
            return index + 1
        made -= tables[index]
    return 0
