"""The migrations as every format shows them: the sequence, what was done with it, how to take it back."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from ..model.deploy import Observed, TableSize
from ..model.difference import change_words
from ..model.history import Failure, RepeatedDdl
from ..model.relations import QName
from ..model.report import MigrationEntry, Report
from ..model.wording import first_of, some
from ..sql.ident import display
from .declared import declared
from .headline import migration_label
from .line import Line
from .migration_lines import migration_lines

STATES = {
    "applied": ("ok", "applied"),
    "unverifiable": ("ok", "applied, without a checksum to compare"),
    "unsure": ("none", "whether it was applied cannot be told"),
    "baseline": ("none", "before the ledger began"),
    "pending": ("bad", "pending"),
    "gap": ("bad", "never applied: a gap"),
    "missing": ("bad", "applied, file gone"),
    "edited": ("bad", "edited after it was applied"),
    "line_endings": ("bad", "applied, line ends differ"),
    "renamed": ("bad", "renamed after it was applied"),
    "reused": ("bad", "another migration was applied"),
    "renumbered": ("bad", "renumbered after it was applied"),
    "failed": ("bad", "failed"),
    "rolled_back": ("bad", "rolled back"),
    "replayed": ("ok", "ran on a fresh database"),
    "on_disk": ("none", "not run"),
}
_SIGNS = {"ok": "✓", "bad": "✗", "none": "–"}
_NAMED = 3


@dataclass(frozen=True)
class Tie:
    """What joins two rows of the sequence: `words` end before the other row's number, if it has one."""

    words: str
    order: int | None = None


@dataclass(frozen=True)
class Step:
    """A row of the sequence. `checks` are id, anchor of the first and number of its findings; `anchor` is
    its own."""

    order: int
    anchor: str
    label: str
    mark: str
    state: str
    entry: MigrationEntry
    ties: tuple[Tie, ...]
    checks: tuple[tuple[str, str, int], ...]

    @property
    def sign(self) -> str:
        return _SIGNS[self.mark]

    @property
    def file(self) -> str:
        """The file, where the label does not say it already."""
        return "" if self.entry.file.startswith(self.label) else self.entry.file


@dataclass(frozen=True)
class Difference:
    """One way in which the live schema is not the replayed one."""

    object: str
    kind: str
    what: str
    migrations: str
    database: str


@dataclass(frozen=True)
class Watched:
    """What a statement of a pending file does to a table that is there: the lock that it takes, what happens
    under it, and how large the table is."""

    place: str
    statement: str
    lock: str
    table: str
    done: str
    size: str


@dataclass(frozen=True)
class Repeat:
    """An object that is created several times, and where."""

    object: str
    places: tuple[str, ...]
    hidden: bool


