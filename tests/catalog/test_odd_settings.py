"""What ALTER DATABASE and ALTER ROLE may set changes nothing of what is read, compared and found."""

import psycopg
import pytest
from msgspec.structs import replace

from tests.fix_cli import Terminal
from validate_schema import validate
from validate_schema.catalog.connect import connect
from validate_schema.catalog.reader import read_catalog
from validate_schema.model.catalog import Catalog
from validate_schema.scratch import Database

SCHEMA = r"""
create role app_user;
create table organization (
    id uuid primary key, s text default E'a\\b' check (s <> E'x\\y'), d date default '2020-02-01',
    i interval default '1 day 2 hours', b bytea default '\x00ff', f float8 default 0.1, t timestamptz
        default '2020-02-01 00:00:00Z', m money default 1.5
);
create table "Mixed" (
    id uuid primary key, org_id uuid not null references organization on delete cascade,
    note text, check (note ~ E'^\\w+$')
);
create index on "Mixed" (org_id) where note <> E'\\';
alter table "Mixed" enable row level security;
create policy own on "Mixed" using (org_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
create view v as select *, E'\\' as slash from "Mixed" where note like E'a\\_%';
create function f(a text default E'\\') returns text language sql begin atomic select a || E'\\'; end;
grant select on "Mixed" to app_user;
insert into organization (id) values (gen_random_uuid());
"""
SETTINGS = {
    "standard_conforming_strings": "off",
    "escape_string_warning": "on",
    "bytea_output": "escape",
    "IntervalStyle": "sql_standard",
    "DateStyle": "German",
    "TimeZone": "Asia/Tokyo",
    "extra_float_digits": "-5",
    "quote_all_identifiers": "on",
    "search_path": "pg_catalog, public",
    "xmloption": "document",
    "default_transaction_read_only": "on",
    "default_transaction_isolation": "serializable",
    "statement_timeout": "1ms",
    "lock_timeout": "1ms",
    "row_security": "off",
    "idle_in_transaction_session_timeout": "1ms",
    "client_encoding": "LATIN1",
    "lc_monetary": "C",
    "transform_null_equals": "on",
    "array_nulls": "off",
}


def read(database: Database) -> Catalog:
    with connect(database.conninfo) as conn:
        return replace(read_catalog(conn, default_schema="public"), database=None)


def altered(database: Database, *names: str) -> None:
    for name in names:
        with psycopg.connect(database.conninfo, autocommit=True, options="-c statement_timeout=0") as admin:
            value = SETTINGS[name]
            given = value if name == "search_path" else f"'{value}'"
            admin.execute("set default_transaction_read_only = off")
            admin.execute(f'alter database "{database.name}" set {name} = {given}'.encode())


@pytest.mark.parametrize("names", [*((name,) for name in SETTINGS), tuple(SETTINGS)], ids=",".join)
def test_no_setting_of_the_database_shows(database: Database, names: tuple[str, ...]) -> None:
    with database.connect(autocommit=True) as admin:
        admin.execute(SCHEMA.encode())
    before, judged = read(database), validate(database_url=database.conninfo, config="[tenancy]\n")
    altered(database, *names)
    after, again = read(database), validate(database_url=database.conninfo, config="[tenancy]\n")

    assert after == before
    assert again.findings == judged.findings
    assert (again.verdict, again.gate) == (judged.verdict, judged.gate)


def test_a_diff_with_an_earlier_snapshot_says_nothing_of_backslashes(
    terminal: Terminal, database: Database
) -> None:
    with database.connect(autocommit=True) as admin:
        admin.execute(SCHEMA.encode())
    terminal.run("snapshot", "--database-url", database.conninfo, "--output", "before.json")
    altered(database, "standard_conforming_strings")
    ran = terminal.run("diff", "before.json", database.conninfo)

    assert (ran.status, ran.complaints) == (0, []), ran.out
