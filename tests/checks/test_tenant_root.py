"""TEN: what ties the tenant column to the tenants, directly or through a parent."""

import pytest

from tests.fix_bench import Bench
from tests.fix_examples import CONFIG, flaws_of, look, survives
from validate_schema.model.finding import Flaw, Remedy

DIRECT = "org_id uuid not null references organization (id)"
LEVELS = """
[[tenancy.levels]]
root = "organization"
column = "org_id"
[[tenancy.levels]]
root = "project"
column = "project_id"
parent = "organization"
"""


def test_a_missing_key_is_added_without_holding_up_writes(bench: Bench) -> None:
    script = 'create table "Task" (id uuid primary key, org_id uuid not null)'

    assert flaws_of(bench, "TEN004", script) == [
        Flaw(
            message="Tenant column Task.org_id has no foreign key to organization",
            expected="a foreign key to organization, directly or with a composite key of another tenant table",
            observed="no foreign key leads there",
            remedy=Remedy(
                sql=(
                    'ALTER TABLE "public"."Task" ADD CONSTRAINT "Task_org_id_fkey" FOREIGN KEY ("org_id") '
                    'REFERENCES "public"."organization" ("id") NOT VALID;',
                    'ALTER TABLE "public"."Task" VALIDATE CONSTRAINT "Task_org_id_fkey";',
                ),
                note="Rows whose tenant does not exist make it fail and change nothing: find them first (DAT002). "
                "Add ON DELETE CASCADE if deleting a tenant should delete its rows.",
                lock="SHARE ROW EXCLUSIVE on both tables for a moment; validation lets reads and writes go on",
            ),
        )
    ]
    assert survives(bench, "TEN004", script) == []


PARENT = f"create table parent (id int, {DIRECT}, primary key (org_id, id));"
CHILD = "create table child (id int primary key, org_id uuid not null, parent_id int, {});"
COMPOSITE = "foreign key (org_id, parent_id) references parent (org_id, id)"


@pytest.mark.parametrize(
    ("script", "reported"),
    [
        pytest.param(PARENT + CHILD.format(COMPOSITE), [], id="through a composite key"),
        pytest.param(
            PARENT.replace(" references organization (id)", "") + CHILD.format(COMPOSITE),
            ["parent"],
            id="only the parent that lacks it",
        ),
        pytest.param(
            "create table parent (id int primary key, org_id uuid not null references organization (id));"
            + CHILD.format("foreign key (parent_id) references parent (id)"),
            ["child"],
            id="a key without the tenant column leads nowhere",
        ),
        pytest.param(
            "create table node (id int, org_id uuid not null, up int, primary key (org_id, id), "
            "foreign key (org_id, up) references node (org_id, id));",
            ["node"],
            id="a table that references itself",
        ),
        pytest.param(
            "create table a (id int, org_id uuid not null, b int, primary key (org_id, id));"
            "create table b (id int, org_id uuid not null, a int, primary key (org_id, id), "
            "foreign key (org_id, a) references a (org_id, id));"
            "alter table a add foreign key (org_id, b) references b (org_id, id);",
            ["a", "b"],
            id="two that reference each other",
        ),
    ],
)
def test_a_key_counts_when_it_leads_to_the_tenants(bench: Bench, script: str, reported: list[str]) -> None:
    assert [f.object.table for f in look(bench, "TEN004", script).findings] == reported
    assert survives(bench, "TEN004", script) == []


def test_the_deeper_level_must_reach_its_own_root(bench: Bench) -> None:
    script = f"""
        create table project (id int primary key, {DIRECT});
        create table task (id int primary key, {DIRECT}, project_id int not null);
    """

    assert look(bench, "TEN004", script, LEVELS).said == [
        "Tenant column task.project_id has no foreign key to project"
    ]
    assert survives(bench, "TEN004", script, LEVELS) == []


def test_nothing_is_asked_where_the_tenants_live_elsewhere(bench: Bench) -> None:
    script = "drop table organization; create table a (org_id uuid not null)"
    found = look(bench, "TEN004", script, '[tenancy]\ncolumn = "org_id"')

    assert found.result.status == "not_applicable"


def test_the_type_comes_before_the_key(bench: Bench) -> None:
    (flaw,) = flaws_of(bench, "TEN004", "create table task (id int primary key, org_id text not null)")

    assert flaw.remedy == Remedy(
        note="First give org_id the type uuid (TEN003): the key cannot be made before."
    )


def test_the_usual_name_may_be_taken_and_a_partitioned_table_takes_the_key_at_once(bench: Bench) -> None:
    taken = "create table task (id int primary key, org_id uuid not null constraint task_org_id_fkey check (org_id is not null))"
    parted = 'create table task (id int, org_id uuid not null) partition by hash (id); create table "P" partition of task for values with (modulus 1, remainder 0)'

    assert survives(bench, "TEN004", taken) == []
    assert len(flaws_of(bench, "TEN004", parted)[0].remedy.sql) == 1
    assert survives(bench, "TEN004", parted) == []


