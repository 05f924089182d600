"""The role that strangers' migrations are run by: what it may, and that it becomes no superuser."""

import os
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import psycopg
import pytest

from tests.fix_server import MATRIX, RUN, fresh, server_versions
from validate_schema.catalog.reader import read_catalog
from validate_schema.model.errors import ScratchError
from validate_schema.scratch import Database, Server, open_server

pytestmark = [pytest.mark.every_server, pytest.mark.pg(">= 16")]


@pytest.fixture(scope="module", params=server_versions(), ids="pg{}".format)
def any_server(request: pytest.FixtureRequest, worker_id: str) -> Iterator[Server]:
    """Every server at hand, as it is opened for strangers' migrations."""
    key = f"strangers-{worker_id}-{os.environ[RUN]}"
    with open_server(MATRIX[request.param], key=key, superuser=False) as server:
        yield server


def is_superuser(database: Database) -> bool:
    with database.admin() as admin:
        row = admin.execute("select rolsuper from pg_roles where rolname = 'postgres'").fetchone()
        assert row is not None
        return bool(row[0])


@pytest.mark.parametrize(
    "harm",
    [
        "alter role postgres superuser",
        "create role z superuser",
        "grant validate_schema_superuser to postgres",
        "set role validate_schema_superuser",
        "set session authorization validate_schema_superuser",
        "alter role validate_schema_superuser rename to gone",
        "update pg_catalog.pg_authid set rolsuper = true",
        "alter system set work_mem = '1GB'",
        "copy (select 1) to program 'id'",
        "copy (select 1) to '/tmp/planted'",
        "select pg_read_file('PG_VERSION')",
        "select pg_ls_dir('.')",
        "select lo_import('/etc/passwd')",
        "grant pg_write_server_files to postgres",
        "grant pg_execute_server_program to postgres",
        "create function libc() returns int language c as '/lib/libc.so.6', 'getpid'",
        "create function raw() returns int language internal as 'int4in'",
        "create or replace function pg_catalog.validate_schema_publish_all(named text) returns void"
        " language sql as 'select'",
        "alter function pg_catalog.validate_schema_publish_all(text) owner to postgres",
        "create function pg_catalog.planted() returns int language sql as 'select 1'",
        "alter database postgres allow_connections false",
        "create event trigger e on ddl_command_end execute function f()",
        "set event_triggers = off",
        "drop role validate_schema_superuser",
        "select validate_schema_leakproof('pg_catalog.int4_avg_accum(bigint[],integer)')",
        "select validate_schema_triggers('pg_class', false)",
        "create tablespace t location '/tmp'",
        "load '/lib/x.so'",
    ],
)
def test_whoever_runs_migrations_cannot(any_conn: "psycopg.Connection[Any]", harm: str) -> None:
    any_conn.execute("create function f() returns event_trigger language plpgsql as 'begin end'")
    with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedObject)):
        any_conn.execute(harm.encode())


@pytest.mark.parametrize(
    "call",
    [
        "validate_schema_extension('hstore; alter role postgres superuser', null, null, false, false)",
        "validate_schema_extension('hstore', 'public cascade; alter role postgres superuser', null, false, true)",
        "validate_schema_extension('hstore', 'public', $$1'; alter role postgres superuser; --$$, false, true)",
        "validate_schema_event_trigger('e', 'login; alter role postgres superuser', null, 'f()')",
        "validate_schema_event_trigger('e', 'ddl_command_end', array[$$x'); alter role postgres superuser; --$$], 'f()')",
        "validate_schema_publish_all($$x' or true; --$$)",
    ],
)
def test_what_is_done_on_its_behalf_takes_values_and_no_sql(
    any_conn: "psycopg.Connection[Any]", any_database: Database, call: str
) -> None:
    any_conn.execute("create function f() returns event_trigger language plpgsql as 'begin end'")
    with suppress(psycopg.Error):
        any_conn.execute(f"select pg_catalog.{call}".encode())
    assert not is_superuser(any_database)


@pytest.mark.parametrize(
    "enabled", ["", "alter event trigger e enable always", "alter event trigger e enable replica"]
)
def test_an_event_trigger_does_not_run_as_superuser(
    any_conn: "psycopg.Connection[Any]", any_database: Database, enabled: str
) -> None:
    any_conn.execute(
        "create function f() returns event_trigger language plpgsql as"
        " $$ begin execute 'alter role postgres superuser'; exception when others then null; end $$"
    )
    any_conn.execute("select validate_schema_event_trigger('e', 'ddl_command_start', null, 'f()')")
    if enabled:
        any_conn.execute(enabled.encode())
    with suppress(psycopg.errors.InsufficientPrivilege):
        any_conn.execute("select validate_schema_extension('vector', 'public', null, true, true)")
    any_conn.execute("create table made ()")
    assert not is_superuser(any_database)


