"""SARIF 2.1.0, as GitHub's code scanning takes it.

Sources: OASIS "Static Analysis Results Interchange Format (SARIF) Version 2.1.0"; GitHub documentation,
"SARIF support for code scanning", for the properties that are shown and the limits that are kept.
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import msgspec

from ..model.declared import Family
from ..model.finding import Finding
from ..model.report import CheckResult, Report, Suppressed
from ..model.wording import form, some
from ..sql.ident import visible
from .declared import declared
from .escape import moment, shown_sql
from .places import place_of

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

# GitHub refuses a file with more than 25,000 results in a run and shows the first 5,000 of them; compressed
# it may have 10 MB, which so many results stay far below.
MAX_RESULTS = 5_000
_MAX_TEXT = 4_000
_BASELINE_STATES = {"existing": "unchanged", "changed": "updated"}
_LEVELS = {"error": "error", "warning": "warning", "info": "note"}
# GitHub sorts security alerts by this score: 7.0 to 8.9 is high, 4.0 to 6.9 medium, 0.1 to 3.9 low.
_SCORES = {"error": "8.0", "warning": "5.0", "info": "2.0"}


def render_sarif(report: Report) -> str:
    """Return the report as one SARIF run; findings beyond GitHub's limit are cut, and it is said."""
    wanted: list[Finding] = [*report.findings, *report.suppressed]
    cut = max(0, len(wanted) - MAX_RESULTS)
    rules = [r for r in report.checks if r.status != "not_applicable" or _named(r, wanted)]
    known = declared(report)
    places = {rule.id: i for i, rule in enumerate(rules)}
    run: dict[str, Any] = {
        "tool": {
            "driver": {
                "name": visible(report.tool.name),
                "semanticVersion": visible(report.tool.version),
                "rules": [_rule(r, known.family(r.id)) for r in rules],
            }
        },
        "automationDetails": {"id": f"{visible(report.tool.name)}/{quote(report.target.kind)}/"},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {"%SRCROOT%": {"description": {"text": "The root of the repository."}}},
        "invocations": [_invocation(report, cut)],
        "results": [_result(f, report, places) for f in wanted[:MAX_RESULTS]],
        "properties": {"verdict": report.verdict, "gate": _text(report.gate)},
    }
    if report.provenance.git_commit:
        run["properties"]["commit"] = _text(report.provenance.git_commit)
    document = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n"


def _named(rule: CheckResult, findings: Sequence[Finding]) -> bool:
    return any(f.check == rule.id for f in findings)


def _rule(check: CheckResult, family: Family) -> dict[str, Any]:
    severity = check.severity.value
    properties: dict[str, Any] = {
        "tags": [visible(check.family), "multi-tenancy"],
        "precision": "very-high",
        "problem.severity": "recommendation" if severity == "info" else severity,
        "examined": check.examined,
    }
    if family.security:
        properties["tags"].append("security")
        properties["security-severity"] = _SCORES[severity]
    return {
        "id": visible(check.id),
        "name": "".join(word.capitalize() for word in visible(check.name).split("-")),
        "shortDescription": {"text": _text(check.title)},
        "fullDescription": {"text": _text(check.why or check.title)},
        "help": {"text": _text(f"{check.why}\n\nvalidate-schema explain {check.id}".strip())},
        "defaultConfiguration": {"level": _LEVELS[severity]},
        "properties": properties,
    }


def _invocation(report: Report, cut: int) -> dict[str, Any]:
    """Return how the run ended, with what was not examined and what was cut."""
    notes = []
    if cut:
        left_out = f"{some(cut, 'finding')} {form(cut, 'was', 'were')} left out"
        notes.append(_note("warning", f"{left_out}: GitHub shows {MAX_RESULTS:,} at most."))
    for check in report.checks:
        if check.undecided:
            said = f"{check.id}: {some(check.undecided, 'object')} undecided: {check.reason or check.title}"
            notes.append(_note("warning", said, check.id))
        if check.status in ("skipped", "error"):
            level = "error" if check.status == "error" else "warning"
            notes.append(_note(level, f"{check.id} was not examined: {check.reason}", check.id))
    found: dict[str, Any] = {
        "executionSuccessful": report.verdict != "INCOMPLETE",
        "exitCode": report.exit_code,
        "toolExecutionNotifications": notes,
    }
    if when := moment(report.generated_at):
        found["endTimeUtc"] = f"{when}Z"
    return found


def _note(level: str, text: str, check: str = "") -> dict[str, Any]:
    note: dict[str, Any] = {"level": level, "message": {"text": _text(text)}}
    return note | ({"associatedRule": {"id": visible(check)}} if check else {})


def _result(finding: Finding, report: Report, places: dict[str, int]) -> dict[str, Any]:
    place = place_of(finding, report)
    result: dict[str, Any] = {
        "ruleId": visible(finding.check),
        "level": _LEVELS[finding.severity.value],
        "message": {"text": _text(_message(finding))},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": quote(place.path), "uriBaseId": "%SRCROOT%"},
                    "region": {"startLine": place.line},
                },
                "logicalLocations": [_logical(finding, report)],
            }
        ],
        "partialFingerprints": {
            # GitHub tracks an alert by this one alone; ours does not move with the lines of a file.
            "primaryLocationLineHash": visible(finding.fingerprint),
            "validateSchema/v1": visible(finding.fingerprint),
        },
    }
    if finding.check in places:
        result["ruleIndex"] = places[finding.check]
    if report.baseline is not None:
        result["baselineState"] = _BASELINE_STATES.get(finding.status, "new")
    if isinstance(finding, Suppressed):
        result["suppressions"] = [
            {"kind": "external", "status": "accepted", "justification": _text(finding.reason)}
        ]
    return result


def _message(finding: Finding) -> str:
    parts = [finding.message]
    if finding.expected or finding.observed:
        parts.append(f"Expected: {finding.expected}. Found: {finding.observed}.")
    if finding.remedy.sql:
        parts.append("To mend it:\n" + "\n".join(shown_sql(s) for s in finding.remedy.sql))
    if finding.remedy.note:
        parts.append(finding.remedy.note)
    return "\n".join(parts)


def _logical(finding: Finding, report: Report) -> dict[str, str]:
    """Return the object: SARIF has no kind for a table, so ours is given as it is."""
    ref = finding.object
    schema = ref.schema or report.target.default_schema
    full = ".".join(p for p in (report.target.database, schema, ref.table, ref.name) if p)
    return {
        "name": visible(ref.name or ref.table or full),
        "fullyQualifiedName": visible(full),
        "kind": "member" if ref.table and ref.name else "type" if ref.kind == "table" else visible(ref.kind),
    }


def _text(text: str) -> str:
    shown = "\n".join(visible(line) for line in text.split("\n"))
    return shown if len(shown) <= _MAX_TEXT else shown[: _MAX_TEXT - 1] + "…"
