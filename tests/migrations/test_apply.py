"""Migrations are applied once, in order, each with its row or not at all."""

import hashlib

import pytest

from tests.fix_apply import Project

pytestmark = pytest.mark.every_server

INIT = "create table organization (id int primary key);\ninsert into organization values (1);\n"
SHIPPED = {"0001_init.sql": INIT, "0002_name.sql": "alter table organization add name text;\n"}


def test_pending_migrations_run_in_order_with_their_rows(any_project: Project) -> None:
    any_project.lay(SHIPPED)
    ran = any_project.run("apply")

    assert (ran.status, ran.complaints) == (0, [])
    assert ran.out.splitlines()[1:] == [
        "applied 0001_init.sql",
        "applied 0002_name.sql",
        "2 applied, 0 were already",
    ]
    assert any_project.rows() == [("1", "init", True), ("2", "name", True)]
    (recorded,) = any_project.sql(
        "select checksum from validate_schema.applied_migrations where version = '1'"
    )
    assert recorded == (hashlib.sha256(INIT.encode()).hexdigest(),)


def test_it_says_first_what_it_writes_to(project: Project) -> None:
    project.lay(SHIPPED)

    assert project.run("apply").out.splitlines()[0].startswith("writing to ")


def test_a_second_run_has_nothing_to_do(project: Project) -> None:
    project.lay(SHIPPED)
    project.run("apply")
    ran = project.run("apply")

    assert (ran.status, ran.out.splitlines()[1:]) == (0, ["nothing to apply"])


def test_a_lower_version_that_comes_late_runs(project: Project) -> None:
    project.lay({"0001_init.sql": INIT, "0003_c.sql": "create table c ();"})
    project.run("apply")
    project.lay({"0002_b.sql": "create table b ();"})
    ran = project.run("apply")

    assert ran.status == 0
    assert [version for version, *_ in project.rows()] == ["1", "2", "3"]
    assert project.tables() == {"organization", "b", "c"}


def test_a_failing_migration_leaves_nothing_and_those_before_it_stay(any_project: Project) -> None:
    any_project.lay({**SHIPPED, "0003_bad.sql": "create table bad ();\n\nselect 1 / 0;\n"})
    ran = any_project.run("apply")

    assert ran.status == 1
    assert ran.complaint == (
        "error: m/0003_bad.sql:3: select 1 / 0: division by zero; nothing of this file was applied"
    )
    assert any_project.tables() == {"organization"}
    assert [version for version, *_ in any_project.rows()] == ["1", "2"]


def test_what_a_constraint_finds_at_commit_undoes_the_migration(project: Project) -> None:
    project.lay(
        {
            "0001_a.sql": "create table a (id int primary key, b int references a deferrable initially deferred);",
            "0002_b.sql": "create table b ();\ninsert into a values (1, 7);",
        }
    )
    ran = project.run("apply")

    assert ran.status == 1
    assert "at COMMIT" in ran.complaint
    assert project.tables() == {"a"}
    assert [version for version, *_ in project.rows()] == ["1"]


@pytest.mark.parametrize(
    "statement",
    ["commit", "BEGIN", "/* x */ Rollback", "start transaction", "end", "abort", "prepare transaction 'x'"],
)
def test_transaction_control_in_a_file_is_refused_before_anything_runs(
    project: Project, statement: str
) -> None:
    project.lay({"0001_init.sql": INIT, "0002_own.sql": f"create table own ();\n{statement};\n"})
    ran = project.run("apply")

    assert ran.status == 1
    assert ran.complaint.startswith("error: m/0002_own.sql:2: ")
    assert "take BEGIN and COMMIT out" in ran.complaint
    assert project.tables() == set()


def test_whole_blocks_become_part_of_the_runners_transaction(project: Project) -> None:
    project.lay(
        {
            "0001_p.sql": "-- AlterEnum\nBEGIN;\ncreate table a ();\nCOMMIT;\n",
            "0002_q.sql": "start transaction; create table b (); end work; begin work; create table c (); commit;"
            "select 1 / 0;",
        }
    )
    ran = project.run("apply")

    assert (ran.status, project.tables()) == (1, {"a"})
    assert ran.complaint.endswith("division by zero; nothing of this file was applied")
    assert [version for version, *_ in project.rows()] == ["1"]