@pytest.mark.parametrize("enabled", ["", "enable always", "enable replica"])
@pytest.mark.parametrize(
    ("before", "harm"),
    [
        ("select", "do $$ begin create extension hstore; end $$"),
        ("select", "do $$ begin create extension pgcrypto; end $$"),
        ("create extension hstore version '1.4'", "alter extension hstore update"),
    ],
    ids=["contrib", "stand-in", "update"],
)
def test_nor_does_one_during_the_script_of_a_trusted_extension(
    any_conn: "psycopg.Connection[Any]", any_database: Database, before: str, harm: str, enabled: str
) -> None:
    with suppress(psycopg.errors.FeatureNotSupported):  # not every server has it
        any_conn.execute(before.encode())
    any_conn.execute(
        "create function f() returns event_trigger language plpgsql as"
        " $$ begin execute 'alter role postgres superuser'; exception when others then null; end $$"
    )
    events = ("ddl_command_start", "ddl_command_end", "sql_drop")
    for event in events:
        any_conn.execute(f"select validate_schema_event_trigger('{event}', '{event}', null, 'f()')".encode())
        if enabled:
            any_conn.execute(f"alter event trigger {event} {enabled}".encode())
    for setting in ("replica", "origin"):
        any_conn.execute(f"set session_replication_role = {setting}".encode())
        with suppress(psycopg.Error):
            any_conn.execute(harm.encode())
    assert not is_superuser(any_database)
    with any_database.admin() as admin:
        assert {t.name for t in read_catalog(admin).event_triggers} == set(events)


@pytest.mark.pg(">= 17")
def test_a_login_trigger_does_not_run_as_superuser(
    any_conn: "psycopg.Connection[Any]", any_database: Database
) -> None:
    any_conn.execute(
        "create function f() returns event_trigger language plpgsql as"
        " $$ begin execute 'alter role postgres superuser'; exception when others then null; end $$"
    )
    any_conn.execute("select validate_schema_event_trigger('e', 'login', null, 'f()')")
    any_database.admin().close()
    any_database.connect().close()
    assert not is_superuser(any_database)


@pytest.mark.parametrize("setting", ["role = nobody", "local_preload_libraries = 'x'"])
def test_what_a_database_is_set_to_does_not_change_who_reads_it(
    any_conn: "psycopg.Connection[Any]", any_database: Database, setting: str
) -> None:
    any_conn.execute("drop role if exists nobody; create role nobody")
    any_conn.execute(f'alter database "{any_database.name}" set {setting}'.encode())
    with any_database.admin() as admin:
        assert admin.execute("select current_user").fetchone() == ("validate_schema_superuser",)
    any_conn.execute(f'alter database "{any_database.name}" reset all; drop role nobody'.encode())


def test_a_database_that_lets_nobody_in_is_dropped(any_server: Server) -> None:
    with any_server.database() as database:
        with database.connect() as conn:
            conn.execute(f'alter database "{database.name}" set local_preload_libraries = x'.encode())
        with pytest.raises(ScratchError, match="refuses a connection"):
            database.connect()
    with any_server.connect() as admin:
        there = admin.execute("select from pg_database where datname = %s", [database.name])
        assert there.fetchall() == []


@pytest.mark.parametrize(
    "setting",
    [
        "log_min_duration_statement = 100",
        "log_statement = 'ddl'",
        "lc_messages = 'C'",
        "deadlock_timeout = '2s'",
    ],
)
def test_it_says_what_is_logged_and_counted(any_conn: "psycopg.Connection[Any]", setting: str) -> None:
    any_conn.execute("drop role if exists r; create role r")
    any_conn.execute(f"set {setting}; alter role r set {setting}; drop role r".encode())


def test_it_owns_what_it_makes_and_is_shown_as_whoever_runs_migrations(
    any_conn: "psycopg.Connection[Any]", any_database: Database
) -> None:
    any_conn.execute(
        "create table t (); create role app; create table u (); alter schema public owner to app"
    )
    with any_database.admin() as admin:
        catalogs = read_catalog(admin), read_catalog(any_conn)
    for catalog in catalogs:
        assert {t.owner for t in catalog.tables} == {"postgres"}
        assert [r.name for r in catalog.roles if not r.name.startswith("pg_")] == ["app", "postgres"]
        assert (catalog.server.role.name, catalog.server.role.superuser) == ("postgres", True)
        assert [r.member_of for r in catalog.roles if r.name == "postgres"] == [()]
        assert catalog.system_privileges == ()
    assert not is_superuser(any_database)


def test_its_rights_come_back_with_the_next_run(key: str, any_server: Server) -> None:
    source = MATRIX[str(any_server.version_num // 10000)]
    with open_server(source, key=key, superuser=False) as server, server.connect(autocommit=True) as admin:
        admin.execute("alter role postgres nologin superuser nocreaterole")
        admin.execute("alter role postgres set search_path = nowhere")
    with open_server(source, key=key, superuser=False) as server, fresh(server) as database:
        with database.connect() as conn:
            assert conn.execute("show search_path").fetchone() == ('"$user", public',)
            conn.execute("create role r")
        assert not is_superuser(database)


def test_the_two_kinds_of_server_do_not_meet(key: str, any_server: Server) -> None:
    source = MATRIX[str(any_server.version_num // 10000)]
    with (
        open_server(source, key=key) as own,
        open_server(source, key=key, superuser=False) as strangers,
        fresh(own) as mine,
        fresh(strangers) as theirs,
    ):
        assert (is_superuser(mine), is_superuser(theirs)) == (True, False)
