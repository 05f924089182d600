"""TBL: tables that are there, have an owner, a key and durable rows."""

import pytest

from tests.fix_bench import Bench
from tests.fix_examples import CONFIG, flaws_of, look, survives
from validate_schema.model.finding import Flaw, Remedy, Severity

CONTRACT = CONFIG + "[contract.tables.credit_note.columns]\n"
TENANT = "id uuid primary key, org_id uuid not null references organization (id)"


def test_a_missing_table_is_created_from_typed_columns(bench: Bench) -> None:
    toml = (
        CONTRACT
        + 'id = { type = "uuid", nullable = false, default = "gen_random_uuid()" }\n"Größe" = { type = "int4" }'
    )

    assert flaws_of(bench, "TBL001", "", toml) == [
        Flaw(
            message="Table credit_note does not exist",
            expected="a table of that name ([contract.tables.credit_note])",
            observed="no such table",
            remedy=Remedy(
                sql=(
                    'CREATE TABLE "public"."credit_note" (\n'
                    '    "id" uuid DEFAULT gen_random_uuid() NOT NULL,\n    "Größe" int4\n);',
                ),
                note="The contract's columns and keys alone: indexes, foreign keys, policies and grants are "
                "for the migration that should have created it.",
                lock="none on other tables",
            ),
        )
    ]
    assert survives(bench, "TBL001", "", toml) == []


@pytest.mark.parametrize(
    ("script", "columns", "observed"),
    [
        pytest.param("", "id = {}", "no such table", id="a column without a type"),
        pytest.param("", 'id = { type = "nowhere" }', "no such table", id="an unknown type"),
        pytest.param(
            'create table "CreditNote" (id int)',
            'id = { type = "int" }',
            "no such table; there is CreditNote",
            id="another spelling",
        ),
        pytest.param(
            "create view credit_note as select 1 as id",
            'id = { type = "int" }',
            "a view of that name, and no table",
            id="a view in its place",
        ),
        pytest.param(
            "create type credit_note as enum ('a')",
            'id = { type = "int" }',
            "no such table",
            id="a type that has the name",
        ),
    ],
)
def test_what_stands_in_for_a_missing_table_is_told(
    bench: Bench, script: str, columns: str, observed: str
) -> None:
    (flaw,) = flaws_of(bench, "TBL001", script, CONTRACT + columns)

    assert flaw.observed == observed
    assert flaw.remedy.note
    assert (flaw.remedy.sql == ()) == ("CreditNote" not in observed)


def test_a_table_of_another_schema_is_not_the_declared_one(bench: Bench) -> None:
    script = "create schema archive; create table archive.credit_note (id int)"

    assert look(bench, "TBL001", script, CONTRACT + "id = {}").said == ["Table credit_note does not exist"]
    toml = CONFIG + '[contract.tables."archive.credit_note"]'
    assert look(bench, "TBL001", script, toml).result.status == "passed"


def test_only_a_closed_contract_minds_other_tables(bench: Bench) -> None:
    script = (
        "create table note (id int) partition by range (id); create table note_1 partition of note default"
    )
    declared = "[contract.tables.organization]\n"

    assert look(bench, "TBL002", script, CONFIG + declared).result.status == "not_applicable"
    assert flaws_of(bench, "TBL002", script, CONFIG + "[contract]\nclosed = true\n" + declared) == [
        Flaw(
            message="Table note is not in the contract",
            expected="only tables that the contract declares",
            observed="an undeclared table",
            remedy=Remedy(note='Declare it, [contract.tables."note"], or drop it once nothing needs it.'),
        )
    ]


