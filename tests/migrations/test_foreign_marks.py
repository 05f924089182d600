"""What divides a file is known, or the file is refused: the way down never runs as part of the way up."""

from pathlib import Path

import pytest

from tests.fix_apply import Project
from tests.migrations.test_discovery import lay
from validate_schema.migrations import discover
from validate_schema.migrations.discovery.foreign import way_down
from validate_schema.model.errors import MigrationError

UP, DOWN = "create table if not exists orgs (id int);\n", "drop table if exists orgs;\n"
DIVIDED = {
    "sql-migrate": ("-- +migrate Up", "-- +migrate Down"),
    "rambler": ("-- rambler up", "-- rambler down"),
    "micrate": ("-- +micrate Up", "-- +micrate Down"),
    "mybatis": ("-- // orgs", "-- //@UNDO"),
    "play": ("# --- !Ups", "# --- !Downs"),
}
MARKS = {
    "words": ("-- UP", "-- DOWN"),
    "dashes": ("--- up", "--- down"),
    "a tool that is not known": ("-- shipwright:up", "-- shipwright:down"),
    "a sentence's end": ("-- migrate up:", "-- migrate down:"),
    "brackets": ("/* [up] */", "/* [down] */"),
    "a rule": ("-- ==== Apply ====", "-- ==== Rollback ===="),
    "the way down alone": ("", "-- Undo script"),
    "a known tool's, misspelt": ("-- +goose Up", "-- +goose-Down"),
    "one dash less": ("", "--- create above / drop below ---"),
    "an archive's": ("-- up.sql --", "-- down.sql --"),
    "quotes": ("-- 'Up'", "-- 'Down'"),
    "signs": ("-- %% ↑ up", "-- %% ↓ down"),
    "two words for it": ("-- Up", "-- Down (rollback)"),
    "which one": ("-- Migration 001", "-- Rollback migration 001"),
    "other words": ("-- forwards", "-- backwards"),
    "another": ("", "-- Reverse migration"),
    "taken apart": ("-- create", "-- destroy"),
    "words joined by lines": ("-- migrate_up", "-- migrate_down"),
    "words joined by capitals": ("-- +shipwrightUp", "-- +shipwrightDown"),
    "capitals in front": ("-- SQLUp", "-- SQLDown"),
    "lines around": ("-- __up__", "-- __down__"),
    "a number and a line": ("", "-- 0042_down"),
    "a version and a line": ("-- v2_up", "-- v2_down"),
    "a number behind": ("-- up1", "-- down1"),
    "two joined words": ("", "-- rollBackScript"),
    "a section's name": ("", "-- begin_undo"),
    "a file's": ("", "-- orgs_revert.sql"),
}
# What says more is a mark where the next statement drops what was made above.
SPOKEN = ("-- and undo it again here", "-- here we roll back what is above", "/* the rollback of it all */")


def divided(up: str, down: str) -> str:
    return f"{up}\n{UP}{down}\n{DOWN}"


@pytest.fixture
def shop(project: Project) -> Project:
    """A project whose database has rows in the table that a way down would drop."""
    project.sql(UP, "insert into orgs values (1)")
    project.terminal.write("validate-schema.toml", '[migrations]\npath = "m"\n')
    return project


def runs(shop: Project) -> dict[str, tuple[str, ...]]:
    """Return every way in which the command line reads migrations, by what it is for."""
    database = ("--database-url", shop.database.conninfo)
    return {
        "replay": ("--migrations", "m"),
        "apply": ("migrations", "apply", "--migrations", "m", *database),
        "apply --dry-run": ("migrations", "apply", "--dry-run", "--migrations", "m", *database),
        "status": ("migrations", "status", "--migrations", "m", *database),
        "test": ("migrations", "test", "--migrations", "m", "--fixtures", "m"),
        "history": (*database,),
        "drift": ("--replay", *database),
        "diff": ("diff", "m", shop.database.conninfo),
        "contract": ("--contract", "m", *database),
        "fix": ("fix", "--migrations", "m"),
    }


@pytest.mark.parametrize("marks", ["words", "dashes", "a known tool's, misspelt"])
def test_no_command_runs_what_reads_as_a_way_down(shop: Project, marks: str) -> None:
    shop.lay({"001_orgs.sql": divided(*MARKS[marks])})
    for purpose, arguments in runs(shop).items():
        ran = shop.terminal.run(*arguments)
        assert ran.status == 2, purpose
        assert ran.complaint.startswith("error: "), purpose
        assert f"001_orgs.sql:3: `{MARKS[marks][1]}` reads as the mark of a way down" in ran.complaint, (
            purpose
        )
    assert shop.sql("select count(*) from orgs") == [(1,)]


@pytest.mark.parametrize("tool", DIVIDED)
def test_a_known_tools_way_down_does_not_run(shop: Project, tool: str) -> None:
    shop.lay({"001_orgs.sql" if tool != "play" else "1.sql": divided(*DIVIDED[tool])})
    assert discover(shop.folder).tool == tool
    replayed = shop.terminal.run("diff", "m", shop.database.conninfo)
    applied = shop.run("apply")

    assert (replayed.status, applied.status) == (0, 0), (replayed.out, applied.err)
    assert shop.sql("select count(*) from orgs") == [(1,)]


