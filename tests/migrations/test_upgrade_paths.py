"""Fixtures put in at a version, then taken to the head: what survives, and which migration broke what."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.migrations.test_discovery import lay
from validate_schema.migrations import discover
from validate_schema.migrations.fixtures import upgrade_paths
from validate_schema.model.errors import MigrationError
from validate_schema.model.history import RowLoss, UpgradePaths
from validate_schema.report.paths_text import render_paths
from validate_schema.scratch import Server

ACCOUNT = "create table account (id int primary key, name text not null, plan text);"


def tried(folder: Path, server: Server, migrations: dict[str, str], fixtures: dict[str, Any]) -> UpgradePaths:
    """Test migrations with fixtures; what is expected may be given as Python values."""
    lay(folder / "migrations", migrations)
    texts = {n: c if isinstance(c, str) else json.dumps(c) for n, c in fixtures.items()}
    lay(folder / "fixtures", texts)
    return upgrade_paths(server, discover(folder / "migrations"), folder / "fixtures")


def refused(folder: Path, server: Server, migrations: dict[str, str], fixtures: dict[str, Any]) -> str:
    with pytest.raises(MigrationError) as error:
        tried(folder, server, migrations, fixtures)
    return str(error.value).replace(f"{folder}/", "")


def loss(start: str, table: str, difference: str, culprit: str = "", *, direct: bool = True) -> RowLoss:
    return RowLoss(start=start, table=table, difference=difference, culprit=culprit, direct=direct)


def test_rows_that_survive_every_path_pass(tmp_path: Path, server: Server) -> None:
    found = tried(
        tmp_path,
        server,
        {
            "1_a.sql": ACCOUNT,
            "2_b.sql": "create table note (id int primary key, account int references account);",
            "3_c.sql": "alter table account add active boolean not null default true;",
        },
        {
            "1.sql": "insert into account values (1, 'Ann', 'free');",
            "1.json": {"account": [{"id": 1, "name": "Ann", "active": True}]},
            "0003.sql": "insert into account values (3, 'Cid', 'free', false);",
            "3.json": {"account": [{"id": 3, "active": False}]},
        },
    )
    assert found == UpgradePaths(examined=True, reason="", paths=("1", "3"), rows=4, bare=("2",))


def test_the_migration_that_deleted_a_row_is_named(tmp_path: Path, any_server: Server) -> None:
    found = tried(
        tmp_path,
        any_server,
        {
            "1_a.sql": ACCOUNT,
            "2_b.sql": "alter table account add age int;",
            "3_c.sql": "delete from account where plan is null;",
            "4_d.sql": "alter table account add size int;",
        },
        {
            "1.sql": "insert into account values (1, 'Ann', 'free'), (2, 'Bob', null);",
            "1.json": {"account": [{"id": 1}, {"id": 2}]},
        },
    )
    assert found.losses == (loss("1", "account", "row id=2 is gone", "3_c.sql"),)


def test_a_row_is_followed_through_renames(tmp_path: Path, server: Server) -> None:
    found = tried(
        tmp_path,
        server,
        {
            "1_a.sql": ACCOUNT,
            "2_b.sql": "delete from account where id = 1; update account set name = upper(name);",
            "3_c.sql": "alter table account rename to customer; alter table customer rename name to title;",
            "4_d.sql": "alter table customer rename id to number;",
        },
        {
            "1.sql": "insert into account values (1, 'Ann'), (2, 'Bob');",
            "1.json": {"customer": [{"number": 1}, {"number": 2, "title": "Bob"}]},
        },
    )
    assert found.losses == (
        loss("1", "customer", "row number=1 is gone", "2_b.sql"),
        loss("1", "customer", "row number=2: title is 'BOB', expected 'Bob'", "2_b.sql"),
    )


def test_the_first_migration_that_spoilt_a_value_is_named_not_a_later_one(
    tmp_path: Path, server: Server
) -> None:
    found = tried(
        tmp_path,
        server,
        {
            "1_a.sql": ACCOUNT,
            "2_b.sql": "update account set plan = 'basic' where plan = 'free';",
            "3_c.sql": "update account set plan = upper(plan);",
        },
        {
            "1.sql": "insert into account values (1, 'Ann', 'free');",
            "1.json": {"account": [{"id": 1, "plan": "free"}]},
        },
    )
    assert found.losses == (loss("1", "account", "row id=1: plan is 'BASIC', expected 'free'", "2_b.sql"),)


def test_a_value_that_a_migration_made_wrong_from_the_start_is_that_migrations(
    tmp_path: Path, server: Server
) -> None:
    found = tried(
        tmp_path,
        server,
        {
            "1_a.sql": ACCOUNT,
            "2_b.sql": "alter table account add remember boolean not null default false;",
            "3_c.sql": "create table other ();",
        },
        {
            "1.sql": "insert into account values (1, 'Ann');",
            "1.json": {"account": [{"id": 1, "remember": True}]},
        },
    )
    assert found.losses == (
        loss("1", "account", "row id=1: remember is 'false', expected 'true'", "2_b.sql"),
    )


def test_a_row_that_the_fixture_never_put_in_is_nobodys_fault(tmp_path: Path, server: Server) -> None:
    found = tried(
        tmp_path,
        server,
        {"1_a.sql": ACCOUNT, "2_b.sql": "create table other ();"},
        {
            "1.sql": "insert into account values (1, 'Ann');",
            "1.json": {"account": [{"id": 1, "name": "Eve"}, {"id": 2}]},
        },
    )
    assert found.losses == (
        loss("1", "account", "row id=1: name is 'Ann', expected 'Eve'"),
        loss("1", "account", "row id=2 is not there"),
    )


def test_a_migration_that_fails_on_the_rows_is_named_with_the_statement(
    tmp_path: Path, server: Server
) -> None:
    found = tried(
        tmp_path,
        server,
        {"1_a.sql": ACCOUNT, "2_b.sql": "create table x ();\nalter table account alter plan set not null;"},
        {"1.sql": "insert into account values (1, 'Ann', null);"},
    )
    message = (
        "2_b.sql:2: alter table account alter plan set not null:"
        ' column "plan" of relation "account" contains null values'
    )
    assert found.losses == (loss("1", "", message, "2_b.sql"),)
    assert found.unasserted == ("1",)


def test_skipping_a_version_shows_what_stepping_through_hides(tmp_path: Path, server: Server) -> None:
    """The fixture of version 2 brings the row that migration 3 needs; who comes from 1 has none."""
    found = tried(
        tmp_path,
        server,
        {
            "1_a.sql": ACCOUNT,
            "2_b.sql": "create table plan (name text primary key);",
            "3_c.sql": "alter table account add foreign key (plan) references plan;",
        },
        {
            "1.sql": "insert into account values (1, 'Ann', 'free');",
            "2.sql": "insert into plan values ('free');",
        },
    )
    assert [(k.start, k.culprit, k.direct) for k in found.losses] == [("1", "3_c.sql", True)]


def test_what_only_all_fixtures_together_show_is_found_too(tmp_path: Path, server: Server) -> None:
    found = tried(
        tmp_path,
        server,
        {
            "1_a.sql": ACCOUNT,
            "2_b.sql": "create table note ();",
            "3_c.sql": "delete from account a using account b where a.plan = b.plan and a.id < b.id;",
        },
        {
            "1.sql": "insert into account values (1, 'Ann', 'free');",
            "1.json": {"account": [{"id": 1}]},
            "2.sql": "insert into account values (2, 'Bob', 'free');",
            "2.json": {"account": [{"id": 2}]},
        },
    )
    assert found.losses == (loss("1", "account", "row id=1 is gone", "3_c.sql", direct=False),)


def test_a_fixture_that_needs_the_rows_of_earlier_ones_gets_them(tmp_path: Path, server: Server) -> None:
    found = tried(
        tmp_path,
        server,
        {
            "1_a.sql": ACCOUNT,
            "2_b.sql": "create table note (id int primary key, account int not null references account);",
            "3_c.sql": "alter table note add text text;",
        },
        {
            "1.sql": "insert into account values (1, 'Ann', 'free');",
            "2.sql": "insert into note values (7, 1);",
            "2.json": {"note": [{"id": 7, "account": 1, "text": None}], "account": [{"id": 1}]},
        },
    )
    assert (found.paths, found.losses) == (("1", "2"), ())


def test_rows_that_nobody_expects_are_found_and_those_of_migrations_are_not(
    tmp_path: Path, server: Server
) -> None:
    found = tried(
        tmp_path,
        server,
        {
            "1_a.sql": ACCOUNT + "insert into account values (100, 'system', gen_random_uuid());",
            "2_b.sql": "insert into account values (101, 'robot', gen_random_uuid());",
            "3_c.sql": "insert into account select id + 10, name from account where id < 100;",
        },
        {"1.sql": "insert into account values (1, 'Ann', 'free');", "1.json": {"account": [{"id": 1}]}},
    )
    assert found.losses == (loss("1", "account", "1 row is there that nobody expects: (11,Ann,)", "3_c.sql"),)


def test_a_table_without_a_key_is_compared_row_by_row(tmp_path: Path, server: Server) -> None:
    found = tried(
        tmp_path,
        server,
        {"1_a.sql": "create table log (what text, n int);", "2_b.sql": "delete from log where n = 2;"},
        {
            "1.sql": "insert into log values ('a', 1), ('a', 1), ('a', 2);",
            "1.json": {"log": [{"what": "a", "n": 1}, {"what": "a", "n": 1}, {"what": "a", "n": 2}]},
        },
    )
    assert found.losses == (loss("1", "log", 'row what="a", n=2 is gone', "2_b.sql"),)


def test_a_dropped_table_and_a_dropped_column_are_told(tmp_path: Path, server: Server) -> None:
    found = tried(
        tmp_path,
        server,
        {
            "1_a.sql": ACCOUNT + "create table note (id int);",
            "2_b.sql": "drop table note;",
            "3_c.sql": "alter table account drop plan;",
        },
        {
            "1.sql": "insert into account values (1, 'Ann', 'free'); insert into note values (1);",
            "1.json": {"account": [{"id": 1, "plan": "free"}], "note": [{"id": 1}]},
        },
    )
    assert found.losses == (
        loss("1", "account", "row id=1: there is no column plan", "3_c.sql"),
        loss("1", "note", "the table does not exist", "2_b.sql"),
    )


TYPES = """
create type mood as enum ('low', 'high');
create domain cents as numeric(12, 2);
create table thing (
    id int primary key, n numeric(10, 2), r double precision, b boolean, t timestamptz, d date, i interval,
    u uuid, y bytea, j jsonb, k json, a text[], m int[][], e mood, c cents, v varchar(3), f char(5), w text);
