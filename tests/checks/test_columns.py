"""COL: the contract's columns, as PostgreSQL would store them."""

import pytest

from tests.fix_bench import Bench
from tests.fix_examples import CONFIG, flaws_of, look, survives
from validate_schema.model.finding import Flaw, Remedy

TENANT = "id uuid primary key, org_id uuid not null references organization (id)"
BRIEF = "ACCESS EXCLUSIVE for a moment: only the catalog changes, no row is read"
ORIGIN = " ([contract.tables.task])"


def task(columns: str = "") -> str:
    return f"create table task ({TENANT}{', ' + columns if columns else ''})"


def declares(columns: str, closed: bool = False) -> str:
    start = CONFIG + ("[contract]\nclosed = true\n" if closed else "")
    return f"{start}[contract.tables.task.columns]\n{columns}"


def test_a_required_column_without_default_is_added_empty(bench: Bench) -> None:
    toml = declares(
        '"Due ""On""" = { type = "timestamptz(3)", nullable = false }'.replace('"Due ""On"""', "'Due \"On\"'")
    )

    assert flaws_of(bench, "COL001", task(), toml) == [
        Flaw(
            message='Column task.Due "On" does not exist',
            expected="a column of that name" + ORIGIN,
            observed="no such column",
            remedy=Remedy(
                sql=('ALTER TABLE "public"."task" ADD COLUMN "Due ""On""" timestamptz(3);',),
                note="It is added nullable: fill it, then COL003 has the statements that make it NOT NULL.",
                lock=f"{BRIEF}, unless the default is volatile: then the table is rewritten",
            ),
        )
    ]
    assert survives(bench, "COL001", task(), toml) == []


def test_a_column_in_another_spelling_is_mentioned_and_not_added_beside(bench: Bench) -> None:
    (flaw,) = flaws_of(bench, "COL001", task('"dueDate" date'), declares('due_date = { type = "date" }'))

    assert flaw.observed == "no such column; there is dueDate"
    assert flaw.remedy == Remedy(note="Rename dueDate, or correct the contract, if the same column is meant.")


def test_the_missing_tenant_column_of_a_tenant_table_is_one_finding(bench: Bench) -> None:
    script, toml = "create table task (id int primary key)", declares('org_id = { type = "uuid" }\nnote = {}')

    assert look(bench, "COL001", script, toml).said == ["Column task.note does not exist"]
    assert look(bench, "TEN001", script, toml).said == ["Tenant table task has no tenant column org_id"]


def test_columns_of_a_missing_table_are_not_findings_of_their_own(bench: Bench) -> None:
    assert look(bench, "COL001", "", declares("note = {}")).result.status == "not_applicable"


@pytest.mark.parametrize(
    ("stored", "declared", "differs"),
    [
        ("int", "int4", False),
        ("varchar(10)", "character varying(10)", False),
        ("varchar(10)", "varchar(20)", True),
        ("numeric(10,2)", "decimal(10, 2)", False),
        ("timestamptz", "timestamp with time zone", False),
        ("timestamp", "timestamptz", True),
        ("text[]", "text", True),
        ("status", "status", False),
        ("status[]", "public.status[]", False),
        ('"Mood"', '"Mood"', False),
        ("email", "text", True),
        ("email", "email", False),
    ],
)
def test_types_are_compared_as_stored(bench: Bench, stored: str, declared: str, differs: bool) -> None:
    script = f"""
        create type status as enum ('a'); create type "Mood" as enum ('b'); create domain email as text;
        {task(f"x {stored}")}
    """
    found = look(bench, "COL002", script, declares(f"x = {{ type = '{declared}' }}"))

    assert (found.result.examined, bool(found.findings)) == (1, differs)