def test_a_table_nobody_classified_is_reported_with_the_lines_to_write(bench: Bench) -> None:
    script = f'create table task ({TENANT}); create table "Odd ""Name" (id int primary key, "orgId" uuid)'
    (flaw,) = flaws_of(bench, "TBL003", script)

    assert flaw.message == 'Table Odd "Name is neither root, tenant, inherited, global nor exempt'
    assert flaw.expected == "a table whose owner is known"
    assert flaw.observed.endswith("; orgId reads like the tenant column")
    assert flaw.remedy == Remedy(
        note="Decide whose rows these are. A tenant's: add org_id, or a NOT NULL foreign key to the table that owns "
        'them. Otherwise write one line under [tenancy]: global = ["\\"Odd \\"\\"Name\\""] if every tenant shares them, '
        'or exempt = [{ table = "\\"Odd \\"\\"Name\\"", reason = "…" }] if the rules do not apply.'
    )


PERSONAL = """
    create table seat (org_id uuid not null references organization (id), human uuid not null, primary key (org_id, human));
    alter table seat enable row level security;
    create policy own on seat for select using (human = nullif(current_setting('app.person', true), '')::uuid);
    create table task (id uuid primary key, org_id uuid not null references organization (id));
    alter table task enable row level security;
    create policy own on task using (org_id in (select s.org_id from seat s
        where s.human = nullif(current_setting('app.person', true), '')::uuid));
    create table human (id uuid primary key, nick text);
    alter table human enable row level security;
    create policy own on human using (id = nullif(current_setting('app.person', true), '')::uuid);
"""


@pytest.mark.parametrize(
    ("more", "undecided"),
    [
        ("", True),
        ("create policy shown on human for select using (nick <> '');", False),
        ("alter table human disable row level security;", False),
        ("drop policy own on human;", False),
        ("create policy not_these on human as restrictive using (nick <> '');", True),
        ("create policy counted on human for select to pg_monitor using (true);", True),
    ],
    ids=["their own", "and others", "switched off", "nobody's", "fewer", "another role's"],
)
def test_rows_of_people_are_not_decided_where_each_has_his_own(
    bench: Bench, more: str, undecided: bool
) -> None:
    (flaw,) = flaws_of(bench, "TBL003", PERSONAL + more, CONFIG)

    assert flaw.message.startswith("Table human is neither")
    assert (flaw.severity, flaw.undecided) == ((Severity.WARNING, True) if undecided else (None, False))


def test_a_declared_tenant_table_without_its_column_is_left_to_ten001(bench: Bench) -> None:
    script = "create table task (id int primary key)"
    toml = CONFIG + "[contract.tables.task]\ntenant = true"

    assert look(bench, "TBL003", script, toml).said == []
    assert look(bench, "TEN001", script, toml).said == ["Tenant table task has no tenant column org_id"]


def test_partitions_and_ledgers_need_no_class_of_their_own(bench: Bench) -> None:
    script = f"""
        create table event ({TENANT.replace("primary key", "not null")}) partition by hash (id);
        create table event_0 partition of event for values with (modulus 1, remainder 0);
        create table schema_migrations (version varchar primary key);
    """

    assert (look(bench, "TBL003", script).result.examined, look(bench, "TBL003", script).said) == (2, [])


STALE = CONFIG + 'exempt = [{ table = "job", reason = "queue"%s }]'


@pytest.mark.parametrize(
    ("job", "until", "says"),
    [
        ("id int", "", None),
        ("id int", ", expires = 2026-07-01", None),
        ("id int", ", expires = 2026-06-30", "has expired"),
        (TENANT, "", "is no longer needed"),
        (TENANT.replace(" not null", ""), "", None),
        ("id int, org_id uuid not null", "", None),
        (None, "", "names no table or view"),
    ],
)
def test_an_exemption_is_stale_when_past_unneeded_or_of_nothing(
    bench: Bench, job: str | None, until: str, says: str | None
) -> None:
    found = look(bench, "TBL004", f"create table job ({job})" if job else "", STALE % until)

    assert found.said == ([f"Config entry tenancy.exempt.job {says}"] if says else [])