class Migrations:
    """The migrations of a report. `links` are check and anchor by fingerprint of a finding."""

    def __init__(self, report: Report, links: Mapping[str, tuple[str, str]]) -> None:
        self.facts, self._report, self._links = report.migrations, report, links

    @cached_property
    def lines(self) -> tuple[Line, ...]:
        return migration_lines(self.facts, declared(self._report).figures, everything=True)

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        orders = {e.file: place for place, e in enumerate(self.facts.entries, 1) if e.file}
        ties = _ties(self.facts.repeated, orders)
        return tuple(self._step(place, e, ties) for place, e in enumerate(self.facts.entries, 1))

    def _step(self, order: int, entry: MigrationEntry, ties: Mapping[str, list[Tie]]) -> Step:
        mark, words = STATES.get(entry.state, ("none", entry.state))
        if entry.state == "applied" and entry.verified:
            words = "applied, checksum verified"
        by_check: dict[str, list[str]] = defaultdict(list)
        for check, anchor in (self._links[f] for f in entry.findings if f in self._links):
            by_check[check].append(anchor)
        return Step(
            order=order,
            anchor=f"migration-{order}",
            label=migration_label(entry),
            mark=mark,
            state=f"{words}, after a later one" if entry.late else words,
            entry=entry,
            ties=tuple(ties.get(entry.file, ())),
            checks=tuple((check, anchors[0], len(anchors)) for check, anchors in by_check.items()),
        )

    @cached_property
    def failures(self) -> tuple[tuple[str, Failure], ...]:
        """Where files failed: on a fresh database, or on a copy of the schema."""
        found = [("on a fresh database", self.facts.replay.failure)]
        found += [("on a copy of this schema", run.failure) for run in self.facts.dry_run.runs]
        return tuple((where, failure) for where, failure in found if failure)

    @cached_property
    def drift(self) -> tuple[Difference, ...]:
        schema = self._report.target.default_schema
        said = ((c.kind, change_words(c, schema)) for c in self.facts.drift.changes)
        return tuple(Difference(w.object, kind, w.what, w.before, w.after) for kind, w in said)

    @cached_property
    def watched(self) -> tuple[Watched, ...]:
        """What the pending files do to tables that are there, statement by statement."""
        deploy, schema = self.facts.deploy, self._report.target.default_schema
        sizes = {size.table: size.words for size in deploy.sizes}
        unknown = TableSize(table=QName("", "")).words
        return tuple(
            Watched(
                place=f"{seen.file}:{seen.line}",
                statement=seen.text,
                lock=_lock(seen, table),
                table=display(table, schema),
                done=", ".join(words for words, tables in _done(seen) if table in tables) or "nothing else",
                size=sizes.get(table, unknown),
            )
            for seen in deploy.statements
            for table in seen.tables
        )

    @cached_property
    def repeated(self) -> tuple[Repeat, ...]:
        return tuple(
            Repeat(r.object, tuple(f"{s.file}:{s.line}" for s in r.statements), r.hidden)
            for r in self.facts.repeated
        )

    @cached_property
    def undo(self) -> tuple[Step, ...]:
        """What can be taken back, the newest first: what a database has."""
        done = [s for s in self.steps if s.entry.state not in ("pending", "gap", "on_disk", "rolled_back")]
        return tuple(reversed(done))

    @cached_property
    def undo_words(self) -> str:
        """How much of it can be taken back, in a sentence."""
        steps = self.undo
        able = sum(bool(s.entry.undo) for s in steps)
        known = [s for s in steps if s.entry.creates or s.entry.loses]
        losing = sum(bool(s.entry.loses) for s in known)
        files = f"{able} of {len(steps)} migrations have a file or section that takes them back"
        if not known:
            return f"{files}; what that would lose is known after a replay (--replay)."
        return f"{files}; {losing} of {len(known)} would lose data with it."

    @cached_property
    def backup_words(self) -> str:
        """Where the last backup is, and what it does not hold yet; or why that is not known."""
        last = self.facts.backup
        if not last.file:
            return f"Where the last backup is, is not known: {last.reason}. Make one first."
        later = sum(e.applied_at > last.made_at for e in self.facts.entries if e.applied_at.endswith("Z"))
        missed = f"; of these migrations {later} came after it" if later else ""
        return f"The last backup is {last.file}, made {last.made_at}{missed}."


def _lock(seen: Observed, table: QName) -> str:
    mode = next((lock.mode for lock in seen.locks if lock.table == table), "")
    return f"{mode}, waited for without limit" if mode and seen.unlimited else mode or "no new one"


def _done(seen: Observed) -> tuple[tuple[str, tuple[QName, ...]], ...]:
    return (
        ("written anew", seen.rewrites),
        ("emptied", seen.truncates),
        ("an index built", seen.builds),
        ("an index dropped", seen.drops),
        ("read from end to end", seen.scans),
        ("rows changed", seen.writes),
    )


def _ties(repeated: Sequence[RepeatedDdl], orders: Mapping[str, int]) -> dict[str, list[Tie]]:
    """Return by file what it creates that another one creates too."""
    again: dict[tuple[str, str], list[str]] = defaultdict(list)
    before: dict[tuple[str, str], int] = defaultdict(int)
    for repeat in repeated:
        first, *later = dict.fromkeys(s.file for s in repeat.statements)
        for file in later:
            again[file, first].append(repeat.object)
            before[first, file] += 1
    ties: dict[str, list[Tie]] = defaultdict(list)
    for (file, first), objects in again.items():
        ties[file].append(Tie(f"creates again {first_of(objects, _NAMED)}, as does", orders.get(first)))
    for (first, file), number in before.items():
        ties[first].append(Tie(f"{some(number, 'object')} created again by", orders.get(file)))
    return ties
