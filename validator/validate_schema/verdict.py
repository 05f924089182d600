"""The verdict of a run, its exit code and the gate that decided."""

from .engine import Outcome
from .model.finding import Finding, Severity
from .model.report import Verdict
from .wording import form, some

EXIT_CODES: dict[Verdict, int] = {"PASS": 0, "FAIL": 1, "INCOMPLETE": 3}
FAIL_ON = ("error", "warning", "info", "never", "new")


def decide(outcome: Outcome, fail_on: str) -> tuple[Verdict, str]:
    """Return the verdict and the sentence that says what decided it.

    FAIL: a finding that gates. Otherwise INCOMPLETE when a selected, applicable check
    could not run. PASS only when everything ran and nothing was found at that level.
    """
    gating = [f for f in outcome.findings if gates(f, fail_on)]
    if gating:
        noun = form(len(gating), "finding")
        which = f"new {noun}, warnings or worse" if fail_on == "new" else f"{noun} at or above {fail_on}"
        return "FAIL", f"{len(gating)} {which}"
    open_checks = [r.id for r in outcome.results if r.status in ("skipped", "error") or r.skipped]
    if open_checks:
        shown = ", ".join(open_checks[:5]) + (" …" if len(open_checks) > 5 else "")
        return "INCOMPLETE", f"{some(len(open_checks), 'check')} could not run: {shown}"
    if fail_on == "never":
        return "PASS", "every applicable check ran; findings do not fail this run (--fail-on never)"
    if fail_on == "new":
        return "PASS", "every applicable check ran; no new finding is a warning or worse"
    return "PASS", f"every applicable check ran and found nothing at or above {fail_on}"


def gates(finding: Finding, fail_on: str) -> bool:
    """Return whether the finding fails a run with this `--fail-on`.

    ``never``: none does. ``new``: one that the baseline does not have does, unless it is an info.
    """
    if fail_on == "never":
        return False
    if fail_on == "new":
        return finding.status == "new" and finding.severity.rank >= Severity.WARNING.rank
    return finding.severity.rank >= Severity(fail_on).rank
