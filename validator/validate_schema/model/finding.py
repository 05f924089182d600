"""What a check says about one object."""

from enum import StrEnum

import msgspec

from .catalog import QName
from .relations import Routine


class Severity(StrEnum):
    """Gravity of a finding; compare with `rank`."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"

    @property
    def rank(self) -> int:
        return ("info", "warning", "error").index(self.value)


class ObjectRef(msgspec.Struct, frozen=True, omit_defaults=True, order=True):
    """The object a finding is about.

    `kind` is table, column, constraint, index, policy, role, function, schema, enum, suppression …;
    `table` is set for what belongs to a table, `name` for everything but a table.
    """

    kind: str
    schema: str = ""
    table: str = ""
    name: str = ""

    @classmethod
    def of_table(cls, qname: QName) -> "ObjectRef":
        return cls("table", qname.schema, qname.name)

    @classmethod
    def on_table(cls, kind: str, qname: QName, name: str) -> "ObjectRef":
        return cls(kind, qname.schema, qname.name, name)

    @classmethod
    def of_routine(cls, routine: Routine) -> "ObjectRef":
        return cls("function", routine.schema, name=f"{routine.name}({routine.arguments})")

    def label(self, default_schema: str = "public") -> str:
        """Return the name people use in the config: ``User.email``, ``auth.users``."""
        schema = "" if self.schema == default_schema else self.schema
        return ".".join(part for part in (schema, self.table, self.name) if part)


class Step(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One statement of a remedy, and what is known of it.

    `sql` is executable as printed, on its own, outside a transaction block; `in_transaction` is what to run
    inside one, where that differs. `undo` takes the statement back: empty where nothing has to be (a
    validation changes no rule), None where that is not known from here. `lock` is the strongest lock on a
    table that others use, in PostgreSQL's words; empty where it takes none, or nobody said. `makes` and
    `drops` are the index or constraint that it brings and takes away: what was dropped, only the server
    can say, before it is.
    """

    sql: str
    undo: "tuple[Step, ...] | None" = None
    lock: str = ""
    in_transaction: str = ""
    makes: ObjectRef | None = None
    drops: ObjectRef | None = None


class Remedy(msgspec.Struct, frozen=True, omit_defaults=True):
    """How to mend a finding: statements to run in order, each on its own, and what to know first.

    `steps` are the statements, `sql` their text; a remedy that is given as text alone is one whose undoing is
    not known. Both are empty where only a person can decide, and `note` says so. `lock` names the
    strongest lock that the statements take and why that is bearable.
    """

    sql: tuple[str, ...] = ()
    note: str = ""
    lock: str = ""
    steps: tuple[Step, ...] = ()

    def __post_init__(self) -> None:
        if not self.sql:
            msgspec.structs.force_setattr(self, "sql", tuple(step.sql for step in self.steps))
        elif self.sql != tuple(step.sql for step in self.steps):
            msgspec.structs.force_setattr(self, "steps", tuple(Step(sql) for sql in self.sql))


class Flaw(msgspec.Struct, frozen=True, omit_defaults=True):
    """A judge's verdict on a subject that fails. The engine makes a `Finding` of it.

    `severity` overrides the check's own where the rule has degrees. `ref` overrides the subject's.
    `location` is where it stands in a file: ``path`` or ``path:line``, with slashes. `undecided`: nothing
    wrong was shown, and nothing right either; such a finding never fails a run and never lets it pass.
    """

    message: str
    expected: str
    observed: str
    remedy: Remedy = Remedy()
    evidence: str = ""
    severity: Severity | None = None
    ref: ObjectRef | None = None
    location: str = ""
    undecided: bool = False


class Unexamined(msgspec.Struct, frozen=True):
    """A judge's verdict on a subject whose evidence could not be read."""

    reason: str


class Undecided(msgspec.Struct, frozen=True):
    """A judge's verdict on a subject that was read and shows neither a fault nor that there is none.

    It counts in the denominator. `told_by` is the check that has a finding for the same cause: where that
    one ran, its finding, or who accepted it, says whether the run is complete. `more`: it is worse than that
    finding says, so that who accepted it has not accepted this; a suppression of its own may.
    """

    reason: str
    told_by: str = ""
    more: bool = False


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One defect of one object. `fingerprint` hashes check and object, never the words; `basis` what the
    object is defined by, where the defect is a way to other tenants' rows. `undecided`: not a defect that
    was shown, but one that could not be ruled out. `status` beside a baseline: ``new``, ``existing``, or
    ``changed``, which is known there with another basis."""

    fingerprint: str
    check: str
    severity: Severity
    object: ObjectRef
    message: str
    expected: str
    observed: str
    evidence: str = ""
    remedy: Remedy = Remedy()
    status: str = "new"
    location: str | None = None
    undecided: bool = False
    basis: str = ""
