"""Formats for other programs: each keeps its reader's rules, whatever a name holds."""

import csv
import json
import re
from collections import Counter
from io import StringIO
from pathlib import Path
from xml.etree import ElementTree as ET

import msgspec
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from sarif_pydantic import Sarif

from tests import fix_report
from tests.fix_cli import Terminal
from tests.fix_report import finding, on_table
from validate_schema.model.finding import Finding, Severity
from validate_schema.model.formats import FORMATS
from validate_schema.model.report import BaselineFacts, Report
from validate_schema.report import format_of, render
from validate_schema.report.github import PER_KIND, render_step_summary
from validate_schema.report.places import Place, place_of
from validate_schema.report.sarif import MAX_RESULTS
from validate_schema.scratch import Database

SAMPLES = sorted(fix_report.SAMPLES)
EXCHANGE = sorted(set(FORMATS) - {"md", "html", "json", "txt"})


@pytest.fixture(params=SAMPLES)
def report(request: pytest.FixtureRequest) -> Report:
    return fix_report.SAMPLES[request.param]()


def one() -> Report:
    return fix_report.SAMPLES["small"]()


def with_findings(report: Report, findings: list[Finding]) -> Report:
    return msgspec.structs.replace(report, findings=tuple(findings))


def run_of(report: Report) -> dict:
    return json.loads(render(report, "sarif"))["runs"][0]


@pytest.mark.parametrize("format", EXCHANGE)
def test_no_control_character_of_a_name_reaches_another_program(report: Report, format: str) -> None:
    text = render(report, format)
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)


def test_sarif_is_what_its_standard_describes(report: Report) -> None:
    Sarif.model_validate_json(render(report, "sarif"))


def test_every_sarif_result_has_a_rule_a_place_a_message_and_a_fingerprint(report: Report) -> None:
    run = run_of(report)
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert len(run["results"]) == len(report.findings) + len(report.suppressed)
    for result in run["results"]:
        place = result["locations"][0]["physicalLocation"]
        assert not place["artifactLocation"]["uri"].startswith(("/", "..", "file:"))
        assert place["region"]["startLine"] >= 1
        assert result["message"]["text"]
        assert set(result["partialFingerprints"]) == {"primaryLocationLineHash", "validateSchema/v1"}
        if "ruleIndex" in result:
            assert rules[result["ruleIndex"]] == result["ruleId"]


def test_sarif_shows_what_is_accepted_as_suppressed_and_why() -> None:
    report = one()
    accepted = [r["suppressions"] for r in run_of(report)["results"] if "suppressions" in r]
    assert [s[0]["justification"] for s in accepted] == [s.reason for s in report.suppressed]
    assert accepted


def test_sarif_says_what_became_of_a_finding_only_against_a_baseline() -> None:
    report = one()
    assert not [r for r in run_of(report)["results"] if "baselineState" in r]
    first, second, *rest = report.findings
    old = msgspec.structs.replace(first, status="existing")
    other = msgspec.structs.replace(second, status="changed")
    compared = msgspec.structs.replace(
        with_findings(report, [old, other, *rest]), suppressed=(), baseline=BaselineFacts(file="old.json")
    )
    states = [r["baselineState"] for r in run_of(compared)["results"]]
    assert states == ["unchanged", "updated", *["new"] * len(rest)]


def test_sarif_keeps_githubs_limit_and_says_what_was_cut() -> None:
    report = one()
    many = [report.findings[0]] * (MAX_RESULTS + 7)
    run = run_of(msgspec.structs.replace(with_findings(report, many), suppressed=()))
    said = [n["message"]["text"] for n in run["invocations"][0]["toolExecutionNotifications"]]
    assert len(run["results"]) == MAX_RESULTS
    assert said[0] == "7 findings were left out: GitHub shows 5,000 at most."


def test_a_location_is_a_file_in_the_repository_and_a_line() -> None:
    report = one()
    given = {
        "migrations/1_a.sql:12": Place("migrations/1_a.sql", 12),
        "a:b.sql:3": Place("a:b.sql", 3),
        "schema.prisma": Place("schema.prisma", 1),
        "../../etc/x.sql:2": Place("etc/x.sql", 2),
        "/abs/x.sql:0": Place("abs/x.sql", 1),
        None: Place("validate-schema.toml", 1),
    }
    first = report.findings[0]
    bare = msgspec.structs.replace(
        report, provenance=msgspec.structs.replace(report.provenance, config_path="")
    )
    found = {g: place_of(msgspec.structs.replace(first, location=g), bare) for g in given}
    assert found == given


