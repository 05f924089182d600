"""Views, functions, roles and the rest as the reader sees them, on every server."""

from typing import Any

import psycopg
import pytest

from validate_schema.catalog.bodies import mentioned
from validate_schema.catalog.reader import read_catalog
from validate_schema.model.catalog import (
    Aggregate,
    Constraint,
    DefaultPrivileges,
    Domain,
    Enum,
    EventTrigger,
    Function,
    Grant,
    Membership,
    Publication,
    QName,
    Role,
    Routine,
    Schema,
    Sequence,
    View,
)

pytestmark = pytest.mark.every_server

Connection = psycopg.Connection[Any]


def table_grants(conn: Connection) -> tuple[Grant, ...]:
    words = ["DELETE", "INSERT", "REFERENCES", "SELECT", "TRIGGER", "TRUNCATE", "UPDATE"]
    if conn.info.server_version >= 170000:
        words.insert(2, "MAINTAIN")
    return (Grant(conn.info.user, tuple(words)),)


def usage(conn: Connection) -> tuple[Grant, ...]:
    """What everybody may do with a type."""
    return (Grant("PUBLIC", ("USAGE",)), Grant(conn.info.user, ("USAGE",)))


def test_enums_keep_the_order_of_their_labels(any_conn: Connection) -> None:
    any_conn.execute("create type mood as enum ('sad', 'ok'); alter type mood add value 'happy' before 'ok'")

    assert read_catalog(any_conn).enums == (
        Enum("public", "mood", any_conn.info.user, ("sad", "happy", "ok"), usage(any_conn)),
    )


def test_domains_tell_what_lies_under_them(any_conn: Connection) -> None:
    any_conn.execute("create domain amount as numeric(12, 2) default 0 check (value >= 0)")
    any_conn.execute("create domain price as amount not null")
    me = any_conn.info.user

    amount, price = read_catalog(any_conn).domains
    assert amount == Domain(
        "public",
        "amount",
        me,
        "numeric(12,2)",
        "numeric(12,2)",
        default="0",
        checks=(Constraint("amount_check", "check", (), definition="CHECK ((VALUE >= (0)::numeric))"),),
        grants=usage(any_conn),
    )
    assert (price.type, price.base_type, price.type_name, price.not_null) == (
        "public.amount",
        "numeric(12,2)",
        QName("public", "amount"),
        True,
    )


def test_views_have_definition_options_and_direct_dependencies(any_conn: Connection) -> None:
    any_conn.execute("""
        create schema s; create table s.t (a int); create table other (a int);
        create view inner_view with (security_invoker = on) as select t.a from s.t;
        create view outer_view with (security_barrier) as
            select a from inner_view where a in (select a from other);
        create materialized view kept as select 1 as one;
    """)
    me, grants = any_conn.info.user, table_grants(any_conn)

    views = {v.name: v for v in read_catalog(any_conn).views}
    outer = views["outer_view"]
    assert views["inner_view"] == View(
        "public",
        "inner_view",
        me,
        "view",
        views["inner_view"].definition,
        security_invoker=True,
        columns=("a",),
        depends_on=(QName("s", "t"),),
        grants=grants,
    )
    assert views["inner_view"].definition.split()[-2:] == ["FROM", "s.t;"]
    assert outer.depends_on == (QName("public", "inner_view"), QName("public", "other"))
    assert (outer.security_invoker, outer.security_barrier) == (False, True)
    assert (views["kept"].kind, views["kept"].depends_on) == ("materialized view", ())


@pytest.mark.parametrize(
    ("value", "on"), [("true", True), ("1", True), ("yes", True), ("off", False), ("0", False)]
)
def test_security_invoker_is_understood_however_it_is_spelled(conn: Connection, value: str, on: bool) -> None:
    conn.execute(f"create view v with (security_invoker = {value}) as select 1 as a")

    assert [v.security_invoker for v in read_catalog(conn).views] == [on]


