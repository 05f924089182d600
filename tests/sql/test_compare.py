"""Types and expressions compared as PostgreSQL stores them; PostgreSQL is the oracle."""

from typing import Any

import psycopg
import pytest

from validate_schema.sql.compare import same_expression, same_type

pytestmark = pytest.mark.every_server

Connection = psycopg.Connection[Any]

PRELUDE = """
create type "TaskStatus" as enum ('PENDING', 'DONE');
create domain d as text;
create sequence s;
create function f() returns uuid language sql stable as 'select current_setting(''app.t'')::uuid';
create table m (org_id uuid, u name);
create table p (org_id uuid, code varchar, v20 varchar(20), vc char(5), status text, n int, a bool, b bool,
  ts timestamptz, st "TaskStatus", arr text[], j jsonb, dom d, "orgId" text)
"""
DEFAULTS = [
    ("integer", "1"),
    ("integer", "'1'"),
    ("int4", "-1"),
    ("bigint", "1"),
    ("bigint", "'-5'"),
    ("numeric(10,2)", "1.50"),
    ("decimal(5)", "0"),
    ("float8", "0.5"),
    ("bool", "false"),
    ("boolean", "'t'"),
    ("text", "'x'"),
    ("text", "'it''s'"),
    ("text", "E'a\\nb'"),
    ("varchar(10)", "'x'"),
    ("char(3)", "'abc'"),
    ("char", "'a'"),
    ("jsonb", "'{}'"),
    ("jsonb", """'{"b": 1,"a":[1, 2]}'"""),
    ("json", """'{"a":1}'"""),
    ("text[]", "'{}'"),
    ("text array", "ARRAY[]::text[]"),
    ("varchar(9)[]", "array['a', 'b']"),
    ("timestamptz", "now()"),
    ("timestamp(3)", "CURRENT_TIMESTAMP"),
    ("timestamptz(3)", "CURRENT_TIMESTAMP(3)"),
    ("timestamptz", "now() + interval '30 minutes'"),
    ("timestamptz", "now() - interval '2 weeks'"),
    ("interval", "'1 day'"),
    ("interval", "interval '24 hours'"),
    ("date", "current_date"),
    ("date", "'2020-01-01'"),
    ("timestamptz", "'2020-01-01'"),
    ("timestamptz", "'infinity'"),
    ("timetz", "'10:00+00'"),
    ("time", "'10:00'"),
    ("uuid", "gen_random_uuid()"),
    ("uuid", "'00000000-0000-0000-0000-00000000000A'"),
    ('public."TaskStatus"', "'PENDING'"),
    ('"TaskStatus"', "'PENDING'::\"TaskStatus\""),
    ("TaskStatus", "'PENDING'"),
    ("text", "current_user"),
    ("text", "user"),
    ("text", "session_user"),
    ("text", "current_setting('App.T',true)"),
    ("uuid", "nullif(current_setting('app.t', true), '')::uuid"),
    ("integer", "nextval('s')"),
    ("integer", "nextval('public.s'::regclass)"),
    ("text", "null"),
    ("varchar(5)", "null"),
    ("timestamp", "(now() at time zone 'utc')"),
    ("timestamp", "timezone('utc', now())"),
    ("text", "'a' || 'b'"),
    ("integer", "extract(epoch from now())::int"),
    ("integer", "1 + 2 * 3"),
    ("bytea", "'\\x00'"),
    ("inet", "'127.0.0.1'"),
    ("int4range", "'[1,2)'"),
    ("bit(3)", "B'101'"),
    ("varbit", "B'101'"),
    ("text", "'default-org-id'::text"),
    ("text", "md5(random()::text)"),
    ("bigint", "(extract(epoch from clock_timestamp()) * 1000)::bigint"),
    ("smallint", "1"),
    ("real", "1.5"),
    ("money", "1"),
    ("numeric", "1e3"),
    ("text", "case when true then 'a' else 'b' end"),
    ("text", "coalesce(null, 'a')"),
    ("d", "'x'"),
]
POLICIES = [
    "org_id = current_setting('app.t')::uuid",
    "org_id = (select current_setting('app.t', true)::uuid)",
    "\"orgId\" = current_setting('app.t', true)",
    "code = current_setting('app.t', true)",
    "code::text = current_setting('App.t'  ,  TRUE)",
    "v20 = current_setting('app.t')",
    "vc = code",
    "dom = 'x'",
    "status in ('a', 'b')",
    "code in ('a', 'b')",
    "code not in ('a', 'b')",
    "n in (1, 2, 3)",
    "n between 1 and 2",
    "n not between 1 and 2",
    "n > 1.5",
    "n = 1::bigint",
    "-n < 3",
    "n % 2 = 0",
    "a is null or b",
    "n = 1 and not b",
    "b and n = 1 and a",
    "(b or a) and n = 1",
    "b is true",
    "not b",
    "exists (select 1 from m where m.org_id = p.org_id and m.u = current_user)",
    "org_id in (select org_id from m where u = current_user)",
    "org_id in (select x.org_id from m x join m y on x.org_id = y.org_id)",
    "n = (select max(n) from p)",
    "exists (select from p q where q.org_id = p.org_id)",
    "code like 'x%'",
    "code ilike '%x'",
    "code ~ '^x'",
    "code != 'x'",
    "'x' = code",
    "code = 'x' collate \"C\"",
    "code is distinct from 'x'",
    "org_id is not distinct from nullif(current_setting('app.t', true), '')::uuid",
    "org_id = any (string_to_array(current_setting('app.ts'), ',')::uuid[])",
    "org_id = f()",
    "lower(code) = 'x'",
    "upper(code) = any (array['A', 'B'])",
    "ts > now() - interval '1 day'",
    "ts > '2020-01-01'",
    "st = 'PENDING'",
    "st in ('PENDING', 'DONE')",
    "st::text = 'PENDING'",
    "coalesce(code, 'x') = 'x'",
    "case when b then n = 1 else n = 2 end",
    "arr @> array['x']",
    "arr && '{x}'",
    "j->>'org' = code",
    "(j->>'n')::int = n",
    "substring(code from 1 for 2) = 'x'",
    "position('x' in code) > 0",
    "trim(code) = 'x'",
    "pg_has_role(current_user, 'pg_monitor', 'member')",
    "true",
]
DIFFERENT = [
    ("1", "2"),
    ("'a'", "'b'"),
    ("'A'", "'a'"),
    ("now()", "clock_timestamp()"),
    ("CURRENT_TIMESTAMP(3)", "CURRENT_TIMESTAMP"),
    ("org_id = current_setting('a.b')::uuid", "org_id = current_setting('a.c')::uuid"),
    ("current_setting('a')", "current_setting('a', true)"),
    ("a = 1 and b", "a = 1 or b"),
    ("a and (b or c)", "(a and b) or c"),
    ("a and b", "a"),
    ("a = 1", "a <> 1"),
    ("a", "not a"),
    ("true", "false"),
    ("null", "''"),
    (None, "1"),
    ("'P'::public.\"S\"", "'P'::other.\"S\""),
    ("other.f()", "f()"),
    ("f(1)", "f(2)"),
    ("a in (1, 2)", "a in (1, 3)"),
    ("a in (1, 2)", "a not in (1, 2)"),
    ("a between 1 and 2", "a between 1 and 3"),
    ("a is null", "a is not null"),
    ("a is true", "a is not true"),
    ("a < 1", "a > 1"),
    ("a - 1", "1 - a"),
    ("x = any (y)", "x = all (y)"),
    ("coalesce(a, b)", "coalesce(b, a)"),
    ("'1 day'::interval", "'24 hours'::interval"),
    ("'{\"a\": 1}'::jsonb", "'{\"a\": true}'::jsonb"),
    ("'2020-01-01'::date", "'2020-01-02'::date"),
    ("'2020-01-01 10:00+02'::timestamptz", "'2020-01-01 10:00+00'::timestamptz"),
    ("x::integer", "x"),
    ("a.x", "b.x"),
    ('"A"', "a"),
    ("'x'", "x"),
    ("nextval('a')", "nextval('b')"),
    ("a::public.t1", "a::public.t2"),
    ("exists (select 1 from m where m.o = p.o)", "exists (select 1 from m)"),
    ("exists (select 1 from m where b)", "exists (select 1 from n where b)"),
    ("exists (select 1 from p q where q.o = p.o)", "exists (select 1 from p where p.o = p.o)"),
    ("exists (select 1 from a left join b on a.x = b.x)", "exists (select 1 from a join b on a.x = b.x)"),
    ("(select a from t limit 1)", "(select a from t limit 2)"),
    ("not sql at all (", "1"),
]
TYPES = [
    ("TaskStatus", 'public."TaskStatus"'),
    ("TaskStatus", "public.taskstatus"),
    ('"TaskStatus"', 'public."TaskStatus"'),
    ("TaskStatus[]", 'public."TaskStatus"[]'),
    ('app."My.Type"', 'app."My.Type"'),
    ("INT4", "integer"),
    ("int array", "integer[]"),
    ("int[3][]", "integer[]"),
    ("varchar(10)[]", "character varying(10)[]"),
    ("timestamptz(3)", "timestamp(3) with time zone"),
    ("timestamp(6)", "timestamp without time zone"),
    ("decimal(10)", "numeric(10,0)"),
    ("pg_catalog.int4", "integer"),
    ("bigserial", "bigint"),
    ("serial", "integer"),
    ("citext", "public.citext"),
    ("vector(3)", "public.vector(3)"),
    ("char", "character(1)"),
    ('"char"', '"char"'),
    ("double  precision", "float8"),
    ("float(24)", "real"),
]
OTHER_TYPES = [
    ("varchar(10)", "varchar(20)"),
    ("varchar", "varchar(20)"),
    ("int", "bigint"),
    ("int[]", "int"),
    ("timestamp", "timestamptz"),
    ("timestamp(3)", "timestamp"),
    ("time", "timetz"),
    ("text", "varchar"),
    ("char", "varchar(1)"),
    ("char(2)", "char"),
    ("bpchar", "char"),
    ('"char"', "char"),
    ("numeric(10,2)", "numeric(10,3)"),
    ("numeric", "numeric(10)"),
    ("float(10)", "float8"),
    ("json", "jsonb"),
    ("vector(3)", "public.vector(4)"),
    ('"A"', "a"),
    ("other.t", "t"),
]


