"""The policies that remedies print really keep two tenants apart, tried as the app role with rows."""

from contextlib import suppress
from typing import Any

import psycopg
import pytest
from psycopg import errors, sql

from checks.row_security import enabled
from tests.fix_examples import facts_of
from tests.fix_world import KEY, judged, tenant_table, world
from validate_schema.checking.remedy.policy import tenant_policy
from validate_schema.model.catalog import Column, Function, Policy, QName

pytestmark = pytest.mark.every_server

A, B = "00000000-0000-4000-8000-00000000000a", "00000000-0000-4000-8000-00000000000b"
Connection = psycopg.Connection[Any]

# Each makes a table `note` with an `id`, and names the column that decides whose a row is.
SCHEMAS = {
    "uuid": (
        "create table note (id text primary key, org_id uuid not null references organization (id))",
        "org_id",
    ),
    "text of limited length": (
        "create table note (id text primary key, org_id varchar(36) not null)",
        "org_id",
    ),
    "domain": (
        """create domain tenant as uuid check (value is not null);
           create table note (id text primary key, org_id tenant not null references organization (id))""",
        "org_id",
    ),
    "partitioned": (
        """create table note (id text primary key, org_id uuid not null references organization (id))
               partition by hash (id);
           create table note_0 partition of note for values with (modulus 2, remainder 0);
           create table note_1 partition of note for values with (modulus 2, remainder 1)""",
        "org_id",
    ),
    "owned by a parent": (
        """create table book (id uuid primary key, org_id uuid not null references organization (id));
           insert into book select id, id from organization;
           create table note (id text primary key, book_id uuid not null references book (id))""",
        "book_id",
    ),
    "owned by a grandparent, with names like the aliases": (
        """create table owner_2 (id uuid primary key, org_id uuid not null references organization (id));
           insert into owner_2 select id, id from organization;
           create table owner_1 (id uuid primary key, up uuid not null references owner_2 (id));
           insert into owner_1 select id, id from owner_2;
           create table note (id text primary key, up uuid not null references owner_1 (id))""",
        "up",
    ),
}


def protected(conn: Connection, ddl: str) -> None:
    """Build the schema, give all of it to the app role, and run what the findings print."""
    conn.execute("create table organization (id uuid primary key, name text)")
    conn.cursor().executemany("insert into organization values (%s, %s)", [(A, "a"), (B, "b")])
    conn.execute(ddl)
    conn.execute("create role app_user login")
    conn.execute("grant select, insert, update, delete on all tables in schema public to app_user")
    mend(conn)


def mend(conn: Connection, toml: str = "", schema: str = "public") -> None:
    """Run what the findings print, and see that nothing is left to find."""
    for finding in judged(enabled, facts_of(conn, toml, schema=schema))[1]:
        for statement in finding.remedy.sql:
            conn.execute(statement)
    assert judged(enabled, facts_of(conn, toml, schema=schema))[0].status == "passed"


def as_app(conn: Connection, tenant: str | None) -> None:
    conn.execute("set role app_user")
    if tenant is not None:
        conn.execute("select set_config('app.tenant_id', %s, false)", [tenant])


def ids(conn: Connection) -> list[str]:
    return [row[0] for row in conn.execute("select id from note order by id")]


@pytest.mark.parametrize("shape", SCHEMAS)
def test_neither_tenant_can_see_or_change_the_others_rows(any_conn: Connection, shape: str) -> None:
    ddl, column = SCHEMAS[shape]
    conn = any_conn
    protected(conn, ddl)
    insert = f"insert into note (id, {column}) values (%s, %s)"
    conn.cursor().executemany(insert, [("a1", A), ("b1", B)])

    as_app(conn, A)

    assert ids(conn) == ["a1"]
    assert conn.execute(insert, ["a2", A]).rowcount == 1
    for foreign in (insert, f"update note set id = %s, {column} = %s where id = 'a1'"):
        with pytest.raises(errors.InsufficientPrivilege, match="row-level security policy"):
            conn.execute(foreign, ["a3", B])
    assert conn.execute("update note set id = 'taken' where id = 'b1'").rowcount == 0
    assert conn.execute("delete from note where id <> 'a2'").rowcount == 1
    conn.execute("reset role")
    assert ids(conn) == ["a2", "b1"]


@pytest.mark.parametrize("shape", SCHEMAS)
@pytest.mark.parametrize("context", [None, "", "no tenant at all"])
def test_without_a_tenant_there_are_no_rows(conn: Connection, shape: str, context: str | None) -> None:
    ddl, column = SCHEMAS[shape]
    protected(conn, ddl)
    conn.execute(f"insert into note (id, {column}) values ('a1', '{A}')")

    as_app(conn, context)

    found: list[str] = []
    with suppress(errors.InvalidTextRepresentation):
        found = ids(conn)
    assert found == []
    refused = (errors.InsufficientPrivilege, errors.InvalidTextRepresentation)
    with pytest.raises(refused):
        conn.execute(f"insert into note (id, {column}) values ('a2', '{A}')")


def test_the_owner_is_held_back_as_well(conn: Connection) -> None:
    ddl, _ = SCHEMAS["uuid"]
    protected(conn, ddl)
    conn.execute(f"insert into note values ('a1', '{A}')")
    conn.execute("create role keeper; grant all on schema public to keeper; alter table note owner to keeper")

    conn.execute("set role keeper")

    assert ids(conn) == []


def test_a_longer_context_is_not_cut_to_another_tenants_key(conn: Connection) -> None:
    protected(conn, "create table note (id text primary key, org_id varchar(36) not null)")
    conn.execute(f"insert into note values ('a1', '{A}')")

    as_app(conn, A + "0")

    assert ids(conn) == []


