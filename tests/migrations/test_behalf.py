"""Migrations run by a role that is no superuser: what is done on its behalf, and what is told."""

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from tests.fix_cli import Terminal
from tests.fix_server import MATRIX, RUN
from tests.migrations.test_discovery import lay
from validate_schema.catalog.reader import read_catalog
from validate_schema.migrations import ReplayNotes, discover, templated
from validate_schema.migrations.run.behalf import on_behalf
from validate_schema.model.catalog import Catalog
from validate_schema.model.errors import MigrationError, ScratchError
from validate_schema.scratch import Server, open_server

RICH = """
create role app login;
create role own nologin bypassrls;
create role svc login createdb createrole replication in role app;
do $$ begin if not exists (select from pg_roles where rolname = 'late') then create role late; end if; end $$;
create schema extensions;
create extension if not exists vector
    with schema extensions;
create table t (id int primary key, n text);
create table extensions.e (id int);
alter table t owner to own;
alter table extensions.e
    owner to own;
create view v as select 1 a;
alter view v owner to own;
create function f() returns int language sql as 'select 1';
alter function f() owner to own;
create type mood as enum ('a');
alter type mood owner to own;
create domain d as text;
alter domain d owner to own;
create sequence s;
alter sequence s owner to own;
create schema owned authorization own;
alter schema extensions owner to own;
alter default privileges in schema public grant select on tables to app;
alter default privileges for role own grant select on tables to app;
grant app to svc;
grant pg_read_all_data to svc;
grant own to postgres;
revoke all on schema public from public;
grant usage on schema public to app;
create policy p on t for select to app using (true);
alter table t enable row level security;
create function ev() returns event_trigger language plpgsql as 'begin end';
create event trigger watch on ddl_command_end when tag in ('CREATE TABLE') execute function ev();
create table after_event (id int);
create publication everything for all tables with (publish = 'insert');
comment on event trigger watch is 'seen';
comment on role app is 'reads';
alter role app set statement_timeout = '5s';
alter role app set app.tenant = 'none';
alter role own set log_min_duration_statement = 100;
create function tight(text, inout n int, variadic "Many" text[] default '{}') language sql immutable leakproof strict
    as 'select 1 -- leakproof';
create or replace function tight_body(a int) returns int language sql leakproof return a;
create function tightened() returns int language sql as 'select 1';
alter function tightened() leakproof strict;
alter function tightened leakproof;
create function loose() returns int language sql not leakproof as 'select 1';
create function bypassing() returns int language sql set "app.bypass.rls" = 'on' as 'select 1';
do $$ begin execute format('alter database %I set app.region = %L', current_database(), 'eu'); end $$;
grant all on all functions in schema extensions to app;
alter extension vector set schema public;
"""
LATER = """
set session_replication_role = replica;
insert into t values (1, 'a');
set session_replication_role = origin;
set role own;
create table owned.x (a int);
reset role;
reassign owned by late to own;
drop owned by late;
drop role late;
alter role own nobypassrls;
alter role svc rename to service;
drop event trigger watch;
alter table t owner to postgres;
create index concurrently i on t (n);
create table child (t_id int references t (id));
alter table child disable trigger all;
insert into child values (99);
alter table child enable trigger all;
alter table if exists t
    disable trigger all;
"""


def replayed(source: str, folder: Path, *, superuser: bool) -> tuple[Catalog, ReplayNotes]:
    found = discover(folder)
    key = f"{found.digest} {os.environ[RUN]}"
    with open_server(source, key=key, superuser=superuser) as server:
        template, notes = templated(server, found)
        with server.database(template) as database, database.admin() as conn:
            catalog = read_catalog(conn)
    return msgspec.structs.replace(
        catalog, server=msgspec.structs.replace(catalog.server, database="")
    ), notes