def test_a_default_is_the_same_once_the_server_has_stored_it(any_conn: Connection) -> None:
    any_conn.execute(PRELUDE)
    differ = []
    for number, (type_name, written) in enumerate(DEFAULTS):
        declared = '"TaskStatus"' if type_name == "TaskStatus" else type_name
        any_conn.execute(f"create table t{number} (x {declared} default {written})")
        any_conn.execute("set search_path = pg_catalog")
        stored, printed = any_conn.execute(
            "select pg_get_expr(adbin, adrelid), format_type(atttypid, atttypmod) from pg_attribute "
            "left join pg_attrdef on adrelid = attrelid and adnum = attnum where attrelid = %s::regclass and attnum = 1",
            [f"public.t{number}"],
        ).fetchall()[0]
        any_conn.execute("reset search_path")
        same = (
            same_expression(written, stored),
            same_expression(written, stored, "public", type_name),
            same_type(type_name, printed),
        )
        if same != (True, True, True):
            differ.append((type_name, written, stored, printed, same))
    assert differ == []


def test_a_policy_is_the_same_once_the_server_has_stored_it(any_conn: Connection) -> None:
    any_conn.execute(PRELUDE)
    stored = []
    for number, written in enumerate(POLICIES):
        any_conn.execute(f"create policy q{number} on p using ({written})")
    any_conn.execute("set search_path = pg_catalog")
    for number, written in enumerate(POLICIES):
        row = any_conn.execute(
            "select pg_get_expr(polqual, polrelid) from pg_policy where polname = %s", [f"q{number}"]
        ).fetchall()[0]
        stored.append((written, row[0]))
    assert [pair for pair in stored if not same_expression(*pair)] == []