def test_hostile_names_are_quoted(conn: Connection) -> None:
    schema, table, column = 'Ten "ants"', 'no%te; "select"', 'Org\'s "Id" %s'
    names = {"s": sql.Identifier(schema), "t": sql.Identifier(table), "c": sql.Identifier(column)}
    conn.execute(sql.SQL("create schema {s}; set search_path = {s}").format(**names))
    ddl = sql.SQL("create table {t} (id text primary key, {c} uuid not null references organization (id))")
    conn.execute("create table organization (id uuid primary key, name text)")
    conn.execute(ddl.format(**names))
    quoted = column.replace('"', '\\"')
    toml = f'tenancy = {{ root = "organization", column = "{quoted}", setting = "app.tenant_id" }}'

    mend(conn, toml, schema)

    (stored,) = conn.execute("select polname from pg_policy").fetchall()
    assert stored == ("tenant_isolation",)


def test_rows_shared_by_design_are_read_by_all_and_changed_by_none(conn: Connection) -> None:
    conn.execute("create table organization (id uuid primary key, name text)")
    conn.cursor().executemany("insert into organization values (%s, %s)", [(A, "a"), (B, "b")])
    conn.execute("create table note (id text primary key, org_id uuid references organization (id))")
    conn.execute(f"insert into note values ('a1', '{A}'), ('b1', '{B}'), ('all', null)")
    conn.execute("create role app_user login; grant all on note, organization to app_user")
    toml = """
        [tenancy]
        root = "organization"
        column = "org_id"
        setting = "app.tenant_id"
        [[tenancy.null_rows]]
        table = "note"
    """
    mend(conn, toml)

    as_app(conn, A)

    assert ids(conn) == ["a1", "all"]
    assert conn.execute("update note set id = id").rowcount == 1
    assert conn.execute("delete from note where org_id is null").rowcount == 0
    with pytest.raises(errors.InsufficientPrivilege):
        conn.execute("insert into note values ('more', null)")


def test_a_deeper_level_is_bound_through_its_own_root(conn: Connection) -> None:
    conn.execute(
        f"""
        create table organization (id uuid primary key, name text);
        insert into organization values ('{A}', 'a'), ('{B}', 'b');
        create table project (id int primary key, org_id uuid not null references organization (id));
        insert into project values (1, '{A}'), (2, '{B}');
        create table note (id text primary key, project_id int not null references project (id));
        insert into note values ('a1', 1), ('b1', 2);
        create role app_user login;
        grant all on note, project, organization to app_user;
        """
    )
    toml = """
        [tenancy]
        setting = "app.tenant_id"
        app_roles = ["app_user"]
        [[tenancy.levels]]
        root = "organization"
        column = "org_id"
        [[tenancy.levels]]
        root = "project"
        column = "project_id"
        parent = "organization"
    """
    mend(conn, toml)

    as_app(conn, A)

    assert ids(conn) == ["a1"]
    with pytest.raises(errors.InsufficientPrivilege):
        conn.execute("insert into note values ('a2', 2)")


HELPER = Function("app", "currentOrg", "", "owner", "sql", returns="text")


@pytest.mark.parametrize(
    ("configured", "functions", "call"),
    [
        pytest.param("app.currentOrg()", (HELPER,), '"app"."currentOrg"()::uuid', id="as stored"),
        pytest.param('app."currentOrg"()', (HELPER,), '"app"."currentOrg"()::uuid', id="quoted"),
        pytest.param("currentOrg", (HELPER,), '"app"."currentOrg"()::uuid', id="bare name"),
        pytest.param("auth.uid()", (), "auth.uid()", id="not in the catalog"),
        pytest.param("auth.claim('org')::uuid", (), "auth.claim('org')::uuid", id="an expression"),
    ],
)
def test_a_helper_is_called_by_its_full_name_and_cast_to_the_column(
    configured: str, functions: tuple[Function, ...], call: str
) -> None:
    facts = world(tenant_table(), current_tenant=configured, functions=functions)

    (step,) = tenant_policy(facts.tenant_tables[0], facts)

    assert f'USING ("org_id" = (SELECT {call}))' in step.sql


def test_a_name_that_is_taken_is_not_taken_again() -> None:
    taken = (
        Policy("tenant_isolation", "SELECT", ("PUBLIC",)),
        Policy("tenant_isolation_2", "ALL", ("PUBLIC",)),
    )
    facts = world(tenant_table(policies=taken))

    assert tenant_policy(facts.tenant_tables[0], facts)[0].sql.startswith(
        'CREATE POLICY "tenant_isolation_3" '
    )


@pytest.mark.parametrize(
    ("type", "cast"),
    [
        ("uuid", "::uuid"),
        ("bigint", "::bigint"),
        ("numeric(12,0)", "::numeric"),
        ("character varying(36)", ""),
        ("character(8)", ""),
        ("text", ""),
        ('public."Region(2)"', '::public."Region(2)"'),
    ],
)
def test_the_context_is_cast_to_what_the_column_holds(type: str, cast: str) -> None:
    facts = world(tenant_table(columns=(KEY, Column("org_id", type))))

    (step,) = tenant_policy(facts.tenant_tables[0], facts)

    assert f"nullif(current_setting('app.tenant_id', true), ''){cast}))" in step.sql


def test_no_policy_is_made_up_for_a_table_without_an_owner() -> None:
    facts = world(tenant_table())
    stranger = tenant_table("stranger", "elsewhere")

    assert tenant_policy(stranger, facts) == ()
    assert tenant_policy(facts.tables_by_name[QName("public", "organization")], facts) != ()