@pytest.mark.parametrize(
    ("stored", "declared", "sql"),
    [
        ("varchar(10)", "varchar(20)", "TYPE varchar(20);"),
        ("varchar(10)", "text", "TYPE text;"),
        ("int", "bigint", "TYPE bigint;"),
        ("text", "uuid", 'TYPE uuid USING "X"::uuid;'),
        ("short", "text", "TYPE text;"),
        ("varchar(20)", "varchar(10)", None),
        ("bigint", "int", None),
        ("text", "int", None),
        ("int[]", "bigint[]", None),
        ("text", "unheard_of", None),
    ],
)
def test_a_type_is_changed_only_where_no_value_is_lost(
    bench: Bench, stored: str, declared: str, sql: str | None
) -> None:
    script = "create domain short as varchar(5);" + task(f'"X" {stored}')
    toml = declares(f'X = {{ type = "{declared}" }}')
    (flaw,) = flaws_of(bench, "COL002", script, toml)

    assert flaw.remedy.sql == ((f'ALTER TABLE "public"."task" ALTER COLUMN "X" {sql}',) if sql else ())
    assert flaw.remedy.note
    assert survives(bench, "COL002", script, toml) == ([] if sql else [flaw.message])


@pytest.mark.parametrize(
    ("more", "rests"),
    [
        ("create policy p on task using (x = current_setting('a.b', true)::int);", "its policies"),
        ("create view seen as select x from task;", "views over the table"),
        ("alter table task add y int generated always as (x + 1) stored;", "generated columns"),
    ],
)
def test_no_statement_is_printed_that_postgresql_would_refuse(bench: Bench, more: str, rests: str) -> None:
    (flaw,) = flaws_of(bench, "COL002", f"{task('x int')}; {more}", declares('x = { type = "bigint" }'))

    assert flaw.remedy == Remedy(
        note=f"PostgreSQL refuses to change the type under {rests}: a migration must take them away, change it, "
        "and make them again, in one transaction."
    )


def test_a_wrong_type_in_full(bench: Bench) -> None:
    assert flaws_of(bench, "COL002", task("x smallint"), declares('x = { type = "integer" }')) == [
        Flaw(
            message="Column task.x has another type than declared",
            expected="integer" + ORIGIN,
            observed="smallint",
            remedy=Remedy(
                sql=('ALTER TABLE "public"."task" ALTER COLUMN "x" TYPE integer;',),
                note="Columns that reference it, or that it references, must fit the new type too.",
                lock="ACCESS EXCLUSIVE while the table and its indexes are rewritten: choose a quiet hour",
            ),
        )
    ]


def test_a_column_that_must_not_be_required_is_freed(bench: Bench) -> None:
    assert flaws_of(bench, "COL003", task("x int not null"), declares("x = { nullable = true }")) == [
        Flaw(
            message="Column task.x is NOT NULL, and declared nullable",
            expected="nullable" + ORIGIN,
            observed="NOT NULL",
            remedy=Remedy(sql=('ALTER TABLE "public"."task" ALTER COLUMN "x" DROP NOT NULL;',), lock=BRIEF),
        )
    ]
    assert survives(bench, "COL003", task("x int not null"), declares("x = { nullable = true }")) == []


def test_a_primary_key_cannot_be_freed(bench: Bench) -> None:
    (flaw,) = flaws_of(bench, "COL003", task(), declares("id = { nullable = true }"))

    assert flaw.remedy.sql == ()


def test_a_tenant_column_that_may_be_null_is_one_finding(bench: Bench) -> None:
    script = "create table task (id uuid primary key, org_id uuid references organization (id))"
    toml = declares("org_id = { nullable = false }")

    assert look(bench, "COL003", script, toml).result.status == "not_applicable"
    assert look(bench, "TEN002", script, toml).said == ["Tenant column task.org_id may be NULL"]


def test_a_check_does_for_the_tenant_but_is_not_the_declared_not_null(bench: Bench) -> None:
    script = "create table task (id uuid primary key, org_id uuid references organization (id) check (org_id is not null))"
    toml = declares("org_id = { nullable = false }")

    assert look(bench, "TEN002", script, toml).said == []
    assert look(bench, "COL003", script, toml).said == [
        "Column task.org_id is nullable, and declared NOT NULL"
    ]
    assert survives(bench, "COL003", script, toml) == []