@pytest.mark.parametrize("marks", MARKS)
def test_a_mark_that_no_known_tool_writes_is_refused_with_its_line(tmp_path: Path, marks: str) -> None:
    up, down = MARKS[marks]
    lay(tmp_path, {"1_a.sql": f"{up}\n{UP}\n{down}\n{DOWN}"})
    with pytest.raises(MigrationError) as refused:
        discover(tmp_path)
    assert str(refused.value).startswith(
        f"{tmp_path / '1_a.sql'}:4: `{down}` reads as the mark of a way down"
    )


@pytest.mark.parametrize("comment", SPOKEN)
def test_a_comment_before_what_undoes_the_file_is_a_mark(comment: str) -> None:
    assert way_down(f"{UP}{comment}\n{DOWN}") == len(UP)
    assert way_down(f"{UP}{comment}\ndrop table {'x' * 9};") is None
    assert way_down(f"alter table a add b int;\n{comment}\nalter table a drop column b;") is not None
    assert way_down(f"create temp table b ();\n{comment}\ndrop table b;") is None


# What says of itself that the way back follows, though the file made nothing of what is dropped below.
ANNOUNCED = (
    "-- To undo:",
    "-- to undo",
    "-- To undo this migration:",
    "-- To roll back, run the following:",
    "-- How to revert",
    "-- If you need to roll back:",
    "-- In order to revert this change, run:",
    "-- Undo this:",
    "-- Revert the changes:",
    "/* To undo: */",
    "/*\n * To roll back:\n */",
    "-- ---- to undo ----",
    "-- DOWN: drop the old table",
    "-- Down - removes the table",
    "-- Rollback: drops what was there",
    "-- rollback: drop table legacy;",
    "-- UNDO => DROP TABLE legacy",
    "-- Revert migration: delete the old rows",
    "-- DOWN: drop the table again",
    "-- To undo this:",
    "/* how to roll back */",
)
TAKES = ("drop table legacy;", "alter table orgs drop column legacy;", "drop index if exists legacy;")


@pytest.mark.parametrize("comment", ANNOUNCED)
def test_a_comment_that_announces_the_way_back_is_a_mark(comment: str) -> None:
    assert way_down(f"{UP}{comment}\n{TAKES[0]}") is not None
    assert way_down(f"{comment}\n{TAKES[0]}") is None  # all of the file, and so what it is for


@pytest.mark.parametrize("taken", TAKES)
def test_whatever_is_taken_below_it_is_not_run(tmp_path: Path, taken: str) -> None:
    lay(tmp_path, {"1_a.sql": f"{UP}-- To undo:\n{taken}\n"})
    with pytest.raises(MigrationError, match=r"1_a\.sql:2: `-- To undo:` reads as the mark of a way down"):
        discover(tmp_path)


def test_an_infinitive_with_a_colon_announces_any_statement() -> None:
    assert way_down(f"{UP}-- To undo:\nupdate orgs set id = 0;") is not None
    assert way_down(f"{UP}-- Undo this:\nupdate orgs set id = 0;") is None


def test_no_command_runs_what_stands_below_it(shop: Project) -> None:
    shop.sql("create table legacy (id int)")
    shop.lay({"001_orgs.sql": f"{UP}-- DOWN: drop the old table\ndrop table legacy;\n"})
    for purpose, arguments in runs(shop).items():
        ran = shop.terminal.run(*arguments)
        assert ran.status == 2, purpose
        assert "001_orgs.sql:2: `-- DOWN: drop the old table` reads as the mark" in ran.complaint, purpose
    assert shop.sql("select to_regclass('legacy') is not null") == [(True,)]


HARMLESS = (
    "-- drop the old index first",
    "-- undo the default of 0012",
    "-- revert the changes of 0012",
    "-- rollback: not possible, restore the backup",
    "-- Rollback: none",
    "-- Down: n/a",
    "-- rollback: recreate the table from the archive",
    "-- Rollback: see the runbook",
    "-- rollback plan: restore the dump of last night",
    "-- rollback: drop table orgs;",
    "-- Undo: ALTER TABLE orgs DROP COLUMN id;",
    "-- To undo:\n--   drop table orgs;",
    "-- To roll back, run:\n-- DROP TABLE orgs;\n-- and tell the others",
    "/* To undo:\n   drop table orgs;\n*/",
    "-- the down payment table is no longer used",
    "-- this cannot be undone: the rows are gone",
    "-- no way to roll back from here",
    "-- reverse the order of the keys",
    "-- we roll back to the old name, as agreed",
    "-- backward compatibility: the view stays until 2.0",
    "-- backwards compatible: old readers never looked at it",
    "-- clean up after the rollback of 0007",
    "-- remove what 0003 left behind",
    "-- downgrade protection is gone since 2.0",
    "-- to undo the mistake of last week we drop it",
    "-- how to roll back is described in the wiki",
    "-- reverts 0012: nobody used the table",
    "-- teardown of the experiment",
    "-- uninstall pg_cron's leftovers",
    "-- undo log no longer needed",
    "-- was rolled back in 0007, and comes again",
    "-- tear down the staging tables: they hold nothing",
)