"""
VALUES = r"""
insert into thing values (1, 1.5, 1, true, '2024-01-02 03:00+03', '2024-01-02', '90 minutes',
    'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', '\xDEAD', '{"b": 1, "a": [1.50, null]}', '{"z": 1}',
    array['x', 'a,"b', null], '{{1,2},{3,4}}', 'high', 5, 'abc', 'ab', null);
"""
EQUAL: dict[str, Any] = {
    "id": 1,
    "n": 1.5,
    "r": 1.0,
    "b": True,
    "t": "2024-01-02T00:00:00Z",
    "d": "2024-01-02",
    "i": "1:30",
    "u": "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
    "y": "\\xdead",
    "j": {"a": [1.50, None], "b": 1},
    "k": {"z": 1},
    "a": ["x", 'a,"b', None],
    "m": [[1, 2], [3, 4]],
    "e": "high",
    "c": 5.00,
    "v": "abc",
    "f": "ab",
    "w": None,
}


def test_values_are_compared_by_what_they_are(tmp_path: Path, any_server: Server) -> None:
    found = tried(tmp_path, any_server, {"1_a.sql": TYPES}, {"1.sql": VALUES, "1.json": {"thing": [EQUAL]}})
    assert found.losses == ()


@pytest.mark.parametrize(
    ("column", "value", "difference"),
    [
        ("n", "1.501", "n is '1.5', expected '1.501'"),
        ("v", "abcd", "v is 'abc', expected 'abcd'"),
        ("t", "2024-01-02T00:00:01Z", "t is '2024-01-02 00:00:00+00', expected '2024-01-02 00:00:01+00'"),
        ("y", "\\xdeae", r"y is '\xdead', expected '\xdeae'"),
        ("j", {"a": [1.5, None]}, """j is '{"a": [1.5, null], "b": 1}', expected '{"a": [1.5, null]}'"""),
        ("a", ["x", 'a,"b'], r"""a is '{x,"a,\"b",NULL}', expected '{x,"a,\"b"}'"""),
        ("w", "", "w is NULL, expected ''"),
        ("e", None, "e is 'high', expected NULL"),
        ("e", "medium", "e is 'high', expected 'medium'"),
        ("u", "none", "u is 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', expected 'none'"),
    ],
)  # fmt: skip
def test_other_values_are_told_apart(
    tmp_path: Path, server: Server, column: str, value: Any, difference: str
) -> None:
    expected = {"thing": [{"id": 1, column: value}]}
    found = tried(tmp_path, server, {"1_a.sql": TYPES}, {"1.sql": VALUES, "1.json": expected})
    assert found.losses == (loss("1", "thing", f"row id=1: {difference}"),)


def test_hostile_names_are_names(tmp_path: Path, server: Server) -> None:
    schema, table, column = 'wei"rd.schema', 'Or"der\n|<b>', "na'me \u202e"
    quoted = [f'"{n.replace(chr(34), chr(34) * 2)}"' for n in (schema, table, column)]
    where = f"{quoted[0]}.{quoted[1]}"
    found = tried(
        tmp_path,
        server,
        {
            "1_a.sql": f"create schema {quoted[0]}; create table {where} ({quoted[2]} text primary key, n int);",
            "2_b.sql": f"update {where} set n = n + 1;",
        },
        {"1.sql": f"insert into {where} values ('x', 1);", "1.json": {where: [{column: "x", "n": 1}]}},
    )
    assert [(k.table, k.culprit) for k in found.losses] == [(where, "2_b.sql")]
    assert found.losses[0].difference == "row na'me \u202e=\"x\": n is '2', expected '1'"


YAML = """
account:
  - {id: 1, name: no, plan: 012}
  - id: 2
    name: 2024-01-02
    plan: ~
