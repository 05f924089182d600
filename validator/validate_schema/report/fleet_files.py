"""The report of a fleet for programs: CSV, JUnit, SARIF, OpenMetrics.

Sources: those of the modules that make the same formats of a single run.
"""

import csv
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from io import StringIO
from typing import Any
from xml.etree import ElementTree as ET

import msgspec

from ..model.crossing import Crossed
from ..model.difference import change_words
from ..model.finding import Finding, Severity
from ..model.fleet import FleetReport, MemberRow, ShapeDiff
from ..sql.ident import visible
from .escape import moment
from .fleet import stands_apart
from .junit import xml_text
from .matrix_csv import cell
from .openmetrics import labels_text
from .sarif import MAX_RESULTS, SCHEMA

COLUMNS = (
    "member", "database", "state", "shape", "expected", "head", "applied", "pending", "gaps", "failed",
    "fingerprint", "reason", "reached", "held", "not_tried",
)  # fmt: skip
_STATES = ("alike", "differs", "unread", "absent")
OUTCOMES: tuple[Crossed, ...] = ("reached", "held", "not tried")
_MOST = 10
_DRIFT = "FLEET"


def csv_text(report: FleetReport) -> str:
    """Return a row for each member, with a header line."""
    out = StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    proofs = {p.member: p for p in report.proofs if not p.reason}
    for m in report.members:
        held = m.ledger
        ledger: tuple[object, ...] = ("", "", "", "", "")
        if held is not None and not held.reason:
            ledger = (held.head, held.applied, len(held.pending), len(held.gaps), len(held.failed))
        row = (m.name, m.database, m.state, m.shape, m.expected, *ledger, m.fingerprint, m.reason)
        proof = proofs.get(m.name)
        row += tuple(proof.count(o) for o in OUTCOMES) if proof else ("", "", "")
        writer.writerow([cell(value) for value in row])
    return out.getvalue()


def what_differs(shape: ShapeDiff, report: FleetReport, most: int = _MOST) -> list[str]:
    """Return since when a shape stands apart, where that is known, and what differs from the reference,
    a line each, `most` of them."""
    written = report.reference.written if report.reference else ""
    words = (change_words(change, written) for change in shape.changes[:most])
    lines = [f"{w.object}{' ' + w.what if w.what else ''}: {w.before} → {w.after}" for w in words]
    more = len(shape.changes) - most
    since = [apart] if (apart := stands_apart(shape)) else []
    return [*since, *lines] if more <= 0 else [*since, *lines, f"and {more:,} more"]


def faults(member: MemberRow, report: FleetReport, shapes: dict[str, ShapeDiff]) -> list[str]:
    """Return what is wrong with a member that was examined, in words, nothing where it is as it should be."""
    said = []
    if member.state == "differs":
        said += [f"it differs from {report.reference.name if report.reference else 'the reference'}"]
        said += what_differs(shapes[member.shape], report)
    if member.state == "absent":
        said.append(member.reason)
    if member.expected is False:
        said.append("it is there, and nobody expects it")
    if member.ledger is not None:
        for word in ("failed", "gaps", "pending"):
            versions = getattr(member.ledger, word)
            said += [f"{word}: {', '.join(versions[:_MOST])}"] if versions else []
    return said


def junit(report: FleetReport) -> str:
    """Return JUnit XML: a case for the verdict, for each member, and for each finding of the checks."""
    shapes = {s.id: s for s in report.shapes}
    cases = [_member_case(m, report, shapes) for m in report.members]
    checks = [_verdict_case(report)]
    for found in report.findings:
        finding = found.finding
        case = _finding_case(finding, found.members)
        if _fails(finding, report):
            said = {"message": xml_text(finding.message), "type": finding.severity.value}
            ET.SubElement(case, "failure", said)
        checks.append(case)
    for accepted in report.suppressed:
        case = _finding_case(accepted.finding, accepted.members)
        ET.SubElement(case, "system-out").text = xml_text(
            f"accepted, {accepted.terms}: {accepted.finding.message}"
        )
        checks.append(case)
    root = ET.Element("testsuites")
    for number, (name, of) in enumerate((("members", cases), ("checks", checks))):
        suite = ET.SubElement(root, "testsuite", _suite(number, name, of, report))
        ET.SubElement(suite, "properties")
        suite.extend(of)
        ET.SubElement(suite, "system-out").text = xml_text("\n".join(report.verdict.reasons))
        ET.SubElement(suite, "system-err")
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _finding_case(finding: Finding, members: int) -> ET.Element:
    label = ".".join(filter(None, (finding.object.schema, finding.object.table, finding.object.name)))
    return _case(finding.check, f"{label} ({members})")


