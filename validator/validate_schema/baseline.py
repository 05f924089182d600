"""An earlier report as the measure of this one: what is new since, what is gone, what nobody knows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import msgspec

from .engine import Outcome
from .model.finding import Finding
from .model.report import BaselineFacts, CheckResult, Report


@dataclass(frozen=True)
class Baseline:
    """A saved report, and the name of its file as it is shown."""

    report: Report
    file: str


@dataclass(frozen=True)
class Comparison:
    """Findings by what became of them; each list keeps the order of the report it comes from.

    `resolved`, `accepted` and `unjudged` are the earlier report's: no longer found by a check that looked
    at everything, suppressed by now, and belonging to a check that did not run, or not on everything.
    """

    new: tuple[Finding, ...]
    existing: tuple[Finding, ...]
    resolved: tuple[Finding, ...]
    accepted: tuple[Finding, ...]
    unjudged: tuple[Finding, ...]


def compare(
    earlier: Report,
    findings: Sequence[Finding],
    suppressed: Iterable[Finding],
    results: Iterable[CheckResult],
) -> Comparison:
    """Compare what a later run said with an `earlier` report, by fingerprint.

    A finding that was accepted earlier and is open now is new: its acceptance has ended.
    """
    before = {f.fingerprint for f in earlier.findings}
    now, excused = {f.fingerprint for f in findings}, {f.fingerprint for f in suppressed}
    looked = {r.id for r in results if r.status in ("passed", "failed", "not_applicable") and not r.skipped}
    gone = [f for f in earlier.findings if f.fingerprint not in now]
    return Comparison(
        new=tuple(f for f in findings if f.fingerprint not in before),
        existing=tuple(f for f in findings if f.fingerprint in before),
        resolved=tuple(f for f in gone if f.fingerprint not in excused and f.check in looked),
        accepted=tuple(f for f in gone if f.fingerprint in excused),
        unjudged=tuple(f for f in gone if f.fingerprint not in excused and f.check not in looked),
    )


def measured(outcome: Outcome, baseline: Baseline) -> tuple[Outcome, BaselineFacts]:
    """Return the outcome with each finding marked new or existing, and the comparison for the report."""
    found = compare(baseline.report, outcome.findings, outcome.suppressed, outcome.results)
    old = {f.fingerprint for f in found.existing}
    marked = tuple(
        msgspec.structs.replace(f, status="existing" if f.fingerprint in old else "new")
        for f in outcome.findings
    )
    facts = BaselineFacts(
        file=baseline.file,
        generated_at=baseline.report.generated_at,
        new=len(found.new),
        existing=len(found.existing),
        resolved=found.resolved,
        accepted=found.accepted,
        unjudged=found.unjudged,
    )
    return replace(outcome, findings=marked), facts
