"""TEN: the tenant column is there, required, of the root's type, and filled by statements alone."""

import pytest

from tests.fix_bench import Bench, execute
from tests.fix_examples import CONFIG, check_of, findings, flaws_of, look, survives
from validate_schema.model.finding import Flaw, Remedy, Severity

BRIEF = "ACCESS EXCLUSIVE for a moment: only the catalog changes, no row is read"
DECLARED = CONFIG + 'tenant = ["task"]'
VALIDATING = "SHARE UPDATE EXCLUSIVE while rows are validated: reads and writes go on; else ACCESS EXCLUSIVE for a moment"
ROOTLESS = '[tenancy]\ncolumn = "org_id"\n'
LEVELS = """
[[tenancy.levels]]
root = "organization"
column = "org_id"
[[tenancy.levels]]
root = "project"
column = "project_id"
parent = "organization"
"""
PROJECT = "create table project (id int primary key, org_id uuid not null references organization (id));"


def task(column: str = "uuid not null references organization (id)", name: str = "org_id") -> str:
    return f'create table task (id uuid primary key, "{name}" {column})'


def test_the_tenant_column_is_added_empty_with_the_type_of_the_root(bench: Bench) -> None:
    script = "create table task (id uuid primary key)"

    assert flaws_of(bench, "TEN001", script, DECLARED) == [
        Flaw(
            message="Tenant table task has no tenant column org_id",
            expected="a column org_id that holds the tenant of each row",
            observed="no such column",
            remedy=Remedy(
                sql=('ALTER TABLE "public"."task" ADD COLUMN "org_id" uuid;',),
                note="Fill it for the rows that are there; the next run then asks for NOT NULL and the foreign key.",
                lock=BRIEF,
            ),
        )
    ]
    assert survives(bench, "TEN001", script, DECLARED) == []


@pytest.mark.parametrize(
    ("script", "observed"),
    [
        (task("uuid", "orgId"), "no such column; orgId reads like it"),
        (
            "create table country (id uuid primary key);" + task("uuid references country (id)"),
            "org_id is a key of another table",
        ),
    ],
    ids=["another spelling", "a key of something else"],
)
def test_no_second_column_is_added_where_one_may_be_meant(bench: Bench, script: str, observed: str) -> None:
    (flaw,) = flaws_of(bench, "TEN001", script, DECLARED)

    assert flaw.observed == observed
    assert flaw.remedy == Remedy(
        note="Rename the column that holds the tenant to org_id, or accept its spelling in tenancy.column."
    )


def test_every_accepted_spelling_will_do(bench: Bench) -> None:
    toml = DECLARED.replace('column = "org_id"', 'column = ["org_id", "orgId"]')

    assert look(bench, "TEN001", task(name="orgId"), toml).result.status == "passed"


@pytest.mark.parametrize(
    ("declared", "examined"),
    [
        ("tenant = true", 1),
        ('columns.org_id = { type = "uuid" }', 1),
        ('tenant = false\ncolumns.org_id = { type = "uuid" }', 0),
        ('columns.id = { type = "uuid" }', 0),
    ],
)
def test_the_contract_says_which_tables_must_carry_it(bench: Bench, declared: str, examined: int) -> None:
    toml = f"{CONFIG}[contract.tables.task]\n{declared}"
    found = look(bench, "TEN001", "create table task (id uuid primary key)", toml)

    assert (found.result.examined, len(found.findings)) == (examined, examined)


def test_one_finding_for_a_missing_column_whatever_else_asks_for_it(bench: Bench) -> None:
    script = "create table task (id uuid primary key); " + task().replace("task", "done")

    for id in ("TEN002", "TEN003", "TEN004", "TEN006"):
        found = look(bench, id, script, DECLARED)
        assert (id, found.result.examined, found.said) == (id, 1, [])


def test_a_nullable_tenant_column_is_made_required_in_four_steps(bench: Bench) -> None:
    script = task("uuid references organization (id)")

    assert flaws_of(bench, "TEN002", script) == [
        Flaw(
            message="Tenant column task.org_id may be NULL",
            expected="NOT NULL",
            observed="nullable",
            remedy=Remedy(
                sql=(
                    'ALTER TABLE "public"."task" ADD CONSTRAINT "task_org_id_set" CHECK ("org_id" IS NOT NULL) NOT VALID;',
                    'ALTER TABLE "public"."task" VALIDATE CONSTRAINT "task_org_id_set";',
                    'ALTER TABLE "public"."task" ALTER COLUMN "org_id" SET NOT NULL;',
                    'ALTER TABLE "public"."task" DROP CONSTRAINT "task_org_id_set";',
                ),
                note="Give every row a tenant first. Validation fails on NULL rows that are left. If NULL means "
                "that all tenants share the row, declare the table under [[tenancy.null_rows]].",
                lock=VALIDATING,
            ),
        )
    ]
    assert survives(bench, "TEN002", script) == []