def _fails(finding: Finding, report: FleetReport) -> bool:
    if report.fail_on == "never" or finding.undecided:
        return False
    return finding.severity.rank >= Severity(report.fail_on).rank


def _verdict_case(report: FleetReport) -> ET.Element:
    """What no member says is said here: a check that could not run, a finding that fails by its severity."""
    case, verdict = _case("fleet", "verdict"), report.verdict
    if kind := {"incomplete": "error", "findings": "failure"}.get(verdict.status):
        said = {"message": xml_text("; ".join(verdict.reasons)), "type": verdict.status}
        ET.SubElement(case, kind, said)
    return case


def _suite(number: int, name: str, cases: list[ET.Element], report: FleetReport) -> dict[str, str]:
    def count(kind: str) -> str:
        return str(sum(case.find(kind) is not None for case in cases))

    return {
        "id": str(number),
        "name": name,
        "package": "validate-schema fleet",
        "hostname": "localhost",
        "timestamp": moment(report.generated_at) or "1970-01-01T00:00:00",
        "tests": str(len(cases)),
        "failures": count("failure"),
        "errors": count("error"),
        "skipped": count("skipped"),
        "time": "0",
    }


def _case(classname: str, name: str) -> ET.Element:
    return ET.Element("testcase", {"classname": xml_text(classname), "name": xml_text(name), "time": "0"})


def _member_case(member: MemberRow, report: FleetReport, shapes: dict[str, ShapeDiff]) -> ET.Element:
    case = _case("fleet", member.name)
    if member.state == "unread":
        ET.SubElement(case, "error", {"message": xml_text(member.reason), "type": "unread"})
    elif said := faults(member, report, shapes):
        kind = {"message": xml_text(said[0]), "type": member.state}
        ET.SubElement(case, "failure", kind).text = xml_text("\n".join(said))
    return case


def sarif(report: FleetReport) -> str:
    """Return one SARIF run: a result for each shape that differs, for each member that is absent, was not
    expected or not examined, or whose ledger is behind, and for each finding of the checks."""
    results = list(_results(report))
    run: dict[str, Any] = {
        "tool": {
            "driver": {
                "name": "validate-schema",
                "semanticVersion": visible(report.tool_version),
                "rules": [{"id": id} for id in sorted({r["ruleId"] for r in results})],
            }
        },
        "automationDetails": {"id": "validate-schema/fleet/"},
        "columnKind": "unicodeCodePoints",
        "invocations": [
            {
                "executionSuccessful": report.verdict.status != "incomplete",
                "exitCode": report.verdict.exit_status,
            }
        ],
        "results": results[:MAX_RESULTS],
        "properties": {"verdict": report.verdict.status, "results": len(results)},
    }
    document = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n"