@pytest.mark.parametrize(
    ("sql", "accepted"),
    [
        ("begin; set local work_mem = '1MB'; select 1; commit;", True),
        ("begin; set local work_mem = '1MB'; commit; select 1;", False),
        ("select 1; begin; create temp table t (id int) on commit drop; commit;", False),
        ("begin isolation level serializable; select 1; commit;", False),
        ("begin; select 1; commit and chain;", False),
        ("begin; begin; select 1; commit; commit;", False),
        ("select 1; commit; begin; select 1;", False),
        ("begin; select 1; rollback;", False),
        ("begin; savepoint a; select 1; rollback to a; commit;", True),
    ],
)
def test_only_blocks_that_mean_the_same_without_their_ends_are_taken(
    project: Project, sql: str, accepted: bool
) -> None:
    project.lay({"0001_x.sql": sql})
    ran = project.run("apply")

    assert (ran.status == 0, "take BEGIN and COMMIT out" in ran.err) == (accepted, not accepted)


def test_savepoints_and_bodies_that_hold_the_words_are_no_transaction_control(project: Project) -> None:
    project.lay(
        {
            "0001_f.sql": "savepoint a; create table gone (); rollback to savepoint a; create table kept ();"
            "create function f() returns int language sql begin atomic select 1; end;"
            "do $$ begin perform 1; end $$;"
        }
    )

    assert project.run("apply").status == 0
    assert project.tables() == {"kept"}


def test_a_procedure_that_commits_fails_whole(project: Project) -> None:
    project.lay({"0001_p.sql": "create table p ();\ndo $$ begin commit; end $$;"})
    ran = project.run("apply")

    assert (ran.status, project.tables()) == (1, set())
    assert "invalid transaction termination" in ran.complaint


def test_a_text_that_the_server_splits_otherwise_cannot_smuggle_a_commit_in(project: Project) -> None:
    project.lay(
        {
            "0001_s.sql": "set standard_conforming_strings = off;\ncreate table s ();\nselect 'x\\''; commit; select '';\n"
        }
    )
    ran = project.run("apply")

    assert ran.status == 1
    assert project.tables() == set()
    assert project.rows() == []


def test_copy_data_blanked_search_paths_and_roles_are_no_obstacle(any_project: Project) -> None:
    any_project.lay(
        {
            "0001_t.sql": "\\restrict abc\nselect pg_catalog.set_config('search_path', '', false);\n"
            "create table public.t (a int, b text);\ncopy public.t from stdin;\n1\tx;y\n2\t\\N\n\\.\n\\unrestrict abc\n",
            "0002_u.sql": "\ufeffset role pg_monitor;\r\nselect 1;\r\n",
            "0003_empty.sql": "-- nothing\n",
            "0004_v.sql": "create table v ();",
        }
    )
    ran = any_project.run("apply")

    assert (ran.status, ran.complaints) == (0, [])
    assert any_project.sql("select * from t order by a") == [(1, "x;y"), (2, None)]
    assert len(any_project.rows()) == 4


def test_psql_commands_are_refused_with_their_line(project: Project) -> None:
    project.lay({"0001_x.sql": "select 1;\n\\i other.sql\n"})

    assert (
        project.run("apply").complaint == "error: m/0001_x.sql:2: \\i is a command of psql, not SQL;"
        " take it out, or write the SQL that it stands for"
    )


def test_psql_commands_that_change_only_what_psql_shows_are_passed_over(project: Project) -> None:
    idle = "\\set ON_ERROR_STOP on\n\\echo hello\n\\timing\n\\restrict key\n"
    project.lay({"0001_x.sql": f"{idle}create table x ();\n"})

    assert project.run("apply").status == 0
    assert project.tables() == {"x"}


def test_a_file_outside_the_sequence_is_mentioned_by_every_command_that_passes_it_over(
    project: Project,
) -> None:
    project.lay({"0001_x.sql": "create table x ();", "by_hand.sql": "create table y ();"})
    said = "note: outside the sequence, never run: by_hand.sql"

    for arguments in (["apply", "--dry-run"], ["apply"], ["status"], ["verify"]):
        ran = project.run(*arguments)
        assert (ran.status, said in ran.out.splitlines()) == (0, True)
    assert project.tables() == {"x"}