PARENTS = """
    create table project (id int primary key, org_id uuid not null references organization (id));
    create table site (id int primary key, org_id uuid not null references organization (id));
"""
FILLED = """
    insert into organization values ('00000000-0000-0000-0000-00000000000a', 'a');
    insert into organization values ('00000000-0000-0000-0000-00000000000b', 'b');
    insert into project values (1, '00000000-0000-0000-0000-00000000000a');
    insert into project values (2, '00000000-0000-0000-0000-00000000000b');
    insert into task select n, null, 1 + n % 2 from generate_series(1, 25000) as n;
"""


def test_rows_get_the_tenant_of_the_one_row_that_they_belong_to(bench: Bench) -> None:
    script = (
        PARENTS
        + "create table task (id int primary key, org_id uuid references organization (id), "
        + "project_id int not null references project (id));"
        + FILLED
    )
    (flaw,) = flaws_of(bench, "TEN002", script)
    with bench.open(script, *flaw.remedy.sql) as conn:
        execute(conn, script)
        for statement in flaw.remedy.sql:
            conn.execute(statement)
        strays = conn.execute(
            "select count(*), count(*) filter (where t.org_id is distinct from p.org_id)"
            " from task t join project p on p.id = t.project_id"
        ).fetchone()
        left = findings(check_of("TEN002"), conn).said
    assert (strays, left) == ((25000, 0), [])


def test_no_tenant_is_guessed_where_two_rows_could_give_it(bench: Bench) -> None:
    script = (
        PARENTS
        + "create table task (id int primary key, org_id uuid references organization (id), "
        + "project_id int references project (id), site_id int references site (id))"
    )
    (flaw,) = flaws_of(bench, "TEN002", script)
    assert not [s for s in flaw.remedy.sql if "UPDATE" in s]


@pytest.mark.parametrize(
    ("more", "found"),
    [
        ("check (org_id is not null)", 0),
        ("check (org_id is not null and id is not null)", 0),
        ("check (org_id is not null or id is null)", 1),
        ("check (length(org_id::text) > 1)", 1),
    ],
)
def test_only_a_check_that_forbids_null_stands_in_for_not_null(bench: Bench, more: str, found: int) -> None:
    script = f"create table task (id uuid primary key, org_id uuid references organization (id), {more})"

    assert len(look(bench, "TEN002", script).findings) == found


def test_a_check_that_was_not_validated_does_not_hold_and_its_name_is_not_taken_again(bench: Bench) -> None:
    script = (
        task("uuid references organization (id)")
        + "; alter table task add constraint task_org_id_set check (org_id is not null) not valid"
    )

    assert look(bench, "TEN002", script).said == ["Tenant column task.org_id may be NULL"]
    assert survives(bench, "TEN002", script) == []


def test_a_not_null_that_was_never_validated_lets_older_rows_be_null(bench: Bench) -> None:
    if bench.idle.info.server_version < 180000:
        pytest.skip("NOT NULL ... NOT VALID needs PostgreSQL 18")
    script = (
        task("uuid references organization (id)")
        + "; alter table task add constraint org_set not null org_id not valid"
    )
    (flaw,) = flaws_of(bench, "TEN002", script)

    assert (flaw.observed, flaw.remedy.sql) == (
        "NOT NULL, but NOT VALID: older rows may hold NULL",
        ('ALTER TABLE "public"."task" VALIDATE CONSTRAINT "org_set";',),
    )
    assert survives(bench, "TEN002", script) == []


def test_null_rows_that_are_shared_by_design_are_not_examined(bench: Bench) -> None:
    toml = CONFIG + '[[tenancy.null_rows]]\ntable = "task"'

    assert (
        look(bench, "TEN002", task("uuid references organization (id)"), toml).result.status
        == "not_applicable"
    )


def test_a_partitioned_table_is_one_finding_and_is_cured_with_its_partitions(bench: Bench) -> None:
    script = """
        create table task (id int, "orgId" uuid references organization (id)) partition by list (id);
        create table task_1 partition of task default;
    """
    toml = CONFIG.replace("org_id", "orgId")

    assert look(bench, "TEN002", script, toml).said == ["Tenant column task.orgId may be NULL"]
    assert survives(bench, "TEN002", script, toml) == []


@pytest.mark.parametrize(
    ("root", "tenant", "differs"),
    [
        ("text", "varchar(36)", False),
        ("varchar(20)", "varchar(30)", False),
        ("bigint", "int", True),
        ("uuid", "text", True),
        ("key", "uuid", False),
        ("uuid", "key", False),
        ("char(10)", "text", True),
    ],
)
def test_the_type_is_the_roots_whatever_its_length_or_domain(
    bench: Bench, root: str, tenant: str, differs: bool
) -> None:
    script = f"""
        create domain key as uuid;
        create table tenant (id {root} primary key);
        create table task (id int primary key, tenant_id {tenant} not null);
    """
    toml = '[tenancy]\nroot = "tenant"\ncolumn = "tenant_id"'
    found = look(bench, "TEN003", script, toml)

    assert (found.result.examined, bool(found.findings)) == (1, differs)


