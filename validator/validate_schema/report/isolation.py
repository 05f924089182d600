"""Isolation as the report holds it: the proof's cells, the policies as read, where the two disagree."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

from msgspec.structs import replace

from ..facts.facts import Facts
from ..model.catalog import QName
from ..model.isolation import Cell, Isolation, Outcome, Probe, essence
from ..model.reading import HELD, Flow, Judgement, Reach
from ..model.report import Disagreement, IsolationFacts, ProofCell, ProofCoverage, ProofRole, StaticFacts
from ..model.tenancy import TableClass

_PROBES = tuple(Probe)
_WORST = (Reach.UNSAFE, Reach.UNVERIFIED, Reach.TESTED, Reach.SAFE, Reach.CLOSED)
_HELD = (Outcome.ISOLATED, Outcome.DENIED)
_WITHIN = "within one "  # the detail of what was tried between tenants of one tenant
_HALVES = {
    Probe.READ: ("SELECT", "using"),
    Probe.INSERT: ("INSERT", "check"),
    Probe.UPDATE: ("UPDATE", "using"),
    Probe.DELETE: ("DELETE", "using"),
    Probe.REHOME: ("UPDATE", "check"),
}
_THROUGH_READS = (Probe.UPDATE, Probe.DELETE)

_NOT_MET = "its text may let rows of other tenants through, and no row at hand met what opens it"
_NO_ROW = "a way in was not met: no row of another tenant was made for which {} is true but for the tenant"
_Key = tuple[str, str]  # label, role


def isolation_facts(
    facts: Facts, doubted: frozenset[QName] = frozenset(), leaky: frozenset[QName] = frozenset()
) -> IsolationFacts:
    """Return what was proven and what was read, sorted, under the names that people use.

    `doubted` are the tables of which a finding says that rows may get through, `leaky` the views and
    functions.
    """
    missed = _missed(facts)
    read = (_as_read(cell, leaky) for cell in facts.isolation.cells)
    proof = replace(facts.isolation, cells=tuple(_as_met(cell, missed) for cell in read))
    facts = replace(facts, isolation=proof)
    setup: dict[str, int] = {}
    cells = tuple(_cell(c, facts, setup) for c in sorted(proof.cells, key=_order))
    held = _held(facts) - doubted
    tested = held & {j.table for j in facts.analysis.judgements if j.reach is Reach.TESTED}
    proven = held - tested
    return IsolationFacts(
        attempted=proof.attempted,
        reason=proof.reason,
        live=proof.live,
        roles=tuple(ProofRole(name=r.name, how=r.how, made_up=r.made_up) for r in proof.roles),
        tables=tuple(facts.show(t) for t in sorted(proof.tables)),
        proven=tuple(facts.show(t) for t in sorted(proven)),
        tested=tuple(facts.show(t) for t in sorted(tested)),
        coverage=_coverage(proof, len(proven), len(tested)),
        cells=cells,
        static=tuple(_static(facts)),
        disagreements=tuple(_disagreements(facts)),
        relaxed=proof.relaxed,
        notes=proof.notes,
        setup=tuple(setup),
    )


def _as_read(cell: Cell, leaky: frozenset[QName]) -> Cell:
    """Return the cell; inconclusive where a view or function held rows back that its text lets through."""
    if cell.probe is not Probe.SURFACE or cell.outcome is not Outcome.ISOLATED or cell.table not in leaky:
        return cell
    return replace(cell, outcome=Outcome.INCONCLUSIVE, why=_NOT_MET)


def _missed(facts: Facts) -> dict[tuple[QName, str, str, str], str]:
    """Return the branches that no row met, by table, role, command and half, of what is not read as safe."""
    open_still = {
        (j.table, j.role, j.command, j.half) for j in facts.analysis.judgements if j.reach not in HELD
    }
    found = {(u.table, u.role, u.command, u.half): u.branch for u in facts.isolation.unmet}
    return {key: branch for key, branch in found.items() if key in open_still}


def _as_met(cell: Cell, missed: dict[tuple[QName, str, str, str], str]) -> Cell:
    """Return the cell; inconclusive where the policies have a way in that no row of another tenant met."""
    branch = missed.get((cell.table, cell.role, *_HALVES.get(cell.probe, ("", ""))))
    if branch is None or cell.outcome is not Outcome.ISOLATED or cell.kind != "table":
        return cell
    return replace(cell, outcome=Outcome.INCONCLUSIVE, why=_NO_ROW.format(branch))


def _order(cell: Cell) -> tuple[object, ...]:
    return (cell.role, cell.table.schema, cell.table.name, _PROBES.index(cell.probe), cell.kind, cell.detail)


def _cell(cell: Cell, facts: Facts, setup: dict[str, int]) -> ProofCell:
    """Return the cell; the statements before those of the role go to `setup`, each once."""
    done = essence(cell.statements)
    before = cell.statements[: len(cell.statements) - len(done)] if cell.outcome is Outcome.LEAK else ()
    return ProofCell(
        role=cell.role,
        schema=cell.table.schema,
        name=cell.table.name,
        label=facts.show(cell.table),
        kind=cell.kind,
        probe=cell.probe.value,
        detail=cell.detail,
        outcome=cell.outcome.value,
        why=cell.why,
        observed=cell.observed,
        statements=done,
        setup=tuple(setup.setdefault(statement, len(setup)) for statement in before),
    )


def _held(facts: Facts) -> set[QName]:
    """Return the tables that every role was kept out of, and whose policies were read to keep it out: rows
    alone show what they met, and no more. Counting live rows proves no table; nor is one proven whose rows
    belong to a tenant within a tenant while only the outer boundary was tried."""
    proof = facts.isolation
    if not proof.attempted or proof.live:
        return set()
    tried: dict[QName, set[str]] = defaultdict(set)
    broken: set[QName] = set()
    inside: set[QName] = set()
    for cell in proof.cells:
        if cell.probe is Probe.SURFACE:
            continue
        tried[cell.table].add(cell.role)
        if cell.outcome not in _HELD:
            broken.add(cell.table)
        if cell.detail.startswith(_WITHIN):
            inside.add(cell.table)
    broken |= {t for t in proof.tables if _has_deeper_tenant(t, facts)} - inside
    roles = {r.name for r in proof.roles}
    for judgement in facts.analysis.judgements:
        if judgement.role in roles and judgement.reach not in HELD:
            broken.add(judgement.table)
    return {t for t in proof.tables if tried[t] and tried[t] >= roles and t not in broken}


def _has_deeper_tenant(name: QName, facts: Facts) -> bool:
    """Tell whether every row of a table belongs to a tenant within a tenant: then it is not enough that they
    were kept within the outer one."""
    standing = facts.standings.get(name)
    while standing is not None and standing.table_class is TableClass.INHERITED and standing.path:
        standing = facts.standings.get(standing.path[-1])
    if standing is None or standing.table_class is not TableClass.TENANT:
        return False
    table, held = facts.tables_by_name[standing.table], facts.held_levels.get(standing.table, {})
    return any(level > 0 and column not in table.without_not_null for level, column in held.items())


def _coverage(proof: Isolation, proven: int, tested: int) -> ProofCoverage:
    outcomes = Counter(c.outcome for c in proof.cells)
    return ProofCoverage(
        tables=len(proof.tables),
        proven=proven,
        tested=tested,
        cells=len(proof.cells),
        isolated=outcomes[Outcome.ISOLATED],
        denied=outcomes[Outcome.DENIED],
        leaks=outcomes[Outcome.LEAK],
        blocked=outcomes[Outcome.BLOCKED],
        inconclusive=outcomes[Outcome.INCONCLUSIVE],
    )


def worst(judgements: Iterable[Judgement]) -> Judgement:
    """Return the judgement that decides for all: the least safe; raises ValueError without any."""
    return min(judgements, key=lambda j: _WORST.index(j.reach))


def _static(facts: Facts) -> Iterator[StaticFacts]:
    """Yield one reading per table × role × command: the worse of its halves."""
    by_command: dict[tuple[str, str, str], list[Judgement]] = defaultdict(list)
    for judgement in facts.analysis.judgements:
        by_command[facts.show(judgement.table), judgement.role, judgement.command].append(judgement)
    for (label, role, command), judgements in sorted(by_command.items()):
        decisive = worst(judgements)
        yield StaticFacts(
            table=label,
            role=role,
            command=command,
            reach=decisive.reach.value,
            reason=decisive.reason,
            flow=decisive.flow.value if decisive.flow else "",
            policy=decisive.policy or "",
            branch=decisive.branch,
        )


def _disagreements(facts: Facts) -> Iterator[Disagreement]:
    """Yield where a probe contradicts the reading of the half of the policies that guards it."""
    if not facts.isolation.attempted:
        return
    read: dict[_Key, dict[tuple[str, str], Judgement]] = defaultdict(dict)
    for judgement in facts.analysis.judgements:
        key = (facts.show(judgement.table), judgement.role)
        read[key][judgement.command, judgement.half] = judgement
    for cell in sorted(facts.isolation.cells, key=_order):
        label = facts.show(cell.table)
        halves = read.get((label, cell.role), {})
        guard = halves.get(_HALVES.get(cell.probe, ("", "")))
        why = _contradiction(cell, guard, halves.values()) if guard else ""
        if guard and why:
            yield Disagreement(
                table=label,
                role=cell.role,
                probe=cell.probe.value,
                static=guard.reach.value,
                proven=cell.outcome.value,
                why=why,
            )


def _contradiction(cell: Cell, judgement: Judgement, others: Iterable[Judgement]) -> str:
    if cell.outcome is Outcome.LEAK and judgement.reach in HELD:
        return (
            f"the policies read as {judgement.reach.value} ({judgement.reason}), yet a row got through: "
            "believe the row"
        )
    opened = judgement.reach is Reach.UNSAFE and judgement.flow in (Flow.READ, Flow.WRITE)
    if cell.outcome is not Outcome.ISOLATED or not opened or _hidden_by_reads(cell.probe, list(others)):
        return ""
    return (
        f"the policies read as unsafe ({judgement.reason}), yet no row got through: something else holds "
        "it, or no row met that branch"
    )


def _hidden_by_reads(probe: Probe, judgements: Sequence[Judgement]) -> bool:
    """Tell whether the policies for SELECT already hide the rows: an UPDATE or DELETE with a WHERE
    sees only what its role may read (PostgreSQL documentation, CREATE POLICY)."""
    reads = [j for j in judgements if (j.command, j.half) == ("SELECT", "using")]
    return probe in _THROUGH_READS and any(j.reach in HELD for j in reads)
