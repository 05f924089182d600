"""The subjects of the ISO checks: what the proof tried, and the verdict on it."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from validate_schema.api import Facts, Flaw, NotExamined, ObjectRef, Remedy, Unexamined, Verdict
from validate_schema.api import catalog as cat
from validate_schema.api import isolation as iso

_LONGEST = 160  # characters of a statement in a finding
_WORST = (iso.Outcome.LEAK, iso.Outcome.INCONCLUSIVE, iso.Outcome.ISOLATED, iso.Outcome.DENIED)


class Probed(NamedTuple):
    """One object as one role; no cells: it was to be tried and was not."""

    object: cat.QName
    role: str
    kind: str
    detail: str
    cells: tuple[iso.Cell, ...]

    @property
    def ref(self) -> ObjectRef:
        name = f"{self.detail} as {self.role}" if self.detail else self.role
        return ObjectRef.on_table("probe", self.object, name)

    @property
    def worst(self) -> iso.Cell | None:
        """The cell that decides for all."""
        return min(self.cells, key=lambda c: _WORST.index(c.outcome), default=None)


def probed(probe: iso.Probe) -> Callable[[Facts], Iterator[Probed]]:
    """Return the selector of what was probed that way; none when no proof was asked for."""

    def select(facts: Facts) -> Iterator[Probed]:
        proof = facts.isolation
        if not proof.attempted:
            if proof.wanted:
                raise NotExamined(proof.reason or "isolation could not be tried")
            return
        found: dict[tuple[cat.QName, str, str, str], list[iso.Cell]] = {}
        if probe is iso.Probe.READ:
            found = {(table, role.name, "table", ""): [] for table in proof.tables for role in proof.roles}
        for cell in proof.cells:
            if cell.probe is probe:
                found.setdefault((cell.table, cell.role, cell.kind, cell.detail), []).append(cell)
        for (name, role, kind, detail), cells in found.items():
            yield Probed(name, role, kind, detail, tuple(cells))

    return select


def _deed(cell: iso.Cell) -> str:
    """Return the statement that got through; the report has the whole script."""
    done = [s for s in iso.essence(cell.statements) if s != "rollback"]
    if not done:
        return ""
    return done[-1] if len(done[-1]) <= _LONGEST else f"{done[-1][:_LONGEST]} …"


def judge(subject: Probed, facts: Facts, leak: str, expected: str, remedy: Remedy) -> Verdict:
    """Return the verdict on the worst cell. What held by a policy or for lack of a privilege passes; what
    nobody can tell is never a pass."""
    cell, name = subject.worst, facts.show(subject.object)
    if cell is None:
        return Unexamined(f"{name} was not tried as {subject.role}")
    match cell.outcome:
        case iso.Outcome.INCONCLUSIVE:
            return Unexamined(f"{cell.probe} of {name} as {subject.role}: {cell.why}")
        case iso.Outcome.LEAK:
            return Flaw(
                message=leak.format(role=subject.role, name=name, detail=subject.detail),
                expected=expected,
                observed=cell.observed or cell.why,
                evidence=_deed(cell),
                remedy=remedy,
            )
    return None
