"""What an app role can become, rewrite or destroy: each finding agrees with what the server lets the role do."""

from typing import Any

import postgast
import psycopg
import pytest

from checks.powers import function_owner, server_powers
from checks.session_defaults import session_default
from checks.sessions import server_grants
from tests.fix_bench import Bench, execute
from tests.fix_examples import facts_of
from tests.fix_world import judged, said, tenant_table, world
from validate_schema.checking.engine import run
from validate_schema.checking.packs import builtin_checks
from validate_schema.model.catalog import Membership, Role

pytestmark = pytest.mark.every_server

A, B = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa", "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"
CONTEXT = "nullif(current_setting('app.tenant_id', true), '')::uuid"
TABLES = f"""
create schema guard;
create function guard.tenant() returns uuid language sql stable set search_path = pg_catalog
    as $$ select {CONTEXT} $$;
create function guard.shout(word text) returns text language sql immutable
    set search_path = pg_catalog as $$ select upper(word) $$;
create table invoice (
    id uuid primary key default gen_random_uuid(),
    org_id uuid not null references organization (id),
    title text
);
create policy tenant on invoice to app_user using (org_id = (select guard.tenant()));
alter table invoice enable row level security;
alter table invoice force row level security;
alter table organization enable row level security;
alter table organization force row level security;
create policy own on organization to app_user using (id = {CONTEXT});
create role keeper;
create role batch bypassrls;
create role crew;
grant usage on schema guard to app_user, keeper, batch;
grant select on organization, invoice to app_user, batch;
insert into organization (id, name) values ('{A}', 'A-name'), ('{B}', 'B-name');
insert into invoice (org_id, title) values ('{A}', 'A-own'), ('{B}', 'B-secret');
"""
AS_OWNER = "alter table invoice owner to keeper; "
SECRET = "select title from invoice"
STOLEN = pytest.mark.parametrize(
    ("made", "tried", "expected"),
    [
        pytest.param(
            "grant batch to app_user", f"set role batch; {SECRET}", {"BYP001"}, id="a role past all"
        ),
        pytest.param(
            "grant batch to crew with admin option; grant crew to app_user",
            f"set role crew; grant batch to app_user; set role batch; {SECRET}",
            {"BYP001"},
            id="admin of a role past all, through another",
        ),
        pytest.param(
            "alter role batch superuser; alter schema guard owner to batch; alter table invoice owner to batch;"
            " alter function guard.tenant() owner to batch; grant batch to app_user",
            f"set role batch; {SECRET}",
            {"BYP001"},
            id="one grant of a superuser that owns all is one finding",
        ),
        pytest.param(
            f"{AS_OWNER}alter schema guard owner to keeper; grant keeper to app_user",
            f"set role keeper; alter table invoice disable row level security; {SECRET}",
            {"BYP002"},
            id="one grant of an owner that owns all is one finding",
        ),
        pytest.param(
            "alter table invoice owner to app_user",
            f"alter table invoice no force row level security; {SECRET}",
            {"BYP002"},
            id="the table, though forced",
        ),
        pytest.param(
            "alter schema guard owner to app_user",
            "drop schema guard cascade; select 'B-secret' where to_regprocedure('guard.tenant()') is null",
            {"BYP014"},
            id="the schema of the helper",
        ),
        pytest.param(
            "create domain guard.word as text; alter domain guard.word owner to app_user;"
            " alter table invoice add note guard.word; update invoice set note = title",
            "drop domain guard.word cascade; select 'B-secret'",
            {"BYP014"},
            id="the domain of a column, with all its values",
        ),
        pytest.param(
            "create type guard.state as enum ('open', 'paid'); alter table invoice add states guard.state[];"
            " alter type guard.state owner to keeper; grant keeper to app_user; grant create on schema guard to keeper",
            "set role keeper; alter type guard.state rename value 'paid' to 'B-secret';"
            " select enum_range(null::guard.state)",
            {"BYP014"},
            id="the enum of an array, by membership",
        ),
        pytest.param(
            "create type guard.draft as enum ('new'); alter type guard.draft owner to app_user;"
            " create function guard.kind(guard.draft) returns text language sql as 'select null'",
            "drop type guard.draft cascade; " + SECRET,
            set(),
            id="a type that no column has",
        ),
        pytest.param(
            "create schema words authorization app_user; create domain words.word as text;"
            " alter table invoice add note words.word",
            "drop schema words cascade; select 'B-secret'",
            {"BYP014"},
            id="the schema of a column's domain",
        ),
        pytest.param(
            "do $$ begin execute format('grant create on database %I to app_user', current_database()); end $$;"
            " set role app_user; create schema words; create extension citext schema words; reset role;"
            " do $$ begin execute format('revoke create on database %I from app_user', current_database()); end $$;"
            " alter schema words owner to app_owner; alter table invoice add note words.citext",
            "drop extension citext cascade; select 'B-secret'",
            {"BYP014"},
            id="the extension of a column's type",
            marks=pytest.mark.pg(">= 18"),  # the older builds come without trusted extensions
        ),
        pytest.param(
            "alter function guard.tenant() owner to app_user",
            "drop function guard.tenant() cascade; select 'B-secret'",
            {"BYP015"},
            id="the helper, with the policies that call it",
        ),
        pytest.param(
            "alter function guard.tenant() owner to app_user; grant create on schema guard to app_user",
            "create or replace function guard.tenant() returns uuid language sql stable as"
            f" $$ select '{B}'::uuid $$; {SECRET}",
            {"BYP015"},
            id="the helper",
        ),
        pytest.param(
            "alter function guard.tenant() owner to keeper; grant keeper to app_user;"
            " grant create on schema guard to keeper",
            "set role keeper; "
            "create or replace function guard.tenant() returns uuid language sql stable as"
            f" $$ select '{B}'::uuid $$; reset role; {SECRET}",
            {"BYP015"},
            id="the helper, by membership",
        ),
        pytest.param(
            "create function guard.loud() returns text language sql stable security definer"
            " set search_path = public, pg_temp as 'select guard.shout(''quiet'')'; alter function guard.loud() owner to batch;"
            " alter function guard.shout(text) owner to app_user; grant create on schema guard to app_user",
            "create or replace function guard.shout(word text) returns text language plpgsql as"
            " $$ begin return (select string_agg(title, ',') from invoice); end $$; select guard.loud()",
            {"BYP015"},
            id="what a definer calls",
        ),
        pytest.param(
            "alter function guard.shout(text) owner to app_user",
            SECRET,
            set(),
            id="a function that nothing rests on",
        ),
        pytest.param(
            "create function guard.same(a uuid, b uuid) returns boolean language sql stable set search_path = pg_catalog as 'select a = b';"
            " create operator guard.=== (leftarg = uuid, rightarg = uuid, function = guard.same);"
            " alter policy tenant on invoice using (org_id operator(guard.===) guard.tenant());"
            " alter function guard.same(uuid, uuid) owner to app_user; grant create on schema guard to app_user",
            "create or replace function guard.same(a uuid, b uuid) returns boolean language sql stable as"
            f" 'select true'; {SECRET}",
            {"BYP015"},
            id="what an operator of a policy calls",
        ),
        pytest.param(
            "create table shared (word text); grant insert, select on shared to app_user;"
            " create function guard.keep() returns trigger language plpgsql as $$ begin return new; end $$;"
            " create trigger keep before insert on shared for each row execute function guard.keep();"
            " alter function guard.keep() owner to app_user; grant create on schema guard to app_user",
            "create or replace function guard.keep() returns trigger language plpgsql as"
            " $$ begin new.word := 'B-secret'; return new; end $$; insert into shared values ('x');"
            " select word from shared",
            {"BYP015"},
            id="the trigger of a table that others write to",
        ),
        pytest.param(
            "create table line (id int primary key, org_id uuid not null references organization (id));"
            " alter table line enable row level security; alter table line force row level security;"
            f" insert into line values (1, '{B}'); alter table line owner to app_user",
            "alter table line disable row level security; select 'B-secret' from line",
            {"BYP002"},
            id="a table beside, though forced",
        ),
        pytest.param(
            "create schema drafts authorization app_user",
            "drop schema drafts cascade; " + SECRET,
            set(),
            id="a schema of its own",
        ),
        pytest.param(
            "grant crew to app_user", f"set role crew; {SECRET}", set(), id="a role that has nothing"
        ),
        pytest.param(
            f"alter role app_user set app.tenant_id = '{B}'",
            f"set app.tenant_id = '{B}'; {SECRET}",
            {"BYP016"},
            id="sessions that start as a tenant",
        ),
        pytest.param("alter role app_user set app.tenant_id = ''", SECRET, set(), id="an empty default"),
        pytest.param(
            f"create function f() returns setof text language sql stable set app.tenant_id = '{B}' as"
            " $$ select title from invoice $$",
            "select f()",
            {"BYP016"},
            id="a function that works as a tenant",
        ),
        pytest.param(
            "create function f() returns setof text language sql stable set app.tenant_id = '' as"
            " $$ select title from invoice $$",
            "select f()",
            set(),
            id="a function that works as nobody",
        ),
        pytest.param(
            "create function f(text) returns bytea language internal strict as 'pg_read_binary_file_all'",
            "select 'B-secret', f('PG_VERSION')",
            {"BYP017"},
            id="a function of the server's own under another name",
        ),
        pytest.param(
            "create function f(o text) returns setof text language plpgsql as $$ begin perform set_config('app.tenant_id', o, true);"
            " return query select title from invoice; end $$",
            f"select f('{B}')",
            {"BYP016"},
            id="a function that goes on as another tenant",
        ),
        pytest.param(
            "create function f(o text) returns setof text language plpgsql as $$ begin"
            " execute 'set local app.tenant_id = ' || quote_literal(o); return query select title from invoice; end $$",
            f"select f('{B}')",
            {"BYP016"},
            id="a function that goes on as another tenant by a text",
        ),
        pytest.param(
            "create function f(o text) returns void language plpgsql as $$ begin perform set_config('app.tenant_id', o, false); end $$",
            f"select f('{B}'); {SECRET}",
            set(),
            id="a function that logs in",
        ),
        pytest.param(
            f"create function f() returns event_trigger language plpgsql as $$ begin perform set_config('app.tenant_id', '{B}', false); end $$;"
            " create event trigger f on ddl_command_end execute function f()",
            f"create temp table x (); {SECRET}",
            {"BYP016"},
            id="an event trigger that sets the tenant",
        ),
        pytest.param(
            "grant select on pg_catalog.pg_largeobject to app_user",
            "select 'B-secret' from (select lo_from_bytea(0, 'x')) as l",
            {"BYP017"},
            id="the pages of large objects",
        ),
        pytest.param(
            "alter role app_user set app.tenant_id = 'none'", SECRET, set(), id="a default that no key can be"
        ),
        pytest.param(
            "grant select on pg_catalog.pg_authid to app_user",
            "select 'B-secret' from pg_catalog.pg_authid",
            {"BYP017"},
            id="hashes of passwords",
        ),
        pytest.param(
            "grant pg_read_all_data to app_user",
            "select 'B-secret' from pg_catalog.pg_statistic",
            {"BYP013"},
            id="reads all that has no policy",
        ),
        pytest.param(
            "grant truncate on invoice to app_user",
            "truncate invoice; select 'B-secret'",
            {"BYP007"},
            id="empties the table",
        ),
    ],
)


