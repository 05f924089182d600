"""What a finding means for a tenant: the order in which all formats tell findings."""

from ..model.declared import Concern
from ..model.finding import Finding, Severity
from .declared import Declared

HEADINGS: dict[Concern, str] = {
    "out": "Lets a tenant past its boundary",
    "may": "May let a tenant past its boundary",
    "integrity": "Integrity",
    "hygiene": "Hygiene",
}
_ORDER = tuple(HEADINGS)


def concern_of(finding: Finding, known: Declared) -> Concern:
    """Return what a finding means. Only an error is a way out; what is less, or undecided, may be one, and
    advice is hygiene."""
    check = known.checks.get(finding.check)
    meant = (check.concern if check else "") or known.family(finding.check).concern
    if finding.severity is Severity.INFO and not finding.undecided:
        return "hygiene"
    if meant == "out" and (finding.undecided or finding.severity is not Severity.ERROR):
        return "may"
    return meant


def rank(concern: Concern) -> int:
    """Return the place of a concern, the gravest first."""
    return _ORDER.index(concern)