def test_functions_have_their_attributes_and_privileges(any_conn: Connection) -> None:
    any_conn.execute("""
        create role caller;
        create table t (a int);
        create function f(x int, out y text) language sql stable security definer leakproof
            set search_path = public, pg_temp as 'select a::text from t where a = x';
        revoke execute on function f from public; grant execute on function f to caller;
        create procedure p() language sql as 'insert into t values (1)';
        create aggregate total(int) (sfunc = int4pl, stype = int);
    """)
    me = any_conn.info.user

    assert read_catalog(any_conn).functions == (
        Function(
            "public",
            "f",
            "x integer, OUT y text",
            me,
            "sql",
            returns="text",
            volatility="stable",
            security_definer=True,
            leakproof=True,
            settings=("search_path=public, pg_temp",),
            body="select a::text from t where a = x",
            touches=(QName("public", "t"),),
            grants=tuple(
                sorted((Grant("caller", ("EXECUTE",)), Grant(me, ("EXECUTE",))), key=lambda g: g.grantee)
            ),
        ),
        Function(
            "public",
            "p",
            "",
            me,
            "sql",
            kind="procedure",
            body="insert into t values (1)",
            touches=(QName("public", "t"),),
            grants=(Grant("PUBLIC", ("EXECUTE",)), Grant(me, ("EXECUTE",))),
        ),
        Function(
            "public",
            "total",
            "integer",
            me,
            "internal",
            returns="integer",
            kind="aggregate",
            volatility="immutable",
            grants=(Grant("PUBLIC", ("EXECUTE",)), Grant(me, ("EXECUTE",))),
            aggregate=Aggregate(
                (("transition", Routine("pg_catalog", "int4pl", "integer, integer")),), "integer"
            ),
        ),
    )


def touches(conn: Connection, sql: str) -> dict[str, tuple[QName, ...] | None]:
    conn.execute(
        "create schema app; create table app.t (a int); create table t (a int); create table u (a int)"
    )
    conn.execute(sql)
    return {f.name: f.touches for f in read_catalog(conn).functions}


def test_a_standard_body_touches_what_the_server_recorded(any_conn: Connection) -> None:
    found = touches(
        any_conn, "create function f() returns bigint begin atomic select count(*) from app.t, u; end"
    )

    assert found == {"f": (QName("app", "t"), QName("public", "u"))}


def test_unqualified_names_follow_the_functions_own_search_path(any_conn: Connection) -> None:
    found = touches(
        any_conn,
        """
        create function own() returns setof int language sql set search_path = app, public as 'select a from t';
        create function bare() returns setof int language sql as 'select a from t';
        create function empty() returns int language plpgsql set search_path = '' as 'begin perform 1 from t; end';
        """,
    )

    assert found == {"own": (QName("app", "t"),), "bare": (QName("public", "t"),), "empty": ()}


def test_procedural_bodies_are_parsed(any_conn: Connection) -> None:
    found = touches(
        any_conn,
        """
        create function f(x int, variadic y int[] default '{}') returns table (z int) language plpgsql as $$
            declare r record; n int := (select count(*) from u);
            begin
                for r in select * from app.t loop n := n + r.a; end loop;
                if exists (select from t) then insert into t values (1); end if;
                return query select n;
            end $$;
        create function stamp() returns trigger language plpgsql as $$
            begin new.a := 1; if tg_op = 'UPDATE' then insert into u values (old.a); end if; return new; end $$;
        create function dynamic(name text) returns void language plpgsql as $$
            begin execute 'truncate ' || name; end $$;
        """,
    )

    assert found == {
        "f": (QName("app", "t"), QName("public", "t"), QName("public", "u")),
        "stamp": (QName("public", "u"),),
        "dynamic": None,
    }


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ("with a as (select * from b) select * from a", {("", "b")}),
        ("with a as (select * from a) select * from a", {("", "a")}),
        ("with recursive a as (select 1 union select * from a) select * from a", set()),
        ("select (select 1 from s.inner_one) from outer_one", {("s", "inner_one"), ("", "outer_one")}),
        ("delete from d using e; update f set x = 1; merge into g using h on true when matched then delete",
         {("", name) for name in "defgh"}),
        ("this is not SQL", None),
    ],
)  # fmt: skip
def test_names_of_with_queries_hide_tables_only_in_their_scope(
    body: str, named: set[tuple[str, str]] | None
) -> None:
    assert mentioned("sql", body, "", "") == named


def test_sequences_know_the_column_that_owns_them(any_conn: Connection) -> None:
    any_conn.execute("""
        create table "T" (a smallserial, b bigint generated always as identity);
        create sequence free; grant usage on sequence free to public;
    """)
    me = any_conn.info.user
    mine = Grant(me, ("SELECT", "UPDATE", "USAGE"))

    assert read_catalog(any_conn).sequences == (
        Sequence("public", "T_a_seq", me, "smallint", ("public", "T", "a"), (mine,)),
        Sequence("public", "T_b_seq", me, "bigint", ("public", "T", "b"), (mine,), identity=True),
        Sequence("public", "free", me, "bigint", grants=(Grant("PUBLIC", ("USAGE",)), mine)),
    )


