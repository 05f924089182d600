"""Choose the remedies of a schema's findings, in an order in which each can be applied.

Remedies meet each other: two checks replace the same constraint, one builds on a column that another
adds. So none is taken from a list made beforehand: on a copy of the schema the findings of one family
are mended, the schema is read and judged again, and the next family's remedies are those of that
schema.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ...checking.engine import Outcome
from ...model.declared import Family
from ...model.finding import Finding, Severity, Step
from ...model.report import CheckResult
from .undo import undo_of, without_detours

if TYPE_CHECKING:
    import psycopg

_ROUNDS = 6

Judge = Callable[["psycopg.Connection"], Outcome]


@dataclass(frozen=True)
class Mended:
    """A finding and the steps that mend it, as its check wrote them."""

    finding: Finding
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Refused:
    """A finding whose remedy could not be used, and why; `undoes` is the finding that was mended before
    and would come back."""

    finding: Finding
    reason: str
    undoes: Finding | None = None


@dataclass(frozen=True)
class Aims:
    """What shall be mended: findings of the checks `ids`, but for those whose fingerprints are `known`; of
    those that are there before, what is at least as grave as `least`."""

    ids: frozenset[str]
    known: frozenset[str] = frozenset()
    least: Severity = Severity.INFO


@dataclass
class Plan:
    """What will be done, what is left to a person, and what could not be done.

    `before` are the findings of the schema as it is, `after` those once everything is applied; `causes`
    says which mended findings brought a new one, by its fingerprint. `undo` takes back the steps that do
    not say it themselves. `families` are those of the checks, `declared` the checks whose findings say that
    something of the contract is missing or different. `blind` are the checks that could not run, or not on
    everything: of what they would find nothing is mended.
    """

    aims: Aims
    before: tuple[Finding, ...] = ()
    after: tuple[Finding, ...] = ()
    mended: list[Mended] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    causes: dict[str, tuple[Finding, ...]] = field(default_factory=dict)
    undo: dict[Step, tuple[Step, ...]] = field(default_factory=dict)
    families: dict[str, Family] = field(default_factory=dict)
    declared: frozenset[str] = frozenset()
    blind: tuple[CheckResult, ...] = ()

    @property
    def decisions(self) -> tuple[Finding, ...]:
        """Findings that only a person can settle."""
        tried = {r.finding.fingerprint for r in self.refused}
        mine = (f for f in self.concerned() if not f.remedy.sql)
        return tuple(f for f in mine if f.fingerprint not in tried)

    def concerned(self) -> Iterator[Finding]:
        """Yield what is there now and shall be mended: what a remedy brought as well, however grave."""
        lesser = {f.fingerprint for f in self.before if f.severity.rank < self.aims.least.rank}
        for finding in self.after:
            passed_over = finding.fingerprint in lesser or finding.fingerprint in self.aims.known
            if finding.check in self.aims.ids and not passed_over:
                yield finding


def make_plan(connection: "psycopg.Connection", judge: Judge, aims: Aims) -> Plan:
    """Mend what the `aims` concern on a throwaway copy of the schema, which `connection` is to, family by
    family; return what was done to it.

    A remedy that fails is taken back and refused with the server's reason; one that leaves its finding,
    or that causes another which nothing mends, is refused as well, and the schema is left as it was.
    Where two rules want opposite things, what holds today stays: the plan is made again without the
    remedy that broke it.
    """
    import psycopg

    barred: list[Refused] = []
    while True:
        with connection.transaction() as transaction:
            plan = _made(connection, judge, Plan(aims, refused=list(barred)))
            clashes = _clashes(plan) or _lost(plan)
            if clashes:
                raise psycopg.Rollback(transaction)
        if not clashes:
            plan.mended = _direct(plan)
            plan.refused = _still_there(plan)
            return plan
        barred += clashes


def _direct(plan: Plan) -> list[Mended]:
    """Return what was done without what it undid again, and without findings that came up on the way and
    need nothing then."""
    before = {f.fingerprint for f in plan.before}
    steps = without_detours([m.steps for m in plan.mended])
    mended = [Mended(m.finding, s) for m, s in zip(plan.mended, steps, strict=True)]
    return [m for m in mended if m.steps or m.finding.fingerprint in before]


def _still_there(plan: Plan) -> list[Refused]:
    """Return what was refused, once each, without what another remedy mended as well."""
    found = {r.finding.fingerprint: r for r in plan.refused}
    left = {f.fingerprint for f in plan.after}
    return [r for fingerprint, r in found.items() if fingerprint in left]


def _clashes(plan: Plan) -> list[Refused]:
    """Return the mended findings whose remedies cause what only bringing them back would mend."""
    known = {f.fingerprint for f in plan.before}
    found = {}
    for refused in plan.refused:
        if refused.undoes is None or refused.finding.fingerprint in known:
            continue
        for cause, caused in _roots(plan, refused.undoes, refused.finding, known):
            found[cause.fingerprint] = _opposed(cause, caused)
    return list(found.values())


def _opposed(cause: Finding, caused: Finding) -> Refused:
    return Refused(cause, f"it would cause {caused.check}, which wants the opposite: {caused.message}")


def _lost(plan: Plan) -> list[Refused]:
    """Return the mended findings whose remedies dropped what the contract declares and nothing made again."""
    known = {f.fingerprint for f in plan.before}
    found = {}
    for lost in plan.after:
        if lost.check not in plan.declared or lost.fingerprint in known:
            continue
        for cause in plan.causes.get(lost.fingerprint, ()):
            same = cause.object.table == lost.object.table
            if same and any(step.drops for step in cause.remedy.steps):
                found[cause.fingerprint] = _opposed(cause, lost)
    return list(found.values())


def _roots(
    plan: Plan, mended: Finding, caused: Finding, known: set[str]
) -> Iterator[tuple[Finding, Finding]]:
    """Yield what is not to be mended, each with what that would cause: `mended`, or where it was no lesser
    evil than what it came from, that: of what was mended together, the least."""
    causes = () if mended.fingerprint in known else plan.causes.get(mended.fingerprint, ())
    table = mended.object.table
    near = [f for f in causes if f.object.table == table or any(table in s for s in f.remedy.sql)]
    least = min((f.severity.rank for f in near), default=0)
    lesser = [f for f in near if f.severity.rank == least <= mended.severity.rank]
    if not lesser:
        yield mended, caused
    for cause in lesser:
        yield from _roots(plan, cause, mended, known)


def _made(connection: "psycopg.Connection", judge: Judge, plan: Plan) -> Plan:
    outcome = judge(connection)
    plan.families = {c.id: c.family for c in outcome.checks}
    plan.blind = tuple(r for r in outcome.results if r.id in plan.aims.ids and not r.looked_at_all)
    plan.declared = frozenset(
        c.id for c in outcome.checks if c.needs == "contract" and c.severity is Severity.ERROR
    )
    plan.before = plan.after = outcome.findings
    for _ in range(_ROUNDS):
        changed = [_family(plan, connection, judge, family) for family in _families(plan)]
        if not any(changed):
            break
    else:
        plan.refused += [Refused(f, f"it still changed after {_ROUNDS} rounds") for f in _open(plan)]
    return plan


def _families(plan: Plan) -> list[Family]:
    """Return the families with findings: what others build on first, what drops things last."""
    present = {plan.families[f.check] for f in plan.after}
    return sorted(present, key=lambda family: (family.fix, family.id))


def _family(plan: Plan, connection: "psycopg.Connection", judge: Judge, family: Family) -> bool:
    """Mend one family's findings, all that can be together; return whether anything was done."""
    mine = [f for f in _open(plan) if plan.families[f.check] == family]
    return _mend(plan, connection, judge, mine)