@STOLEN
def test_what_is_said_of_a_role_is_what_the_server_lets_it_do(
    bench: Bench, made: str, tried: str, expected: set[str]
) -> None:
    with bench.open(TABLES, made) as conn:
        execute(conn, TABLES)
        execute(conn, made)
        found = findings(conn)
        assert "B-secret" in attempt(conn, tried) or not expected

    assert (set(found), len(found)) == (expected, len(expected)), found


def findings(conn: "psycopg.Connection[Any]") -> list[str]:
    checks = [c for c in builtin_checks() if c.id.startswith("BYP")]
    return [f.check for f in run(checks, facts_of(conn)).findings]


def attempt(conn: "psycopg.Connection[Any]", script: str) -> str:
    """Return what the app role gets by the script as tenant A; empty where the server refuses it."""
    try:
        with conn.transaction(force_rollback=True):
            conn.execute("set session authorization app_user")
            conn.execute(f"set local app.tenant_id = '{A}'")
            got = ""
            for statement in postgast.split(script):
                cursor = conn.execute(statement)
                got = str(cursor.fetchall()) if cursor.description else got
            return got
    except psycopg.errors.InsufficientPrivilege:
        return ""
    finally:
        conn.execute("reset session authorization")


@pytest.mark.parametrize(
    ("roles", "version", "said_of"),
    [
        pytest.param((Role("app_user", replication=True),), 180000, "error", id="replication"),
        pytest.param((Role("app_user", createrole=True),), 150000, "error", id="createrole before 16"),
        pytest.param((Role("app_user", createrole=True),), 160000, "", id="createrole since 16"),
        pytest.param((Role("app_user", createdb=True),), 180000, "", id="createdb"),
        pytest.param(
            (Role("app_user", member_of=(Membership("pg_read_server_files"),)), Role("pg_read_server_files")),
            180000,
            "error",
            id="files",
        ),
        pytest.param(
            (Role("app_user", member_of=(Membership("ops", set_role=False),)), Role("ops", replication=True)),
            180000,
            "",
            id="attributes are not inherited",
        ),
        pytest.param(
            (Role("app_user", member_of=(Membership("pg_maintain"),)), Role("pg_maintain")),
            180000,
            "warning",
            id="maintenance",
        ),
        pytest.param(
            (Role("app_user", member_of=(Membership("pg_monitor"),)), Role("pg_monitor")),
            180000,
            "",
            id="monitoring",
        ),
        pytest.param(
            (Role("app_user", superuser=True, replication=True),), 180000, "", id="a superuser is BYP001's"
        ),
    ],
)
def test_powers_on_the_server_are_graded(roles: tuple[Role, ...], version: int, said_of: str) -> None:
    facts = world(tenant_table(), roles=roles, version=version)

    assert [m.partition(":")[0] for m in said(server_powers, facts)] == [said_of] * bool(said_of)


