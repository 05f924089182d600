"""Members are changed while the fleet is read: no shape that never was, and nobody is lost."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from tests.fix_children import NIGHTLY
from tests.fix_fleet import make_members
from validate_schema import fleet
from validate_schema.scratch import Database

NAMES = tuple(f"tenant_{n}" for n in range(8))
ROUNDS = 10 if NIGHTLY else 1
# Two states that a member is in, one transaction from the one to the other and back.
THERE = (
    "alter table {0}.account rename column nick to handle; alter table {0}.account alter column mood set default 'sad';"
    " drop view {0}.bills; create view {0}.bills as select i.id, a.handle from {0}.invoice i"
    " join {0}.account a on a.id = i.account_id"
)
BACK = (
    "drop view {0}.bills; alter table {0}.account rename column handle to nick;"
    " alter table {0}.account alter column mood set default 'ok';"
    " create view {0}.bills as select i.id, a.email, i.total from {0}.invoice i"
    " join {0}.account a on a.id = i.account_id; grant select on {0}.bills to public"
)


@contextmanager
def changing(database: Database, members: tuple[str, ...]) -> Iterator[list[int]]:
    """Have a session for each member change it there and back, without a pause."""
    stop, done, failed = threading.Event(), [0], []

    def run(member: str) -> None:
        try:
            with psycopg.connect(database.conninfo) as conn:
                while not stop.is_set():
                    for statements in (THERE, BACK):
                        conn.execute(statements.format(member))  # type: ignore[arg-type]
                        conn.commit()
                        done[0] += 1
        except psycopg.Error as error:  # pragma: no cover - told by the assert below
            failed.append(error)

    threads = [threading.Thread(target=run, args=(member,)) for member in members]
    for thread in threads:
        thread.start()
    try:
        yield done
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert failed == []


def _fleet(database: Database) -> Any:
    return fleet(database_url=database.conninfo, schemas="tenant_%", select="TBL001", reference="tenant_0")


@pytest.mark.slow
def test_a_fleet_that_is_changed_while_it_is_read_has_no_shape_that_never_was(database: Database) -> None:
    with database.connect() as conn:
        make_members(conn, NAMES)
        conn.commit()
    before = {shape.fingerprints for shape in _fleet(database).shapes}
    with database.connect() as conn:
        conn.execute(THERE.format("tenant_7"))  # type: ignore[arg-type]
        conn.commit()
        known = {f for shape in _fleet(database).shapes for f in shape.fingerprints}
        conn.execute(BACK.format("tenant_7"))  # type: ignore[arg-type]
        conn.commit()
    assert len(before) == 1
    assert len(known) == 2
    with changing(database, NAMES[4:]) as done:
        for _ in range(ROUNDS):
            seen = done[0]
            report = _fleet(database)
            rows = {row.name: row for row in report.members}
            assert set(rows) == set(NAMES)
            for row in report.members:
                assert row.state == "unread" or row.fingerprint in known, (row, done[0] - seen)
            assert [rows[name].state for name in NAMES[:4]] == ["alike"] * 4
            assert (report.verdict.exit_status == 3) == any(r.state == "unread" for r in report.members)
    after = _fleet(database)
    assert [row.state for row in after.members] == ["alike"] * 8