def test_without_a_root_the_types_are_compared_with_each_other(bench: Bench) -> None:
    script = """
        drop table organization;
        create table a (org_id uuid not null); create table b (org_id uuid not null);
        create table "C" (org_id varchar not null);
    """

    assert flaws_of(bench, "TEN003", script, ROOTLESS) == [
        Flaw(
            message="Tenant column C.org_id has another type than 2 of 3 tenant tables",
            expected="uuid",
            observed="character varying",
            remedy=Remedy(
                sql=('ALTER TABLE "public"."C" ALTER COLUMN "org_id" TYPE uuid USING "org_id"::uuid;',),
                note="Columns that reference it, or that it references, must fit the new type too.",
                lock="ACCESS EXCLUSIVE while the table and its indexes are rewritten: choose a quiet hour",
            ),
        )
    ]
    assert survives(bench, "TEN003", script, ROOTLESS) == []


def test_each_level_has_the_type_of_its_own_root(bench: Bench) -> None:
    script = (
        PROJECT + "create table task (id int primary key, project_id int not null references project (id))"
    )
    found = look(bench, "TEN003", script, LEVELS)

    assert (found.result.examined, found.said) == (2, [])


@pytest.mark.parametrize(
    ("default", "severity"),
    [
        ("'temp'", Severity.ERROR),
        ("''", Severity.ERROR),
        ("('a' || 'b')", Severity.ERROR),
        ("gen_random_uuid()::text", Severity.ERROR),
        ("nextval('seq')::text", Severity.ERROR),
        ("null", None),
        ("null::varchar", None),
        ("current_setting('app.tenant_id', true)", Severity.INFO),
        ("current_user", Severity.INFO),
        ("my_tenant()", Severity.INFO),
        ("'current_setting(x)'", Severity.ERROR),
        ("nullif(current_setting('app.tenant_id', true), '')", Severity.INFO),
        ("coalesce(nullif(current_setting('app.tenant_id', true), ''), 'temp')", Severity.ERROR),
        ("coalesce(current_setting('app.tenant_id', true), current_user)", Severity.INFO),
    ],
)
def test_a_default_is_judged_by_where_its_value_comes_from(
    bench: Bench, default: str, severity: Severity | None
) -> None:
    script = f"""
        create sequence seq;
        create function my_tenant() returns text language sql return 'x';
        create table tenant (id text primary key);
        create table task (id int primary key, tenant_id text not null default {default});
    """
    toml = '[tenancy]\nroot = "tenant"\ncolumn = "tenant_id"'

    assert [f.severity for f in look(bench, "TEN006", script, toml).findings] == (
        [severity] if severity else []
    )
    assert survives(bench, "TEN006", script, toml) == []


@pytest.mark.parametrize(
    ("column", "observed", "act"),
    [
        ("bigint generated always as identity", "generated always as identity", "DROP IDENTITY"),
        ("home", "default 7", "SET DEFAULT NULL"),
    ],
)
def test_an_identity_and_the_default_of_a_domain_fill_the_column_too(
    bench: Bench, column: str, observed: str, act: str
) -> None:
    script = f"""
        create domain home as bigint default 7;
        create table tenant (id bigint primary key);
        create table task (id int primary key, tenant_id {column});
    """
    toml = '[tenancy]\nroot = "tenant"\ncolumn = "tenant_id"'
    (flaw,) = flaws_of(bench, "TEN006", script, toml)

    assert flaw.observed == observed
    assert flaw.remedy.sql == (f'ALTER TABLE "public"."task" ALTER COLUMN "tenant_id" {act};',)
    assert survives(bench, "TEN006", script, toml) == []


def test_a_constant_default_in_full(bench: Bench) -> None:
    assert flaws_of(bench, "TEN006", task("uuid default '00000000-0000-0000-0000-000000000000'")) == [
        Flaw(
            message="Tenant column task.org_id has a constant default '00000000-0000-0000-0000-000000000000'::uuid",
            expected="no default: a statement must say whose row it writes",
            observed="default '00000000-0000-0000-0000-000000000000'::uuid",
            remedy=Remedy(
                sql=('ALTER TABLE "public"."task" ALTER COLUMN "org_id" DROP DEFAULT;',),
                note="Statements that leave the tenant out fail from then on: that is the point. Look for rows that "
                "the default already gave away.",
                lock=BRIEF,
            ),
        )
    ]


