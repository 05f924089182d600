"""What each migration did, taken from the catalog before and after it."""

from pathlib import Path

import pytest

from tests.migrations.test_discovery import lay
from validate_schema.contract.diff.purposes import purpose
from validate_schema.migrations import discover, templated
from validate_schema.migrations.run import steps as steps_module
from validate_schema.migrations.run.steps import replay_steps
from validate_schema.model.history import Failure, Statement
from validate_schema.scratch import Database, Server

pytestmark = pytest.mark.every_server

FLAKEGUARD = Path(__file__).parents[2] / "examples" / "flakeguard" / "prisma"

FILES = {
    "1_a.sql": "create table a (id int primary key);",
    "2_b.sql": "insert into a values (1);",
    "3_c.sql": "alter table a add b text; create index on a (b);",
    "4_d.sql": "select 1;\n\ninsert into a values (1);",
    "5_e.sql": "drop table a;",
}


def test_each_step_has_its_own_changes_and_the_failing_one_is_the_last(
    tmp_path: Path, any_database: Database
) -> None:
    steps = replay_steps(any_database, discover(lay(tmp_path, FILES)))
    assert [(s.file, purpose(s.changes)) for s in steps] == [
        ("1_a.sql", ('creates table "a"',)),
        ("2_b.sql", ()),
        ("3_c.sql", ('adds column "b" to "a"', 'adds index "a_b_idx" on "a"')),
        ("4_d.sql", ()),
    ]
    assert [s.failure for s in steps] == [
        None,
        None,
        None,
        Failure(
            statement=Statement(file="4_d.sql", line=3, text="insert into a values (1)"),
            message='duplicate key value violates unique constraint "a_pkey"',
            detail="Key (id)=(1) already exists.",
        ),
    ]


def test_the_role_that_a_migration_takes_does_not_hide_what_it_did(
    tmp_path: Path, database: Database
) -> None:
    sql = "create role steps_owner; grant create on schema public to steps_owner; set role steps_owner; create table a ();"
    (step,) = replay_steps(database, discover(lay(tmp_path, {"1_a.sql": sql})))
    assert purpose(step.changes) == ('creates table "a"', 'changes privileges on schema "public"')


def test_what_the_platform_provides_is_no_migrations_work(tmp_path: Path, database: Database) -> None:
    files = {"supabase/migrations/20240101000000_a.sql": "create table t (id uuid default auth.uid());"}
    (step,) = replay_steps(database, discover(lay(tmp_path, files)))
    assert purpose(step.changes) == ('creates table "t"',)


def test_purposes_are_kept_with_the_template(tmp_path: Path, server: Server) -> None:
    files = {name: sql for name, sql in FILES.items() if name < "4"}
    found = discover(lay(tmp_path, files))
    _, notes = templated(server, found)
    said: list[str] = []
    _, again = templated(server, found, progress=said.append)
    assert (again, said) == (notes, [])
    assert notes.purposes == (
        ('creates table "a"',),
        (),
        ('adds column "b" to "a"', 'adds index "a_b_idx" on "a"'),
    )


def test_of_very_many_migrations_the_last_are_looked_at(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps_module, "_LIMIT", 1600)
    files = {f"{n}_t.sql": f"create table t{n} ();" for n in range(1, 6)}
    _, notes = templated(server, discover(lay(tmp_path, files)))
    assert notes.purposes == (None, None, None, ('creates table "t4"',), ('creates table "t5"',))


def test_the_example_is_told_step_by_step(database: Database) -> None:
    steps = replay_steps(database, discover(FLAKEGUARD))
    said = {s.file.split("/")[0]: purpose(s.changes) for s in steps}
    assert said["20240826000000_add_organization_tables"] == (
        'creates tables "AuditLog", "Organization" and 3 more',
        'adds column "orgId" to 8 tables',
        "adds 7 foreign keys on 7 tables",
        "adds 11 indexes on 8 tables",
    )
    assert said["20240826000002_fix_migration_inconsistencies"][:1] == ("adds 25 policies on 25 tables",)
    assert len(steps) == 6
