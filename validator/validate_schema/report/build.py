"""Make the Report of a run from its facts and its outcome. Pure: no clock, no connection."""

from collections import Counter
from collections.abc import Iterator, Mapping

import msgspec
from msgspec import UNSET, UnsetType

from ..checking.baseline import EXIT_CODES, decide
from ..checking.engine import Outcome
from ..facts.facts import Facts
from ..model.catalog import POSTGRESQL, QName
from ..model.finding import Finding, Severity
from ..model.report import (
    DEFAULT_TITLE,
    AlikeFacts,
    BaselineFacts,
    CandidateFacts,
    CheckResult,
    LevelFacts,
    Provenance,
    Report,
    Statistics,
    Target,
    TenancyFacts,
    Tool,
)
from ..model.version import __version__
from ..sql.mentions import mentions
from ..tenancy.alike import alike_schemas
from . import figures
from .asked import asked_facts, assumptions
from .declared import used_packs
from .history import migration_facts
from .isolation import isolation_facts


class Circumstances(msgspec.Struct, frozen=True):
    """What a run knows beyond its facts: target, provenance, and the times.

    `generated_at` is ISO 8601 in UTC; `duration_ms` is in milliseconds.
    """

    target: Target
    provenance: Provenance = Provenance()
    generated_at: str = ""
    duration_ms: int = 0
    title: str = ""
    groups: Mapping[str, tuple[str, ...]] | None = None
    baseline: BaselineFacts | None = None


_ABOUT_ROWS = {"role", "rows", "unverified", "beside", "tenant"}
_FIRST = 3  # schemas that are named


def _doubted(outcome: Outcome, facts: Facts) -> frozenset[QName]:
    """Return the tables of which an error, or what is undecided, says that rows may get through; a role that
    no policy restrains has all of them, as has whoever is taken for a tenant of its own kind, or may come by
    a membership, be it through a view, a function, a trigger or a key: the others rest on those."""
    every = frozenset(facts.isolation.tables)
    about_rows = {c.id for c in outcome.checks if _ABOUT_ROWS & set(c.explains)}
    of_tenants = {c.id for c in outcome.checks if "tenant" in c.explains}
    of_roles = {c.id for c in outcome.checks if {"role", "beside"} & set(c.explains)}
    of_ways = {c.id for c in outcome.checks if {"surface", "rows"} & set(c.explains)}
    asked = [m.table for m in facts.principals.memberships if m.asked]
    parts = (part.qname for name in asked for part in facts.partitions.get(name, ()))
    joined = [facts.show(name) for name in (*asked, *parts)]
    found: set[QName] = set()
    for f in (*outcome.findings, *outcome.suppressed):
        if not (f.undecided or f.severity is Severity.ERROR):
            continue
        if f.check in of_ways and any(mentions(_concerned(f, facts), name) for name in joined):
            found |= every
        if f.check not in about_rows:
            continue
        if f.check in of_tenants or (f.check in of_roles and not f.object.table):
            found |= every
        named = QName(f.object.schema, f.object.table)
        found.update((*_wholes(named, facts), *_parts(named, facts)))
    return frozenset(found)


def _wholes(name: QName | None, facts: Facts) -> Iterator[QName]:
    """Yield a table and what it is a part of: the rows of a partition are those of the whole."""
    while name is not None:
        yield name
        table = facts.tables_by_name.get(name)
        name = table.parent if table is not None else None


def _parts(name: QName, facts: Facts) -> Iterator[QName]:
    """Yield the tables that inherit from one: who reads it reads their rows."""
    below, seen = [name], {name}
    while below:
        parts = {part.qname for part in facts.children.get(below.pop(), ())} - seen
        seen |= parts
        below += parts
        yield from parts


def _concerned(finding: Finding, facts: Facts) -> str:
    """Return in words what a finding is about, and what the view reads or the rule does that it is about."""
    about = finding.object
    said = [about.table, finding.message]
    if about.kind == "view" and (view := facts.views_by_name.get(QName(about.schema, about.name))):
        said += map(facts.show, view.depends_on)
    if about.kind == "rule" and (table := facts.tables_by_name.get(QName(about.schema, about.table))):
        said += [rule.definition for rule in table.rules if rule.name == about.name]
    return " ".join(said)


