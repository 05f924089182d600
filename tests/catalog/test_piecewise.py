"""One object that cannot be read keeps nothing else from being read: locks, encodings, what cannot be printed."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from tests.fix_cli import SHOP_CONFIG, Terminal
from validate_schema.catalog.reader import read_catalog
from validate_schema.model.catalog import QName
from validate_schema.scratch import Database, Server

Connection = psycopg.Connection[Any]


@contextmanager
def locked(database: Database, *tables: str) -> Iterator[int]:
    """Hold ACCESS EXCLUSIVE on tables for the length of the block; yield the holder's process id."""
    with database.connect() as holder:
        for table in tables:
            holder.execute(f"lock table {table} in access exclusive mode".encode())
        yield holder.info.backend_pid
        holder.rollback()


def test_a_locked_table_is_named_with_who_holds_it_and_the_others_are_judged(
    terminal: Terminal, shop: Database
) -> None:
    with shop.connect(autocommit=True) as admin:
        admin.execute(
            "alter table customer alter email set default lower(current_user), add check (email <> '')"
        )
        admin.execute(
            "create index on customer (lower(email)); create policy p on customer using (email = '')"
        )
    terminal.write("validate-schema.toml", SHOP_CONFIG)
    with locked(shop, "customer") as pid:
        ran = terminal.run("--database-url", shop.conninfo, "--format", "json")

    report = json.loads(ran.out)
    unread = " ".join(report["target"]["unreadable"])
    assert "20 attempts" not in ran.out + ran.err
    assert f"process {pid} holds ACCESS EXCLUSIVE on public.customer: lock table customer in access" in unread
    assert ("RLS001", "purchase") in {(f["check"], f["object"].get("table")) for f in report["findings"]}
    assert (ran.status, report["verdict"]) == (1, "FAIL")


def test_a_locked_table_alone_is_incomplete(terminal: Terminal, shop: Database) -> None:
    with shop.connect(autocommit=True) as admin:
        admin.execute("create policy p on organization using (name = '')")
    terminal.write("validate-schema.toml", SHOP_CONFIG)
    with locked(shop, "organization"):
        ran = terminal.run("--database-url", shop.conninfo, "--no-data", "--select", "UNQ002", "--quiet")

    assert ran.status == 3
    assert "not read: policies of public.organization: process" in ran.out


@pytest.fixture(params=["SQL_ASCII", "LATIN1", "EUC_JP"])
def encoded(request: pytest.FixtureRequest, server: Server) -> Iterator[tuple[str, Database]]:
    """A database in another encoding than UTF-8."""
    name = f"encoded_{request.param.lower()}"
    with server.connect(autocommit=True) as admin:
        admin.execute(
            f"create database {name} template template0 encoding '{request.param}' locale 'C'".encode()
        )
        try:
            with server.connect() as probe:
                place = psycopg.conninfo.make_conninfo(probe.info.dsn, dbname=name)
            yield request.param, Database(name, place, server)
        finally:
            admin.execute(f"drop database {name} with (force)".encode())


def test_names_and_bodies_in_any_encoding(terminal: Terminal, encoded: tuple[str, Database]) -> None:
    encoding, database = encoded
    word = {"SQL_ASCII": b"caf\xe9", "LATIN1": b"caf\xe9", "EUC_JP": b"caf\xc6\xfc"}[encoding]
    with database.connect(autocommit=True, client_encoding=encoding) as admin:
        admin.execute(b"create table fine (a int)")
        admin.execute(b'create table "' + word + b"\" (a text default '" + word + b"')")
        admin.execute(b"create function f() returns text language sql as 'select ''" + word + b"'''")
    ran = terminal.run("--database-url", database.conninfo, "--format", "json")

    assert "internal error" not in ran.out + ran.err
    report = json.loads(ran.out)
    shown = {"SQL_ASCII": "caf\\xe9", "LATIN1": "café", "EUC_JP": "caf日"}[encoding]
    assert {t["name"] for t in report["tables"]} >= {"fine", shown}, ran.out[:2000]
    with database.connect(autocommit=True) as conn:
        catalog = read_catalog(conn)
    assert {t.name for t in catalog.tables} == {"fine", shown}
    assert [f.body for f in catalog.functions] == [f"select '{shown}'"]
    assert catalog.unreadable == ()


def test_a_view_that_cannot_be_printed_is_named(conn: Connection) -> None:
    """Its rule has gone from the catalog: the server says so, however often it is asked."""
    conn.execute("create table t (a int)")
    conn.execute("create view good as select a from t; create view bad as select a from t where a > 1")
    conn.execute("create operator === (leftarg = int, rightarg = int, function = int4eq)")
    conn.execute("create view broken as select a from t where a operator(public.===) 1")
    conn.execute("set allow_system_table_mods = on; delete from pg_operator where oprname = '==='")
    conn.execute("reset allow_system_table_mods")
    catalog = read_catalog(conn)

    assert [v.name for v in catalog.views] == ["bad", "good"]
    (unread,) = [u for u in catalog.unreadable if u.what == "definitions of views"]
    assert unread.object == QName("public", "broken")
    assert "cache lookup failed for operator" in unread.reason
