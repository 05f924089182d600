"""The verdict of a run, its exit code and the gate that decided."""

from collections.abc import Sequence

from .engine import Outcome
from .model.finding import Finding, Severity
from .model.report import Verdict

EXIT_CODES: dict[Verdict, int] = {"PASS": 0, "FAIL": 1, "INCOMPLETE": 3}
FAIL_ON = ("error", "warning", "info", "never")


def decide(outcome: Outcome, fail_on: str) -> tuple[Verdict, str]:
    """Return the verdict and the sentence that says what decided it.

    FAIL: a finding at or above `fail_on`. Otherwise INCOMPLETE when a selected, applicable check
    could not run. PASS only when everything ran and nothing was found at that level.
    """
    gating = at_or_above(outcome.findings, fail_on)
    if gating:
        noun = "finding" if len(gating) == 1 else "findings"
        return "FAIL", f"{len(gating)} {noun} at or above {fail_on}"
    open_checks = [r.id for r in outcome.results if r.status in ("skipped", "error") or r.skipped]
    if open_checks:
        shown = ", ".join(open_checks[:5]) + (" …" if len(open_checks) > 5 else "")
        noun = "check" if len(open_checks) == 1 else "checks"
        return "INCOMPLETE", f"{len(open_checks)} {noun} could not run: {shown}"
    if fail_on == "never":
        return "PASS", "every applicable check ran; findings do not fail this run (--fail-on never)"
    return "PASS", f"every applicable check ran and found nothing at or above {fail_on}"


def at_or_above(findings: Sequence[Finding], fail_on: str) -> list[Finding]:
    """Return the findings that gate; ``never`` gates nothing."""
    if fail_on == "never":
        return []
    return [f for f in findings if f.severity.rank >= Severity(fail_on).rank]
