"""Tenants that are roles: what policies compare with the role of the session is bound to a tenant by it."""

import pytest

from tests.fix_bench import Bench, execute
from tests.fix_examples import facts_of, look
from validate_schema.checking.engine import run
from validate_schema.checking.packs import builtin_checks
from validate_schema.facts.context import ContextReader
from validate_schema.model.finding import Severity
from validate_schema.sql.reading import read_expression

TOML = """
[tenancy]
root = "client"
column = "client_id"
global = ["organization"]
"""
ROLES = """
    create role tenants;
    create role acme in role tenants;
    create role globex in role tenants;
    create role pool login;
    grant acme, globex to pool;
"""
TABLES = """
    create table client (id {type} primary key, name text not null);
    create table task (client_id {type} not null default {word} references client, id int not null, title text,
        primary key (client_id, id));
    grant select on client to tenants;
    grant select, insert, update, delete on task to tenants;
    alter table client enable row level security;
    alter table task enable row level security;
    create policy own on client for select to tenants using (id = {word});
"""
BOUND = "create policy own on task to tenants using (client_id = {word}) with check (client_id = {word});"
HELPER = "create function tenant() returns text language sql stable as 'select {word}::text';"
CALLED = "create policy own on task to tenants using (client_id = (select tenant()));"


def schema(policy: str, *, type: str = "text", word: str = "current_user") -> str:
    return ROLES + (TABLES + policy).format(type=type, word=word)


def of(bench: Bench, script: str) -> tuple[str, list[str]]:
    """Return the verdict on a script, and the checks that keep it from PASS."""
    with bench.open() as conn:
        execute(conn, script)
        found = run(builtin_checks(), facts_of(conn, TOML, rows=True)).findings
    failed = {f.check for f in found if f.severity is Severity.ERROR}
    open_still = {f.check for f in found if f.undecided}
    return "FAIL" if failed else "INCOMPLETE" if open_still else "PASS", sorted(failed | open_still)


@pytest.mark.parametrize("word", ["current_user", "session_user", "current_role", "user"])
@pytest.mark.parametrize("type", ["text", "name", "varchar(63)"])
@pytest.mark.parametrize("policy", [BOUND, HELPER + CALLED], ids=["plain", "by a helper"])
def test_a_role_for_each_tenant_binds_the_tenant(bench: Bench, policy: str, type: str, word: str) -> None:
    assert of(bench, schema(policy, type=type, word=word)) == ("PASS", [])


