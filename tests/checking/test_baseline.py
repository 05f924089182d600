"""An earlier report as the measure: what is new, what is gone, what nobody knows."""

import json
from pathlib import Path

import msgspec
import pytest

from tests import fix_report
from tests.fix_cli import Terminal
from validate_schema.checking.baseline import Baseline, Comparison, compare, decide, measured
from validate_schema.checking.engine import Outcome
from validate_schema.model.finding import Finding, ObjectRef, Severity
from validate_schema.model.report import CheckResult, Report
from validate_schema.report import render
from validate_schema.report.comparing import render_comparison, render_trend, sparkline
from validate_schema.scratch import Database


def a_finding(check: str, name: str, severity: Severity = Severity.ERROR) -> Finding:
    return fix_report.finding(
        check, ObjectRef("table", "public", name), f"{name} is wrong", severity=severity
    )


def result(check: str, status: str = "failed", skipped: int = 0) -> CheckResult:
    return CheckResult(
        id=check,
        name="n",
        title="t",
        family=check[:3],
        severity=Severity.ERROR,
        status=status,  # type: ignore[arg-type]
        examined=3,
        skipped=skipped,
    )


def report_of(*findings: Finding, suppressed: tuple = ()) -> Report:
    return msgspec.structs.replace(
        fix_report.SAMPLES["small"](), findings=findings, suppressed=suppressed, checks=()
    )


A, B, C = (a_finding("TBL001", name) for name in "abc")
ELSEWHERE = a_finding("RLS001", "a")


def test_what_is_not_in_the_baseline_is_new_and_what_is_gone_is_resolved() -> None:
    assert compare(report_of(A, B), [B, C], (), [result("TBL001")]) == Comparison(
        (C,), (), (B,), (A,), (), ()
    )


@pytest.mark.parametrize(
    "results",
    [[], [result("RLS001", "skipped")], [result("RLS001", "error")], [result("RLS001", "passed", skipped=1)]],
    ids=["not selected", "skipped", "broken", "in part"],
)
def test_a_finding_of_a_check_that_did_not_look_is_not_resolved(results: list[CheckResult]) -> None:
    found = compare(report_of(ELSEWHERE), [], (), [result("TBL001"), *results])
    assert (found.resolved, found.unjudged) == ((), (ELSEWHERE,))


def test_nothing_left_to_examine_resolves_a_finding() -> None:
    found = compare(report_of(A), [], (), [result("TBL001", "not_applicable")])
    assert found.resolved == (A,)


def test_a_finding_that_is_accepted_now_is_not_resolved() -> None:
    assert compare(report_of(A), [], [A], [result("TBL001")]).accepted == (A,)


def test_a_finding_whose_acceptance_ended_is_new() -> None:
    before = report_of(suppressed=fix_report.SAMPLES["small"]().suppressed)
    open_now = before.suppressed[0]
    assert compare(before, [open_now], (), []).new == (open_now,)


@pytest.mark.parametrize(
    ("findings", "verdict"),
    [
        ([A], "PASS"),
        ([A, B], "FAIL"),
        ([A, a_finding("TBL001", "b", Severity.WARNING)], "FAIL"),
        ([A, a_finding("TBL001", "b", Severity.INFO)], "PASS"),
    ],
    ids=["known", "new error", "new warning", "new info"],
)
def test_the_gate_for_new_findings_knows_the_baseline(findings: list[Finding], verdict: str) -> None:
    outcome = Outcome((result("TBL001"),), tuple(findings), ())
    marked, _ = measured(outcome, Baseline(report_of(A), "old.json"))
    assert decide(marked, "new")[0] == verdict


def run_json(terminal: Terminal, *arguments: str) -> tuple[int, dict]:
    ran = terminal.run(*arguments, "--report", "now.json", "--no-data")
    return ran.status, json.loads(Path("now.json").read_text())