ATTRIBUTES = {
    "testsuites": set(),
    "testsuite": {"id", "name", "package", "hostname", "timestamp", "tests", "failures", "errors", "skipped", "time"},
    "testcase": {"classname", "name", "time"},
    "failure": {"message", "type"},
    "error": {"message", "type"},
    "skipped": {"message"},
    "properties": set(),
    "system-out": set(),
    "system-err": set(),
}  # fmt: skip


def test_junit_has_the_elements_attributes_and_order_of_its_schema(report: Report) -> None:
    root = ET.fromstring(render(report, "junit"))
    for element in root.iter():
        assert set(element.attrib) == ATTRIBUTES[element.tag]
    for suite in root:
        tags = [child.tag for child in suite]
        assert tags == ["properties", *["testcase"] * (len(tags) - 3), "system-out", "system-err"]
        assert int(suite.get("tests", "")) == len(tags) - 3
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", suite.get("timestamp", ""))
        assert all(len(case) <= 1 for case in suite.findall("testcase"))
        names = Counter((c.get("classname"), c.get("name")) for c in suite.findall("testcase"))
        assert set(names.values()) <= {1}


@pytest.mark.parametrize("gate", ["error", "warning", "info", "never"])
def test_junit_fails_the_cases_at_or_above_the_gate(gate: str) -> None:
    report = msgspec.structs.replace(one(), fail_on=gate)
    failures = [f.get("type") for f in ET.fromstring(render(report, "junit")).iter("failure")]
    wanted = {"error": ["error"], "warning": ["error", "warning"], "info": list(Severity), "never": []}[gate]
    assert Counter(failures) == Counter(f.severity.value for f in report.findings if f.severity in wanted)


def test_annotations_are_worst_first_and_within_githubs_limits() -> None:
    report = one()
    worst = next(f for f in report.findings if f.severity is Severity.ERROR)
    findings = [msgspec.structs.replace(worst, message=f"finding {n}") for n in range(25)]
    findings += [msgspec.structs.replace(worst, severity=Severity.INFO, message="mild")]
    lines = render(with_findings(report, findings), "github").splitlines()
    kinds = Counter(line.split(" ", 1)[0] for line in lines if line.startswith("::"))
    assert kinds == {"::error": PER_KIND, "::notice": 1}
    assert lines[-1] == "16 more findings: see the step summary or the report"


def test_an_annotation_cannot_be_ended_by_a_name() -> None:
    report = fix_report.SAMPLES["hostile"]()
    for line in render(report, "github").splitlines():
        assert line.startswith("::") == (line.count("::") >= 1)
        if line.startswith("::"):
            head = line[2:].split("::", 1)[0]
            properties = head.split(" ", 1)[1].split(",")
            assert {p.split("=", 1)[0] for p in properties} <= {"file", "line", "title"}


def test_a_step_summary_is_the_report_or_what_of_it_has_room() -> None:
    report = one()
    whole = render_step_summary(report)
    assert whole == render(report, "md")
    small = render_step_summary(with_findings(report, [report.findings[0]] * 500), 20_000)
    assert len(small.encode()) <= 20_000
    shown = small.count(f"| {report.findings[0].check} |")
    assert 10 < shown < 500
    assert f"{500 - shown} findings are not shown" in small


def test_gitlab_gets_the_fields_it_reads(report: Report) -> None:
    issues = json.loads(render(report, "gitlab"))
    assert [i["fingerprint"] for i in issues] == [f.fingerprint for f in report.findings]
    for issue in issues:
        assert set(issue) == {"description", "check_name", "fingerprint", "severity", "location"}
        assert issue["severity"] in ("info", "minor", "major", "critical", "blocker")
        assert issue["location"]["lines"]["begin"] >= 1


def test_the_csv_has_a_row_per_table_and_no_formula() -> None:
    report = fix_report.SAMPLES["hostile"]()
    formula = msgspec.structs.replace(report.tables[0], name='=HYPERLINK("x")')
    report = msgspec.structs.replace(report, tables=(formula, *report.tables[1:]))
    rows = list(csv.DictReader(StringIO(render(report, "csv"))))
    assert len(rows) == len(report.tables)
    assert rows[0]["table"] == '\'=HYPERLINK("x")'
    assert not [c for row in rows for c in row.values() if c.startswith(("=", "+", "-", "@"))]


