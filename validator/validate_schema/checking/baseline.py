"""An earlier report as the measure of this one: what is new since, what is gone, what nobody knows."""

from collections.abc import Iterable, Sequence

import msgspec
from msgspec.structs import replace

from ..model.finding import Finding, Severity
from ..model.report import BaselineFacts, CheckResult, Report, Verdict
from ..model.wording import form, some
from .engine import Outcome


class Baseline(msgspec.Struct, frozen=True):
    """A saved report, and the name of its file as it is shown."""

    report: Report
    file: str


class Comparison(msgspec.Struct, frozen=True):
    """Findings by what became of them; each list keeps the order of the report it comes from.

    `changed` are known with another basis: what the same object lets out may be more than it was.
    `resolved`, `accepted` and `unjudged` are the earlier report's: no longer found by a check that looked
    at everything, suppressed by now, and belonging to a check that did not run, or not on everything.
    """

    new: tuple[Finding, ...]
    changed: tuple[Finding, ...]
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
    before = {f.fingerprint: f.basis for f in earlier.findings}
    known = [f for f in findings if f.fingerprint in before]
    changed = {f.fingerprint for f in known if f.basis and before[f.fingerprint] not in ("", f.basis)}
    now, excused = {f.fingerprint for f in findings}, {f.fingerprint for f in suppressed}
    looked = {
        r.id
        for r in results
        if r.status in ("passed", "failed", "undecided", "not_applicable") and not r.skipped
    }
    gone = [f for f in earlier.findings if f.fingerprint not in now]
    return Comparison(
        new=tuple(f for f in findings if f.fingerprint not in before),
        changed=tuple(f for f in known if f.fingerprint in changed),
        existing=tuple(f for f in known if f.fingerprint not in changed),
        resolved=tuple(f for f in gone if f.fingerprint not in excused and f.check in looked),
        accepted=tuple(f for f in gone if f.fingerprint in excused),
        unjudged=tuple(f for f in gone if f.fingerprint not in excused and f.check not in looked),
    )


def measured(outcome: Outcome, baseline: Baseline) -> tuple[Outcome, BaselineFacts]:
    """Return the outcome with each finding marked, and the comparison for the report."""
    found = compare(baseline.report, outcome.findings, outcome.suppressed, outcome.results)
    known = {f.fingerprint: "existing" for f in found.existing}
    known |= {f.fingerprint: "changed" for f in found.changed}
    marked = tuple(
        msgspec.structs.replace(f, status=known.get(f.fingerprint, "new")) for f in outcome.findings
    )
    facts = BaselineFacts(
        file=baseline.file,
        generated_at=baseline.report.generated_at,
        new=len(found.new),
        changed=len(found.changed),
        existing=len(found.existing),
        resolved=found.resolved,
        accepted=found.accepted,
        unjudged=found.unjudged,
    )
    return replace(outcome, findings=marked), facts


EXIT_CODES: dict[Verdict, int] = {"PASS": 0, "FAIL": 1, "INCOMPLETE": 3}
FAIL_ON = ("error", "warning", "info", "never", "new")


def decide(outcome: Outcome, fail_on: str) -> tuple[Verdict, str]:
    """Return the verdict and the sentence that says what decided it.

    FAIL: a finding that gates. Otherwise INCOMPLETE when a selected, applicable check could not run, or
    could not decide what nobody has accepted, or when all that were selected want what is not there. PASS
    only when everything ran, was decided, and nothing was found at that level.
    """
    gating = [f for f in outcome.findings if gates(f, fail_on)]
    if gating:
        noun = form(len(gating), "finding")
        changed = " or changed" if fail_on == "new" and any(f.status == "changed" for f in gating) else ""
        which = (
            f"new{changed} {noun}, warnings or worse" if fail_on == "new" else f"{noun} at or above {fail_on}"
        )
        return "FAIL", f"{len(gating)} {which}"
    reasons = [
        f"{some(count, noun)} {said}: {', '.join(ids[:5])}{' …' if len(ids) > 5 else ''}"
        for ids, count, noun, said in (
            (tuple(outcome.undecided), sum(outcome.undecided.values()), "object", "undecided"),
            (outcome.unexamined, len(outcome.unexamined), "check", "could not run"),
        )
        if ids
    ]
    if outcome.unread:
        more = f" (and {len(outcome.unread) - 1} more)" if len(outcome.unread) > 1 else ""
        reasons.append(f"not read: {outcome.unread[0]}{more}")
    lacking = [r.reason if r.status == "not_applicable" else "" for r in outcome.results]
    if lacking and all(lacking):
        reasons.append(f"no check that was selected applies: {lacking[0]}")
    if reasons:
        return "INCOMPLETE", "; ".join(reasons)
    if fail_on == "never":
        return "PASS", "every applicable check ran; findings do not fail this run (--fail-on never)"
    if fail_on == "new":
        return "PASS", "every applicable check ran; no new finding is a warning or worse"
    return "PASS", f"every applicable check ran and found nothing at or above {fail_on}"


def gates(finding: Finding, fail_on: str) -> bool:
    """Return whether the finding fails a run with this `--fail-on`.

    ``never``: none does. ``new``: one that the baseline does not have, or with another basis, does,
    unless it is an info. What is undecided never fails a run: it keeps it from passing.
    """
    if finding.undecided:
        return False
    if fail_on == "never":
        return False
    if fail_on == "new":
        return finding.status != "existing" and finding.severity.rank >= Severity.WARNING.rank
    return finding.severity.rank >= Severity(fail_on).rank