def test_a_power_names_the_way_to_it_and_its_cure() -> None:
    roles = (
        Role("app_user", login=True, member_of=(Membership("jobs"),)),
        Role("jobs", member_of=(Membership("pg_execute_server_program"),)),
        Role("pg_execute_server_program"),
    )
    _, (finding,) = judged(server_powers, world(tenant_table(), roles=roles))

    assert finding.message == (
        "app_user as pg_execute_server_program may run any program as the server's own user of the operating"
        " system, which owns all data files: the app role app_user may SET ROLE to pg_execute_server_program"
    )
    assert finding.remedy.sql == ('REVOKE "pg_execute_server_program" FROM "jobs";',)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        pytest.param("00000000-0000-0000-0000-000000000000", ["warning"], id="the nil UUID"),
        pytest.param(B, ["error"], id="a key"),
        pytest.param("demo", [], id="no UUID"),
        pytest.param("", [], id="empty"),
    ],
)
@pytest.mark.parametrize("role", ["app_user", "authenticator"])
def test_a_default_is_a_tenants_where_it_can_be_one(role: str, value: str, found: list[str]) -> None:
    settings = (f"App.Tenant_id={value}", "search_path=public")
    roles = (
        Role("app_user", settings=settings if role == "app_user" else ()),
        Role(
            "authenticator",
            login=True,
            member_of=(Membership("app_user"),),
            settings=settings if role == "authenticator" else (),
        ),
        Role("nightly", login=True, bypassrls=True, settings=settings),
    )

    assert [m.partition(":")[0] for m in said(session_default, world(roles=roles))] == found


