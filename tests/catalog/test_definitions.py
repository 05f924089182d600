"""Operators, casts, languages and the rest that decides what a statement means, on every server."""

from typing import Any

import psycopg
import pytest

from validate_schema.catalog.reader import read_catalog
from validate_schema.model.catalog import (
    Aggregate,
    Cast,
    Collation,
    Database,
    Grant,
    LargeObjects,
    Operator,
    QName,
    Routine,
)

pytestmark = pytest.mark.every_server

Connection = psycopg.Connection[Any]


def test_operators_name_their_function(any_conn: Connection) -> None:
    any_conn.execute("""
        create type pair as (a int, b int);
        create function same(pair, pair) returns boolean language sql immutable as 'select true';
        create operator === (function = same, leftarg = pair, rightarg = pair, commutator = ===, negator = !==,
            restrict = eqsel, join = eqjoinsel, hashes, merges);
        create operator @#@ (function = int8abs, rightarg = bigint);
    """)
    me = any_conn.info.user
    same, prefix = (
        next(o for o in read_catalog(any_conn).operators if o.name == name) for name in ("===", "@#@")
    )

    assert same == Operator(
        *("public", "===", me, "public.pair", "public.pair", "boolean"),
        function=Routine("public", "same", "public.pair, public.pair"),
        commutator=QName("public", "==="),
        negator=QName("public", "!=="),
        restrict=QName("pg_catalog", "eqsel"),
        join=QName("pg_catalog", "eqjoinsel"),
        hashes=True,
        merges=True,
    )
    assert prefix == Operator(
        *("public", "@#@", me, None, "bigint", "bigint"), function=Routine("pg_catalog", "int8abs", "bigint")
    )


def test_only_casts_that_somebody_made(any_conn: Connection) -> None:
    assert read_catalog(any_conn).casts == ()
    any_conn.execute("""
        create function to_text(int) returns text language sql immutable as 'select $1::text';
        create type pair as (a int, b int);
        create cast (int as text) with function to_text(int) as implicit;
        create cast (pair as text) with inout as assignment;
        create cast (bigint as timestamp) without function;
    """)

    assert read_catalog(any_conn).casts == (
        Cast("bigint", "timestamp without time zone", "explicit", "binary"),
        Cast("integer", "text", "implicit", "function", Routine("public", "to_text", "integer")),
        Cast("public.pair", "text", "assignment", "inout"),
    )


def test_aggregates_name_what_they_call(any_conn: Connection) -> None:
    any_conn.execute("""
        create function add(int, int) returns int language sql as 'select $1 + $2';
        create aggregate total(int) (sfunc = add, stype = int, initcond = '7', combinefunc = int4pl);
        create aggregate nth(int order by int) (sfunc = int4pl, stype = int, finalfunc = int4pl, hypothetical);
    """)
    nth, total = (f for f in read_catalog(any_conn).functions if f.kind == "aggregate")

    assert total.aggregate == Aggregate(
        (
            ("transition", Routine("public", "add", "integer, integer")),
            ("combine", Routine("pg_catalog", "int4pl", "integer, integer")),
        ),
        "integer",
        (("initial", "7"),),
    )
    assert nth.aggregate is not None
    assert dict(nth.aggregate.options)["kind"] == "hypothetical set"


def test_attributes_of_functions(any_conn: Connection) -> None:
    any_conn.execute("""
        create function a(x int, y text default 'q') returns setof int language sql strict parallel safe
            cost 7 rows 3 as 'select 1';
        create function b(int) returns int language internal as 'int4abs';
    """)
    a, b = read_catalog(any_conn).functions

    assert (a.arguments, a.signature) == ("x integer, y text", "x integer, y text DEFAULT 'q'::text")
    assert (a.strict, a.parallel, a.cost, a.rows, a.symbol) == (True, "safe", 7, 3, None)
    assert (b.signature, b.strict, b.parallel, b.cost, b.rows) == (None, False, "unsafe", None, None)
    assert (b.body, b.symbol, b.routine) == (None, "int4abs", Routine("public", "b", "integer"))


