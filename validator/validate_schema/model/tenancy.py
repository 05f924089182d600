"""Who owns the rows of each table, and how that was decided."""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from operator import eq
from typing import Literal, overload

import msgspec

from .catalog import QName
from .principals import Trusted


class TableClass(StrEnum):
    """Where a table stands. `LEDGER` is a migration tool's own book-keeping: never a finding."""

    ROOT = "root"
    TENANT = "tenant"
    INHERITED = "inherited"
    GLOBAL = "global"
    EXEMPT = "exempt"
    UNCLASSIFIED = "unclassified"
    LEDGER = "ledger"


OWNED = (TableClass.ROOT, TableClass.TENANT, TableClass.INHERITED)
"""Tables whose rows are a tenant's."""


class Ownership(StrEnum):
    """The shape in which a table says whose its rows are."""

    COLUMN = "own column"
    NULLABLE_COLUMN = "own nullable column"
    PATH = "foreign-key path"
    NULLABLE_PATH = "nullable foreign-key path"
    REVERSE = "key on the parent"
    MEMBERSHIP = "membership"
    NONE = "none"


class Path(Sequence[QName]):
    """The tables walked from one to another, in turn. A path that goes on by another shares that one: the
    paths of thousands of tables that hang on one another take no more room than the tables."""

    __slots__ = ("_first", "_last", "_length", "_onward")
    _last: QName | None

    def __init__(self, first: QName | None = None, onward: "Path | None" = None) -> None:
        self._first, self._onward = first, onward
        self._length = 0 if first is None else 1 + len(onward or ())
        self._last = onward._last if onward else first

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[QName]:
        here: Path | None = self
        while here is not None and here._first is not None:
            yield here._first
            here = here._onward

    @overload
    def __getitem__(self, index: int) -> QName: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[QName, ...]: ...
    def __getitem__(self, index: int | slice) -> QName | tuple[QName, ...]:
        if index == 0 and self._first is not None:
            return self._first
        if index == -1 and self._last is not None:
            return self._last
        return tuple(self)[index]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, (Path, tuple)) and len(self) == len(other) and all(map(eq, self, other))

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return repr(tuple(self))


NO_PATH = Path()


class Level(msgspec.Struct, frozen=True):
    """One level of tenancy: organization, then workspace, and so on.

    `root` is None when tenants live outside this database. `key` is the root's referenced column.
    `columns` are the accepted spellings of the tenant column. `parent` names the level above.
    """

    columns: tuple[str, ...]
    root: QName | None = None
    key: str | None = None
    parent: QName | None = None


class Standing(msgspec.Struct, frozen=True):
    """One table's place: its class, tenant column, shape and the reason in a sentence.

    `path` lists the tables walked from an inherited table to the one that owns it, exclusive of
    itself. `level` indexes `Tenancy.levels` for root and tenant tables.
    """

    table: QName
    table_class: TableClass
    ownership: Ownership
    why: str
    declared: bool = False
    column: str | None = None
    level: int = 0
    path: Sequence[QName] = NO_PATH


class Candidate(msgspec.Struct, frozen=True):
    """A possible tenant root, for the message that asks the user to choose. `root` is None where the column
    is all that is known: the tenants may live outside this database. `columns` are all spellings of `column`,
    where there are several."""

    root: QName | None
    column: str
    tables: int
    why: str
    columns: tuple[str, ...] = ()


class Tenancy(msgspec.Struct, frozen=True):
    """The tenancy of a database. Not `identified`: no level is known, and `candidates` may help.

    `inferred` maps root, column, setting, app_roles … to the reason, for what the config left open.
    `setting` is the tenant context that policies read; `current_tenant` a helper call instead.
    `null_means_global` lists tables whose NULL tenant rows are shared by design, `owned_otherwise` those
    whose NULL tenant rows another column owns, with that column. `problem` says why nothing was identified.
    `trusted` are the ways past the tenant that are accepted; `session` is what the config says of who sets
    settings, "" where it leaves that open. `unread` is the reason why it may be another: what it is told by
    may not be read.
    """

    levels: tuple[Level, ...] = ()
    standings: tuple[Standing, ...] = ()
    setting: str | None = None
    current_tenant: str | None = None
    app_roles: tuple[str, ...] = ()
    null_means_global: tuple[QName, ...] = ()
    owned_otherwise: tuple[tuple[QName, str], ...] = ()
    placeholders: tuple[str, ...] = ()
    inferred: dict[str, str] = {}
    candidates: tuple[Candidate, ...] = ()
    problem: str = ""
    trusted: tuple[Trusted, ...] = ()
    session: Literal["", "sql", "gateway"] = ""
    unread: str = ""

    @property
    def identified(self) -> bool:
        return bool(self.levels)
