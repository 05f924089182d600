"""Migrations run as the role that migrates: whom row security filters, and what it keeps from a backfill."""

import json
from pathlib import Path

import pytest

from tests.fix_cli import Terminal
from tests.fix_server import fresh
from tests.migrations.test_discovery import lay
from validate_schema.migrations import discover, replay
from validate_schema.migrations.fixtures import upgrade_paths
from validate_schema.model.errors import MigrationError
from validate_schema.model.history import HiddenRows
from validate_schema.scratch import Database, Server

ROLE = "migrator"
FORCED = """\
create table note (id int primary key, org text not null, size int, done boolean);
insert into note values (1, 'a', 1), (2, 'a', 2), (3, 'b', 3);
alter table note enable row level security;
alter table note force row level security;
create policy mine on note using (org = current_setting('app.org', true));
"""


def run(
    folder: Path, server: Server, *files: str, role: str | None = ROLE, forced: str = FORCED
) -> tuple[HiddenRows, ...]:
    named = {f"{number}_a.sql": sql for number, sql in enumerate((forced, *files), 1)}
    with fresh(server) as database:
        return replay(database, discover(lay(folder, named), role=role)).hidden


def said(found: tuple[HiddenRows, ...]) -> list[tuple[str, int, str, int, int]]:
    return [(h.statement.file, h.statement.line, h.table.name, h.changed, h.there) for h in found]


@pytest.mark.pg(">= 15")
@pytest.mark.every_server
@pytest.mark.parametrize(
    ("statement", "changed", "there"),
    [
        ("update note set done = true", 0, 3),
        ("update note set done = true where size > 1", 0, 2),
        ("delete from note", 0, 3),
        ("create table copied (id int);\ninsert into copied select id from note", 0, 3),
        ("create table copied as select id from note", 0, 3),
        ("with gone as (delete from note returning id) select count(*) from gone", 0, 3),
        ("select set_config('app.org', 'a', true);\nupdate note set done = true", 2, 3),
        ("do $$ begin update note set done = true; end $$", 0, 3),
        ("merge into note using (values (1), (2)) v (id) on v.id = note.id when matched then delete", 0, 2),
    ],
)
def test_what_row_security_hides_from_a_statement_is_counted(
    tmp_path: Path, any_server: Server, statement: str, changed: int, there: int
) -> None:
    line = statement.count("\n", 0, statement.rfind(";\n") + 2) + 2 if ";\n" in statement else 2
    table = "copied" if "copied" in statement else "note"

    found = run(tmp_path, any_server, f"-- a backfill\n{statement};")

    assert said(found) == [("2_a.sql", line, table, changed, there)]
    assert {h.role for h in found} == {ROLE}


@pytest.mark.parametrize(
    "statement",
    [
        "update note set done = true where size > 3",
        "insert into note values (4, 'a', 4, true)",
        "alter table note no force row level security; update note set done = true",
        "create policy migrates on note to migrator using (true); update note set done = true",
        "select set_config('app.org', 'b', true); delete from note where org = 'b'",
        "create table other (id int); insert into other values (1); update other set id = 2",
        "create table kept (id serial); insert into kept default values; update kept set id = id + 1",
        "select count(*) from note",
    ],
)
def test_what_row_security_lets_through_is_not_told(tmp_path: Path, server: Server, statement: str) -> None:
    before = "select set_config('app.org', 'a', false);\n" if statement.startswith("insert") else ""
    assert run(tmp_path, server, f"{before}{statement};") == ()


def test_without_a_role_nothing_is_hidden(tmp_path: Path, server: Server) -> None:
    assert run(tmp_path, server, "update note set done = true;", role=None) == ()


def test_the_attempt_leaves_nothing_behind(tmp_path: Path, server: Server) -> None:
    files = {
        "1_a.sql": FORCED,
        "2_b.sql": "create table seen (n int); create function tell() returns trigger language plpgsql as"
        " $$ begin insert into seen values (new.id); return new; end $$;"
        " create trigger tells after update on note for each row execute function tell();",
        "3_c.sql": "update note set done = true;",
    }
    with fresh(server) as database:
        found = replay(database, discover(lay(tmp_path, files), role=ROLE)).hidden
        with database.connect() as connection:
            assert connection.execute("select count(*) from seen").fetchone() == (0,)
            assert connection.execute("select count(*) from note where done").fetchone() == (0,)
    assert [(h.table.name, h.there) for h in found] == [("note", 3)]


@pytest.mark.every_server
def test_what_the_role_makes_is_its_own_and_the_role_is_an_ordinary_one(
    tmp_path: Path, any_server: Server
) -> None:
    files = {
        "1_a.sql": "create schema s; create table s.t (id int); create role app;",
        "2_b.sql": "set role app; select 1;",
        "3_c.sql": "reset role; create table u (who text default current_user); insert into u default values;",
    }
    with fresh(any_server) as database:
        replay(database, discover(lay(tmp_path, files), role=ROLE))
        with database.connect() as connection:
            owners = connection.execute(
                "select relname, relowner::regrole::text from pg_class where relname in ('t', 'u') order by 1"
            ).fetchall()
            who = connection.execute("select who from u").fetchone()
            rights = connection.execute(
                "select rolsuper, rolbypassrls, rolreplication, rolcreaterole, rolcreatedb from pg_roles"
                " where rolname = %s",
                [ROLE],
            ).fetchone()
    assert owners == [("t", ROLE), ("u", ROLE)]
    assert who == (ROLE,)
    assert rights == (False, False, False, True, True)


