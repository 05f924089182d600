"""Several catalogs out of one reading are those of readings of their own."""

import psycopg
import pytest

from tests.fix_fleet import make_members
from validate_schema.catalog.apart import HOMES
from validate_schema.catalog.queries import queries
from validate_schema.catalog.reader import read_catalog, read_catalogs
from validate_schema.scratch import Database

NAMES = ("one", "Two", "th.ree")
# What leads from one to another, what they share, and what stands in no relation's schema.
BESIDE = """
create extension if not exists plpgsql;
create table public.account (id integer primary key, name text check (name <> ''));
create view public.both as select a.id from one.account a join "Two".account b on a.id = b.id;
create view one.across as select id from "Two".account;
alter table one.invoice add column other integer references "Two".account (id);
create table one.part partition of "th.ree".event for values from ('2028-01-01') to ('2029-01-01');
create table one.plain (id integer check (id > 0));
create function one.all_of() returns bigint begin atomic; select count(*) from "Two".invoice; end;
create function "th.ree".far() returns bigint begin atomic; select count(*) from "Two".invoice; end;
create table one.typed (mood "Two".mood, point one.point, email "th.ree".email, many public.account[]);
create trigger far before insert on one.typed for each row execute function "Two".mark();
alter table "th.ree".account alter column nick set statistics 50;
alter index one.account_lower alter column 1 set statistics 60;
cluster one.account using account_email_key;
alter domain one.email add constraint short check (length(value) < 99);
create aggregate one.plus (integer) (sfunc = int4pl, stype = integer);
create operator one.=== (leftarg = integer, rightarg = integer, function = int4eq);
create collation "Two".plain (locale = 'C');
create text search configuration one.words (copy = pg_catalog.simple);
comment on table one.account is 'of one'; comment on column "Two".account.id is 'of two';
comment on function one.mark() is 'of one';
alter default privileges in schema one grant select on tables to public;
"""
SCOPES = {
    "one": ("one", "Two", "public"),
    "Two": ("Two", "public"),
    "th.ree": ("th.ree",),
    "public": ("public",),
}


@pytest.fixture
def conn(any_conn: "psycopg.Connection[tuple[object, ...]]") -> "psycopg.Connection[tuple[object, ...]]":
    make_members(any_conn, NAMES)
    any_conn.execute(BESIDE.encode())
    any_conn.commit()
    return any_conn


def test_catalogs_that_are_read_together_are_those_that_are_read_alone(
    conn: "psycopg.Connection[tuple[object, ...]]",
) -> None:
    together = read_catalogs(conn, SCOPES)
    assert list(together) == list(SCOPES)
    for name, only in SCOPES.items():
        alone = read_catalog(conn, default_schema=name, only=only)
        for field in alone.__struct_fields__:
            assert getattr(together[name], field) == getattr(alone, field), (name, field)
    assert "across" in {view.name for view in together["one"].views}
    assert {table.schema for table in together["th.ree"].tables} == {"th.ree"}


def test_what_may_not_be_read_is_told_of_whom_it_is(
    conn: "psycopg.Connection[tuple[object, ...]]", any_database: Database
) -> None:
    with any_database.connect() as other:
        other.execute("lock table one.plain in access exclusive mode")
        together = read_catalogs(conn, SCOPES, statement_timeout_ms=10_000)
    assert {name for name, catalog in together.items() if catalog.unreadable} == {"one"}


@pytest.mark.parametrize("version", [140000, 180000])
def test_of_every_query_that_asks_for_schemas_it_is_known_where_its_rows_stand(version: int) -> None:
    asked = {q.name for q, every in zip(queries(version, "= 1"), queries(version), strict=True) if q != every}
    assert asked == set(HOMES)
