"""Whether a member stood still: what ends on the server between two looks has it looked at again."""

from contextlib import ExitStack
from typing import Any

import psycopg
import pytest
from psycopg.errors import LockNotAvailable, QueryCanceled

from tests.fix_fleet import make_members
from validate_schema.fleets import session, standing
from validate_schema.fleets.marks import moment
from validate_schema.model.secret import Secret
from validate_schema.scratch import Database

Conn = psycopg.Connection[Any]
MS = 60_000


def test_where_nothing_has_ended_the_marks_are_those_of_before(conn: Conn) -> None:
    make_members(conn, ("one",))
    for _ in range(100):  # the server itself may end something
        before = standing.marks_now(conn, MS)
        if standing.marks_now(conn, MS, None, before) is before:
            return
    pytest.fail("something ends all the time")


@pytest.mark.parametrize("newer", [False, True], ids=["the newest", "one that is older than what has ended"])
@pytest.mark.parametrize("nested", ["{}", "savepoint s; {}; release s"], ids=["plain", "nested"])
def test_a_change_that_was_under_way_before_is_seen_when_it_ends(
    conn: Conn, database: Database, newer: bool, nested: str
) -> None:
    make_members(conn, ("one", "two"))
    oids = {name: oid for oid, name in session.schemas(conn).items() if name in ("one", "two")}
    with ExitStack() as stack:
        early, late = (stack.enter_context(database.connect()) for _ in range(2))
        early.execute(nested.format("alter table one.account add column note text").encode())
        if newer:
            late.execute("create table public.late (id integer)")
            late.commit()
        before = standing.marks_now(conn, MS)
        early.commit()
        after = standing.marks_now(conn, MS, None, before)
    assert standing.stirred(before, after, oids.values(), oids.values()) == {oids["one"]}
    whole = {standing.ALL: ""}
    assert standing.stirred(before, after, whole, ()) == {standing.ALL}


class Meddled(Conn):
    """A connection during whose first look at views somebody else changes a member."""

    meddler: Conn | None = None

    def execute(self, query: Any, *args: Any, **kwargs: Any) -> Any:
        if self.meddler is not None and b"pg_get_viewdef" in (query if isinstance(query, bytes) else b""):
            meddler, self.meddler = self.meddler, None
            meddler.execute("alter table one.account add column note text")
        return super().execute(query, *args, **kwargs)


def test_a_database_that_is_changed_while_it_is_read_is_read_again(conn: Conn, database: Database) -> None:
    make_members(conn, ("one",))
    with Meddled.connect(database.conninfo, autocommit=True) as reading:
        with session.snapshot(reading, MS):
            since = moment(reading)
        reading.meddler = conn
        found = standing.settled(reading, {standing.ALL: ""}, (), MS, since=since)
        assert reading.meddler is None
    now, _ = standing.fingerprints(conn, {standing.ALL: ""}, MS)
    assert found.prints == now


def test_what_fails_in_the_reading_of_a_database_leaves_the_session_as_it_was(database: Database) -> None:
    whole = {standing.ALL: ""}
    with (
        session.connected(Secret(database.conninfo), MS) as reading,
        database.connect(autocommit=True) as other,
    ):
        make_members(other, ("one",))
        first, _ = standing.fingerprints(reading, whole, MS)
        with other.transaction():
            other.execute("lock table one.account in access exclusive mode")
            for _ in range(6):  # as often as a driver needs to prepare a statement
                with pytest.raises(LockNotAvailable):
                    standing.fingerprints(reading, whole, MS)
        with pytest.raises(QueryCanceled):
            standing.fingerprints(reading, whole, 1)
        assert standing.fingerprints(reading, whole, MS) == (first, set())