def test_a_migration_cannot_take_its_own_row_away(project: Project) -> None:
    project.lay({"0001_x.sql": "create table x ();\ndelete from validate_schema.applied_migrations;"})
    ran = project.run("apply")

    assert (ran.status, project.tables()) == (1, set())


def test_the_lock_that_is_given_up_stops_the_run(project: Project) -> None:
    project.lay({"0001_x.sql": "select pg_advisory_unlock_all();", "0002_y.sql": "create table y ();"})
    ran = project.run("apply")

    assert ran.status == 3
    assert "advisory lock is gone" in ran.complaint
    assert project.tables() == set()


def test_a_lock_that_is_not_had_in_time_is_no_failure_of_the_migration(project: Project) -> None:
    project.lay(SHIPPED)
    project.run("apply")
    project.lay({"0003_x.sql": "alter table organization add x int;"})
    with project.stranger() as other, other.transaction():
        other.execute("lock table organization")
        ran = project.run("apply", "--lock-timeout", "50")

    assert ran.status == 3
    assert ran.complaint.startswith(
        "error: m/0003_x.sql:1: alter table organization add x int: canceling statement"
    )
    assert project.run("apply").status == 0


def test_a_dry_run_changes_nothing(project: Project) -> None:
    project.lay(SHIPPED)
    ran = project.run("apply", "--dry-run")

    assert ran.status == 0
    assert ran.out.splitlines() == [
        "would apply 0001_init.sql",
        "would apply 0002_name.sql",
        "2 to apply; nothing was changed",
    ]
    assert project.sql("select nspname from pg_namespace where nspname = 'validate_schema'") == []


def test_flyways_repeatable_migrations_run_again_when_they_changed(project: Project) -> None:
    project.lay(
        {"V1__a.sql": "create table a ();", "R__view.sql": "create or replace view v as select 1 as x;"}
    )
    assert project.run("apply").status == 0
    project.lay({"R__view.sql": "drop view v; create view v as select 2 as x;"})
    ran = project.run("apply")

    assert (ran.status, project.sql("select x from v")) == (0, [(2,)])
    assert project.run("apply").out.splitlines()[1:] == ["nothing to apply"]


def test_what_the_runner_applied_is_judged_as_the_runner_read_it(project: Project) -> None:
    """Its ledger is an applied set, and these names would also do for one: all of version 1."""
    project.lay({"V1_9__a.sql": "create table a ();", "V1_10__b.sql": "create table b ();"})
    assert project.run("apply").status == 0
    project.terminal.write("validate-schema.toml", '[migrations]\npath = "m"\n')
    ran = project.terminal.run("--database-url", project.database.conninfo, "--select", "MIG")

    assert ran.status == 0
    assert "✓ 2 of 2 applied migrations verified by checksum" in ran.out


_FLYWAY = {
    "V1__a.sql": "create table a (t text);\n-- ${kept}\ninsert into a values ('${tenant}');\n",
    "V2__b.sql": "create table b ();\n",
}


def test_a_placeholder_without_a_value_is_refused_with_its_line(project: Project) -> None:
    project.lay(_FLYWAY)
    for dry in ((), ("--dry-run",)):
        ran = project.run("apply", *dry)

        assert (ran.status, project.tables()) == (2, set())
        assert ran.complaint.startswith("error: m/V1__a.sql:2: ${kept} has no value; name it in the config:")


def test_placeholders_get_their_values_from_the_config(project: Project) -> None:
    project.lay(_FLYWAY)
    config = '[migrations.placeholders]\ntenant = "o\'\'hara"\nkept = "kept"\n'
    (project.terminal.folder / "validate-schema.toml").write_text(config)
    ran = project.run("apply")

    assert (ran.status, ran.complaints) == (0, [])
    assert project.sql("select t from a") == [("o'hara",)]


@pytest.mark.parametrize("statement", ["COPY a TO STDOUT", "copy (select 1)\nto stdout with (format csv)"])
def test_rows_that_nobody_reads_are_refused_with_file_and_line(project: Project, statement: str) -> None:
    project.lay({"0001_init.sql": INIT, "0002_out.sql": f"create table a ();\n{statement};\n"})
    ran = project.run("apply")

    assert (ran.status, project.tables()) == (2, set())
    assert ran.complaint.startswith(f"error: m/0002_out.sql:2: {statement[:4]}")
