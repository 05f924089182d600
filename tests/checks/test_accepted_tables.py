"""A table whose people the config trusts, and that an app role may write: whoever writes himself into it is trusted."""

import psycopg
import pytest
from msgspec.structs import replace

from checks.sessions import server_grants
from tests.fix_bench import Bench, execute
from tests.fix_examples import facts_of
from tests.fix_guarded import CONTEXT
from tests.fix_world import judged
from validate_schema.model.finding import Severity

pytestmark = pytest.mark.every_server

LOGIN = "current_setting('app.login', true)"
A, B = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa", "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"
TABLES = f"""
create table staff (login text primary key, note text);
create table note (id int primary key, org_id uuid not null references organization (id));
create policy own on note using (org_id = (select {CONTEXT})
    or exists (select from staff s where s.login = {LOGIN}));
alter table note enable row level security;
alter table note force row level security;
insert into organization values ('{A}', 'A'), ('{B}', 'B');
insert into staff values ('boss');
insert into note values (1, '{A}'), (2, '{B}');
grant select on staff, note to app_user;
"""
TOML = """
[tenancy]
root = "organization"
column = "org_id"
setting = "app.tenant_id"
app_roles = ["app_user"]
global = ["staff"]
trusted = [{ table = "staff", reason = "r" }, { setting = "app.login", reason = "r" }]
"""
RLS = "alter table staff enable row level security; create policy seen on staff for select using (true);"
GRANT = "grant insert, update on staff to app_user;"
DEFINER = (
    "create function join_staff(p text) returns void language sql security definer set search_path = pg_catalog, pg_temp"
    " as $$ insert into public.staff values (p) $$;"
)
INSERT = "insert into staff values ('me')"
WAYS = {
    "a grant": ("grant insert on staff to app_user;", INSERT, Severity.ERROR),
    "a grant to all": ("grant insert on staff to public;", INSERT, Severity.ERROR),
    "a column": ("grant update (login) on staff to app_user;", "update staff set login = 'me'", Severity.ERROR),
    "a policy": (f"{GRANT} {RLS} create policy add on staff for insert with check (true);", INSERT, None),
    "a view": (
        "create view people as select login from staff; grant insert on people to app_user;",
        "insert into people values ('me')",
        None,
    ),
    "a definer": (DEFINER, "select join_staff('me')", None),
    "no grant": ("", INSERT, "nothing"),
    "no policy": (f"{GRANT} {RLS}", INSERT, "nothing"),
    "a grant to take away": ("grant delete on staff to app_user;", INSERT, "nothing"),
    "a definer for others": (
        DEFINER + "revoke execute on function join_staff(text) from public;",
        "select join_staff('me')",
        "nothing",
    ),
    "a view of its caller's rights": (
        "create view people with (security_invoker) as select login from staff; grant insert on people to app_user;",
        "insert into people values ('me')",
        "nothing",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("way", "attack", "expected"), WAYS.values(), ids=WAYS)
def test_what_is_said_of_a_trusted_table_agrees_with_the_server(
    bench: Bench, way: str, attack: str, expected: Severity | str | None
) -> None:
    with bench.open(TABLES, way) as conn:
        for script in (TABLES, way):
            execute(conn, script)
        found = judged(server_grants, facts_of(conn, TOML))[1]
        try:
            conn.execute("set session authorization app_user")
            conn.execute(f"set app.tenant_id = '{A}'".encode())
            conn.execute("set app.login = 'me'")
            with conn.transaction():
                conn.execute(attack.encode())
        except psycopg.errors.InsufficientPrivilege:
            pass  # what is seen then says it
        seen = conn.execute("select count(*) from note").fetchone()
        conn.execute("reset session authorization")

    assert seen == ((1,) if expected == "nothing" else (2,))
    if expected == "nothing":
        assert found == ()
    else:
        assert [(f.severity, f.undecided) for f in found] == [
            (expected or Severity.WARNING, expected is None)
        ]


def test_a_definer_that_cannot_be_read_may_write_it(bench: Bench) -> None:
    with bench.open(TABLES, DEFINER) as conn:
        execute(conn, TABLES + DEFINER)
        facts = facts_of(conn, TOML)
    functions = tuple(
        replace(f, language="plperl", body="spi_exec_query(...)") if f.name == "join_staff" else f
        for f in facts.catalog.functions
    )
    (found,) = judged(server_grants, replace(facts, catalog=replace(facts.catalog, functions=functions)))[1]
    assert (found.undecided, "for it cannot be read" in found.message) == (True, True)