def test_nothing_rests_on_what_only_the_owner_of_a_definer_runs_as(bench: Bench) -> None:
    own = """
        create function twice(n int) returns int language sql as 'select n * 2';
        create function four() returns int language sql security definer as 'select twice(2)';
        alter function twice(int) owner to app_user;
        alter function four() owner to app_user;
    """
    with bench.open(TABLES, own) as conn:
        execute(conn, TABLES)
        execute(conn, own)
        facts = facts_of(conn)

    assert said(function_owner, facts) == []


def test_what_public_may_read_of_the_server_counts_and_what_it_always_could_does_not(bench: Bench) -> None:
    made = "grant select on pg_catalog.pg_authid to public; grant execute on function pg_read_file(text) to app_owner"
    with bench.open(TABLES, made) as conn:
        execute(conn, TABLES)
        execute(conn, made)
        facts = facts_of(conn)

    assert said(server_grants, facts) == [
        "error: app_user may use pg_authid, and so read the hashes of all passwords"
    ]


@pytest.mark.pg(">= 15")
@pytest.mark.parametrize(
    ("granted", "found"),
    [
        pytest.param("set on parameter session_replication_role", 1, id="switches guards off"),
        pytest.param("alter system on parameter archive_command", 1, id="runs programs"),
        pytest.param("set on parameter session_preload_libraries", 1, id="loads a library by itself"),
        pytest.param("set on parameter archive_command", 0, id="a setting of the server, not of a session"),
        pytest.param("set on parameter log_statement", 0, id="no guard"),
    ],
)
def test_settings_that_only_superusers_change_count(
    conn: "psycopg.Connection[Any]", granted: str, found: int
) -> None:
    conn.execute("create table organization (id uuid primary key); create role app_user login")
    conn.execute(f"grant {granted} to app_user".encode())
    try:
        assert len(said(server_grants, facts_of(conn))) == found
    finally:
        conn.execute("drop owned by app_user; drop role app_user")