@pytest.mark.parametrize("comment", HARMLESS)
@pytest.mark.parametrize("taken", TAKES)
def test_a_comment_that_says_something_else_is_none(comment: str, taken: str) -> None:
    assert way_down(f"{UP}{comment}\n{taken}") is None


# Names, and words of English, that have the way down in them.
NAMED = (
    ("-- price_down", "create function price_down() returns int language sql return 1;"),
    ("-- ticketUndo", "create table ticket_undo (id int);"),
    ("-- ticket_undo: drop the column that nobody read", "alter table ticket_undo drop column note;"),
    ("-- undo_log goes to the archive", "drop table undo_log;"),
    ("-- restore_rollback", "insert into flags values ('restore_rollback');"),
    ("-- CoolDown", "select 2;"),
    ("-- drop_down", "create table choice (id int);"),
    ("-- markDown", "create table text (id int);"),
    ("-- down_payments, as the bank has them", "create table payment (id int);"),
)


@pytest.mark.parametrize(("comment", "statement"), NAMED)
def test_a_name_with_the_way_down_in_it_is_no_mark(comment: str, statement: str) -> None:
    assert way_down(f"create table moved as select * from undo_log;\n{comment}\n{statement}\n") is None


def test_a_block_is_one_comment() -> None:
    assert way_down(f"{UP}/*\n * DOWN\n */\n{DOWN}") == len(UP) + 3
    assert way_down(f"{UP}/*\n-- DOWN\n{DOWN}*/\nselect 2;") is None


def test_marks_with_carriage_returns_are_read(tmp_path: Path) -> None:
    lay(tmp_path, {"1_a.sql": divided(*MARKS["brackets"]).replace("\n", "\r\n")})
    with pytest.raises(MigrationError, match="reads as the mark of a way down"):
        discover(tmp_path)


def test_a_carriage_return_alone_ends_a_comment(shop: Project) -> None:
    shop.lay({"001_orgs.sql": divided(*MARKS["words"]).replace("\n", "\r")})
    ran = shop.run("apply")
    assert ran.status == 2
    assert "001_orgs.sql:1: `-- DOWN` reads as the mark of a way down" in ran.complaint
    assert shop.sql("select count(*) from orgs") == [(1,)]


def test_a_block_in_a_block_is_one_comment() -> None:
    assert way_down(f"{UP}/* outer /* DOWN */ drop table orgs; */\nselect 2;") is None
    assert way_down(f"{UP}/* one /* two */\n * DOWN\n */\n{DOWN}") is not None


def test_a_way_down_that_stands_first_is_refused(tmp_path: Path) -> None:
    lay(tmp_path, {"1_a.sql": f"-- DOWN\n{DOWN}-- UP\n{UP}"})
    with pytest.raises(MigrationError, match=r"1_a\.sql:1: `-- DOWN` reads as the mark of a way down"):
        discover(tmp_path)


@pytest.mark.parametrize("layout", ["V1__a.sql", "1_a.up.sql", "1_a/migration.sql", "schema.sql"])
def test_files_that_are_whole_migrations_by_their_names_are_looked_at_too(
    tmp_path: Path, layout: str
) -> None:
    lay(tmp_path, {layout: divided(*MARKS["words"])})
    with pytest.raises(MigrationError, match="`-- DOWN` reads as the mark of a way down"):
        discover(tmp_path)


def test_a_file_by_itself_is_run_whole_and_refused_for_any_mark(tmp_path: Path) -> None:
    lay(tmp_path, {"1_a.sql": divided(*DIVIDED["sql-migrate"])})
    assert discover(tmp_path).tool == "sql-migrate"
    with pytest.raises(MigrationError, match=r":3: `-- \+migrate Down` .*: give the folder"):
        discover(tmp_path / "1_a.sql")


INNOCENT = {
    "commented out": "select 1;\n-- down\n-- drop table a;\n",
    "at the end": "select 1;\n-- rollback\n",
    "a heading at the top": "-- Rollback\nselect 1;\n",
    "a sentence": "select 1;\n-- roll back if this is slow\nselect 2;\n-- the rollback\nselect 3;\n",
    "a name": "select 1;\n-- table down_payments\nselect 2;\n-- downloads\nselect 3;\n",
    "a statement": "select 1;\n-- rollback;\nselect 2;\n",
    "in a statement": "select 1;\nselect\n-- down\n2;\nselect 3;\n",
    "in a function": "select 1;\ncreate function f() returns int language sql as $$\n-- down\nselect 1 $$;\nselect 2;\n",
    "after code": "select 1; -- down\nselect 2;\n",
    "another meaning": "select 1;\n-- undo log\nselect 2;\n-- scale down\nselect 3;\n-- reverse index\nselect 4;\n",
    "in a string": "select '\n-- down\n';\nselect 1;\n",
}


@pytest.mark.parametrize("case", INNOCENT)
def test_other_comments_are_no_marks(case: str) -> None:
    assert way_down(INNOCENT[case]) is None