"""


def test_yaml_means_what_it_says(tmp_path: Path, server: Server) -> None:
    rows = "insert into account values (1, 'no', '012'), (2, '2024-01-02', null);"
    found = tried(tmp_path, server, {"1_a.sql": ACCOUNT}, {"1.sql": rows, "1.yaml": YAML})
    assert (found.rows, found.losses) == (4, ())


def test_yaml_without_its_library_says_what_to_do(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    assert refused(tmp_path, server, {"1_a.sql": ACCOUNT}, {"1.yaml": YAML}) == (
        "fixtures/1.yaml: reading YAML needs PyYAML: pip install 'validate-schema[yaml]', or write JSON"
    )


@pytest.mark.parametrize(
    ("fixtures", "message"),
    [
        ({}, "fixtures: no fixtures; name them <version>.sql and <version>.json"),
        ({"7.sql": ""}, "fixtures/7.sql: there is no migration 7"),
        ({"1_ab.sql": ""}, 'fixtures/1_ab.sql: there is no migration 1_ab; did you mean "1_a"?'),
        ({"1.sql": "", "01.sql": ""}, "fixtures/1.sql: 01.sql is for the same version; keep one of them"),
        ({"1.json": "{\n]"}, "fixtures/1.json:2: not JSON: Expecting property name enclosed in double quotes"),
        ({"1.json": "[]"}, "fixtures/1.json: expected a table's name and its rows, found a list"),
        ({"1.json": '{"a": 1}'}, "fixtures/1.json: a: expected a list of rows, found a value"),
        ({"1.json": '{"a": [1]}'}, "fixtures/1.json: a: row 1: expected columns and their values"),
        ({"1.json": '{"a": [{"b": 1, "b": 2}]}'}, "fixtures/1.json: 'b' stands there twice"),
        ({"1.yaml": "a: [1"}, "fixtures/1.yaml:1: not YAML: expected ',' or ']', but got '<stream end>'"),
        ({"1.yaml": "a: [{b: 1, b: 2}]"}, "fixtures/1.yaml: 'b' stands there twice"),
        (
            {"1.sql": "select 1;\ninsert into account\nvalues (1, 'a', 'b', 'c');"},
            "fixtures/1.sql:3: insert into account values (1, 'a', 'b', 'c'):"
            " INSERT has more expressions than target columns",
        ),
    ],
)  # fmt: skip
def test_fixtures_that_cannot_be_used_are_refused_with_their_place(
    tmp_path: Path, server: Server, fixtures: dict[str, str], message: str
) -> None:
    (tmp_path / "fixtures").mkdir()
    assert (
        re.sub(r":\d+: not YAML", ":1: not YAML", refused(tmp_path, server, {"1_a.sql": ACCOUNT}, fixtures))
        == message
    )


def test_migrations_that_fail_without_rows_are_not_the_fixtures_fault(tmp_path: Path, server: Server) -> None:
    migrations = {"1_a.sql": ACCOUNT, "2_b.sql": "drop table nothing;"}
    assert refused(tmp_path, server, migrations, {"1.sql": "select 1"}).startswith(
        "migrations/2_b.sql:1: drop table"
    )


def test_copy_data_is_a_fixture_too(tmp_path: Path, server: Server) -> None:
    found = tried(
        tmp_path,
        server,
        {"1_a.sql": ACCOUNT, "2_b.sql": "create index concurrently on account (name);"},
        {
            "1_a.sql": "copy account from stdin;\n1\tAnn\t\\N\n\\.\n",
            "1_a.json": {"account": [{"id": 1, "plan": None}]},
        },
    )
    assert (found.paths, found.rows, found.losses) == (("1",), 2, ())


def test_programs_are_not_taken_for_migrations_that_do_nothing(tmp_path: Path, server: Server) -> None:
    lay(tmp_path / "alembic/versions", {"1_a.py": 'revision = "1"\ndown_revision = None\n'})
    found = upgrade_paths(server, discover(tmp_path / "alembic", programs=True), tmp_path)
    assert found == UpgradePaths(reason="alembic migrations are programs, which stop at no version here")


@pytest.mark.parametrize(
    ("row_security", "forced"),
    [
        (
            "alter table account enable row level security; alter table account force row level security",
            ("2_b.sql",),
        ),
        ("alter table account no force row level security", ()),
    ],
)
def test_row_security_that_binds_the_role_which_migrates_is_said(
    tmp_path: Path, server: Server, row_security: str, forced: tuple[str, ...]
) -> None:
    fixtures = {"1.sql": "insert into account values (1, 'Ann', 'free');", "1.json": {"account": [{"id": 1}]}}

    found = tried(tmp_path, server, {"1_a.sql": ACCOUNT, "2_b.sql": f"{row_security};"}, fixtures)

    assert found.forced == forced
    assert ("superuser" in render_paths(found)) == bool(forced)
