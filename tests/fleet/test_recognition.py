"""A bare run that meets a schema for each tenant names the command for fleets, and passes nothing."""

import json
import shlex

import psycopg
import pytest

from tests.fix_cli import SHOP, Terminal
from tests.fix_fleet import make_members
from validate_schema.scratch import Database
from validate_schema.sql.ident import quote_ident


def make(database: Database, *names: str) -> None:
    with database.connect(autocommit=True) as conn:
        make_members(conn, names)


def test_schemas_that_are_alike_are_told_in_place_of_a_question_for_a_root(
    database: Database, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database.conninfo)
    make(database, *(f"tenant_{n}" for n in range(12)))
    with database.connect(autocommit=True) as conn:
        conn.execute("create table public.plan (name text primary key)")
        conn.execute("drop table tenant_3.event_2026; create table tenant_4.extra (id bigint)")
    ran = terminal.run("--no-data", "--report", "out.md", "--report", "out.html", "--report", "out.json")
    assert ran.status == 3
    assert "12 schemas hold the same tables (tenant_0, tenant_1, tenant_10, …)" in " ".join(ran.out.split())
    command = "validate-schema fleet --schemas tenant_%"
    assert command in ran.out
    assert "Which table holds the tenants?" not in ran.out
    for name in ("out.md", "out.html"):
        text = (terminal.folder / name).read_text(encoding="utf-8")
        assert command in text.replace("&#39;", "'"), name
        assert "Which table holds the tenants?" not in text, name
    report = json.loads((terminal.folder / "out.json").read_text(encoding="utf-8"))
    assert report["tenancy"]["alike"] == {
        "schemas": 12, "first": ["tenant_0", "tenant_1", "tenant_10"], "pattern": "tenant_%",
    }  # fmt: skip
    assert report["verdict"] == "INCOMPLETE"
    assert terminal.run(*shlex.split(command)[1:], "--select", "TBL001").out.startswith("DRIFT: 10 of 12")


@pytest.mark.parametrize(
    ("names", "pattern"),
    [
        (("acme", "globex", "initech"), ""),
        (("t$1", "t$2", "t$3", "t$x'y"), "t$%"),
        (("a_1", "a_2", "a_3", "\x1b[2J\n"), ""),
    ],
)
def test_names_without_a_pattern_are_left_to_a_query(
    database: Database, terminal: Terminal, names: tuple[str, ...], pattern: str
) -> None:
    make(database, *names)
    ran = terminal.run("--database-url", database.conninfo, "--no-data", "--format", "json")
    assert json.loads(ran.out)["tenancy"]["alike"]["pattern"] == pattern
    shown = terminal.run("--database-url", database.conninfo, "--no-data")
    assert ("fleet --schemas " if pattern else "fleet --schemas-query ") in shown.out
    assert "\x1b" not in shown.out


@pytest.mark.parametrize(
    "sql",
    [
        SHOP,
        "create schema a; create schema b; create table a.x (id int); create table a.y (id int);"
        " create table b.x (id int); create table b.y (id int)",
        "; ".join(
            f"create schema {quote_ident(n)}; create table {quote_ident(n)}.t_{n} (id int);"
            f" create table {quote_ident(n)}.u_{n} (id int)"
            for n in ("a", "b", "c")
        ),
    ],
    ids=["one schema", "two schemas", "schemas of their own"],
)
def test_other_schemas_are_no_fleet(database: Database, terminal: Terminal, sql: str) -> None:
    with psycopg.connect(database.conninfo, autocommit=True) as conn:
        conn.execute(sql.encode())
    ran = terminal.run("--database-url", database.conninfo, "--no-data", "--format", "json")
    assert "alike" not in json.loads(ran.out)["tenancy"]
