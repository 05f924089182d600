"""The rendered examples in reports/ are what the code makes of them today."""

import os

import pytest

from tests.rerender import FORMATS, HISTORIES, REPORTS, ROOT, readme, reports, reproducible
from validate_schema.model.report import Report
from validate_schema.report import render

pytestmark = pytest.mark.slow  # to make the reports is


@pytest.fixture(scope="module")
def rendered() -> dict[str, Report]:
    """Every example's report, made now."""
    with pytest.MonkeyPatch.context() as patch:
        kept = reproducible(dict(os.environ))
        for name in set(os.environ) - set(kept):
            patch.delenv(name)
        patch.setenv("SOURCE_DATE_EPOCH", kept["SOURCE_DATE_EPOCH"])
        return dict(reports())


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("name", HISTORIES)
def test_the_committed_report_is_current(rendered: dict[str, Report], name: str, suffix: str) -> None:
    committed = (REPORTS / f"{name}.{suffix}").read_text(encoding="utf-8")

    assert render(rendered[name], FORMATS[suffix]) == committed, (
        "run `make reports` and look at the difference"
    )


def test_the_readme_shows_the_head_of_the_examples_summary(rendered: dict[str, Report]) -> None:
    assert readme(rendered["flakeguard"]) == (ROOT / "README.md").read_text(encoding="utf-8"), (
        "run `make reports`"
    )


def test_no_report_is_left_that_nothing_renders() -> None:
    assert {p.name for p in REPORTS.iterdir()} == {
        f"{name}.{suffix}" for name in HISTORIES for suffix in FORMATS
    }


def test_flakeguards_figures_are_those_of_its_facts(rendered: dict[str, Report]) -> None:
    counts = rendered["flakeguard"].counts

    assert (
        counts.tables,
        counts.tenant_tables,
        counts.tenant_columns_not_null,
        counts.tenant_unique_constraints,
        counts.foreign_keys,
        counts.root_foreign_keys,
        counts.enums,
        counts.indexes,
        counts.primary_keys,
        counts.unique_indexes,
        counts.plain_indexes,
    ) == (27, 19, 18, 10, 52, 18, 3, 198, 27, 22, 149)


def test_flakeguard_shows_what_is_there_to_find_and_accepts_the_rest(rendered: dict[str, Report]) -> None:
    report = rendered["flakeguard"]

    def found(check: str) -> list[str]:
        return [f.object.label() for f in report.findings if f.check == check]

    def accepted(check: str) -> list[str]:
        return [f.object.label() for f in report.suppressed if f.check == check]

    assert found("TEN002") == ["Task.orgId"]
    assert found("TEN004") == ["Task.orgId"]
    assert found("UNQ001") + accepted("UNQ001") == [
        "Repository.Repository_githubId_key",
        "CheckRun.CheckRun_githubId_key",
        "Installation.Installation_githubInstallationId_key",
        "WorkflowRun.WorkflowRun_githubId_key",
    ]
    assert sorted(found("UNQ003") + accepted("UNQ003")) == [
        "FGTestCase.FGTestCase_orgId_repoId_suite_className_name_key",
        "TestResult.TestResult_orgId_repositoryId_testFullName_file_suite_key",
        "TestSuite.TestSuite_orgId_repositoryId_name_runId_key",
    ]
    assert len(found("FKY001")) == report.counts.tenant_foreign_keys == 22
    assert [t.label for t in report.tables if t.table_class == "exempt"] == ["IngestionJob"]
    assert [t.label for t in report.tables if t.table_class == "inherited"] == [
        "Artifact",
        "FGIssueLink",
        "FGJob",
        "WorkflowJob",
        "_FGFailureClusterToFGTestCase",
    ]


def test_the_broken_history_shows_its_placeholder_and_its_open_tables(rendered: dict[str, Report]) -> None:
    checks = {f.check for f in rendered["flakeguard-broken"].findings}

    assert {"TEN006", "RLS001", "UNQ004", "IDX006"} <= checks
