"""Counts are judged as they were taken: at least, none, or not known, which is never none."""

import pytest

from checks.rows import null_tenant_rows, orphan_tenant_rows, placeholder_tenant
from tests.fix_world import KEY, counted, judged, said, tenant_table, world
from validate_schema.checking.declare import Check
from validate_schema.facts.facts import Facts
from validate_schema.model.catalog import QName
from validate_schema.model.evidence import Evidence, TenantRows
from validate_schema.model.finding import ObjectRef, Remedy, Severity

INVOICE = QName("public", "invoice")
LOOSE = tenant_table(constraints=())


def with_rows(*rows: TenantRows, limit: int = 100, **fields: object) -> Facts:
    evidence = Evidence(gathered=True, limit=limit, tenant_rows=rows)
    return world(LOOSE, evidence=evidence, **fields)  # type: ignore[arg-type]


def found(**counts: object) -> TenantRows:
    return TenantRows(INVOICE, "org_id", **counts)  # type: ignore[arg-type]


def test_rows_without_a_tenant_are_counted_and_can_be_listed() -> None:
    _, (finding,) = judged(null_tenant_rows, with_rows(found(null_rows=3)))

    assert (finding.object, finding.severity, finding.message, finding.expected, finding.observed) == (
        ObjectRef("table", "public", "invoice"),
        Severity.ERROR,
        "3 rows of invoice have no tenant: org_id is NULL",
        "no row without a tenant",
        "3 rows with org_id NULL",
    )
    assert finding.remedy == Remedy(
        note="Decide whose rows these are, set the column or delete them, then make it NOT NULL. To see them: "
        'SELECT * FROM "public"."invoice" t WHERE "org_id" IS NULL LIMIT 100;'
    )


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (1, "error: 1 row of invoice has no tenant: org_id is NULL"),
        (99, "error: 99 rows of invoice have no tenant: org_id is NULL"),
        (100, "error: at least 100 rows of invoice have no tenant: org_id is NULL"),
    ],
)
def test_a_count_that_stopped_at_the_limit_says_at_least(rows: int, message: str) -> None:
    assert said(null_tenant_rows, with_rows(found(null_rows=rows))) == [message]


def test_orphans_show_a_few_of_their_tenants() -> None:
    _, (finding,) = judged(orphan_tenant_rows, with_rows(found(orphan_rows=2, orphan_sample=("7", "8"))))

    assert (finding.message, finding.expected, finding.observed, finding.evidence) == (
        "2 rows of invoice have a tenant that is not in organization",
        "every org_id stands in organization.id",
        "2 rows whose org_id is not",
        "for example 7, 8",
    )


def test_placeholders_are_named() -> None:
    rows = found(placeholder_rows=2, placeholder_values=("", "it's"))

    assert said(placeholder_tenant, with_rows(rows)) == [
        "error: 2 rows of invoice have a placeholder as tenant: '', 'it''s'"
    ]


EVERY = pytest.mark.parametrize(
    "check", [null_tenant_rows, orphan_tenant_rows, placeholder_tenant], ids=lambda c: c.id
)


@EVERY
def test_a_table_that_could_not_be_read_is_skipped_and_not_passed(check: Check) -> None:
    result, _ = judged(check, with_rows(found(unreadable="reader may not read invoice")))

    assert (result.status, result.examined, result.passed, result.reason) == (
        "skipped",
        1,
        0,
        "rows of invoice were not counted: reader may not read invoice",
    )


@EVERY
def test_a_table_that_was_not_looked_at_is_skipped_and_not_passed(check: Check) -> None:
    result, _ = judged(check, with_rows())

    assert (result.status, result.reason) == (
        "skipped",
        "rows of invoice were not counted: the table was not looked at",
    )


@EVERY
def test_without_rows_to_look_at_the_check_does_not_apply(check: Check) -> None:
    assert (
        counted(check, world(LOOSE, evidence=Evidence(reason="a snapshot holds no rows")))[0]
        == "not_applicable"
    )


@EVERY
def test_without_a_tenancy_nobody_knows_which_rows_to_look_at(check: Check) -> None:
    facts = world(LOOSE, identified=False, evidence=Evidence(gathered=True))

    assert counted(check, facts)[0] == "skipped"


@EVERY
def test_a_table_that_lacks_its_tenant_column_is_another_checks_finding(check: Check) -> None:
    facts = world(tenant_table(columns=(KEY,), constraints=()), evidence=Evidence(gathered=True))

    assert counted(check, facts)[0] == "not_applicable"


def test_rows_that_are_shared_by_design_have_no_tenant() -> None:
    facts = with_rows(found(null_rows=3), null_means_global=(INVOICE,))

    assert counted(null_tenant_rows, facts)[0] == "not_applicable"


def test_a_validated_foreign_key_to_the_root_leaves_no_orphans_to_look_for() -> None:
    evidence = Evidence(gathered=True, limit=100, tenant_rows=(found(null_rows=0),))

    assert counted(orphan_tenant_rows, world(tenant_table(), evidence=evidence))[0] == "not_applicable"


def test_without_known_placeholders_there_is_nothing_to_look_for() -> None:
    assert counted(placeholder_tenant, with_rows(found(), placeholders=()))[0] == "not_applicable"