def _mend(plan: Plan, connection: "psycopg.Connection", judge: Judge, findings: Sequence[Finding]) -> bool:
    """Mend the findings together if that does no harm, else by halves, down to those that do it. Judging
    a large schema takes seconds: a few that cannot be mended must not make each of hundreds a try."""
    wanted = {f.fingerprint for f in findings}
    todo = [f for f in _open(plan) if f.fingerprint in wanted]
    if not todo:
        return False
    harm = _attempt(plan, connection, judge, todo)
    if harm is None:
        return True
    if len(todo) == 1:
        plan.refused.append(harm)
        return False
    half = len(todo) // 2
    changed = [_mend(plan, connection, judge, part) for part in (todo[:half], todo[half:])]
    return any(changed)


def _attempt(
    plan: Plan, connection: "psycopg.Connection", judge: Judge, findings: Sequence[Finding]
) -> Refused | None:
    """Apply the remedies in one transaction and judge what they made; return what speaks against
    keeping it, or None."""
    import psycopg

    if not findings:
        return None
    harm = None
    after = plan.after
    with connection.transaction() as transaction:
        for finding in findings:
            harm = _applied(plan, connection, finding)
            if harm:
                raise psycopg.Rollback(transaction)
        after = judge(connection).findings
        harm = _harm(plan, findings, after)
        if harm:
            raise psycopg.Rollback(transaction)
    if harm is None:
        plan.mended += [Mended(f, f.remedy.steps) for f in findings]
        there = {f.fingerprint for f in (*plan.before, *plan.after)}
        for finding in after:
            if finding.fingerprint not in there:
                plan.causes.setdefault(finding.fingerprint, tuple(findings))
        plan.after = after
    return harm


def _applied(plan: Plan, connection: "psycopg.Connection", finding: Finding) -> Refused | None:
    import psycopg

    for step in finding.remedy.steps:
        try:
            if step.undo is None and (undo := undo_of(connection, step)) is not None:
                plan.undo[step] = undo
            connection.execute((step.in_transaction or step.sql).encode())
        except psycopg.Error as error:
            return Refused(finding, f"{step.sql}: {error.diag.message_primary or error}")
    return None


def _open(plan: Plan) -> list[Finding]:
    settled = {r.finding.fingerprint for r in plan.refused} | {m.finding.fingerprint for m in plan.mended}
    todo = (f for f in plan.concerned() if f.remedy.sql)
    return [f for f in todo if f.fingerprint not in settled]


def _harm(plan: Plan, done: Sequence[Finding], after: Iterable[Finding]) -> Refused | None:
    """Return what is wrong with what was `done`: a finding that it left or brought back, or one that it
    caused, that is no lesser evil and has no remedy of its own."""
    aims = {f.fingerprint for f in done}
    settled = {m.finding.fingerprint: m.finding for m in plan.mended}
    least = min(f.severity.rank for f in done)
    known = {f.fingerprint for f in (*plan.before, *plan.after)}
    for finding in after:
        said = f"{finding.check}: {finding.message}"
        if finding.fingerprint in aims:
            return Refused(done[0], f"it leaves {said}")
        if finding.fingerprint in settled:
            return Refused(done[0], f"it would bring back {said}", settled[finding.fingerprint])
        caused = finding.fingerprint not in known and not finding.remedy.sql
        if caused and finding.severity.rank >= least:
            return Refused(done[0], f"it would cause {said}")
    return None
