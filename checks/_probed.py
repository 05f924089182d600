"""The subjects of the ISO checks: what the proof tried, and the verdict on it."""

from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from validate_schema.pack import (
    Check,
    Facts,
    Flaw,
    NotExamined,
    ObjectRef,
    Remedy,
    Severity,
    Unexamined,
    check,
)
from validate_schema.pack.model import catalog as cat
from validate_schema.pack.model import isolation as iso
from validate_schema.pack.model import reading

from ._floor import floor
from ._roles import RoleReach

_LONGEST = 160  # characters of a statement in a finding
_WORST = (
    iso.Outcome.LEAK,
    iso.Outcome.BLOCKED,
    iso.Outcome.INCONCLUSIVE,
    iso.Outcome.ISOLATED,
    iso.Outcome.DENIED,
)


# What the rows of one table are open to by one defect, the plainest first: one finding holds them all.
_FOLDED = (
    iso.Probe.READ,
    iso.Probe.INSERT,
    iso.Probe.UPDATE,
    iso.Probe.DELETE,
    iso.Probe.REHOME,
    iso.Probe.NO_CONTEXT,
)
_GUARDS = {
    iso.Probe.READ: ("SELECT", "using"),
    iso.Probe.INSERT: ("INSERT", "check"),
    iso.Probe.UPDATE: ("UPDATE", "using"),
    iso.Probe.DELETE: ("DELETE", "using"),
    iso.Probe.REHOME: ("UPDATE", "check"),
}

_Key = tuple[cat.QName, str, str, str]  # object, role, kind, detail


class Probed(NamedTuple):
    """One object as one role; no cells: it was to be tried and was not. `also` are the leaks of the
    same table by other statements, which this finding tells."""

    object: cat.QName
    role: str
    kind: str
    detail: str
    cells: tuple[iso.Cell, ...]
    also: tuple[iso.Cell, ...] = ()

    @property
    def ref(self) -> ObjectRef:
        name = f"{self.detail} as {self.role}" if self.detail else self.role
        if self.also:  # accepting one leak accepts no other: the object says which there are
            name += f": {', '.join(str(c.probe) for c in (self.cells[0], *self.also))}"
        return ObjectRef.on_table("probe", self.object, name)

    @property
    def worst(self) -> iso.Cell | None:
        """The cell that decides for all."""
        return min(self.cells, key=lambda c: _WORST.index(c.outcome), default=None)


def probed(probe: iso.Probe) -> Callable[[Facts], Iterator[Probed]]:
    """Return the selector of what was probed that way; none when no proof was asked for. Leaks that
    another finding of the run tells are left out: see `_Told`."""

    def select(facts: Facts) -> Iterator[Probed]:
        proof = facts.isolation
        if not proof.attempted:
            if proof.wanted:
                raise NotExamined(proof.reason or "isolation could not be tried")
            return
        found, leaks = _cells(proof, probe)
        told = _Told.of(facts)
        for key, cells in found.items():
            together = sorted(leaks.get(key, ()), key=lambda c: _FOLDED.index(c.probe))
            subject = Probed(*key, tuple(cells))
            if subject.worst is None or subject.worst.outcome is not iso.Outcome.LEAK:
                yield subject
            elif probe not in _FOLDED:
                if not _told_of_object(subject, leaks, told, facts):
                    yield subject
            elif together[0].probe is probe and not _told_of_rows(subject, together, told, facts):
                yield subject._replace(also=tuple(together[1:]))

    return select


def _cells(
    proof: iso.Isolation, probe: iso.Probe
) -> tuple[dict[_Key, list[iso.Cell]], dict[_Key, list[iso.Cell]]]:
    """Return the cells of that probe, by what was probed, and the leaks of those that are told as one."""
    found: dict[_Key, list[iso.Cell]] = {}
    if probe is iso.Probe.READ:
        found = {(table, role.name, "table", ""): [] for table in proof.tables for role in proof.roles}
    leaks: dict[_Key, list[iso.Cell]] = {}
    for cell in proof.cells:
        key = (cell.table, cell.role, cell.kind, cell.detail)
        if cell.probe is probe:
            found.setdefault(key, []).append(cell)
        if cell.outcome is iso.Outcome.LEAK and cell.probe in _FOLDED:
            leaks.setdefault(key, []).append(cell)
    return found, leaks


class _Told(NamedTuple):
    """What the errors of this run's static checks explain: roles that no policy binds, at all or on an
    object, and what is open by its name; a foreign key with its table."""

    roles: frozenset[str]
    roles_on: frozenset[tuple[cat.QName, str]]
    rows: frozenset[cat.QName]
    surfaces: frozenset[cat.QName]
    references: frozenset[tuple[cat.QName, str]]

    @classmethod
    def of(cls, facts: Facts) -> "_Told":
        roles = facts.told.get("role", ())
        become = {RoleReach.named(ref) for ref in roles if ref.kind == "role"}
        return cls(
            frozenset(reach.becomes for reach in become if facts.memberships.bypasses(reach.becomes)),
            frozenset((name, ref.name) for ref in roles for name in _names(ref) if _unforced(name, facts))
            | frozenset(pair for reach in become for pair in _owned_by(reach, facts)),
            frozenset(name for ref in facts.told.get("rows", ()) for name in _names(ref)),
            frozenset(name for ref in facts.told.get("surface", ()) for name in _names(ref)),
            frozenset((name, ref.name) for ref in facts.told.get("reference", ()) for name in _names(ref)),
        )