@pytest.mark.parametrize(
    ("made", "found"),
    [
        pytest.param(
            "create function look() returns setof text language sql stable security definer as $$"
            " select most_common_vals::text from pg_stats where tablename = 'invoice' $$",
            ["warning: look uses pg_stats as postgres, by which app_user may read sample values of all tenants' rows"],
            id="samples of rows by a function",
        ),
        pytest.param(
            "create function file(p text) returns text language sql stable as $$ select pg_read_file(p) $$;"
            " create function look(p text) returns text language plpgsql security definer as $$ begin return file(p); end $$",
            ["warning: look uses pg_read_file as postgres, by which app_user may read the files of the server, "
             "all tenants' data among them"],
            id="files, through a function that runs with the same rights",
        ),
        pytest.param(
            "create function look() returns setof text language sql stable as $$"
            " select most_common_vals::text from pg_stats where tablename = 'invoice' $$",
            [],
            id="by the caller's own rights",
        ),
        pytest.param(
            "create function look() returns bigint language sql stable security definer as $$"
            " select count(*) from pg_stats $$; revoke execute on function look() from public",
            [],
            id="for nobody",
        ),
        pytest.param(
            "create view look as select stavalues1::text as told from pg_statistic; grant select on look to app_user",
            ["warning: look uses pg_statistic as postgres, by which app_user may read sample values of all tenants' rows"],
            id="samples of rows by a view",
        ),
        pytest.param(
            "create view look as select tablename from pg_stats; grant select on look to app_user",
            [],
            id="the view of the server, which asks who reads it",
        ),
    ],
)  # fmt: skip
def test_what_is_lent_with_an_owners_rights_is_told(bench: Bench, made: str, found: list[str]) -> None:
    with bench.open(TABLES, made) as conn:
        execute(conn, TABLES)
        execute(conn, made)
        assert said(server_grants, facts_of(conn)) == found


@pytest.mark.parametrize(
    ("mapped", "granted", "found"),
    [
        pytest.param("app_user", "app_user", 1, id="a log-in of its own"),
        pytest.param("public", "public", 1, id="everybody's"),
        pytest.param("app_user", "keeper", 0, id="may not use it"),
        pytest.param("keeper", "app_user", 0, id="another's log-in"),
    ],
)
def test_a_log_in_elsewhere_is_not_decided(bench: Bench, mapped: str, granted: str, found: int) -> None:
    made = (
        "create foreign data wrapper w; create server elsewhere foreign data wrapper w;"
        f" create user mapping for {mapped} server elsewhere options (user 'postgres');"
        f" grant usage on foreign server elsewhere to {granted}"
    )
    with bench.open(TABLES, made) as conn:
        execute(conn, TABLES)
        execute(conn, made)
        assert len(said(server_grants, facts_of(conn))) == found


@pytest.mark.parametrize(
    ("made", "found"),
    [
        pytest.param(
            "create function f() returns bigint language sql stable set app.batch = 'on' as $$ select 1::bigint $$", 1,
            id="by its definition",
        ),
        pytest.param(
            "create function f() returns void language plpgsql as $$ begin perform SET_CONFIG('App.Batch', 'on', true); end $$",
            1, id="by a call",
        ),
        pytest.param(
            "create function f(n text) returns text language sql as $$ select set_config(n, 'on', true) $$", 1,
            id="by any name",
        ),
        pytest.param(
            "create function f() returns text language sql as $$ select set_config('app.batch', 'on', true) $$;"
            " revoke execute on function f() from public", 0, id="not for the app",
        ),
        pytest.param(
            "create function f() returns text language sql as $$ select set_config('app.other', 'on', true) $$", 0,
            id="another setting",
        ),
    ],
)  # fmt: skip
def test_a_function_that_throws_a_trusted_switch_is_not_decided(bench: Bench, made: str, found: int) -> None:
    toml = (
        '[tenancy]\nroot = "organization"\ncolumn = "org_id"\nsetting = "app.tenant_id"\napp_roles = ["app_user"]\n'
        'trusted = [{ setting = "app.batch", reason = "the batch runner sets it" }]\n'
    )
    with bench.open(TABLES, made) as conn:
        execute(conn, TABLES)
        execute(conn, made)
        assert len(said(server_grants, facts_of(conn, toml))) == found