@pytest.mark.every_server
def test_what_is_made_is_the_same_as_by_a_superuser(tmp_path: Path, any_server: Server) -> None:
    source = MATRIX[next(n for n in MATRIX if n.startswith(str(any_server.version_num // 10000)))]
    rich = RICH
    with any_server.connect() as conn:
        known = {n for (n,) in conn.execute("select name from pg_available_extensions")}
    if "vector" not in known:
        rich = rich.replace("vector", "moddatetime")
    folder = lay(tmp_path, {"1_rich.sql": rich, "2_later.sql": LATER})
    ordinary, notes = replayed(source, folder, superuser=False)
    full, all_notes = replayed(source, folder, superuser=True)
    assert ordinary == full
    assert notes == all_notes


def failure(folder: Path, sql: str, key: str) -> str:
    with (
        open_server(key=key, superuser=False) as server,
        pytest.raises((ScratchError, MigrationError)) as error,
    ):
        templated(server, discover(lay(folder, {"1_a.sql": sql})))
    return f"{type(error.value).__name__}: {str(error.value).replace(str(folder), '')}"


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("create role z superuser;", "permission denied to create role"),
        (
            "create function f() returns int language internal as 'x';",
            "permission denied for language internal",
        ),
        ("do $$ begin alter role postgres superuser; end $$;", "permission denied to alter role"),
        ("create role r; alter role r set event_triggers = off;", 'set parameter "event_triggers"'),
        ("create role r; alter role r set plpgsql.check_asserts = off;", 'parameter "plpgsql.check_asserts"'),
    ],
)
def test_what_takes_a_superuser_is_nobodys_fault_and_says_how_to_get_one(
    tmp_path: Path, key: str, sql: str, said: str
) -> None:
    found = failure(tmp_path, f"create table a ();\n{sql}", key)
    assert found.startswith("ScratchError: /1_a.sql:2: ")
    assert said in found
    assert found.endswith("[migrations] superuser = true makes it one")


AGAIN = "drop extension pg_cron; create extension pg_cron"


@pytest.mark.parametrize(
    "place",
    [
        "",
        'with schema "pg_catalog"',
        "with schema pg_catalog version '1.6'",
        f"schema apart; {AGAIN} schema pg_catalog",
    ],
)
def test_an_extension_whose_place_is_pg_catalog_is_made_there(tmp_path: Path, key: str, place: str) -> None:
    sql = f"create schema apart; create extension if not exists pg_cron {place}; create table a ();"
    with open_server(key=key, superuser=False) as server:
        _, notes = templated(server, discover(lay(tmp_path, {"1_a.sql": sql})))

    assert "pg_cron" in notes.stand_in_extensions


def test_a_role_that_a_file_takes_may_lack_rights_by_its_own_fault(tmp_path: Path, key: str) -> None:
    sql = "create role app; create table a (); set role app; select * from a;"
    assert failure(tmp_path, sql, key).startswith("FailedMigration: /1_a.sql:1: select * from a:")


def test_an_error_is_told_by_the_statement_as_it_was_written(tmp_path: Path, key: str) -> None:
    sql = "create table a ();\n\ncreate event trigger e\n  on login\n  execute function nothing();\nselect 1;"
    found = failure(tmp_path, sql, key)
    assert found.startswith("FailedMigration: /1_a.sql:3: create event trigger e on login execute function")
    assert found.endswith(" does not exist")


@pytest.mark.parametrize("said", ["disable", "enable"])
def test_the_triggers_of_no_table_are_not_switched(tmp_path: Path, key: str, said: str) -> None:
    found = failure(tmp_path, f"alter table nowhere {said} trigger all;", key)
    assert found.startswith(f"FailedMigration: /1_a.sql:1: alter table nowhere {said} trigger all:")
    assert found.endswith('relation "nowhere" does not exist')


def test_what_is_granted_in_vain_is_noted(tmp_path: Path) -> None:
    folder = lay(
        tmp_path, {"1_a.sql": "create role app; grant select on pg_catalog.pg_stat_activity to app;"}
    )
    _, notes = replayed("embedded", folder, superuser=False)
    assert notes.notes == (
        '1_a.sql: no privileges were granted for "pg_stat_activity": migrations are run by a role that is no'
        " superuser; [migrations] superuser = true makes it one",
    )


@pytest.mark.parametrize(
    "sql",
    [
        'select 1;\ncreate extension if not exists\n"pg_trgm";\nselect 2;',
        "alter table a\n  owner\n to b;\nselect 2",
        "create publication p\nfor all tables;\nselect 2",
        "create event trigger e on login execute function f();\n-- create extension\nselect 2",
        "create function f()\nreturns int leakproof\nlanguage sql return 1;\nselect 2",
    ],
)
def test_every_line_stays_where_it_was(sql: str) -> None:
    done, _ = on_behalf(sql)
    assert done != sql
    assert done[: done.index("select 2")].count("\n") == sql[: sql.index("select 2")].count("\n")


@pytest.mark.parametrize(
    "sql",
    [
        "select 'create extension x'",
        "alter table a owner to postgres",
        "alter table a owner to current_user",
        "create publication p for table a",
        "create publication p",
        "create extension",
        "create function f() returns int language sql not leakproof return 1",
        "create function leakproof() returns int language sql as 'select 1 leakproof'",
        "do 'begin create extension x; end'",
    ],
)
def test_what_needs_no_superuser_stays_as_it_is(sql: str) -> None:
    assert on_behalf(sql) == (sql, {})


def test_the_config_lets_a_superuser_run_them(terminal: Terminal) -> None:
    lay(terminal.folder, {"m/1_a.sql": "create role strong superuser; create table a (id int primary key);"})
    refused = terminal.run("--migrations", "m")
    assert refused.status == 3
    assert "[migrations] superuser = true" in refused.complaint
    terminal.write("validate-schema.toml", "[migrations]\nsuperuser = true\n")
    allowed = terminal.run("--migrations", "m")
    assert allowed.complaints == []
    assert "checks could not run" in allowed.out


@pytest.mark.parametrize(
    "sql", ["copy (select 1) to program 'id'", "copy (select 1) to '/tmp/x'", "select pg_read_file('/x')"]
)
def test_no_superuser_is_offered_where_it_would_not_help(tmp_path: Path, key: str, sql: str) -> None:
    assert "a scratch server starts no program and sees no file" in failure(tmp_path, f"{sql};", key)


def test_a_database_that_lets_nobody_in_is_one_line(terminal: Terminal) -> None:
    revoke = "execute format('revoke all on database %I from public, postgres', current_database())"
    lay(terminal.folder, {"m/1_a.sql": f"create table a (id int primary key); do $$ begin {revoke}; end $$;"})
    ran = terminal.run("--migrations", "m")
    assert ran.status == 3
    assert "refuses a connection" in ran.complaint


def test_a_database_that_is_set_to_give_up_at_once_is_read(terminal: Terminal) -> None:
    short = "execute format('alter database %I set statement_timeout = 1', current_database())"
    lay(terminal.folder, {"m/1_a.sql": f"create table a (id int primary key); do $$ begin {short}; end $$;"})
    assert terminal.run("--migrations", "m").complaints == []


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
@pytest.mark.parametrize("before", ["", "\\echo by psql\n"])
def test_rows_that_a_migration_selects_are_not_kept(terminal: Terminal, before: str) -> None:
    lay(terminal.folder, {"m/1_a.sql": f"{before}select repeat('x', 1000000) from generate_series(1, 700);"})
    limit = 500_000_000
    code = (
        f"import resource; resource.setrlimit(resource.RLIMIT_DATA, ({limit}, {limit}));"
        "from validate_schema.cli import run; raise SystemExit(run(['--migrations', 'm']))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=terminal.folder, capture_output=True, text=True, check=False
    )
    assert ran.stdout.startswith("INCOMPLETE"), ran.stderr
