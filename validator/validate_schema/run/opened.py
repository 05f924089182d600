"""What was opened to be examined: a live database, migrations that ran, a snapshot or a file."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, ClassVar, Protocol

import msgspec

from ..model.catalog import Catalog

if TYPE_CHECKING:
    import psycopg

    from ..migrations import MigrationSet, ReplayNotes
    from ..model.history import Failure
    from ..scratch import Database

Copy = Callable[[], AbstractContextManager[tuple["Database", tuple[str, ...]]]]
"""Opens a throwaway database with the same schema, without its rows, and says what it lacks."""


class Ran(msgspec.Struct, frozen=True):
    """All migrations on a scratch server: the template that holds what they left, or where they failed."""

    notes: "ReplayNotes"
    template: str = ""
    failure: "Failure | None" = None
    error: str = ""


class _Read(msgspec.Struct, frozen=True):
    """A catalog, and how the report calls where it was read."""

    kind: ClassVar[str]
    catalog: Catalog
    server: str

    @property
    def stand_ins(self) -> tuple[str, ...]:
        """What was made up because the migrations do not make it."""
        return ()


class CopyOfLive(Protocol):
    """Opens a copy of a live schema. Whoever it belongs to is no `superuser`, unless that is asked for."""

    def __call__(
        self, *, superuser: bool = False
    ) -> AbstractContextManager[tuple["Database", tuple[str, ...]]]: ...


class Live(_Read, frozen=True):
    """A database that answers. `copy` is None where the connection is the caller's: how it was made is not
    known, so no second one can be."""

    kind: ClassVar[str] = "database"
    connection: "psycopg.Connection"
    copy: CopyOfLive | None = None


class _Migrated(_Read, frozen=True):
    """Migrations that are the source, and how they ran."""

    kind: ClassVar[str] = "migrations"
    migrations: "MigrationSet"
    ran: Ran

    @property
    def stand_ins(self) -> tuple[str, ...]:
        return self.ran.notes.stand_ins


class Replayed(_Migrated, frozen=True):
    """A scratch database that the migrations made."""

    connection: "psycopg.Connection"
    copy: Copy


class Broken(_Migrated, frozen=True):
    """Migrations that do not run through: the catalog is empty, and `reason` says why."""

    reason: str


class Snapshot(_Read, frozen=True):
    """A saved catalog."""

    kind: ClassVar[str] = "snapshot"


class File(_Read, frozen=True):
    """A database of another engine than PostgreSQL: it has been read, and is closed again."""

    kind: ClassVar[str] = "database"


Opened = Live | Replayed | Broken | Snapshot | File