def _results(report: FleetReport) -> Iterator[dict[str, Any]]:
    shapes = {s.id: s for s in report.shapes}
    for shape in report.shapes:
        if not shape.reference:
            said = f"{shape.members:,} members, {shape.sample} among them, differ from the reference"
            yield _result(f"{_DRIFT}/differs", "error", shape.id, [said, *what_differs(shape, report)])
    for member in report.members:
        if member.state == "unread":
            yield _result(f"{_DRIFT}/unread", "error", member.name, [member.name, member.reason])
            continue
        said_of = faults(member, report, shapes)
        if member.state == "absent" or member.expected is False or _behind(member):
            yield _result(f"{_DRIFT}/{_word(member)}", "error", member.name, [member.name, *said_of])
    levels = {"error": "error", "warning": "warning", "info": "note"}
    for found in report.findings:
        finding = found.finding
        yield _result(
            finding.check,
            levels[finding.severity.value],
            finding.fingerprint,
            [f"{finding.message} ({found.members:,} members)", finding.expected, finding.observed],
        )
    for accepted in report.suppressed:
        allowed = accepted.finding
        result = _result(
            allowed.check,
            levels[allowed.severity.value],
            allowed.fingerprint,
            [f"{allowed.message} ({accepted.members:,} members)", allowed.expected, allowed.observed],
        )
        told = {"kind": "external", "status": "accepted", "justification": visible(accepted.terms)}
        yield result | {"suppressions": [told]}


def _behind(member: MemberRow) -> bool:
    return bool(member.ledger and (member.ledger.failed or member.ledger.gaps or member.ledger.pending))


def _word(member: MemberRow) -> str:
    if member.state == "absent":
        return "absent"
    return "unexpected" if member.expected is False else "ledger"


def _result(rule: str, level: str, key: str, lines: list[str]) -> dict[str, Any]:
    text = "\n".join(visible(line) for line in lines if line)
    return {
        "ruleId": visible(rule),
        "level": level,
        "message": {"text": text},
        "locations": [{"logicalLocations": [{"name": visible(key), "fullyQualifiedName": visible(key)}]}],
        "partialFingerprints": {"validateSchema/v1": visible(f"{rule}:{key}")},
    }


def openmetrics(report: FleetReport) -> str:
    """Return the figures as OpenMetrics text; every one is a gauge of the latest run."""
    out: list[str] = []
    for short, said, samples in _metrics(report):
        name = f"validate_schema_fleet_{short}"
        out += [f"# TYPE {name} gauge", f"# HELP {name} {said}"]
        out += [f"{name}{labels_text(labels) if labels else ''} {value}" for labels, value in samples]
    return "\n".join((*out, "# EOF")) + "\n"


def _metrics(report: FleetReport) -> Iterator[tuple[str, str, list[tuple[dict[str, str], int]]]]:
    states = Counter[str](m.state for m in report.members)
    verdicts = ("pass", "drift", "findings", "incomplete")
    yield (
        "verdict",
        "1 for the verdict of the latest run, 0 for the others.",
        [({"verdict": v}, int(v == report.verdict.status)) for v in verdicts],
    )
    yield "members", "Members by state.", [({"state": s}, states[s]) for s in _STATES]
    yield "shapes", "Shapes that the members have.", [({}, len(report.shapes))]
    yield (
        "unexpected_members",
        "Members that nobody expects.",
        [({}, sum(m.expected is False for m in report.members))],
    )
    for word in ("failed", "gaps", "pending"):
        behind = sum(bool(m.ledger and getattr(m.ledger, word)) for m in report.members)
        yield f"members_with_{word}", f"Members whose ledger has {word}.", [({}, behind)]
    yield "members_at_head", "Members by head.", [({"head": h.head}, h.members) for h in report.heads]
    found = Counter(f.finding.severity.value for f in report.findings)
    levels = ("error", "warning", "info")
    yield "findings", "Findings of the checks by severity.", [({"severity": s}, found[s]) for s in levels]
    if report.proofs:
        tried = [({"outcome": str(o)}, sum(p.count(o) for p in report.proofs)) for o in OUTCOMES]
        yield "proof", "Verbs on tables of another member by what they came to.", tried
    yield "suppressed", "Accepted findings.", [({}, len(report.suppressed))]
    if when := moment(report.generated_at):
        seconds = int(datetime.fromisoformat(f"{when}+00:00").timestamp())
        yield "last_run_timestamp_seconds", "When it ran, in Unix time.", [({}, seconds)]
