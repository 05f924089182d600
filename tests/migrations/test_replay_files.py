"""Files that are not just a few statements: empty, large, with data, with statements of their own rules."""

from pathlib import Path

import pytest

from tests.migrations.test_replay import ask, run
from validate_schema.migrations import discover
from validate_schema.migrations.ddl.repeated import parse_ddl
from validate_schema.model.errors import MigrationError
from validate_schema.scratch import Database

EMPTY = {
    "nothing at all": "",
    "space": "\n \t\r\n",
    "a byte-order mark": "\ufeff",
    "comments": "-- only\n/* a /* nested */ one; */\n",
    "semicolons": ";;\n;",
}


@pytest.mark.parametrize("case", EMPTY)
@pytest.mark.parametrize(
    ("tool", "name"),
    [
        ("plain", "1_a.sql"),
        ("prisma", "1_a/migration.sql"),
        ("golang-migrate", "1_a.up.sql"),
        ("sqlx", "1_a.sql"),
    ],
)
def test_a_file_without_statements_changes_nothing(
    tmp_path: Path, database: Database, tool: str, name: str, case: str
) -> None:
    second = name.replace("1_a", "2_b")
    notes = run(tmp_path, database, {name: EMPTY[case], second: "create table a ();"}, tool)
    assert notes.applied == (name, second)
    assert ask(database, "select count(*) from pg_tables where schemaname = 'public'") == [(1,)]


def test_a_file_of_five_megabytes_runs_and_is_parsed(tmp_path: Path, database: Database) -> None:
    row = "insert into t (note) values ('" + "x; y''z " * 100 + "');\n"
    count = (5 << 20) // len(row) + 1
    files = {
        "1_a.sql": "create table t (note text);\n" + row * count,
        "2_b.sql": "create table if not exists t ();",
    }
    run(tmp_path, database, files)
    assert ask(database, "select count(*) from t") == [(count,)]
    found = parse_ddl(discover(tmp_path))
    assert (found.statements, [r.object for r in found.repeated]) == (count + 2, ['table "t"'])


def test_five_megabytes_of_copy_data_run(tmp_path: Path, database: Database) -> None:
    line = "1\t'; drop table t; --\n"
    count = (5 << 20) // len(line) + 1
    run(
        tmp_path,
        database,
        {"1_a.sql": f"create table t (a int, b text);\ncopy t from stdin;\n{line * count}\\.\n"},
    )
    assert ask(database, "select count(*), min(b) from t") == [(count, "'; drop table t; --")]


COPY = "create table t (a int primary key);\ncopy t from stdin;\n1\n{}\n\\.\ncreate table u ();\n"


@pytest.mark.parametrize(
    ("tool", "name"),
    [("dbmate", "1_a.sql"), ("sqlx", "1_a.sql"), ("prisma", "1_a/migration.sql"), ("plain", "1_a.sql")],
)
def test_copy_data_is_read_by_every_tools_rules(
    tmp_path: Path, any_database: Database, tool: str, name: str
) -> None:
    head = "-- migrate:up\n" if tool == "dbmate" else ""
    run(tmp_path, any_database, {name: head + COPY.format(2)}, tool)
    assert ask(any_database, "select array_agg(a), to_regclass('u')::text from t") == [([1, 2], "u")]


def test_copy_data_that_does_not_fit_is_told_by_its_statement(tmp_path: Path, database: Database) -> None:
    with pytest.raises(MigrationError, match=r"1_a\.sql:2: copy t from stdin: duplicate key value violates"):
        run(tmp_path, database, {"1_a.sql": COPY.format(1)})


def test_copy_data_without_its_end_goes_to_the_end_of_the_file(tmp_path: Path, database: Database) -> None:
    run(tmp_path, database, {"1_a.sql": "create table t (a int);\ncopy t from stdin;\n1\n2"})
    assert ask(database, "select count(*) from t") == [(2,)]


ADD_VALUE = "alter type mood add value 'new';"


@pytest.mark.parametrize(
    ("tool", "names"),
    [
        ("prisma", ("1_a/migration.sql", "2_b/migration.sql")),
        ("golang-migrate", ("1_a.up.sql", "2_b.up.sql")),
        ("flyway", ("V1__a.sql", "V2__b.sql")),
    ],
)
def test_a_new_label_cannot_be_used_in_its_own_transaction(
    tmp_path: Path, any_database: Database, tool: str, names: tuple[str, str]
) -> None:
    files = {
        names[0]: "create type mood as enum ('old'); create table t (m mood);",
        names[1]: f"{ADD_VALUE}\n\ninsert into t values ('new');",
    }
    line = {"prisma": 3, "golang-migrate": 3, "flyway": 3}[tool]
    with pytest.raises(MigrationError, match=rf"b.*:{line}: insert into t .* unsafe use of new value"):
        run(tmp_path, any_database, files, tool)


def test_a_new_label_can_be_used_where_each_statement_commits(tmp_path: Path, any_database: Database) -> None:
    files = {
        "1_a.sql": "-- +goose Up\ncreate type mood as enum ('old'); create table t (m mood);",
        "2_b.sql": f"-- +goose NO TRANSACTION\n-- +goose Up\n{ADD_VALUE}\ninsert into t values ('new');",
    }
    run(tmp_path, any_database, files, "goose")
    assert ask(any_database, "select m::text from t") == [("new",)]


def test_lines_are_counted_with_every_line_end(tmp_path: Path, database: Database) -> None:
    sql = "\ufeff-- one\r\ncreate table t (\r\n  a int\r\n);\r\n\r\nselect $x$\r\n;\r\n$x$, nope;"
    with pytest.raises(MigrationError, match=r"1_a\.sql:8: select \$x\$ ; \$x\$, nope: column \"nope\""):
        run(tmp_path, database, {"1_a.sql": sql})


PSQL = {
    "\\i other.sql": r"\\i is a psql command that is not supported here",
    "\\set name 1": r"\\set is a psql command that is not supported here",
    "\\if true": r"\\if is a psql command that is not supported here",
    "\\copy t from 'x'": r"\\copy is a psql command that is not supported here",
    "select 1 \\gexec": r"select 1 \\gexec: syntax error",
}


@pytest.mark.parametrize("command", PSQL)
def test_a_psql_command_that_does_something_is_refused_in_one_line(
    tmp_path: Path, database: Database, command: str
) -> None:
    with pytest.raises(MigrationError, match=rf"1_a\.sql:2: .*{PSQL[command]}") as failed:
        run(tmp_path, database, {"1_a.sql": f"create table t ();\n{command}\n"})
    assert "\n" not in str(failed.value)