def test_policies_that_differ_stay_different_once_stored(conn: Connection) -> None:
    conn.execute(PRELUDE)
    for number, written in enumerate(POLICIES):
        conn.execute(f"create policy q{number} on p using ({written})")
    conn.execute("set search_path = pg_catalog")
    rows = conn.execute("select pg_get_expr(polqual, polrelid) from pg_policy order by polname").fetchall()
    texts = sorted({row[0] for row in rows})
    alike = [(a, b) for i, a in enumerate(texts) for b in texts[i + 1 :] if same_expression(a, b)]
    assert alike == [
        (  # a setting's name is not case-sensitive
            "((code)::text = current_setting('App.t'::text, true))",
            "((code)::text = current_setting('app.t'::text, true))",
        )
    ]


@pytest.mark.parametrize(("first", "second"), DIFFERENT)
def test_expressions_that_differ_are_different(first: str | None, second: str) -> None:
    assert (same_expression(first, second), same_expression(second, first)) == (False, False)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("'1'::integer", "1"),
        ("a AND b", "b and a"),
        ("x = 1", "1 = x"),
        ("public.f()", "f()"),
        ("((a))", "a"),
        (None, None),
        (None, "NULL::character varying"),
        ("not  sql (", "not sql ("),
        ("now()", "CURRENT_TIMESTAMP"),
        ("p.x = 1", "x = 1"),
        ("1 -- why", "1"),
    ],
)
def test_spellings_of_one_expression_are_the_same(first: str | None, second: str | None) -> None:
    assert (same_expression(first, second), same_expression(second, first)) == (True, True)


def test_the_default_schema_is_the_databases_own() -> None:
    assert same_expression("app.f()", "f()", "app")
    assert not same_expression("public.f()", "f()", "app")
    assert same_type("Mood", 'app."Mood"', "app")


def test_the_columns_type_settles_what_a_literal_is() -> None:
    assert same_expression("'yes'", "true", of_type="boolean")
    assert not same_expression("'yes'", "true", of_type="text")
    assert same_expression("now()::timestamp", "now()", of_type="timestamp")
    assert not same_expression("now()::date", "now()", of_type="timestamp")


@pytest.mark.parametrize(("expected", "observed"), TYPES)
def test_spellings_of_one_type_are_the_same(expected: str, observed: str) -> None:
    assert same_type(expected, observed)


@pytest.mark.parametrize(("expected", "observed"), OTHER_TYPES)
def test_types_that_differ_are_different(expected: str, observed: str) -> None:
    assert (same_type(expected, observed), same_type(observed, expected)) == (False, False)
