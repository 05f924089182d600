"""A catalog in a file, and files that are none."""

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest

from validate_schema.catalog.reader import read_catalog
from validate_schema.catalog.snapshot import FORMAT_VERSION, dump_snapshot, load_snapshot
from validate_schema.model.catalog import Catalog, ConnectedRole, Server, Table
from validate_schema.model.errors import SnapshotError

pytestmark = pytest.mark.every_server

Connection = psycopg.Connection[Any]
SMALL = Catalog(Server("18.0", 180000, "db", ConnectedRole("me")), tables=(Table("public", "t", "me"),))


def test_a_snapshot_reads_back_as_the_catalog_that_was_read(any_conn: Connection, tmp_path: Path) -> None:
    any_conn.execute("""
        create type "Mood" as enum ('a'); create domain d as int check (value > 0);
        create table org (id int primary key, "we""ird
name" text default '🐘' unique, m "Mood"[], d d);
        create table part (id int references org on delete cascade, at date) partition by range (at);
        create table part_1 partition of part default;
        create policy p on org using (id = 1); grant select on org to public;
        create view v with (security_invoker) as select * from org;
        create function f() returns int language sql as 'select 1 from org';
        create rule r as on delete to org where old.id = 1 do instead nothing;
        create operator === (function = int4eq, leftarg = int, rightarg = int);
        create aggregate total (int) (sfunc = int4pl, stype = int, initcond = '0');
        create collation c (locale = 'C');
    """)
    catalog = read_catalog(any_conn)
    file = tmp_path / "snapshot.json"
    file.write_bytes(dump_snapshot(catalog))

    assert load_snapshot(file) == catalog


def test_the_same_catalog_gives_the_same_bytes_line_by_line() -> None:
    assert dump_snapshot(SMALL) == dump_snapshot(SMALL)
    assert dump_snapshot(SMALL).decode().splitlines()[:4] == [
        "{",
        ' "format": "validate-schema-snapshot",',
        ' "format_version": 2,',
        ' "catalog": {',
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"", "is no snapshot: Input data was truncated", id="empty"),
        pytest.param(dump_snapshot(SMALL)[:-40], "is no snapshot: Input data was truncated", id="cut short"),
        pytest.param(
            b"create table t ();", "is no snapshot: JSON is malformed: invalid character (byte 0)", id="SQL"
        ),
        pytest.param(
            b"\xff\xfe{}", "is no snapshot: JSON is malformed: invalid character (byte 0)", id="binary"
        ),
        pytest.param(b"[1]", "is no snapshot: Expected `object`, got `array`", id="an array"),
        pytest.param(
            b'{"schema_version": 1}',
            "is JSON, but no snapshot (format is not 'validate-schema-snapshot')",
            id="other JSON",
        ),
        pytest.param(
            json.dumps({"format": "validate-schema-snapshot", "format_version": 1}).encode(),
            "is no snapshot: Object missing required field `catalog`",
            id="no catalog",
        ),
        pytest.param(
            dump_snapshot(SMALL).replace(b'"name": "t"', b'"name": 7'),
            "is no snapshot: Expected `str`, got `int` - at `$.catalog.tables[0].name`",
            id="wrong type",
        ),
        pytest.param(
            dump_snapshot(SMALL).replace(b'"owner"', b'"ownr"'),
            "is no snapshot: Object contains unknown field `ownr` - at `$.catalog.tables[0]`",
            id="unknown field",
        ),
        pytest.param(b"[" * 100_000, "is no snapshot: Expected `object`, got `array`", id="deep"),
    ],
)
def test_a_file_that_is_no_snapshot_is_explained(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "given.json"
    file.write_bytes(content)
    with pytest.raises(SnapshotError) as caught:
        load_snapshot(file)

    assert str(caught.value) == f"{file}: {message}"


def test_a_newer_format_says_so_whatever_it_holds(tmp_path: Path) -> None:
    file = tmp_path / "new.json"
    header = {
        "format": "validate-schema-snapshot",
        "format_version": FORMAT_VERSION + 1,
        "catalog": {"new": 1},
    }
    file.write_text(json.dumps(header))
    with pytest.raises(SnapshotError, match="has format version 3, this validate-schema reads 1 to 2"):
        load_snapshot(file)


def test_a_missing_file_and_a_folder_are_explained(tmp_path: Path) -> None:
    with pytest.raises(SnapshotError, match=r"none\.json: cannot be read: No such file or directory"):
        load_snapshot(tmp_path / "none.json")
    with pytest.raises(SnapshotError, match="cannot be read: Is a directory"):
        load_snapshot(tmp_path)


def test_a_snapshot_of_the_first_format_is_read_and_says_what_it_lacks(tmp_path: Path) -> None:
    file = tmp_path / "old.json"
    file.write_bytes(dump_snapshot(SMALL).replace(b'"format_version": 2', b'"format_version": 1'))
    old = load_snapshot(file)

    assert (old.tables, old.format) == (SMALL.tables, 1)
    assert old.unasked.startswith("rules, conditions and columns of triggers")
    assert SMALL.unasked == ""
    file.write_bytes(dump_snapshot(old))
    assert load_snapshot(file) == old
