"""Members of several shapes are read in one go, and each is read as it would be by itself."""

import pytest

from tests.fix_fleet import make_members
from validate_schema.fleets.marks import Marks, moved
from validate_schema.fleets.sample import sample, samples
from validate_schema.fleets.survey import Choice, survey
from validate_schema.model.fleet import Reading
from validate_schema.model.secret import Secret
from validate_schema.scratch import Database

NAMES = ("tenant_1", "tenant_2", "tenant_3", "tenant_4")
ODD = """
create table public.plan (id integer primary key, name text);
alter table tenant_2.account add column note text;
alter table tenant_3.account drop column nick;
alter table tenant_3.invoice add column other integer references tenant_2.account (id);
create view tenant_4.far as select a.id from tenant_1.account a join public.plan p on p.id = a.id;
"""


@pytest.fixture
def members(database: Database) -> Database:
    with database.connect() as conn:
        make_members(conn, NAMES)
        conn.execute(ODD)
        conn.commit()
    return database


def read(members: Database) -> tuple[Secret, list[Reading], tuple[str, ...]]:
    url = Secret(members.conninfo)
    found = survey("", url, Choice("tenant_%"))
    assert not found.reason
    return url, list(found.readings), found.matched


def test_what_is_read_in_one_go_is_what_is_read_one_by_one(members: Database) -> None:
    url, readings, names = read(members)
    together = samples(url, readings, names)
    assert [one.member.name for one in together] == list(NAMES)
    assert together == [sample(url, reading, names) for reading in readings]
    assert {table.schema for table in together[0].catalog.tables} == {"public", "tenant_1"}
    assert {table.schema for table in together[2].catalog.tables} == {"public", "tenant_2", "tenant_3"}


def test_who_is_no_longer_as_surveyed_does_not_come_with_the_others(members: Database) -> None:
    url, readings, names = read(members)
    with members.connect(autocommit=True) as conn:
        conn.execute("drop schema tenant_4 cascade")
        conn.execute("alter table tenant_1.account add column late text")
    assert [one.member.name for one in samples(url, readings, names)] == ["tenant_2", "tenant_3"]


def test_a_member_that_is_locked_does_not_keep_the_others_from_being_read(members: Database) -> None:
    url, readings, names = read(members)
    with members.connect() as conn:
        conn.execute("lock table tenant_1.invoice in access exclusive mode")
        found = [one.member.name for one in samples(url, readings, names)]
    assert found == ["tenant_2", "tenant_3", "tenant_4"]


def test_what_is_gone_did_not_stand_still_where_only_the_moment_was_known() -> None:
    before, after = Marks(), Marks({7: "a"})
    before.moment = "1:1:"
    assert moved(before, after, [6, 7], ()) == {6, 7}
    assert moved(before, before, [6, 7], ()) == set()
