"""Fingerprints: equal exactly where `diff` says nothing, whatever the members are called."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import psycopg
import pytest

from tests.fix_fleet import CHANGES, HOSTILE, make_members, mutate
from tests.fix_server import fresh
from validate_schema.catalog.queries import queries
from validate_schema.catalog.reader import read_catalog
from validate_schema.contract.diff.catalogs import compare
from validate_schema.contract.diff.homes import only_schema
from validate_schema.fleets import digest, session, standing
from validate_schema.model.catalog import Catalog
from validate_schema.scratch import Server

Conn = psycopg.Connection[Any]


def prints(conn: Conn) -> dict[str, str]:
    """Return each member's fingerprint by its name."""
    members = {oid: name for oid, name in session.schemas(conn).items() if name != "public"}
    found, locked = standing.fingerprints(conn, members, 60_000)
    assert locked == set()
    return {members[oid]: value for oid, value in found.items()}


class Changed(NamedTuple):
    """Members that were alike, after each but one has changed in one property: their fingerprints before and
    after, and all that is there now."""

    before: dict[str, str]
    after: dict[str, str]
    catalog: Catalog


@pytest.fixture(scope="module")
def changed(any_server: Server) -> Iterator[Changed]:
    """`calm`, and a member of its own for each of CHANGES, by its place there."""
    names = [f"changed_{n}" for n in range(len(CHANGES))]
    with fresh(any_server) as database, database.connect(autocommit=True) as conn:
        make_members(conn, ("calm", *names))
        before, alike = prints(conn), read_catalog(conn)
        assert [name for name in names if differs(alike, "calm", name)] == []
        for name, (_, statement) in zip(names, CHANGES, strict=True):
            mutate(conn, statement, name)
        yield Changed(before, prints(conn), read_catalog(conn))


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


def differs(catalog: Catalog, one: str, other: str) -> tuple[str, ...]:
    changes = compare(only_schema(catalog, one, one), only_schema(catalog, other, one))
    return tuple(f"{c.kind} {c.object.kind} {c.what}" for c in changes)


def test_a_member_that_stood_still_keeps_its_fingerprint(changed: Changed) -> None:
    assert set(changed.before.values()) == {changed.after["calm"]}


@pytest.mark.parametrize("place", range(len(CHANGES)), ids=[what for what, _ in CHANGES])
def test_whatever_diff_sees_of_one_property_is_in_the_fingerprint(changed: Changed, place: int) -> None:
    seen = differs(changed.catalog, "calm", f"changed_{place}")
    assert seen, f"diff says nothing of: {CHANGES[place][0]}"
    assert changed.after[f"changed_{place}"] != changed.after["calm"], seen