def test_languages_are_all_there_with_who_may_use_them(any_conn: Connection) -> None:
    any_conn.execute("create role writer; revoke usage on language sql from public")
    any_conn.execute("grant usage on language sql to writer")
    found = {language.name: language for language in read_catalog(any_conn).languages}

    me = Grant(any_conn.info.user, ("USAGE",))
    assert set(found) == {"c", "internal", "plpgsql", "sql"}
    assert [found[name].trusted for name in sorted(found)] == [False, False, True, True]
    assert [g.grantee for g in found["sql"].grants if g != me] == ["writer"]
    assert [g.grantee for g in found["plpgsql"].grants if g != me] == ["PUBLIC"]
    assert (found["plpgsql"].extension, found["plpgsql"].handler) == (
        "plpgsql",
        QName("pg_catalog", "plpgsql_call_handler"),
    )


def test_collations_that_take_different_texts_for_equal(any_conn: Connection) -> None:
    any_conn.execute("create collation plain (locale = 'C')")
    try:
        any_conn.execute("create collation loose (provider = icu, locale = 'und', deterministic = false)")
    except psycopg.errors.FeatureNotSupported:
        pytest.skip("built without ICU")
    loose, plain = read_catalog(any_conn).collations

    assert (loose.provider, loose.deterministic, loose.locale) == ("icu", False, "und")
    assert plain == Collation("public", "plain", any_conn.info.user, "libc", locale="C")


def test_the_database_has_an_owner_privileges_and_settings(any_conn: Connection) -> None:
    name, me = any_conn.info.dbname, any_conn.info.user
    everybody = Grant("PUBLIC", ("CONNECT", "TEMPORARY"))
    assert read_catalog(any_conn).database == Database(
        me,
        (),
        tuple(sorted((everybody, Grant(me, ("CONNECT", "CREATE", "TEMPORARY"))), key=lambda g: g.grantee)),
    )
    any_conn.execute(f"""
        create role owner_of_it createdb; alter database {name} owner to owner_of_it;
        revoke connect on database {name} from public; alter database {name} set app.tenant = 'x';
        alter role all set app.tenant = 'y'; alter role all set app.other = 'z';
    """)
    try:
        found = read_catalog(any_conn).database
    finally:
        any_conn.execute(f"alter role all reset all; alter database {name} owner to {me}")

    assert found is not None
    assert (found.owner, found.settings) == ("owner_of_it", ("app.other=z", "app.tenant=x"))
    assert found.grants[0] == Grant("PUBLIC", ("TEMPORARY",))


def test_large_objects_are_told_by_owner_and_privileges(any_conn: Connection) -> None:
    any_conn.execute("create role reader; select lo_create(0), lo_create(0), lo_create(4711)")
    any_conn.execute("grant select on large object 4711 to reader")
    me = Grant(any_conn.info.user, ("SELECT", "UPDATE"))

    assert read_catalog(any_conn).large_objects == (
        LargeObjects(me.grantee, (me,)),
        LargeObjects(me.grantee, (me, Grant("reader", ("SELECT",)))),
    )


def test_objects_of_extensions_stand_apart(any_conn: Connection) -> None:
    any_conn.execute("""
        create role app; create table kept (a int);
        create function pretended() returns int language sql security definer as 'select 1 from kept';
        create view shown as select * from kept; alter extension plpgsql add view shown;
        alter extension plpgsql add table kept; alter extension plpgsql add function pretended();
        grant insert on kept to app;
    """)
    catalog = read_catalog(any_conn)

    assert (catalog.tables, catalog.views, catalog.functions) == ((), (), ())
    assert [(t.name, t.extension) for t in catalog.extension_tables] == [("kept", "plpgsql")]
    assert "app" in {g.grantee for g in catalog.extension_tables[0].grants}
    assert [v.name for v in catalog.extension_views] == ["shown"]
    found = {f.name: f for f in catalog.extension_functions}
    assert (found["pretended"].security_definer, found["pretended"].body) == (True, "select 1 from kept")


def test_what_an_extension_brings_is_nobodys_own(conn: Connection) -> None:
    if conn.execute("select from pg_available_extensions where name = 'citext'").fetchone() is None:
        pytest.skip("built without citext")
    conn.execute("create extension citext")
    catalog = read_catalog(conn)

    assert (catalog.operators, catalog.casts, catalog.functions) == ((), (), ())
    assert "citext_eq" not in {f.name for f in catalog.extension_functions}  # in C, with the caller's rights
    assert "strpos" in {f.name for f in catalog.extension_functions}


def test_check_option_of_views(any_conn: Connection) -> None:
    any_conn.execute("""
        create table t (a int);
        create view a as select a from t where a > 0 with check option;
        create view b as select a from t where a > 0 with local check option;
        create view c as select a from t;
    """)

    assert [v.check_option for v in read_catalog(any_conn).views] == ["cascaded", "local", None]