@pytest.mark.parametrize(
    ("stored", "declared", "says"),
    [
        ("int default 1", '"1"', None),
        ("int default '1'::int", '"1"', None),
        ("timestamptz default now()", '"CURRENT_TIMESTAMP"', None),
        ("int", "false", None),
        ("int", '"1"', "has no default"),
        ("int default 2", "false", "has a default, and none is declared"),
        ("int default 2", '"1"', "has another default than declared"),
        ("text default 'a'", "\"'b'\"", "has another default than declared"),
        ("int generated always as identity", "false", None),
    ],
)
def test_defaults_are_compared_as_expressions(
    bench: Bench, stored: str, declared: str, says: str | None
) -> None:
    script, toml = task(f"x {stored}"), declares(f"x = {{ default = {declared} }}")

    assert look(bench, "COL004", script, toml).said == ([f"Column task.x {says}"] if says else [])
    assert survives(bench, "COL004", script, toml) == []


def test_an_unexpected_default_in_full(bench: Bench) -> None:
    assert flaws_of(bench, "COL004", task("x text default 'it''s'"), declares("x = { default = false }")) == [
        Flaw(
            message="Column task.x has a default, and none is declared",
            expected="no default" + ORIGIN,
            observed="default 'it''s'::text",
            remedy=Remedy(
                sql=('ALTER TABLE "public"."task" ALTER COLUMN "x" DROP DEFAULT;',),
                note="Rows that are there keep their values.",
                lock=BRIEF,
            ),
        )
    ]


def test_a_closed_contract_minds_columns_only_where_it_lists_some(bench: Bench) -> None:
    listed = declares("id = {}\norg_id = {}", closed=True)

    assert (
        look(
            bench, "COL005", task("note text"), CONFIG + "[contract]\nclosed = true\n[contract.tables.task]"
        ).result.examined
        == 0
    )
    assert look(bench, "COL005", task("note text"), declares("id = {}")).result.examined == 0
    assert flaws_of(bench, "COL005", task("note text"), listed) == [
        Flaw(
            message="Column task.note is not in the contract",
            expected="only columns that the contract declares",
            observed="an undeclared column of type text",
            remedy=Remedy(note="Declare it in the contract, or drop it once nothing reads it."),
        )
    ]


def test_a_not_null_that_was_never_validated_does_not_hold(bench: Bench) -> None:
    if bench.idle.info.server_version < 180000:
        pytest.skip("NOT NULL ... NOT VALID needs PostgreSQL 18")
    script = f"{task('x int')}; alter table task add constraint x_set not null x not valid"
    toml = declares("x = { nullable = false }")
    (flaw,) = flaws_of(bench, "COL003", script, toml)

    assert (flaw.observed, flaw.remedy.sql) == (
        "NOT NULL, but NOT VALID",
        ('ALTER TABLE "public"."task" VALIDATE CONSTRAINT "x_set";',),
    )
    assert survives(bench, "COL003", script, toml) == []


@pytest.mark.parametrize(
    ("column", "declared", "check", "other"),
    [
        ("org_id text not null", 'type = "uuid"', "COL002", "TEN003"),
        ("org_id uuid default '00000000-0000-0000-0000-000000000000'", "default = false", "COL004", "TEN006"),
    ],
)
def test_a_wrong_tenant_column_is_one_finding(
    bench: Bench, column: str, declared: str, check: str, other: str
) -> None:
    script, toml = (
        f"create table task (id uuid primary key, {column})",
        declares(f"org_id = {{ {declared} }}"),
    )

    assert look(bench, check, script, toml).result.status == "not_applicable"
    assert len(look(bench, other, script, toml).findings) == 1


def test_what_only_the_contract_asks_of_a_tenant_column_is_a_finding_of_the_contract(bench: Bench) -> None:
    script = "create table task (id uuid primary key, org_id uuid default gen_random_uuid())"
    wants_text = declares('org_id = { type = "text", default = "\'x\'" }')

    assert look(bench, "COL002", script, wants_text).said == [
        "Column task.org_id has another type than declared"
    ]
    assert look(bench, "COL004", script, wants_text).said == [
        "Column task.org_id has another default than declared"
    ]