@pytest.mark.parametrize("name", ['od"d role', "Übersetzer\\", "Camel"])
def test_hostile_names_of_roles_are_names(tmp_path: Path, server: Server, name: str) -> None:
    files = lay(tmp_path, {"1_a.sql": "create table t (id int);"})
    with fresh(server) as database:
        replay(database, discover(files, role=name))
        with database.connect() as connection:
            owner = connection.execute(
                "select rolname from pg_class c join pg_roles r on r.oid = relowner where relname = 't'"
            ).fetchone()
    assert owner == (name,)


@pytest.mark.parametrize("name", ["postgres", "pg_monitor", "none", "pg_mine", ""])
def test_a_role_that_cannot_migrate_is_refused_in_one_line(
    tmp_path: Path, database: Database, name: str
) -> None:
    files = lay(tmp_path, {"1_a.sql": "create table t (id int);"})
    with pytest.raises(MigrationError, match=r"^\[migrations\] role: ") as refused:
        replay(database, discover(files, role=name))
    assert "\n" not in str(refused.value)


def test_what_row_security_refuses_is_a_failure_of_the_file(tmp_path: Path, server: Server) -> None:
    with pytest.raises(MigrationError, match=r"2_a\.sql:1: .*violates row-level security"):
        run(tmp_path, server, "insert into note values (4, 'a', 4);")


def test_numbers_of_sequences_are_those_of_one_run(tmp_path: Path, server: Server) -> None:
    files = {
        "1_a.sql": FORCED,
        "2_b.sql": "create table item (id serial primary key, n int); insert into item (n) values (1), (2);",
        "3_c.sql": "insert into item (n) select 3; create table kid (item int references item);",
        "4_d.sql": "insert into kid values (3);",
    }
    with fresh(server) as database:
        replay(database, discover(lay(tmp_path, files), role=ROLE))
        with database.connect() as connection:
            assert connection.execute("select max(id) from item").fetchone() == (3,)


def test_files_that_make_the_role_itself_fail_as_they_would(tmp_path: Path, server: Server) -> None:
    with pytest.raises(MigrationError, match='role "migrator" already exists'):
        run(tmp_path, server, "create role migrator;")


def test_what_cannot_be_tried_twice_is_said(tmp_path: Path, server: Server) -> None:
    commits = "do $$ begin update note set done = true; commit; end $$;"
    files = lay(tmp_path, {"1_a.up.sql": FORCED, "2_b.up.sql": commits})
    with fresh(server) as database:
        (found,) = replay(database, discover(files, role=ROLE)).hidden
    assert (found.statement.file, found.there, found.reason.partition(",")[0]) == (
        "2_b.up.sql",
        0,
        "it ends transactions by itself",
    )


def test_rows_of_fixtures_are_put_in_whatever_row_security_says(tmp_path: Path, server: Server) -> None:
    table, rows, rest = FORCED.partition("insert into note values (1, 'a', 1), (2, 'a', 2), (3, 'b', 3);\n")
    files = {"1_a.sql": table + rest, "2_b.sql": "update note set done = true;"}
    lay(tmp_path / "m", files)
    lay(tmp_path / "f", {"1.sql": rows, "1.json": json.dumps({"note": [{"id": n} for n in (1, 2, 3)]})})

    found = upgrade_paths(server, discover(tmp_path / "m", role=ROLE), tmp_path / "f")

    assert found.losses == ()
    assert found.forced == ()
    assert said(found.hidden) == [("2_b.sql", 1, "note", 0, 3)]


def test_migrations_test_ends_with_one_and_says_so(terminal: Terminal) -> None:
    table, rows, rest = FORCED.partition("insert into note values (1, 'a', 1), (2, 'a', 2), (3, 'b', 3);\n")
    lay(
        terminal.folder,
        {"m/1_a.sql": table + rest, "m/2_b.sql": "update note set done = true;", "f/1.sql": rows},
    )
    terminal.write("validate-schema.toml", f'[migrations]\nrole = "{ROLE}"\n')
    ran = terminal.run("migrations", "test", "--migrations", "m", "--fixtures", "f")
    assert (ran.status, ran.complaints) == (1, [])
    assert "2_b.sql:1: 0 of 3 rows of note changed: row security hides the rest from migrator" in ran.out
    assert "FAIL: 1 difference" in ran.out


def test_a_run_with_migrations_tells_it_as_a_finding(terminal: Terminal) -> None:
    lay(terminal.folder, {"m/1_a.sql": FORCED, "m/2_b.sql": "update note set done = true;"})
    quiet = terminal.run("--migrations", "m", "--select", "MIG016")
    assert quiet.status != 1
    terminal.write("validate-schema.toml", f'[migrations]\nrole = "{ROLE}"\n')
    ran = terminal.run("--migrations", "m", "--select", "MIG016")
    assert ran.status == 1
    assert "2_b.sql changes 0 of 3 rows of note" in ran.out
