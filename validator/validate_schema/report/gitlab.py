"""GitLab's Code Quality report: the widget of a merge request.

Source: GitLab documentation, "Code Quality", the fields of an issue that it reads.
"""

import msgspec

from ..ident import visible
from ..model.finding import Finding
from ..model.report import Report
from .places import place_of

_SEVERITIES = {"error": "critical", "warning": "minor", "info": "info"}


def render_gitlab(report: Report) -> str:
    """Return the findings as a JSON list of issues; accepted ones are left out."""
    issues = [_issue(f, report) for f in report.findings]
    return msgspec.json.format(msgspec.json.encode(issues), indent=2).decode() + "\n"


def _issue(finding: Finding, report: Report) -> dict[str, object]:
    place = place_of(finding, report)
    label = visible(finding.object.label(report.target.default_schema))
    return {
        "description": f"{finding.check} {label}: {visible(finding.message)}",
        "check_name": finding.check,
        "fingerprint": finding.fingerprint,
        "severity": _SEVERITIES[finding.severity.value],
        "location": {"path": place.path, "lines": {"begin": place.line}},
    }