def test_openmetrics_are_read_by_prometheus(report: Report) -> None:
    families = {f.name: f for f in text_string_to_metric_families(render(report, "openmetrics"))}
    verdicts = {s.labels["verdict"]: s.value for s in families["validate_schema_verdict"].samples}
    assert verdicts == {v: float(v == report.verdict) for v in ("PASS", "FAIL", "INCOMPLETE")}
    found = {s.labels["severity"]: s.value for s in families["validate_schema_findings"].samples}
    assert found == Counter(f.severity.value for f in report.findings) | dict.fromkeys(
        {"error", "warning", "info"} - {f.severity.value for f in report.findings}, 0
    )


@pytest.mark.parametrize(
    ("path", "format"),
    [
        ("a.sarif", "sarif"),
        ("a.sarif.json", "sarif"),
        ("a.xml", "junit"),
        ("a.csv", "csv"),
        ("a.prom", "openmetrics"),
        ("out/gl-code-quality-report.json", "gitlab"),
        ("a.json", "json"),
    ],
)
def test_the_name_of_a_report_tells_its_format(path: str, format: str) -> None:
    assert format_of(path) == format


def test_junit_of_a_run_has_a_case_for_every_object_examined(terminal: Terminal, shop: Database) -> None:
    terminal.run("--database-url", shop.conninfo, "--report", "r.xml", "--report", "r.json")
    report = json.loads(Path("r.json").read_text())
    suites = ET.parse("r.xml").getroot()
    examined = {c["id"]: c["examined"] for c in report["checks"] if c["status"] in ("passed", "failed")}
    cases = {s.get("name", "").split()[0]: int(s.get("tests", "")) for s in suites}
    assert examined
    assert {id: cases[id] for id in examined} == examined


def test_in_github_actions_the_run_annotates_and_fills_the_summary(
    terminal: Terminal, shop: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "summary.md")
    Path("summary.md").write_text("before\n")
    told = terminal.run("--database-url", shop.conninfo, "--report", "r.md")
    assert "::error file=validate-schema.toml,line=1,title=" in told.out
    assert Path("summary.md").read_text() == "before\n" + Path("r.md").read_text() + "\n"


def test_annotations_leave_standard_output_to_a_report_and_can_be_switched_off(
    terminal: Terminal, shop: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    told = terminal.run("--database-url", shop.conninfo, "--report", "-", "--format", "json")
    assert json.loads(told.out)["verdict"] == "FAIL"
    assert "::error " in told.err
    quiet = terminal.run("--database-url", shop.conninfo, "--no-github")
    assert "::error" not in quiet.out + quiet.err


def test_annotations_show_every_check_before_the_second_finding_of_one() -> None:
    findings = [finding("FKY001", on_table(f"t{n}"), "x") for n in range(12)]
    findings.append(finding("RLS001", on_table("a"), "off"))
    lines = render(fix_report.report(findings=findings), "github").splitlines()
    shown = [line.partition("title=")[2].split(" ")[0] for line in lines if "file=" in line]
    assert shown == ["FKY001", "RLS001", *["FKY001"] * 7]
    assert lines[-1] == "4 more findings: see the step summary or the report"


def test_with_a_baseline_only_what_is_new_is_annotated() -> None:
    old, new = finding("FKY001", on_table("a"), "x"), finding("RLS001", on_table("b"), "off")
    made = msgspec.structs.replace(
        fix_report.report(findings=[msgspec.structs.replace(old, status="existing"), new]),
        baseline=BaselineFacts(file="b.json", new=1, existing=1),
    )
    lines = render(made, "github").splitlines()
    assert [line.partition("title=")[2].split("::")[0] for line in lines if "file=" in line] == ["RLS001 b"]
    assert lines[-1] == "not annotated, since the baseline knows them: 1 finding"
    headings = [line for line in render(made, "txt").splitlines() if line.startswith("error ")]
    assert [line.endswith(" (known)") for line in headings] == [False, True]


@pytest.mark.parametrize("format", ["github", "sarif", "junit"])
def test_sql_ends_with_one_semicolon(format: str) -> None:
    text = render(one(), format)
    assert "ROW LEVEL SECURITY;" in text
    assert ";;" not in text
