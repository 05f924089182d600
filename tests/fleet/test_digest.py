"""Fingerprints: equal exactly where `diff` says nothing, whatever the members are called."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.fix_fleet import CHANGES, HOSTILE, make_members, mutate
from tests.fix_server import fresh
from validate_schema.catalog.queries import queries
from validate_schema.catalog.reader import read_catalog
from validate_schema.contract.diff.catalogs import compare
from validate_schema.contract.diff.homes import only_schema
from validate_schema.fleets import digest, session, standing
from validate_schema.scratch import Database, Server

Conn = psycopg.Connection[Any]


def prints(conn: Conn) -> dict[str, str]:
    """Return each member's fingerprint by its name."""
    members = {oid: name for oid, name in session.schemas(conn).items() if name != "public"}
    found, locked = standing.fingerprints(conn, members, 60_000)
    assert locked == set()
    return {members[oid]: value for oid, value in found.items()}


@pytest.fixture(scope="module")
def alike(any_server: Server) -> Iterator[tuple[Database, str]]:
    """Two members that nothing tells apart, and their fingerprint."""
    with fresh(any_server) as database:
        with database.connect(autocommit=True) as conn:
            make_members(conn, ("one", "two"))
            found = prints(conn)
            assert found["one"] == found["two"]
            assert differs(conn, "one", "two") == ()
        yield database, found["one"]


@pytest.fixture
def pair(any_server: Server, alike: tuple[Database, str]) -> Iterator[Conn]:
    """A copy of the two."""
    with fresh(any_server, alike[0].name) as database, database.connect(autocommit=True) as conn:
        yield conn


def test_members_that_are_alike_have_one_fingerprint_whatever_they_are_called(any_conn: Conn) -> None:
    make_members(any_conn, HOSTILE)
    any_conn.commit()
    any_conn.autocommit = True
    found = prints(any_conn)
    assert sorted(found) == sorted(HOSTILE)
    odd = {name for name, value in found.items() if value != found["tenant_1"]}
    assert odd == set()


@pytest.mark.parametrize("version", [140000, 150000, 160000, 170000, 180000])
def test_every_column_that_the_reader_reads_is_told_of(version: int) -> None:
    names = {query.name for query in queries(version)}
    assert set(digest.OF_DATABASES) | set(digest.NOT_DIGESTED) == names
    assert set(digest.OF_MEMBERS) <= set(digest.OF_DATABASES)


def test_no_column_of_the_reader_is_forgotten(any_conn: Conn) -> None:
    any_conn.execute("set search_path = pg_catalog")
    for query in queries(any_conn.info.server_version):
        for specs in (digest.OF_MEMBERS, digest.OF_DATABASES):
            if query.name in specs:
                read = any_conn.execute(f"select * from ({query.sql}) q limit 0").description or []  # type: ignore[arg-type]
                assert digest.columns_told(specs[query.name]) == set(range(1, len(read) + 1)), query.name


def differs(conn: Conn, one: str, other: str) -> tuple[str, ...]:
    catalog = read_catalog(conn)
    changes = compare(only_schema(catalog, one, one), only_schema(catalog, other, one))
    return tuple(f"{c.kind} {c.object.kind} {c.what}" for c in changes)


@pytest.mark.parametrize(("what", "statement"), CHANGES, ids=[what for what, _ in CHANGES])
def test_whatever_diff_sees_of_one_property_is_in_the_fingerprint(
    pair: Conn, alike: tuple[Database, str], what: str, statement: str
) -> None:
    _, before = alike
    mutate(pair, statement, "two")
    seen = differs(pair, "one", "two")
    after = prints(pair)
    assert after["one"] == before
    assert seen, f"diff says nothing of: {what}"
    assert after["two"] != before, seen
