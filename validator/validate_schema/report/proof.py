"""The isolation matrix as it is shown: a row per table and role, a column per probe, words in each."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ..model.isolation import Outcome, Probe, essence, psql_script
from ..model.reading import Reach
from ..model.report import IsolationFacts, ProofCell, StaticFacts
from .promises import SIGNS, Mark

PROBES = (
    (Probe.READ, "SELECT as tenant A: rows of B"),
    (Probe.INSERT, "INSERT as tenant A: a row for B"),
    (Probe.UPDATE, "UPDATE as tenant A: rows of B"),
    (Probe.DELETE, "DELETE as tenant A: rows of B"),
    (Probe.REHOME, "UPDATE of the tenant column: a row changes its tenant"),
    (Probe.NO_CONTEXT, "any of these with the tenant context unset, empty or malformed"),
    (Probe.REFERENCE, "a row of A that refers to a row of B"),
    (Probe.EFFECT, "what A may do: what triggers, rules and cascades do to rows of B then"),
    (Probe.OWN, "A reads and writes its own rows"),
)
LARGE = 60  # lines of the matrix
CUT = 150  # characters of a statement in a field
MOST = 40  # scripts on a page
LONG = 64_000  # characters of all scripts
COMMANDS = ("SELECT", "INSERT", "UPDATE", "DELETE")
_WORST = (Outcome.LEAK, Outcome.BLOCKED, Outcome.INCONCLUSIVE, Outcome.ISOLATED, Outcome.DENIED)
_MARKS: dict[str, Mark] = {
    Outcome.ISOLATED: "ok",
    Outcome.DENIED: "ok",
    Outcome.LEAK: "bad",
    Outcome.BLOCKED: "bad",
    Outcome.INCONCLUSIVE: "none",
}
_OWN_WORDS = {Outcome.ISOLATED: "work"}
_REACHES: dict[str, Mark] = {
    Reach.SAFE: "ok",
    Reach.TESTED: "ok",
    Reach.CLOSED: "ok",
    Reach.UNSAFE: "bad",
    Reach.UNVERIFIED: "none",
}
QUIET = (Reach.SAFE, Reach.TESTED, Reach.CLOSED)  # nothing has to be said of why
_LEAST_SAFE = (Reach.UNSAFE, Reach.UNVERIFIED, Reach.TESTED, Reach.SAFE, Reach.CLOSED)


@dataclass(frozen=True)
class Square:
    """One field of the matrix: the worst of its cells decides sign and word."""

    probe: str
    mark: Mark
    word: str
    cells: tuple[ProofCell, ...] = ()

    @property
    def sign(self) -> str:
        return SIGNS[self.mark]


@dataclass(frozen=True)
class Reading:
    """What the policies say of one command, or (`command` empty) of all."""

    command: str
    mark: Mark
    word: str
    reason: str = ""
    policy: str = ""
    branch: str = ""

    @property
    def sign(self) -> str:
        return SIGNS[self.mark]


@dataclass(frozen=True)
class Line:
    """A table as one role: what the policies say, and what the rows showed."""

    table: str
    role: str
    squares: tuple[Square, ...]
    readings: tuple[Reading, ...]
    policies: Reading
    tried: bool

    @property
    def cells(self) -> tuple[ProofCell, ...]:
        return tuple(c for square in self.squares for c in square.cells)

    @property
    def worst(self) -> str:
        """`leak`, `blocked`, `inconclusive` or empty."""
        outcomes = {c.outcome for c in self.cells}
        return next((o.value for o in _WORST[:3] if o in outcomes), "")


@dataclass(frozen=True)
class Leak:
    """A leak with its psql script; `what` is the object as people call it."""

    what: str
    cell: ProofCell
    script: str


class Proof:
    """The isolation part of a report, ready to be shown."""

    def __init__(self, facts: IsolationFacts) -> None:
        self.facts = facts
        self.columns = PROBES
        self.commands = COMMANDS
        self.lines = _lines(facts)
        self.surfaces = tuple(c for c in facts.cells if c.probe == Probe.SURFACE)
        self.leaks, self.abridged = _leaks(facts)
        self.scripts = self.leaks[:MOST]
        self.unshown = len(self.leaks) - len(self.scripts)
        self.inconclusive = tuple(c for c in facts.cells if c.outcome == Outcome.INCONCLUSIVE)

    @property
    def examples(self) -> tuple[Leak, ...]:
        """The first leak of each probe, its script without the rows that it begins with."""
        first = {leak.cell.probe: leak for leak in reversed(self.leaks)}
        shown = (leak for leak in self.leaks if first[leak.cell.probe] is leak)
        return tuple(
            Leak(leak.what, leak.cell, psql_script(essence(self.facts.script(leak.cell)))) for leak in shown
        )

    def alike(self, lines: Iterable[Line]) -> tuple[tuple[tuple[str, ...], Line], ...]:
        """Return the lines that say the same as one, with the tables that they are of."""
        return _merged(lines, lambda line: (*((s.mark, s.word) for s in line.squares), line.policies.word))

    def read_alike(self, lines: Iterable[Line]) -> tuple[tuple[tuple[str, ...], Line], ...]:
        """The same for what the policies say."""
        return _merged(
            lines,
            lambda line: (
                *((r.mark, r.word) for r in line.readings),
                *(() if line.policies.word in QUIET else (line.policies.reason, line.policies.branch)),
            ),
        )

    def mark(self, cell: ProofCell) -> str:
        """Return the sign of one cell's outcome."""
        return SIGNS[_MARKS.get(cell.outcome, "none")]

    def answer(self, cell: ProofCell) -> str:
        """Return what the server answered, less the message that the sentence before it ends with."""
        state, _, message = cell.observed.partition(" ")
        return state if message and cell.why.endswith(message) else cell.observed

    def spelled(self, cell: ProofCell) -> bool:
        """Tell whether a field spells out its statements: those of a leak stand below the matrix, and a
        large report leaves the rest to the JSON."""
        return cell.outcome != Outcome.LEAK and bool(cell.statements) and len(self.lines) <= LARGE

    def done(self, cell: ProofCell) -> str:
        """Return what the role did, without the rows that were made for it; long statements are cut."""
        shown = (s if len(s) <= CUT else f"{s[:CUT]} …" for s in essence(cell.statements))
        return psql_script(tuple(shown))

    @property
    def by_role(self) -> tuple[tuple[str, tuple[Line, ...]], ...]:
        """The lines of each role, in the order of the roles' names."""
        found: dict[str, list[Line]] = defaultdict(list)
        for line in self.lines:
            found[line.role].append(line)
        return tuple((role, tuple(lines)) for role, lines in sorted(found.items()))

    @property
    def tried(self) -> tuple[tuple[str, tuple[Line, ...]], ...]:
        return tuple((role, tuple(x for x in lines if x.tried)) for role, lines in self.by_role)

    @property
    def read(self) -> tuple[tuple[str, tuple[Line, ...]], ...]:
        """The roles with the tables whose policies were read."""
        return tuple((role, kept) for role, lines in self.by_role if (kept := _read_ones(lines)))

    @property
    def reach_figures(self) -> tuple[tuple[str, int], ...]:
        """How many tables × roles × commands the policies leave safe, closed, unsafe, unverified."""
        reaches = [s.reach for s in self.facts.static]
        return tuple((r.value, reaches.count(r.value)) for r in reversed(_LEAST_SAFE) if r.value in reaches)


