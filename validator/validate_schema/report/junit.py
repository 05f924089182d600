"""JUnit XML: a suite per check, a case per object.

Source: the JUnit XML schema of Apache Ant, which is the strictest of those in use; what it does not know
(attributes of testsuites, output of a case) is left out.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from xml.etree import ElementTree as ET

from ..checking.baseline import gates
from ..model.finding import Finding
from ..model.report import CheckResult, Report, SubjectFacts, Suppressed
from ..sql.ident import visible
from .escape import moment, shown_sql

_OUTCOMES = ("failure", "error", "skipped")
_EPOCH = "1970-01-01T00:00:00Z"


def render_junit(report: Report) -> str:
    """Return the report as JUnit XML.

    A finding fails its case when it is at or above the report's gate; below it the case passes, and the
    suite's output says what was found. A check that could not run is a skipped case. Where the report
    does not list what was examined, the objects that passed are one case together.
    """
    root = ET.Element("testsuites")
    for number, check in enumerate(report.checks):
        root.append(_suite(number, check, report))
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _suite(number: int, check: CheckResult, report: Report) -> ET.Element:
    cases = list(_cases(check, report))
    _tell_apart(cases)
    counts = {kind: sum(case.find(kind) is not None for case in cases) for kind in _OUTCOMES}
    suite = ET.Element(
        "testsuite",
        {
            "id": str(number),
            "name": xml_text(f"{check.id} {check.title}"),
            "package": xml_text(report.tool.name),
            "hostname": "localhost",
            "timestamp": moment(report.generated_at or _EPOCH) or moment(_EPOCH),
            "tests": str(len(cases)),
            "failures": str(counts["failure"]),
            "errors": str(counts["error"]),
            "skipped": str(counts["skipped"]),
            "time": "0",
        },
    )
    ET.SubElement(suite, "properties")
    suite.extend(cases)
    ET.SubElement(suite, "system-out").text = xml_text("\n".join(_said(check, report)))
    ET.SubElement(suite, "system-err")
    return suite


def _tell_apart(cases: Sequence[ET.Element]) -> None:
    """Number the cases of one name: readers tell them apart by class and name, and a table may be
    examined once for each role."""
    seen: Counter[str] = Counter()
    for case in cases:
        name = case.get("name", "")
        seen[name] += 1
        if seen[name] > 1:
            case.set("name", f"{name} ({seen[name]})")


def _said(check: CheckResult, report: Report) -> Iterator[str]:
    """Yield what was found and does not fail."""
    for finding in (f for f in report.findings if f.check == check.id and not gates(f, report.fail_on)):
        yield f"{finding.severity.value}: {finding.message}"
        yield _body(finding)
    for accepted in (s for s in report.suppressed if s.check == check.id):
        yield f"accepted, {accepted.reason}: {accepted.message}"


def _cases(check: CheckResult, report: Report) -> Iterator[ET.Element]:
    findings = [f for f in report.findings if f.check == check.id]
    accepted = [s for s in report.suppressed if s.check == check.id]
    for finding in (*findings, *accepted):
        case = _case(check, finding.object.label(report.target.default_schema))
        if not isinstance(finding, Suppressed) and gates(finding, report.fail_on):
            given = {"message": xml_text(finding.message), "type": finding.severity.value}
            ET.SubElement(case, "failure", given).text = xml_text(_body(finding))
        elif finding.undecided and not isinstance(finding, Suppressed):
            ET.SubElement(case, "skipped", {"message": xml_text(f"undecided: {finding.message}")})
        yield case
    listed = report.subjects.get(check.id, ())
    yield from _others(check, listed, report)
    if not listed and check.passed:
        yield _case(check, f"{check.passed} of {check.examined} passed")
    if check.status == "error":
        ET.SubElement(
            case := _case(check, "check"), "error", {"message": xml_text(check.reason), "type": "error"}
        )
        yield case
    elif check.status == "not_applicable" or (check.status == "skipped" and not listed):
        reason = check.reason or "not applicable: nothing to examine"
        ET.SubElement(case := _case(check, "check"), "skipped", {"message": xml_text(reason)})
        yield case


def _others(check: CheckResult, listed: Sequence[SubjectFacts], report: Report) -> Iterator[ET.Element]:
    """Yield the cases of the objects that did not fail; the failed ones are the findings."""
    for subject in listed:
        if subject.status == "failed" or (subject.status == "undecided" and check.findings):
            continue
        case = _case(check, subject.object.label(report.target.default_schema))
        if subject.status in ("skipped", "undecided"):
            ET.SubElement(case, "skipped", {"message": xml_text(subject.reason)})
        yield case


def _body(finding: Finding) -> str:
    lines = [finding.location or "", f"expected: {finding.expected}", f"observed: {finding.observed}"]
    lines += [finding.evidence, *(shown_sql(s) for s in finding.remedy.sql), finding.remedy.note]
    return "\n".join(line for line in lines if line)


def _case(check: CheckResult, name: str) -> ET.Element:
    return ET.Element("testcase", {"classname": xml_text(check.id), "name": xml_text(name), "time": "0"})


def xml_text(text: str) -> str:
    """Return `text` without what XML 1.0 has no way to write ("Characters"), line by line."""
    shown = "\n".join(visible(line) for line in text.split("\n"))
    return shown.replace("\ufffe", "⟨U+FFFE⟩").replace("\uffff", "⟨U+FFFF⟩")