def test_a_pattern_that_matches_nothing_and_a_role_that_is_gone_are_stale(bench: Bench) -> None:
    toml = CONFIG.replace('"app_user"', '"app_user", "gone"') + 'global = ["audit_*", "organ*"]'

    assert flaws_of(bench, "TBL004", "", toml) == [
        Flaw(
            message="Config entry tenancy.global.audit_* names no table or view",
            expected="names of what exists, and exemptions that hold and are needed",
            observed="nothing is called audit_*",
            remedy=Remedy(note="Correct the name under tenancy.global, or remove it."),
        ),
        Flaw(
            message="Config entry tenancy.app_roles.gone names a role that does not exist",
            expected="names of what exists, and exemptions that hold and are needed",
            observed="no such role on this server",
            remedy=Remedy(note="Correct the name under tenancy.app_roles, or remove it."),
        ),
    ]


@pytest.mark.parametrize(
    ("script", "promoted"),
    [
        ("create table t (a int not null); create unique index u on t (a)", True),
        (
            'create table t ("a B" int not null, c int not null); create unique index "U" on t (c, "a B")',
            True,
        ),
        ("create table t (a int); create unique index u on t (a)", False),
        ("create table t (a int not null unique)", False),
        ("create table t (a int not null); create unique index u on t (a) nulls not distinct", False),
        ("create table t (a int not null); create unique index u on t (a) where a > 0", False),
        ("create table t (a int not null); create unique index u on t ((a + 1))", False),
        ("create table t (a int not null); create unique index u on t (a desc)", False),
        ("create table t (a text not null); create unique index u on t (a text_pattern_ops)", False),
        ("create table t (a int not null) partition by list (a); create unique index u on t (a)", False),
    ],
)
def test_a_plain_unique_index_on_required_columns_becomes_the_key(
    bench: Bench, script: str, promoted: bool
) -> None:
    (finding,) = look(bench, "TBL005", script).findings

    assert finding.message == "Table t has no primary key"
    assert bool(finding.remedy.sql) is promoted
    assert survives(bench, "TBL005", script) == ([] if promoted else [finding.message])


def test_a_promoted_key_has_a_name_that_is_free(bench: Bench) -> None:
    script = "create table t (a int not null); create unique index on t (a); create sequence t_pkey"

    assert survives(bench, "TBL005", script) == []


def test_the_missing_key_in_full(bench: Bench) -> None:
    assert flaws_of(bench, "TBL005", "create table t (a int)") == [
        Flaw(
            message="Table t has no primary key",
            expected="a primary key",
            observed="no primary key and no unique index",
            remedy=Remedy(
                note="Choose the column that names a row for good, or add an identity or uuid column for it."
            ),
        )
    ]


def test_unlogged_partitions_are_one_finding_of_their_parent(bench: Bench) -> None:
    script = f"""
        create table event ({TENANT.replace("primary key", "not null")}) partition by list (id);
        create table event_a partition of event for values in ('00000000-0000-0000-0000-00000000000a')
            partition by hash (id);
        create unlogged table event_aa partition of event_a for values with (modulus 1, remainder 0);
        create table event_b partition of event default;
    """

    assert flaws_of(bench, "TBL006", script) == [
        Flaw(
            message="Partitions of event are UNLOGGED: event_aa",
            expected="a table whose rows survive a crash",
            observed="1 of 2 partitions UNLOGGED",
            remedy=Remedy(
                sql=('ALTER TABLE "public"."event_aa" SET LOGGED;',),
                note="A table cannot be logged while it references one that is not: begin with the referenced one.",
                lock="ACCESS EXCLUSIVE while the table is rewritten and written to the log: choose a quiet hour",
            ),
        )
    ]
    assert survives(bench, "TBL006", script) == []


def test_without_a_known_root_the_class_of_a_table_is_not_guessed(bench: Bench) -> None:
    found = look(bench, "TBL003", "create table a (id int primary key)", "[tenancy]\n")

    assert (found.result.status, found.said) == (
        "skipped",
        ["the tenant root and tenant column were not identified"],
    )
