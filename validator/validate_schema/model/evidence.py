"""What was counted in the tables themselves, gathered before the checks run."""

import msgspec

from .catalog import QName
from .finding import ObjectRef
from .wording import some


class TenantRows(msgspec.Struct, frozen=True, omit_defaults=True):
    """Bounded counts of one tenant table; a count is None where it was not taken.

    Counting stopped at `Evidence.limit` rows; `seen_rows` is 1 where there is any. `unreadable` is the
    reason why nothing was counted (permission, time-out).
    """

    table: QName
    column: str
    seen_rows: int | None = None
    null_rows: int | None = None
    orphan_rows: int | None = None
    orphan_sample: tuple[str, ...] = ()
    placeholder_rows: int | None = None
    placeholder_values: tuple[str, ...] = ()
    unreadable: str = ""


class EmptyKeys(msgspec.Struct, frozen=True, omit_defaults=True):
    """Rows of a root whose key is the empty text, which is what a setting holds after RESET; `rows` is None
    where they were not counted, and `unreadable` says why."""

    table: QName
    column: str
    rows: int | None = None
    unreadable: str = ""


class StrayReferences(msgspec.Struct, frozen=True, omit_defaults=True):
    """Rows of one foreign key between tenant tables whose own tenant is not that of the row they
    reference; `rows` is None where they were not counted, and `unreadable` says why."""

    table: QName
    constraint: str
    rows: int | None = None
    sample: tuple[str, ...] = ()
    unreadable: str = ""


class HiddenDuplicates(msgspec.Struct, frozen=True, omit_defaults=True):
    """Groups of rows that one unique would refuse if NULLs were equal; `groups` is None where they
    were not counted, and `unreadable` says why."""

    table: QName
    unique: str
    groups: int | None = None
    sample: tuple[str, ...] = ()
    unreadable: str = ""


class Counter(msgspec.Struct, frozen=True):
    """The sequence that a column owns: the `last` number that was given out, None where the role may not read
    it, and the `most` that fits both."""

    table: QName
    column: str
    last: int | None
    most: int


class RuleRow(msgspec.Struct, frozen=True, omit_defaults=True):
    """One row that a rule's query returned: the object that it is about, and what it says of it."""

    ref: ObjectRef
    message: str = ""
    expected: str = ""
    observed: str = ""
    note: str = ""


class RuleRows(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the query of a check returned; `more` rows were not read. `unreadable` is the reason why it
    could not be run."""

    check: str
    rows: tuple[RuleRow, ...] = ()
    more: bool = False
    unreadable: str = ""


class Evidence(msgspec.Struct, frozen=True, omit_defaults=True):
    """All data evidence. `gathered` is False when rows were not looked at; then `reason` says why.
    `counters_reason` says why no sequences were read. `rules`
    are the answers of the checks that are queries, whether rows were looked at or not."""

    gathered: bool = False
    reason: str = ""
    limit: int = 0
    tenant_rows: tuple[TenantRows, ...] = ()
    empty_keys: tuple[EmptyKeys, ...] = ()
    stray_references: tuple[StrayReferences, ...] = ()
    hidden_duplicates: tuple[HiddenDuplicates, ...] = ()
    counters: tuple[Counter, ...] = ()
    counters_reason: str = ""
    rules: tuple[RuleRows, ...] = ()

    def counted(self, number: int, noun: str) -> str:
        """Return "3 rows", or "at least 100000 rows" where counting stopped at the limit."""
        least = "at least " if number >= self.limit else ""
        return f"{least}{some(number, noun)}"
