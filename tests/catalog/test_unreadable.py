"""What the role may not read: whatever needs it is skipped with the grant that helps, and nothing passes."""

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from psycopg.conninfo import make_conninfo

from tests.fix_cli import Ran, Terminal
from tests.fix_server import fresh
from validate_schema import validate
from validate_schema.catalog.queries import queries
from validate_schema.scratch import Database, Server

TENANT = "(select nullif(current_setting('app.tenant_id', true), '')::uuid)"
# Healthy: it passes as long as everything can be read.
SCHEMA = f"""
create role app_user login;
create table organization (id uuid primary key);
create table invoice (id uuid primary key, org_id uuid not null references organization on delete cascade, state text);
create index on invoice (org_id);
alter table organization enable row level security;
alter table organization force row level security;
create policy own on organization using (id = {TENANT}) with check (id = {TENANT});
alter table invoice enable row level security;
alter table invoice force row level security;
create policy own on invoice using (org_id = {TENANT}) with check (org_id = {TENANT});
create view open_invoice with (security_invoker = true) as select * from invoice where state = 'open';
create function total() returns bigint language sql stable as 'select count(*) from invoice';
grant select on organization, invoice, open_invoice to app_user;
"""
CONFIG = """
[tenancy]
root = "organization"
column = "org_id"
setting = "app.tenant_id"
app_roles = ["app_user"]
"""
CATALOGS = sorted(
    {word for query in queries(180000) for word in re.findall(r"\bpg_[a-z_]+\b(?!\()", query.sql)}
)


@pytest.fixture(scope="module")
def guarded(server_of_tests: Any) -> Iterator[Database]:
    """A healthy schema, and a role `weak` that may log in and read its rows."""
    from tests.fix_server import DEFAULT

    server: Server = server_of_tests(DEFAULT)
    with fresh(server) as database:
        with database.connect(autocommit=True) as admin:
            admin.execute(SCHEMA)
            admin.execute("create role weak login; grant select on all tables in schema public to weak")
        yield database


def as_weak(terminal: Terminal, database: Database, *more: str) -> Ran:
    terminal.write("validate-schema.toml", CONFIG)
    return terminal.run("--database-url", make_conninfo(database.conninfo, user="weak"), *more)


@cache
def known_of(conninfo: str) -> frozenset[str]:
    """Return the fingerprints of what is found where everything may be read."""
    report = validate(database_url=conninfo, config=CONFIG)
    return frozenset(f.fingerprint for f in report.findings)


@pytest.mark.parametrize("catalog", CATALOGS)
def test_nothing_passes_without_a_catalog(terminal: Terminal, guarded: Database, catalog: str) -> None:
    with guarded.connect(autocommit=True) as admin:
        here = admin.execute("select to_regclass('pg_catalog.' || %s)", [catalog]).fetchone()
        if here == (None,) or catalog == "pg_catalog":
            pytest.skip(f"{catalog} is no table")
        admin.execute(f"revoke select on pg_catalog.{catalog} from public".encode())
        try:
            ran = as_weak(terminal, guarded, "--format", "json")
        finally:
            admin.execute(f"grant select on pg_catalog.{catalog} to public".encode())

    assert ran.status == 3, ran
    assert f"pg_catalog.{catalog}" in ran.out + ran.err
    assert re.search(r"TO .{0,2}weak", ran.out + ran.err)
    if ran.out:
        report = json.loads(ran.out)
        assert report["verdict"] == "INCOMPLETE"
        assert {f["fingerprint"] for f in report["findings"] if not f.get("undecided")} <= known_of(
            guarded.conninfo
        )
        assert [c["reason"] for c in report["checks"] if c["status"] == "error"] == []
