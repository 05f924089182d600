"""A helper of a policy that may read a temporary table of its caller is found where the server does so."""

import psycopg
import pytest

from checks.helpers import callers_tables
from tests.fix_bench import Bench, execute
from tests.fix_examples import facts_of
from tests.fix_world import judged

pytestmark = pytest.mark.every_server

A, B = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa", "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"
TABLES = f"""
create table member (org_id uuid not null references organization (id), login text not null);
create table invoice (id int primary key, org_id uuid not null references organization (id));
alter table invoice enable row level security;
alter table invoice force row level security;
insert into organization values ('{A}', 'A'), ('{B}', 'B');
insert into member values ('{A}', 'ann'), ('{B}', 'bob');
insert into invoice values (1, '{A}'), (2, '{B}');
grant select on invoice, member to app_user;
"""
READS = "select m.org_id from member m where m.login = current_setting('app.login', true)"
PLPGSQL = f"create function mine() returns setof uuid language plpgsql stable as $$ begin return query {READS}; end $$;"
ATTACK = f"""
create temp table member (org_id uuid, login text);
insert into pg_temp.member values ('{B}', 'ann');
select count(*) from invoice where id = 2;
"""


@pytest.mark.parametrize(
    ("helper", "open_"),
    [
        pytest.param(PLPGSQL, True, id="PL/pgSQL"),
        pytest.param(f"create function mine() returns setof uuid language sql stable as $$ {READS} $$;", True, id="SQL"),
        pytest.param(PLPGSQL.replace("from member", "from public.member"), False, id="with the schema"),
        pytest.param(f"{PLPGSQL} alter function mine() set search_path = public;", True, id="a path without pg_temp"),
        pytest.param(f"{PLPGSQL} alter function mine() set search_path = public, pg_temp;", False, id="pg_temp last"),
        pytest.param(
            f"create function mine() returns setof uuid language sql stable begin atomic {READS}; end;", False,
            id="parsed when it was made",
        ),
    ],
)  # fmt: skip
def test_what_is_said_of_a_helper_agrees_with_the_server(bench: Bench, helper: str, open_: bool) -> None:
    policy = "create policy members on invoice using (org_id in (select mine()));"
    with bench.open(TABLES, helper) as conn:
        for script in (TABLES, helper, policy):
            execute(conn, script)
        found = judged(callers_tables, facts_of(conn))[1]
        seen = attack(conn)

    assert ([f.undecided for f in found], seen) == ([True] * open_, open_)


def attack(conn: "psycopg.Connection[object]") -> bool:
    """Tell whether the app role, as ann, sees the invoice of the other tenant."""
    try:
        with conn.transaction(force_rollback=True):
            conn.execute("set session authorization app_user")
            conn.execute("set local app.login = 'ann'")
            row = [conn.execute(s.encode()) for s in ATTACK.strip().split(";\n")][-1].fetchone()
            return row == (1,)
    finally:
        conn.execute("reset session authorization")


def test_without_temporary_tables_there_is_nothing_to_find(bench: Bench) -> None:
    revoke = "do $$ begin execute format('revoke temporary on database %I from public', current_database()); end $$;"
    script = (
        f"{TABLES} {PLPGSQL} create policy members on invoice using (org_id in (select mine())); {revoke}"
    )
    with bench.open(script) as conn:
        execute(conn, script)
        assert judged(callers_tables, facts_of(conn))[1] == ()


OWN_EQUALS = """
create schema mine authorization app_user;
create function own(o uuid) returns boolean language sql stable
    as $$ select o = nullif(current_setting('app.tenant_id', true), '')::uuid $$;
create policy own on invoice using (own(org_id));
"""
STAND_IN = """
create function mine.yes(uuid, uuid) returns boolean language sql as 'select true';
create operator mine.= (leftarg = uuid, rightarg = uuid, function = mine.yes);
set local search_path = mine, pg_catalog, public;
select count(*) from invoice where id = 2;
"""


@pytest.mark.parametrize(
    ("change", "open_"),
    [
        ("", True),
        ("alter function own(uuid) set search_path = pg_catalog, public, pg_temp;", False),
        ("alter function own(uuid) set search_path = mine, pg_catalog, pg_temp;", True),
        ("alter schema mine owner to app_owner;", False),
    ],
    ids=["the caller's path", "a path of its own", "a path with the app's schema", "no schema of the app"],
)
def test_an_operator_of_the_caller_stands_in_where_it_is_said_to(
    bench: Bench, change: str, open_: bool
) -> None:
    with bench.open(TABLES, OWN_EQUALS, change) as conn:
        for script in (TABLES, OWN_EQUALS, change):
            execute(conn, script)
        found = judged(callers_tables, facts_of(conn))[1]
        seen = stands_in(conn)

    assert ([f.undecided for f in found], seen) == ([True] * open_, open_)


def stands_in(conn: "psycopg.Connection[object]") -> bool:
    try:
        with conn.transaction(force_rollback=True):
            conn.execute("set session authorization app_user")
            row = [conn.execute(s.encode()) for s in STAND_IN.strip().split(";\n")][-1].fetchone()
            return row == (1,)
    except psycopg.errors.InsufficientPrivilege:
        return False
    finally:
        conn.execute("reset session authorization")


def test_who_may_make_a_schema_brings_his_own_operators(bench: Bench) -> None:
    script = f"{TABLES} {OWN_EQUALS} drop schema mine;"
    grant = (
        "do $$ begin execute format('grant create on database %I to app_user', current_database()); end $$;"
    )
    with bench.open(script) as conn:
        execute(conn, script)
        assert judged(callers_tables, facts_of(conn))[1] == ()
        execute(conn, grant)
        messages = [f.message for f in judged(callers_tables, facts_of(conn))[1]]

    assert messages == [
        "own(o uuid), on which policy own on invoice rests, uses functions and operators of its caller instead of"
        " those it means: app_user may create in a schema of its own"
    ]
