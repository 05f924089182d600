"""ENU: labels as declared, in a type or a CHECK, and no type left over."""

import pytest

from tests.fix_bench import Bench
from tests.fix_examples import CONFIG, flaws_of, look, survives
from validate_schema.model.finding import Flaw, Remedy, Severity

ENUM = CONFIG + "[contract.enums]\n"
STATUS = ENUM + "\"Status\" = ['open', 'in review', \"it's\"]\n"
TYPED = STATUS + "[contract.tables.task.columns]\nstatus = { type = '\"Status\"' }\n"
LISTED = "create table task (id int primary key, status {} check ({}))"


def test_a_missing_enum_is_created_with_its_labels_in_order(bench: Bench) -> None:
    assert flaws_of(bench, "ENU001", "", STATUS) == [
        Flaw(
            message="Enum Status does not exist",
            expected="an enum of that name, or a CHECK on its columns ([contract] enums)",
            observed="no such enum",
            remedy=Remedy(
                sql=("CREATE TYPE \"public\".\"Status\" AS ENUM ('open', 'in review', 'it''s');",),
                note="The columns that should have the type still have another: COL002 reports them.",
                lock="none on tables",
            ),
        )
    ]
    assert survives(bench, "ENU001", "", STATUS) == []
    assert survives(bench, "ENU002", look(bench, "ENU001", "", STATUS).cure[0], STATUS) == []


@pytest.mark.parametrize(
    ("script", "observed"),
    [
        ("create type status as enum ('open')", "no such enum; there is status"),
        ("create schema s; create type s.\"Status\" as enum ('open')", "no such enum; there is s.Status"),
        ('create table "Status" (id int)', "no such enum"),
        ('create domain "Status" as text', "no such enum"),
    ],
)
def test_nothing_is_created_where_another_object_may_be_meant(
    bench: Bench, script: str, observed: str
) -> None:
    (flaw,) = flaws_of(bench, "ENU001", script, STATUS)

    assert (flaw.observed, flaw.remedy.sql) == (observed, ())
    assert flaw.remedy.note


@pytest.mark.parametrize("column", ["text", "varchar(20)", "text not null", "char(9)"])
def test_a_check_on_the_columns_stands_for_the_enum(bench: Bench, column: str) -> None:
    script = LISTED.format(column, "status in ('open', 'in review', 'it''s')")

    assert look(bench, "ENU001", script, TYPED).result.status == "passed"
    assert look(bench, "ENU002", script, TYPED).result.status == "passed"


@pytest.mark.parametrize(
    "condition",
    [
        "status in ('open', 'done') and status <> 'done'",
        "status in ('open', 'done') or id > 3",
        "status <> 'open'",
        "length(status) < 9",
        "status not in ('open', 'done')",
    ],
)
def test_a_check_that_says_something_else_lists_no_values(bench: Bench, condition: str) -> None:
    (flaw,) = flaws_of(bench, "ENU001", LISTED.format("text", condition), TYPED)

    assert flaw.observed == "no such enum; no CHECK lists the values of task.status"


@pytest.mark.parametrize(
    "more",
    [
        "alter table task add check (status in ('open')) not valid",
        "alter table task add other text check (other in ('open'))",
    ],
)
def test_only_a_valid_check_of_the_column_itself_counts(bench: Bench, more: str) -> None:
    (flaw,) = flaws_of(bench, "ENU001", f"create table task (id int primary key, status text); {more}", TYPED)

    assert flaw.observed == "no such enum; no CHECK lists the values of task.status"


@pytest.mark.parametrize("condition", ["status = 'open'", "status in ('open') or status is null"])
def test_the_labels_of_a_check_are_compared_too(bench: Bench, condition: str) -> None:
    (flaw,) = flaws_of(bench, "ENU002", LISTED.format("text", condition), TYPED)

    assert flaw == Flaw(
        message="Enum Status in task.task_status_check lacks in review, it's",
        expected="open, in review, it's ([contract] enums)",
        observed="open",
        remedy=Remedy(
            note="Add a CHECK with the declared values as NOT VALID, validate it, then drop task_status_check. "
            "Rows that hold other values must be changed first."
        ),
    )


