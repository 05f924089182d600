"""GitHub Actions: annotations on the lines of a pull request, and the summary of a step.

Sources: GitHub documentation, "Workflow commands for GitHub Actions" (syntax, escaping, the limit of a
step summary) and "Usage limits" of annotations.
"""

from collections import Counter
from collections.abc import Iterable

import msgspec

from ..model.finding import Finding
from ..model.report import Report
from ..model.wording import form, some
from ..sql.ident import visible
from .escape import md_code, md_text, shown_sql
from .places import place_of

# Of each kind GitHub shows ten for a step, and fifty for a job: more are dropped without a word.
PER_KIND = 10
# A step summary may have 1 MiB; beyond it the whole summary is refused.
SUMMARY_BYTES = 1 << 20

_COMMANDS = {"error": "error", "warning": "warning", "info": "notice"}
_ROOM = 4_000


def render_annotations(report: Report) -> str:
    """Return workflow commands, worst first, no check's second finding before another's first; with a
    baseline only what is new. The last line says how many findings found no room."""
    lines, left, shown = [], dict.fromkeys(_COMMANDS.values(), PER_KIND), 0
    # The verdict takes one of the errors, so that it is seen when the findings are many.
    if report.verdict != "PASS":
        lines.append(f"::error title=validate-schema: {_property(report.verdict)}::{_data(report.gate)}")
        left["error"] -= 1
    wanted = _in_turn(f for f in report.findings if report.baseline is None or f.status != "existing")
    for finding in wanted:
        command = _COMMANDS[finding.severity.value]
        if left[command]:
            left[command] -= 1
            shown += 1
            lines.append(_annotation(command, finding, report))
    hidden = len(wanted) - shown
    if hidden:
        lines.append(f"{hidden} more {form(hidden, 'finding')}: see the step summary or the report")
    known = len(report.findings) - len(wanted)
    if known:
        lines.append(f"not annotated, since the baseline knows them: {some(known, 'finding')}")
    return "".join(f"{line}\n" for line in lines)


def _in_turn(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings by severity, within one the first of each check, then the second of each."""
    seen: Counter[str] = Counter()
    turns: list[tuple[int, int, int, Finding]] = []
    for finding in findings:
        turns.append((-finding.severity.rank, seen[finding.check], len(turns), finding))
        seen[finding.check] += 1
    return [finding for *_, finding in sorted(turns, key=lambda turn: turn[:3])]


def _annotation(command: str, finding: Finding, report: Report) -> str:
    place = place_of(finding, report)
    label = finding.object.label(report.target.default_schema)
    title = _property(f"{finding.check} {label}")
    text = finding.message
    if finding.remedy.sql:
        text += "\nTo mend it:\n" + "\n".join(shown_sql(s) for s in finding.remedy.sql)
    elif finding.remedy.note:
        text += f"\n{finding.remedy.note}"
    return f"::{command} file={_property(place.path)},line={place.line},title={title}::{_data(text)}"


def _data(text: str) -> str:
    """Escape the message of a workflow command; lines stay lines, other controls become visible."""
    shown = "\n".join(visible(line) for line in text.split("\n"))
    shown = shown if len(shown) <= _ROOM else shown[: _ROOM - 1] + "…"
    return shown.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(visible(text)).replace(":", "%3A").replace(",", "%2C")


def render_step_summary(report: Report, room: int = SUMMARY_BYTES) -> str:
    """Return the Markdown report if it fits into `room` bytes, else its beginning, the findings in a
    table, worst first, and how many were left out."""
    from . import pages

    whole = pages.markdown(report)
    if len(whole.encode()) <= room:
        return whole
    return _short(report, room)


def _short(report: Report, room: int) -> str:
    lines = [
        f"# {md_text(report.title)}: {report.verdict}",
        "",
        str(md_text(report.gate)),
        "",
        "| severity | check | object | what |",
        "|---|---|---|---|",
    ]
    size = sum(len(line.encode()) + 1 for line in lines) + 200
    left = len(report.findings)
    for finding in report.findings:
        label = finding.object.label(report.target.default_schema)
        cells = (finding.severity, md_text(finding.check), md_code(label), md_text(finding.message))
        row = f"| {' | '.join(cells)} |"
        size += len(row.encode()) + 1
        if size > room:
            break
        lines.append(row)
        left -= 1
    hidden = f"{some(left, 'finding')} {form(left, 'is', 'are')} not shown"
    lines += ["", f"The whole report is larger than a step summary may be; {hidden}."]
    return "\n".join(lines) + "\n"


_SEVERITIES = {"error": "critical", "warning": "minor", "info": "info"}


def render_gitlab(report: Report) -> str:
    """Return the findings as a JSON list of issues; accepted ones are left out."""
    issues = [_issue(f, report) for f in report.findings]
    return msgspec.json.format(msgspec.json.encode(issues), indent=2).decode() + "\n"


def _issue(finding: Finding, report: Report) -> dict[str, object]:
    place = place_of(finding, report)
    label = visible(finding.object.label(report.target.default_schema))
    return {
        "description": f"{visible(finding.check)} {label}: {visible(finding.message)}",
        "check_name": visible(finding.check),
        "fingerprint": visible(finding.fingerprint),
        "severity": _SEVERITIES[finding.severity.value],
        "location": {"path": place.path, "lines": {"begin": place.line}},
    }