def test_roles_have_attributes_settings_and_memberships(any_conn: Connection) -> None:
    any_conn.execute("""
        create role team nologin bypassrls; create role "app ""user" login noinherit createdb;
        create role boss createrole replication;
        grant team to "app ""user"; grant boss to "app ""user" with admin option;
        alter role "app ""user" set statement_timeout = '5s';
        alter role "app ""user" set search_path = app;
    """)
    database = any_conn.info.dbname
    any_conn.execute(f"""alter role "app ""user" in database "{database}" set search_path = here""")

    roles = {r.name: r for r in read_catalog(any_conn).roles}
    assert roles["team"] == Role("team", bypassrls=True)
    assert roles["boss"] == Role("boss", createrole=True, replication=True)
    assert roles['app "user'] == Role(
        'app "user',
        login=True,
        inherit=False,
        createdb=True,
        settings=("search_path=here", "statement_timeout=5s"),
        member_of=(Membership("boss", admin=True, inherit=False), Membership("team", inherit=False)),
    )
    assert roles["pg_read_all_data"].member_of == ()


@pytest.mark.pg(">= 16")
def test_memberships_have_their_own_options(any_conn: Connection) -> None:
    any_conn.execute("create role a; create role b; grant a to b with inherit false, set false")

    roles = {r.name: r for r in read_catalog(any_conn).roles}
    assert roles["b"].member_of == (Membership("a", inherit=False, set_role=False),)


def test_schemas_and_default_privileges(any_conn: Connection) -> None:
    any_conn.execute("""
        create role maker; create role "r=1"; create schema s authorization maker; grant usage on schema s to "r=1";
        alter default privileges for role maker in schema s grant select, insert on tables to "r=1";
        alter default privileges for role maker revoke execute on functions from public;
    """)
    catalog = read_catalog(any_conn)

    assert [s.name for s in catalog.schemas] == ["public", "s"]
    assert catalog.schemas[1] == Schema(
        "s", "maker", (Grant("maker", ("CREATE", "USAGE")), Grant("r=1", ("USAGE",)))
    )
    assert catalog.default_privileges == (
        DefaultPrivileges("maker", None, "functions", (Grant("maker", ("EXECUTE",)),)),
        DefaultPrivileges("maker", "s", "tables", (Grant("r=1", ("INSERT", "SELECT")),)),
    )


def test_event_triggers_and_publications(any_conn: Connection) -> None:
    any_conn.execute("""
        create function watch() returns event_trigger language plpgsql as 'begin end';
        create event trigger watching on ddl_command_end execute function watch();
        alter event trigger watching disable;
        create table t (a int primary key); create schema s;
        create publication some_of_it for table t with (publish = 'insert, delete');
        create publication whole for tables in schema s;
        create publication everything for all tables;
    """)
    catalog, me = read_catalog(any_conn), any_conn.info.user
    operations = ("insert", "update", "delete", "truncate")

    assert catalog.event_triggers == (
        EventTrigger("watching", "ddl_command_end", QName("public", "watch"), "disabled", me),
    )
    assert catalog.publications == (
        Publication("everything", True, operations, owner=me),
        Publication("some_of_it", operations=("insert", "delete"), tables=(QName("public", "t"),), owner=me),
        Publication("whole", operations=operations, schemas=("s",), owner=me),
    )


def test_what_an_extension_owns_is_listed_there_and_nowhere_else(conn: Connection) -> None:
    if conn.execute("select from pg_available_extensions where name = 'citext'").fetchone() is None:
        pytest.skip("built without citext")
    conn.execute(
        "create schema ext; create extension citext schema ext; create table t (mail ext.citext unique)"
    )
    catalog = read_catalog(conn)

    (citext,) = [e for e in catalog.extensions if e.name == "citext"]
    assert (citext.schema, catalog.functions, catalog.domains) == ("ext", (), ())
    assert "type ext.citext" in citext.members
    assert [(c.type, c.type_name) for c in catalog.tables[0].columns] == [("ext.citext", None)]
    assert catalog.tables[0].indexes[0].opclasses == ("ext.citext_ops",)


def test_tables_and_views_of_an_extension_are_left_out(conn: Connection) -> None:
    known = conn.execute("select from pg_available_extensions where name = 'pg_stat_statements'")
    if known.fetchone() is None:
        pytest.skip("built without pg_stat_statements")
    conn.execute("""
        create extension pg_stat_statements; create table mine (a int);
        create table adopted (id int primary key);
        alter extension pg_stat_statements add table adopted;
        create table child (a int references adopted);
    """)
    catalog = read_catalog(conn)

    assert [t.name for t in catalog.tables] == ["child", "mine"]
    assert catalog.views == ()
    assert catalog.tables[0].foreign_keys[0].references == QName("public", "adopted")
    assert catalog.tables[0].foreign_keys[0].referenced_columns == ("id",)