@pytest.mark.parametrize(
    ("actions", "observed", "kept"),
    [
        ("on delete set null", "ON DELETE SET NULL", ""),
        ("on delete set default on update cascade", "ON DELETE SET DEFAULT", " ON UPDATE CASCADE"),
        ("on delete cascade on update set null", "ON UPDATE SET NULL", " ON DELETE CASCADE"),
        (
            "on delete set null deferrable initially deferred",
            "ON DELETE SET NULL",
            " DEFERRABLE INITIALLY DEFERRED",
        ),
    ],
)
def test_an_action_that_sets_the_tenant_is_replaced_and_the_rest_kept(
    bench: Bench, actions: str, observed: str, kept: str
) -> None:
    script = f"create table task (id int primary key, org_id uuid constraint k references organization (id) {actions})"

    assert flaws_of(bench, "TEN005", script) == [
        Flaw(
            message=f"Foreign key task.k to the tenants has {observed}",
            expected="NO ACTION, RESTRICT or CASCADE",
            observed=observed,
            remedy=Remedy(
                sql=(
                    'ALTER TABLE "public"."task" DROP CONSTRAINT "k", ADD CONSTRAINT "k" FOREIGN KEY ("org_id") '
                    f'REFERENCES "public"."organization" ("id"){kept} NOT VALID;',
                    'ALTER TABLE "public"."task" VALIDATE CONSTRAINT "k";',
                ),
                note="Write ON DELETE CASCADE instead if deleting a tenant should delete these rows.",
                lock="ACCESS EXCLUSIVE on both tables for a moment; validation lets reads and writes go on",
            ),
        )
    ]
    assert survives(bench, "TEN005", script) == []


def test_cascade_restrict_and_composite_keys_are_no_finding_here(bench: Bench) -> None:
    script = f"""
        create table a (id int, {DIRECT} on delete cascade, primary key (org_id, id));
        create table b (id int primary key, {DIRECT} on delete restrict, a int,
            foreign key (org_id, a) references a (org_id, id) on delete set null);
    """
    found = look(bench, "TEN005", script)

    assert (found.result.examined, found.said) == (2, [])


def test_a_partitioned_table_gets_its_action_replaced_in_one_step(bench: Bench) -> None:
    script = """
        create table task (id int, org_id uuid references organization (id) on delete set null) partition by list (id);
        create table task_1 partition of task default;
    """

    assert look(bench, "TEN005", script).result.failed == 1
    assert survives(bench, "TEN005", script) == []


def test_a_composite_key_that_was_not_validated_leaves_the_tenant_open(bench: Bench) -> None:
    script = (
        PARENT + CHILD.format("check (true)") + f"alter table child add constraint k {COMPOSITE} not valid"
    )

    assert flaws_of(bench, "TEN007", script) == [
        Flaw(
            message="Foreign key child.k to parent is NOT VALID",
            expected="a validated, enforced foreign key",
            observed="NOT VALID",
            remedy=Remedy(
                sql=('ALTER TABLE "public"."child" VALIDATE CONSTRAINT "k";',),
                note="Rows whose tenant does not exist make it fail and change nothing: find them first (DAT002).",
                lock="SHARE UPDATE EXCLUSIVE: reads and writes go on",
            ),
        )
    ]
    assert survives(bench, "TEN007", script) == []
    assert look(bench, "FKY003", script).said == []


def test_a_key_that_is_not_enforced_is_enforced(bench: Bench) -> None:
    if bench.idle.info.server_version < 180000:
        pytest.skip("NOT ENFORCED foreign keys need PostgreSQL 18")
    script = "create table task (id int primary key, org_id uuid not null constraint k references organization (id) not enforced)"
    (flaw,) = flaws_of(bench, "TEN007", script)

    assert (flaw.observed, flaw.remedy.sql) == (
        "NOT ENFORCED",
        ('ALTER TABLE "public"."task" ALTER CONSTRAINT "k" ENFORCED;',),
    )
    assert survives(bench, "TEN007", script) == []


def test_the_checks_are_skipped_when_nobody_knows_the_tenants(bench: Bench) -> None:
    for id in (
        "TEN001",
        "TEN002",
        "TEN003",
        "TEN004",
        "TEN005",
        "TEN006",
        "TEN007",
        "TEN008",
        "TEN009",
        "TEN010",
    ):
        assert (id, look(bench, id, "create table t (a int)", "[tenancy]\n").result.status) == (id, "skipped")
    assert look(bench, "TEN004", f"create table t ({DIRECT})", CONFIG).result.status == "passed"


@pytest.mark.parametrize(
    ("tenants", "key", "says"),
    [
        ("region text, id int, primary key (region, id)", "region, org_id", "error: unique is (region, id)"),
        ("region text, id uuid, primary key (region, id)", "region, org_id", "warning: unique is (region, id)"),
        ("region text, id int generated always as identity, primary key (region, id)", "region, org_id", "warning: unique is (region, id)"),
        ("id int, gone boolean, unique (id)", "org_id", None),
        ("region text, id int unique, primary key (region, id)", "region, org_id", None),
    ],
    ids=["half of the key", "drawn", "counted", "a unique key", "unique by itself as well"],
)  # fmt: skip
def test_a_tenant_is_told_by_a_key_of_its_own(bench: Bench, tenants: str, key: str, says: str | None) -> None:
    target = "references organization" + (" (id)" if key == "org_id" else "")
    script = f"""
        drop table organization cascade;
        create table organization ({tenants});
        create table invoice (id uuid primary key, region text, org_id {"uuid" if "uuid" in tenants else "int"} not null,
            foreign key ({key}) {target});
    """
    found = [f"{(f.severity or 'error')}: {f.observed}" for f in flaws_of(bench, "TEN012", script)]
    assert found == ([says] if says else [])