def _merged(
    lines: Iterable[Line], said: Callable[[Line], tuple[object, ...]]
) -> tuple[tuple[tuple[str, ...], Line], ...]:
    like: dict[tuple[object, ...], list[Line]] = defaultdict(list)
    for line in lines:
        like[said(line)].append(line)
    return tuple((tuple(line.table for line in members), members[0]) for members in like.values())


def _read_ones(lines: Iterable[Line]) -> tuple[Line, ...]:
    return tuple(line for line in lines if line.policies.word)


def _lines(facts: IsolationFacts) -> tuple[Line, ...]:
    cells: dict[tuple[str, str], list[ProofCell]] = defaultdict(list)
    static: dict[tuple[str, str], list[StaticFacts]] = defaultdict(list)
    for cell in facts.cells:
        if cell.probe != Probe.SURFACE:
            cells[cell.role, cell.label].append(cell)
    for reading in facts.static:
        static[reading.role, reading.table].append(reading)
    tried = {key[1] for key in cells} | set(facts.tables)
    keys = sorted({*cells, *static} | {(r.name, t) for r in facts.roles for t in facts.tables})
    return tuple(
        _line(role, label, cells, static, label in tried and facts.attempted) for role, label in keys
    )


def _line(
    role: str,
    label: str,
    cells: dict[tuple[str, str], list[ProofCell]],
    static: dict[tuple[str, str], list[StaticFacts]],
    tried: bool,
) -> Line:
    mine, read = cells.get((role, label), []), static.get((role, label), [])
    squares = tuple(_square(p, [c for c in mine if c.probe == p]) for p, _ in PROBES)
    readings = tuple(reading_of(c, [s for s in read if s.command == c]) for c in COMMANDS)
    return Line(label, role, squares, readings, reading_of("", read), tried)


def _square(probe: Probe, cells: list[ProofCell]) -> Square:
    if not cells:
        return Square(probe.value, "none", "n/a")
    outcome = next((o for o in _WORST if any(c.outcome == o for c in cells)), Outcome.INCONCLUSIVE)
    word = _OWN_WORDS.get(outcome, outcome.value) if probe is Probe.OWN else outcome.value
    return Square(probe.value, _MARKS[outcome], "LEAK" if word == "leak" else word, tuple(cells))


def reading_of(command: str, static: Iterable[StaticFacts]) -> Reading:
    """Return the least safe of the readings under `command`; its word is empty without any."""
    known = list(static)
    for reach in _LEAST_SAFE:
        for s in known:
            if s.reach == reach:
                return Reading(command, _REACHES[reach], s.reach, s.reason, s.policy, s.branch)
    return Reading(command, "none", "")


def _leaks(facts: IsolationFacts) -> tuple[tuple[Leak, ...], bool]:
    """Return the leaks, and whether their scripts leave out the rows because they would fill the page."""
    found = [c for c in facts.cells if c.outcome == Outcome.LEAK]
    whole = [facts.script(c) for c in found]
    abridged = sum(len(s) for script in whole for s in script) > LONG
    scripts = (psql_script(essence(s) if abridged else s) for s in whole)
    return tuple(Leak(object_label(c), c, s) for c, s in zip(found, scripts, strict=True)), abridged


def object_label(cell: ProofCell) -> str:
    """Return the object of a cell in words: ``table Task``, ``view v``, ``function f(uuid)``."""
    return f"{cell.kind} {cell.label}" + (f" ({cell.detail})" if cell.detail else "")