@pytest.mark.parametrize(
    ("column", "alike"),
    [
        ('"orgId" uuid', True),
        ("organization_id uuid", True),
        ("organisation_id uuid", True),
        ("tenant_id uuid", True),
        ("tenant text", True),
        ("org_uuid uuid references organization (id)", True),
        ("billing_org_id uuid references organization (id)", False),
        ("account_id int references account (id)", False),
        ("tenant_id int references account (id)", False),
        ("account_id int", False),
        ("organization text", False),
        ("is_tenant boolean", False),
        ("org_name text", False),
    ],
)
def test_a_column_is_a_look_alike_by_what_its_name_means(bench: Bench, column: str, alike: bool) -> None:
    script = f"""
        create table account (id int primary key);
        create table task (id uuid primary key, org_id uuid not null references organization (id), {column});
    """
    found = look(bench, "TEN008", script, CONFIG + 'global = ["account"]')

    assert (found.result.examined, bool(found.findings)) == (3, alike)


@pytest.mark.parametrize(
    ("column", "alike"), [("org_code text", False), ("org_id text", False), ("org_uuid uuid", True)]
)
def test_another_name_of_the_tenant_itself_is_no_look_alike(bench: Bench, column: str, alike: bool) -> None:
    script = f"alter table organization add column {column}"

    assert bool(look(bench, "TEN008", script).findings) == alike


def test_look_alikes_of_one_table_are_one_finding(bench: Bench) -> None:
    script = 'create table country (id int primary key, tenant_id text, "organizationId" text)'

    assert flaws_of(bench, "TEN008", script, CONFIG + 'global = ["country"]') == [
        Flaw(
            message="country: tenant_id, organizationId read like the tenant column",
            expected="one column that says whose a row is",
            observed="tenant_id, organizationId, and no tenant column",
            remedy=Remedy(
                note="If it holds the tenant, keep one of the two and drop the other; if it means something else, "
                "rename it so that it says what."
            ),
        )
    ]


def test_the_columns_of_other_levels_and_own_keys_are_no_look_alikes(bench: Bench) -> None:
    levels = PROJECT + (
        "create table task (id int primary key, org_id uuid not null references organization (id), "
        "project_id int not null references project (id))"
    )
    own_key = (
        "create table tenant (tenant_id uuid primary key, org_id uuid not null references organization (id))"
    )
    keyed_root = (
        "create table tenant (tenant_id int primary key); create table t (tenant_id int references tenant)"
    )

    assert look(bench, "TEN008", levels, LEVELS).said == []
    assert look(bench, "TEN008", own_key).said == []
    assert (
        look(
            bench,
            "TEN008",
            keyed_root,
            '[tenancy]\nroot = "tenant"\ncolumn = "tenant_id"\nglobal = ["organization"]',
        ).said
        == []
    )


def test_an_unclassified_or_exempt_table_has_no_look_alike_finding_as_well(bench: Bench) -> None:
    script = "create table task (id int primary key, tenant_id text)"

    assert look(bench, "TEN008", script).result.examined == 1
    assert (
        look(bench, "TEN008", script, CONFIG + 'exempt = [{ table = "task", reason = "x" }]').result.examined
        == 1
    )


OWNED = CONFIG + '[[tenancy.null_rows]]\ntable = "file"\nnull_means = "owner"\nowner = "user_id"\n'


@pytest.mark.parametrize(
    ("rule", "held"),
    [
        ("check (num_nonnulls(org_id, user_id) = 1)", True),
        ("check ((org_id is null) <> (user_id is null))", True),
        ("check (org_id is not null or user_id is not null)", True),
        ("check (org_id is not null and user_id is null or user_id is not null and org_id is null)", True),
        ("check (num_nonnulls(org_id, user_id, other) = 1)", False),
        ("check (num_nonnulls(org_id, user_id) <= 1)", False),
        ("check (org_id is null or user_id is null)", False),
        ("check ((org_id is null) <> (user_id is not null))", False),
        ("check (org_id is not null or other is not null)", False),
        ("check (true)", False),
    ],
)
def test_another_owner_takes_the_rows_without_a_tenant_where_a_check_says_so(
    bench: Bench, rule: str, held: bool
) -> None:
    script = f"""
        create table file (
            id uuid primary key, org_id uuid references organization (id), user_id uuid, other uuid, {rule}
        )
    """
    assert bool(look(bench, "TEN002", script, OWNED).findings) is not held
    assert bool(look(bench, "TEN002", script).findings)


def test_a_check_that_old_rows_need_not_meet_gives_no_owner(bench: Bench) -> None:
    script = """
        create table file (id uuid primary key, org_id uuid references organization (id), user_id uuid);
        alter table file add check (num_nonnulls(org_id, user_id) = 1) not valid;
    """
    assert look(bench, "TEN002", script, OWNED).findings