def test_a_baseline_is_written_only_when_asked_and_then_measures(terminal: Terminal, shop: Database) -> None:
    url = ("--database-url", shop.conninfo)
    ran = terminal.run(*url, "--baseline", "base.json")
    assert (ran.status, ran.complaint) == (
        2,
        "error: base.json: no such baseline; write the first one with --update-baseline",
    )
    assert run_json(terminal, *url, "--baseline", "base.json", "--update-baseline")[0] == 1
    first = Path("base.json").read_bytes()

    status, same = run_json(terminal, *url, "--baseline", "base.json", "--fail-on", "new")
    assert (status, same["verdict"], same["baseline"]["new"]) == (0, "PASS", 0)
    assert {f["status"] for f in same["findings"]} == {"existing"}

    with shop.connect(autocommit=True) as connection:
        connection.execute("alter table purchase drop constraint purchase_number_key")
        connection.execute("alter table purchase alter org_id drop not null")
    status, changed = run_json(terminal, *url, "--baseline", "base.json", "--fail-on", "new")
    new = [f["check"] for f in changed["findings"] if f["status"] == "new"]
    assert (status, "TEN002" in new) == (1, True)
    assert [f["check"] for f in changed["baseline"]["resolved"]] == ["UNQ001"]
    assert Path("base.json").read_bytes() == first


@pytest.mark.parametrize("option", [("--fail-on", "new"), ("--update-baseline",)])
def test_options_that_need_a_baseline_say_so(terminal: Terminal, option: tuple[str, ...]) -> None:
    ran = terminal.run("--database-url", "postgresql://nowhere/x", *option)
    assert (ran.status, ran.complaint) == (
        2,
        f"error: {' '.join(option)} needs a baseline: add --baseline FILE",
    )


def test_the_report_names_what_was_resolved() -> None:
    outcome = Outcome((result("TBL001"),), (B,), ())
    _, facts = measured(outcome, Baseline(report_of(A, B), "old|.json"))
    report = msgspec.structs.replace(report_of(B), baseline=facts)
    assert "| resolved | check | object | what it was |" in render(report, "md")
    assert "| error | TBL001 | `a` | a is wrong |" in render(report, "md")
    assert "<caption>resolved</caption>" in render(report, "html")


def test_compare_lists_new_and_resolved_and_fails_on_new_ones(terminal: Terminal) -> None:
    terminal.write("old.json", render(report_of(A, B), "json"))
    terminal.write(
        "new.json",
        render(msgspec.structs.replace(report_of(B, C), checks=(result("TBL001"),)), "json"),
    )
    ran = terminal.run("compare", "old.json", "new.json")
    assert ran.status == 1
    assert ran.out.splitlines()[0].startswith("1 new, 1 resolved, 1 unchanged: ")
    assert "  error TBL001 c: c is wrong" in ran.out
    assert "Resolved (1)" in ran.out
    assert terminal.run("compare", "new.json", "new.json").status == 0
    told = json.loads(terminal.run("compare", "old.json", "new.json", "--format", "json").out)
    assert [f["object"]["table"] for f in told["resolved"]] == ["a"]


def test_a_comparison_in_markdown_escapes_names() -> None:
    odd = a_finding("TBL001", "a|b`c")
    found = Comparison((odd,), (), (), (), (), ())
    text = render_comparison(found, report_of(), report_of(odd), "md")
    assert "## New (1)" in text
    assert "a|b" not in text


def test_history_is_in_the_order_of_time_and_leaves_out_what_is_no_report(terminal: Terminal) -> None:
    for name, day, findings in (("b", "01", (A, B)), ("a", "02", (A,)), ("c", "03", ())):
        report = msgspec.structs.replace(
            report_of(*findings),
            generated_at=f"2026-01-{day}T00:00:00Z",
            statistics=msgspec.structs.replace(
                report_of().statistics, findings={"error": len(findings), "warning": 0, "info": 0}
            ),
        )
        terminal.write(f"days/{name}.json", render(report, "json"))
    terminal.write("days/other.json", "{}")
    ran = terminal.run("history", "days")
    assert [line.split()[1] for line in ran.out.splitlines()[1:4]] == ["b.json", "a.json", "c.json"]
    assert ran.out.endswith("errors █▅▁\n")
    assert ran.complaint.startswith("left out: days/other.json: not a report")
    assert terminal.run("history", "nowhere").complaint == "error: nowhere: no such folder"


def test_a_trend_in_every_format_has_a_row_per_report() -> None:
    rows = [("one.json", report_of(A)), ("two.json", report_of())]
    assert len(json.loads(render_trend(rows, "json"))) == 2
    assert render_trend(rows, "md").count("\n| ") == 2


@pytest.mark.parametrize(("values", "drawn"), [([], ""), ([0, 0], "▁▁"), ([0, 7], "▁█")])
def test_a_sparkline_spans_from_nothing_to_the_greatest(values: list[int], drawn: str) -> None:
    assert sparkline(values) == drawn
