"""What applying the pending migrations would do to the live database, as seen on a copy of its schema."""

from typing import Literal

import msgspec

from .finding import ObjectRef
from .relations import QName

# The lock modes that writers wait for, weakest first. Source: PostgreSQL documentation, "Explicit Locking".
BLOCKING = ("SHARE", "SHARE ROW EXCLUSIVE", "EXCLUSIVE", "ACCESS EXCLUSIVE")

_UNITS = ("bytes", "kB", "MB", "GB", "TB")
_STEP = 1024
_MILLION, _THOUSAND = 1_000_000, 1_000
Question = Literal[
    "null", "duplicate", "orphan", "check", "unfit", "bound", "sibling", "altered", "rows", "values"
]


class Lock(msgspec.Struct, frozen=True):
    """A lock of a `BLOCKING` mode on a table that the target has."""

    table: QName
    mode: str


class Observed(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One statement of a pending file, on its line (from 1) and by its first words, and what the server did
    with tables that the target has.

    Statements of a file with the same `transaction` keep their locks until the last of them; one that runs by
    itself has a number of its own. `locks` are those that it was the first to take; `rewrites` are tables
    whose files were written anew, `truncates` those that were emptied, `scans` those that were read from end
    to end for anything else, `builds` those that an index was built on, `drops` those that one went from by
    itself, `writes` those whose rows it may have changed. `unlimited`: it waits for its locks as long as it
    takes, for lock_timeout is 0.
    """

    file: str
    line: int
    text: str
    transaction: int
    locks: tuple[Lock, ...] = ()
    rewrites: tuple[QName, ...] = ()
    truncates: tuple[QName, ...] = ()
    scans: tuple[QName, ...] = ()
    builds: tuple[QName, ...] = ()
    drops: tuple[QName, ...] = ()
    writes: tuple[QName, ...] = ()
    unlimited: bool = False

    @property
    def tables(self) -> tuple[QName, ...]:
        """All tables that something was done to, or that were locked."""
        done = (self.rewrites, self.truncates, self.scans, self.builds, self.drops, self.writes)
        return tuple(sorted({lock.table for lock in self.locks}.union(*done)))


class TableSize(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """How large a table of the target is: `rows` as the planner estimates them (None: never analysed, or out
    of sight), `bytes` with indexes and TOAST."""

    table: QName
    rows: int | None = None
    bytes: int | None = None

    @property
    def words(self) -> str:
        """How large it is: ``about 12 M rows, 3.1 GB``."""
        if self.bytes is None:
            return "nobody knows how many rows it has"
        rows = "never analysed" if self.rows is None else f"about {_number(self.rows)} rows"
        return f"{rows}, {_amount(self.bytes)}"


def _number(rows: int) -> str:
    if rows >= _MILLION:
        return f"{rows / _MILLION:.3g} M"
    return f"{rows / _THOUSAND:.3g} k" if rows >= 10 * _THOUSAND else f"{rows:,}"


def _amount(size: float) -> str:
    for unit in _UNITS:
        if size < _STEP or unit == _UNITS[-1]:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.3g} {unit}"
        size /= _STEP
    raise AssertionError


class Asked(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A question about the target's rows that a pending file raises, and its answer.

    `question`: is there a NULL in a column that becomes NOT NULL (null), a key twice (duplicate), a reference
    to no row (orphan), a row that a CHECK or an exclusion constraint refuses (check), a value that the
    column's new type refuses (unfit) or changes (altered), a row outside of the bound of a table that becomes
    a partition (bound), a row of the default partition that a new partition claims (sibling), a row in a
    table that is dropped or emptied (rows), a value in a column that is dropped (values). `columns` are those
    of `table` by the target's names. `found` is None where nobody could tell, and `reason` says why; `moot`:
    it was not asked, for the deploy alone can tell.
    """

    file: str
    question: Question
    table: QName
    columns: tuple[str, ...] = ()
    detail: str = ""
    found: bool | None = None
    reason: str = ""
    moot: bool = False


class Taken(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Something that the version of the application before a pending file may use, and no longer can. `how`:
    it is dropped, it has a new name (`now`), whoever inserts a row has to give a value (required), the rows
    of a table are no longer rows of another (detached, `now` is that one), or a key is gone that ON CONFLICT
    may name by its columns (unkeyed, `now` are these)."""

    file: str
    object: ObjectRef
    how: Literal["dropped", "renamed", "required", "detached", "unkeyed"]
    now: str = ""


class Deploy(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """All that was seen of the pending migrations. Not `examined`: `reason` says why. `large` is the number
    of rows from which a table counts as large, of the config's `[hazards]`. `uncounted`: the server counts no
    scans, so that none was seen."""

    examined: bool = False
    reason: str = ""
    statements: tuple[Observed, ...] = ()
    sizes: tuple[TableSize, ...] = ()
    asked: tuple[Asked, ...] = ()
    taken: tuple[Taken, ...] = ()
    large: int = 0
    uncounted: bool = False