def _leaky(outcome: Outcome) -> frozenset[QName]:
    """Return the views and functions of which an error, or what is undecided, says that rows get through."""
    of_surfaces = {c.id for c in outcome.checks if "surface" in c.explains}
    told = (f for f in outcome.findings if f.check in of_surfaces)
    return frozenset(
        QName(f.object.schema, f.object.name) for f in told if f.undecided or f.severity is Severity.ERROR
    )


_ROWS = " (--prove decides what rows can)"


def build_report(facts: Facts, outcome: Outcome, fail_on: str, given: Circumstances) -> Report:
    """Return the report: verdict and gate, figures, matrix, findings, and where they came from."""
    verdict, gate = decide(outcome, fail_on)
    if verdict == "INCOMPLETE" and outcome.undecided and not facts.isolation.attempted:
        gate += _ROWS if facts.catalog.server.product == POSTGRESQL else ""
    everything = (*outcome.findings, *outcome.suppressed)
    on_migrations = {c.id for c in outcome.checks if c.on_migrations}
    rows = figures.matrix(facts, everything, given.groups or {})
    return Report(
        title=given.title or DEFAULT_TITLE,
        tool=Tool(version=__version__),
        verdict=verdict,
        exit_code=EXIT_CODES[verdict],
        gate=gate,
        fail_on=fail_on,
        generated_at=given.generated_at,
        duration_ms=given.duration_ms,
        target=given.target,
        provenance=given.provenance,
        tenancy=tenancy_facts(facts),
        assumptions=assumptions(facts),
        counts=figures.counts(facts, rows, facts.evidence),
        tables=rows,
        enums=figures.enums(facts),
        policies=figures.policies(facts),
        checks=outcome.results,
        findings=outcome.findings,
        suppressed=outcome.suppressed,
        migrations=migration_facts(facts.history, (f for f in everything if f.check in on_migrations)),
        isolation=isolation_facts(facts, _doubted(outcome, facts), _leaky(outcome)),
        baseline=given.baseline,
        subjects=outcome.subjects,
        statistics=statistics(outcome),
        packs=used_packs(outcome.checks) or UNSET,
    )


def tenancy_facts(facts: Facts) -> TenancyFacts:
    """Return the tenancy as the report shows it; the first level stands for the whole."""
    tenancy = facts.tenancy
    top = tenancy.levels[0] if tenancy.levels else None
    return TenancyFacts(
        identified=tenancy.identified,
        root=facts.show(top.root) if top and top.root else None,
        root_key=top.key if top else None,
        column=top.columns[0] if top and top.columns else None,
        setting=tenancy.setting or tenancy.current_tenant,
        app_roles=tenancy.app_roles,
        levels=tuple(
            LevelFacts(
                root=facts.show(level.root) if level.root else None,
                root_key=level.key,
                columns=level.columns,
                parent=facts.show(level.parent) if level.parent else None,
            )
            for level in tenancy.levels
        ),
        inferred=dict(sorted(tenancy.inferred.items())),
        asked=asked_facts(facts),
        candidates=tuple(
            CandidateFacts(
                root=facts.show(c.root) if c.root else None,
                column=c.column,
                tables=c.tables,
                why=c.why,
                columns=c.columns,
            )
            for c in tenancy.candidates
        ),
        alike=UNSET if tenancy.identified else _alike(facts),
    )


def _alike(facts: Facts) -> AlikeFacts | UnsetType:
    found = alike_schemas(facts.catalog)
    if found is None:
        return UNSET
    return AlikeFacts(schemas=len(found.schemas), first=found.schemas[:_FIRST], pattern=found.pattern)


def statistics(outcome: Outcome) -> Statistics:
    """Return how the checks fared, by status, and the findings by severity."""
    status = Counter(r.status for r in outcome.results)
    severity = Counter(f.severity.value for f in outcome.findings)
    return Statistics(
        checks=len(outcome.results),
        passed=status["passed"],
        failed=status["failed"],
        undecided=status["undecided"],
        not_applicable=status["not_applicable"],
        skipped=status["skipped"],
        errors=status["error"],
        examined=_examined(outcome.results),
        findings={level: severity[level] for level in ("error", "warning", "info")},
        suppressed=len(outcome.suppressed),
    )


def _examined(results: tuple[CheckResult, ...]) -> int:
    return sum(r.examined for r in results)