@pytest.mark.parametrize(
    "there",
    [
        "'open'",
        "'it''s'",
        "'in review'",
        "'open', 'it''s'",
        "'in review', 'it''s'",
        "'x'",
        "'x', 'it''s', 'y'",
    ],
)
def test_missing_labels_are_added_where_they_belong(bench: Bench, there: str) -> None:
    script = f'create type "Status" as enum ({there}); -- add value'
    found = look(bench, "ENU002", script, STATUS)
    extra = "x" in there

    with bench.open(script) as conn:
        conn.execute(f'create type "Status" as enum ({there})')
        for statement in found.cure:
            conn.execute(statement)
        rows = conn.execute("select enumlabel from pg_enum order by enumsortorder").fetchall()

    assert [label for (label,) in rows if label in ("open", "in review", "it's")] == [
        "open",
        "in review",
        "it's",
    ]
    assert (" has " in found.said[0] or " and has " in found.said[0]) is extra


def test_labels_that_are_missing_and_extra_in_full(bench: Bench) -> None:
    assert flaws_of(
        bench, "ENU002", "create type \"Status\" as enum ('in review', 'gone', 'it''s')", STATUS
    ) == [
        Flaw(
            message="Enum Status lacks open and has gone besides",
            expected="open, in review, it's ([contract] enums)",
            observed="in review, gone, it's",
            remedy=Remedy(
                sql=("ALTER TYPE \"public\".\"Status\" ADD VALUE 'open' BEFORE 'in review';",),
                note="Run each on its own: a new label cannot be used in the transaction that adds it. A label cannot be "
                "dropped: change the rows that use it, make a new type, or add it to the contract.",
                lock="none on tables",
            ),
        )
    ]


def test_labels_in_another_order_are_a_warning(bench: Bench) -> None:
    (flaw,) = flaws_of(
        bench, "ENU002", "create type \"Status\" as enum ('it''s', 'open', 'in review')", STATUS
    )

    assert (flaw.message, flaw.severity, flaw.remedy.sql) == (
        "Enum Status has its labels in another order",
        Severity.WARNING,
        (),
    )


@pytest.mark.parametrize(
    ("use", "used"),
    [
        ('create table t (a "Mood")', True),
        ('create table t (a "Mood"[])', True),
        ('create domain d as "Mood"', True),
        ('create function f("Mood") returns int language sql return 1', True),
        ('create function f() returns "Mood" language sql return \'ok\'::"Mood"', True),
        ("create function f() returns text language plpgsql as $$ begin return 'ok'::\"Mood\"; end $$", True),
        ("create view v as select 'ok'::\"Mood\" as a", True),
        (
            'create table t (a int) partition by list (a); create table t1 partition of t default; alter table t add b "Mood"',
            True,
        ),
        ('create table t ("Moody" text)', False),
        ('create table "Mood2" (a int)', False),
    ],
)
def test_a_type_is_used_by_columns_domains_functions_and_views(bench: Bench, use: str, used: bool) -> None:
    found = look(bench, "ENU003", f"create type \"Mood\" as enum ('ok', 'bad'); {use}")

    assert (found.result.examined, bool(found.findings)) == (1, not used)


def test_an_unused_type_in_full_and_what_depends_on_it_keeps_it(bench: Bench) -> None:
    script = "create type \"Mood\" as enum ('ok', 'bad')"

    assert flaws_of(bench, "ENU003", script) == [
        Flaw(
            message="No column, domain, function or view uses the enum Mood",
            expected="an enum that a column uses",
            observed="unused; labels: ok, bad",
            remedy=Remedy(
                sql=('DROP TYPE "public"."Mood";',),
                note="See first that no application casts to it. The statement fails if anything still depends on it.",
                lock="none on tables",
            ),
        )
    ]
    assert survives(bench, "ENU003", script) == []


def test_a_declared_but_unused_type_is_not_dropped(bench: Bench) -> None:
    (flaw,) = flaws_of(bench, "ENU003", "create type \"Status\" as enum ('open')", STATUS)

    assert flaw.remedy == Remedy(note="The contract declares it: give it to the column that should have it.")