@pytest.mark.parametrize(
    ("policy", "checks"),
    [
        pytest.param(
            "create policy own on task to tenants using (client_id = current_user or current_user = 'globex');",
            ["RLS005"],
            id="one tenant by its name",
        ),
        pytest.param(
            BOUND + "create policy more on task to globex using (true);",
            ["RLS005"],
            id="a policy for one",
        ),
        pytest.param(
            "create policy own on task to tenants using (client_id = current_user or current_user = 'support');",
            ["RLS005"],
            id="a name that a tenant may get",
        ),
        pytest.param(
            "create policy own on task to tenants using (client_id = current_user or client_id = 'globex');",
            ["RLS005"],
            id="rows of one tenant",
        ),
        pytest.param(
            "create policy own on task to tenants using (lower(client_id) = lower(current_user));",
            ["RLS005"],
            id="two spellings",
        ),
        pytest.param(
            "create policy own on task to tenants using (client_id = current_user) with check (true);",
            ["RLS006"],
            id="what is written is not looked at",
        ),
        pytest.param(
            "create policy own on task to tenants using (client_id = current_user or current_user <> session_user);",
            ["RLS014"],
            id="whoever took a role",
        ),
        pytest.param(
            "create policy own on task to tenants using (client_id::name = current_user);",
            ["RLS014"],
            id="keys cut to the length of a name",
        ),
        pytest.param(
            BOUND + "create function all_of(t text) returns setof task language sql security definer"
            " set search_path = public, pg_temp as 'select * from task where client_id = t';",
            ["BYP005"],
            id="a definer that is told the tenant",
        ),
        pytest.param(
            "create role keeper; alter table client force row level security; alter table client owner to keeper;"
            " create policy kept on client to keeper using (id = current_user);"
            " create function nobody() returns boolean language sql stable security definer"
            " set search_path = public, pg_temp as 'select not exists (select from client)';"
            " alter function nobody() owner to keeper;"
            " create policy own on task to tenants using (client_id = current_user or nobody());",
            [],
            id="a definer that sees no tenant, for it is none",
        ),
        pytest.param(
            BOUND + "create function mine() returns setof task language sql"
            " security definer set search_path = public, pg_temp as 'select * from task';"
            " alter function mine() owner to globex;"
            " alter table task force row level security;",
            ["BYP005"],
            id="a definer that is a tenant",
        ),
        pytest.param(
            BOUND + "create function theirs() returns setof task language sql security definer"
            " set search_path = public, pg_temp as 'select * from task where client_id = current_user';"
            " alter function theirs() owner to globex;",
            ["BYP005"],
            id="a definer of a tenant that asks who it is itself",
        ),
        pytest.param(
            BOUND
            + "create function their() returns setof task language sql set role = 'globex' as 'select * from task';",
            ["BYP016"],
            id="a function that takes a role",
        ),
        pytest.param(
            BOUND + "alter table task owner to tenants;",
            ["BYP002"],
            id="a group of tenants that owns a table",
        ),
        pytest.param(
            BOUND + "alter role pool set role = 'globex';", ["BYP016"], id="sessions that start as a tenant"
        ),
        pytest.param(BOUND + "grant globex to acme;", ["BYP024"], id="a tenant in another's role"),
        pytest.param(
            "create function tenant() returns text language sql stable security definer"
            " set search_path = public, pg_temp as 'select current_user::text';" + CALLED,
            ["RLS005"],
            id="a helper that sees its owner",
        ),
    ],
)
def test_what_lets_a_tenants_role_past_is_told(bench: Bench, policy: str, checks: list[str]) -> None:
    said, held_up = of(bench, schema(policy.replace("{word}", "current_user")))

    assert (said != "PASS", set(checks) <= set(held_up)) == (True, True), (said, held_up)


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(
            "create policy own on task to tenants using (client_id = current_user or current_user = 'postgres');",
            id="the server's superuser",
        ),
        pytest.param(
            BOUND.replace("{word}", "current_user")
            + "create function mine() returns setof task language sql security definer"
            " set search_path = public, pg_temp as 'select * from task where client_id = session_user';",
            id="a definer that asks who logged in",
        ),
    ],
)
def test_what_lets_no_tenants_role_past_passes(bench: Bench, script: str) -> None:
    assert of(bench, schema(script)) == ("PASS", [])


@pytest.mark.parametrize(("inherits", "roles"), [("inherit", ("pool",)), ("noinherit", ("tenants", "pool"))])
def test_the_roles_of_tenants_are_asked_for_by_the_login_that_takes_them(
    bench: Bench, inherits: str, roles: tuple[str, ...]
) -> None:
    with bench.open() as conn:
        execute(conn, schema(BOUND).replace("pool login", f"pool login {inherits}"))
        tenancy = facts_of(conn, TOML).tenancy

    assert (tenancy.setting, tenancy.app_roles) == ("role", roles)


def test_roles_that_no_login_takes_are_asked_for_themselves(bench: Bench) -> None:
    with bench.open() as conn:
        execute(conn, schema(BOUND).replace("grant acme, globex to pool;", ""))
        tenancy = facts_of(conn, TOML).tenancy

    assert tenancy.app_roles == ("tenants", "acme", "globex")


def test_the_cure_of_a_table_without_policies_reads_the_role(bench: Bench) -> None:
    bare = "create table memo (client_id text not null references client, id int primary key);"
    bare += "grant select on memo to tenants;"

    judged = look(bench, "RLS001", schema(BOUND + bare), TOML)

    assert any("(SELECT current_user::text)" in statement for statement in judged.cure), judged.cure


@pytest.mark.parametrize("word", ["current_user", "session_user"])
def test_where_all_tenants_share_a_role_it_says_of_nobody_who_he_is(bench: Bench, word: str) -> None:
    with bench.open() as conn:
        reader = ContextReader(facts_of(conn))

    asked = read_expression(word)
    assert (reader.gives_person(asked), reader.gives_context(asked)) == (False, False)