def _unforced(name: cat.QName, facts: Facts) -> bool:
    """Tell whether the policies of a table do not hold for its owner."""
    table = facts.tables_by_name.get(name)
    return table is not None and not table.force_row_security


def _owned_by(reach: RoleReach, facts: Facts) -> Iterator[tuple[cat.QName, str]]:
    """Yield the tables whose policies do not hold for the owner, or for an app role that has its rights."""
    owner = reach.becomes
    for table in facts.tables:
        if table.owner == owner and _unforced(table.qname, facts):
            yield from (
                (table.qname, role) for role in (owner, reach.role) if facts.memberships.has(role, owner)
            )


def _names(ref: ObjectRef) -> tuple[cat.QName, cat.QName]:
    """Return what a finding is about by the name that a probe has for it."""
    return cat.QName(ref.schema, ref.table), cat.QName(ref.schema, ref.name)


def _told_of_rows(subject: Probed, leaks: list[iso.Cell], told: _Told, facts: Facts) -> bool:
    """Tell whether a static finding explains the open table: row security is off or a policy is open. Not
    where the policies for one of the leaking verbs were read as safe: that is a disagreement."""
    if subject.role in told.roles or (subject.object, subject.role) in told.roles_on:
        return True  # policies do not bind the role at all
    judged = [j for j in facts.judgements.get(subject.object, ()) if j.role == subject.role]
    read = {(j.command, j.half): j.reach for j in judged}
    if any(read.get(_GUARDS.get(c.probe, ("", ""))) in reading.HELD for c in leaks):
        return False
    return subject.object in told.rows


def _told_of_object(subject: Probed, leaks: dict[_Key, list[iso.Cell]], told: _Told, facts: Facts) -> bool:
    """Tell whether a static finding names the foreign key, the view or the function, or the rows that
    come out of it are open to the role in their own table."""
    if subject.cells[0].probe is iso.Probe.REFERENCE:
        return (subject.object, subject.detail) in told.references
    if subject.cells[0].probe is iso.Probe.EFFECT:
        named = {facts.show(name) for name in told.rows | told.surfaces}
        return not named.isdisjoint((facts.show(subject.object), subject.detail))
    if subject.cells[0].probe is not iso.Probe.SURFACE:
        return False
    if subject.object in told.surfaces:
        return True
    views = {v.qname: v.depends_on for v in facts.catalog.views}
    routines = {
        cat.QName(f.schema, f"{f.name}({f.arguments})"): f.touches or () for f in facts.catalog.functions
    }
    below = (*views.get(subject.object, ()), *routines.get(subject.object, ()))
    return any(
        c.probe is iso.Probe.READ for name in below for c in leaks.get((name, subject.role, "table", ""), ())
    )


def _deed(cell: iso.Cell) -> str:
    """Return the statement that got through; the report has the whole script."""
    done = [s for s in iso.essence(cell.statements) if s != "rollback"]
    if not done:
        return ""
    return done[-1] if len(done[-1]) <= _LONGEST else f"{done[-1][:_LONGEST]} …"


def proof_check(
    id: str,
    name: str,
    title: str,
    probe: iso.Probe,
    *,
    leak: str,
    expected: str,
    why: str,
    doc: str,
    bad: str,
    good: str,
    note: str = "",
    concern: Literal["may", "integrity", ""] = "",
) -> Check:
    """Declare the check on one probe. `leak` says what a leak is, of a {role}, a {name}, its {kind} and a
    {detail}; `note` is the remedy where it is not the tenant's floor under the policies of the table."""

    def judge(subject: Probed, facts: Facts) -> Flaw | Unexamined | None:
        remedy = Remedy(note=note) if note else floor(subject.object, subject.role, facts)
        return _judged(subject, facts, leak, expected, remedy)

    judge.__name__, judge.__doc__ = name, doc
    declare = check(
        id,
        title,
        subjects=probed(probe),
        severity=Severity.ERROR,
        remediable=not note,
        needs="proof",
        why=why,
        bad=bad,
        good=good,
        concern=concern,
    )
    return declare(judge)


def _judged(
    subject: Probed, facts: Facts, leak: str, expected: str, remedy: Remedy
) -> Flaw | Unexamined | None:
    """Return the verdict on the worst cell. What held by a policy or for lack of a privilege passes; what
    nobody can tell is never a pass."""
    cell, name = subject.worst, facts.show(subject.object)
    if cell is None:
        return Unexamined(f"{name} was not tried as {subject.role}")
    match cell.outcome:
        case iso.Outcome.INCONCLUSIVE:
            return Unexamined(f"{cell.probe} of {name} as {subject.role}: {cell.why}")
        case iso.Outcome.LEAK | iso.Outcome.BLOCKED:
            more = ", ".join(f"{c.probe}" for c in subject.also)
            said = leak.format(role=subject.role, name=name, detail=subject.detail, kind=subject.kind)
            return Flaw(
                message=f"{said}; it leaks by {more} as well" if more else said,
                expected=expected,
                observed=cell.observed or cell.why,
                evidence="; ".join(filter(None, map(_deed, (cell, *subject.also)))),
                remedy=remedy,
            )
    return None
