"""A definer that may use a type of its caller's is found where the server runs the caller's CHECK in it."""

import psycopg
import pytest

from checks.functions import search_path
from tests.fix_bench import Bench, execute
from tests.fix_examples import facts_of
from tests.fix_world import judged

pytestmark = pytest.mark.every_server

TABLES = """
create table invoice (id int primary key, org_id uuid not null references organization (id), title text not null);
create policy own on invoice using (org_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
alter table invoice enable row level security;
alter table invoice force row level security;
create table log (what text);
grant select on invoice to app_user;
grant insert on log to app_user;
"""
# Whatever name the function uses, in pg_temp it is a domain whose CHECK says as whom it runs.
ATTACK = """
create function pg_temp.spy() returns boolean language plpgsql as $$ begin
    if current_user <> 'app_user' then perform pg_catalog.set_config('app.seen', current_user, false); end if;
    return true; end $$;
create domain pg_temp.uuid as pg_catalog.uuid check (pg_temp.spy());
create domain pg_temp.text as pg_catalog.text check (pg_temp.spy());
create domain pg_temp.jsonb as pg_catalog.jsonb check (pg_temp.spy());
create domain pg_temp.json as pg_catalog.json check (pg_temp.spy());
create domain pg_temp.int4 as pg_catalog.int4 check (pg_temp.spy());
create domain pg_temp.int8 as pg_catalog.int8 check (pg_temp.spy());
create temp table invoice (id pg_temp.int4, org_id pg_temp.uuid, title pg_temp.text);
"""
HEAD = "create function f() returns bigint language {} security definer set search_path = {} as $$ {} $$;"


def plpgsql(declared: str, then: str = "", path: str = "''") -> str:
    return HEAD.format("plpgsql", path, f"declare {declared} begin {then} return 1; end")


def sql(query: str, path: str = "''") -> str:
    return HEAD.format("sql", path, query)


UID = "'b0000000-0000-0000-0000-00000000000b'"
FUNCTIONS = {
    "a variable": (plpgsql(f"v uuid := {UID};"), True),
    "a path without pg_temp": (plpgsql(f"v uuid := {UID};", path="pg_catalog, public"), True),
    "a cast": (plpgsql("", f"perform {UID}::uuid;"), True),
    "a cast in SQL": (sql("select length('x'::text)::bigint"), True),
    "an array of them": (plpgsql("", f"perform array[{UID}]::uuid[];"), True),
    "columns of a list": (
        plpgsql("", """perform * from jsonb_to_recordset('[{"a": "x"}]') as x(a text);"""),
        True,
    ),
    "a table's row": (plpgsql("v invoice%rowtype;", "v.title := 'x';", "public"), True),
    "a table's column": (plpgsql("v invoice.title%type := 'x';", path="public"), True),
    "a second block": (plpgsql("n integer;", f"declare k constant uuid := {UID}; begin null; end;"), True),
    "a statement as text": (plpgsql("", "execute concat('select ''x''::', 'text');"), True),
    "a temporary table of its own": (
        plpgsql("", "create temp table mine (t text); insert into mine values ('x');"),
        True,
    ),
    "what it calls": (
        "create function g() returns bigint language sql as $$ select length('x'::text) $$;"
        + sql("select public.g()"),
        True,
    ),
    "a definer that it calls": (
        "create function g() returns bigint language sql security definer set search_path = ''"
        " as $$ select length('x'::text) $$; revoke execute on function g() from public;"
        + sql("select public.g()", "pg_catalog, pg_temp"),
        True,
    ),
    "what it calls under its path": (
        "create function g() returns bigint language sql as $$ select length('x'::text) $$;"
        + sql("select public.g()", "pg_catalog, pg_temp"),
        False,
    ),
    "pg_temp last": (plpgsql(f"v uuid := {UID};", path="pg_catalog, pg_temp"), False),
    "types with their schema": (
        plpgsql(f"v pg_catalog.uuid := {UID};", f"perform {UID}::pg_catalog.uuid;"),
        False,
    ),
    "a column with its schema": (plpgsql("v public.invoice.title%type := 'x'; w v%type := 'y';"), False),
    "words of the grammar": (
        plpgsql("n integer := 1; b boolean := true; v character varying(9) := 'x';", "perform 1::bigint;"),
        False,
    ),
    "a body that is bound": (
        "create function f() returns bigint language sql security definer set search_path = ''"
        " begin atomic select length('x'::text)::bigint; end;",
        False,
    ),
    "an owner for whom the policies hold": (
        f"{plpgsql(f'v uuid := {UID};')} alter function f() owner to app_user;",
        False,
    ),
    "not for the app": (
        f"{plpgsql(f'v uuid := {UID};')} revoke execute on function f() from public;",
        False,
    ),
}


@pytest.mark.parametrize(("made", "open_"), FUNCTIONS.values(), ids=FUNCTIONS)
def test_what_is_said_of_a_definer_agrees_with_the_server(bench: Bench, made: str, open_: bool) -> None:
    with bench.open(TABLES, made) as conn:
        for script in (TABLES, made):
            execute(conn, script)
        found = judged(search_path, facts_of(conn))[1]
        seen = attack(conn)

    assert ([f.undecided for f in found], seen) == ([True] * open_, open_)


def attack(conn: "psycopg.Connection[object]") -> bool:
    """Tell whether what the app role made ran as somebody else."""
    try:
        with conn.transaction(force_rollback=True):
            conn.execute("alter function f() cost 7")  # what this session compiled is of no use any more
            conn.execute("set session authorization app_user")
            conn.execute(ATTACK.encode())
            try:
                with conn.transaction():
                    conn.execute("select f()")
            except psycopg.errors.InsufficientPrivilege:
                return False
            row = conn.execute("select nullif(current_setting('app.seen', true), '') is not null").fetchone()
            return row == (True,)
    finally:
        conn.execute("reset session authorization")


@pytest.mark.parametrize(
    ("base", "toml"),
    [
        ("do $$ begin execute format('revoke temporary on database %I from public', current_database()); end $$;", ""),
        ("", '[threat]\nsession = "gateway"'),
    ],
    ids=["no temporary objects", "a gateway"],
)  # fmt: skip
def test_where_nobody_makes_a_type_there_is_nothing_to_find(bench: Bench, base: str, toml: str) -> None:
    made = plpgsql(f"v uuid := {UID};")
    with bench.open(TABLES, made, base) as conn:
        for script in (TABLES, made, base):
            execute(conn, script)
        assert judged(search_path, facts_of(conn, toml))[1] == ()


def test_a_trigger_takes_its_callers_types_too(bench: Bench) -> None:
    made = (
        "create function note() returns trigger language plpgsql security definer set search_path = '' as"
        " $$ declare r record; begin return null; end $$;"
        "create trigger note after insert on log for each row execute function note();"
    )
    with bench.open(TABLES, made) as conn:
        for script in (TABLES, made):
            execute(conn, script)
        assert [f.undecided for f in judged(search_path, facts_of(conn))[1]] == [True]
