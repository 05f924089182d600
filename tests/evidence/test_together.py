"""Attempts that are tried many at once come to what each comes to alone."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from tests.fix_proof import PROTECTED, TENANT, Bed, execute
from validate_schema.evidence.isolation.attempt import Attempt
from validate_schema.evidence.isolation.seat import Seat
from validate_schema.evidence.isolation.stage import Stage
from validate_schema.model.isolation import Outcome, Probe
from validate_schema.scratch import Database
from validate_schema.scratch.seats import seated

TABLE = """
create role app_user;
create table note (id int primary key, org int not null, body text);
insert into note values (1, 1, 'a'), (2, 2, 'b');
alter table note enable row level security;
create policy p on note using (org = nullif(current_setting('app.org', true), '')::int);
grant select, insert, update, delete on note to app_user;
create table closed (id int);
create function refuses() returns boolean language plpgsql as $$ begin
    raise insufficient_privilege using message = 'permission denied for table note'; end $$;
create function refuses_too() returns boolean language plpgsql as $$ begin
    insert into note values (9, 2); return true; end $$;
create function unprepares() returns boolean language plpgsql as $$ begin deallocate all; return true; end $$;
"""
OF_TWO = "select tableoid::int8 || ':' || ctid::text from note where org = 2"
MINE, THEIRS = ("select set_config('app.org', '1', true)",), ("select set_config('app.org', '2', true)",)
STATEMENTS = {
    "reads": "select tableoid::int8 || ':' || ctid::text from note",
    "is refused by the policy": "insert into note values (3, 2)",
    "has no privilege": "select id::text from closed",
    "is refused by a function in the server's words": "select refuses()::text from note",
    "calls a function that the policy refuses": "select refuses_too()::text from note",
    "cannot cast": "select body::int::text from note",
    "divides by zero": "select (1 / (org - 1))::text from note",
    "lacks a value": "insert into note values (3, null)",
    "has its key twice": "insert into note values (1, 1)",
    "inserts": "insert into note values (3, 1)",
    "updates": "update note set body = 'c'",
}


@pytest.fixture
def conn(any_database: Database) -> Iterator[psycopg.Connection[Any]]:
    with any_database.connect() as conn:
        conn.prepare_threshold = None
        execute(conn, TABLE)
        yield conn
        conn.rollback()


@pytest.fixture
def stage(conn: psycopg.Connection[Any]) -> Stage:
    return Stage(conn)


def attempts(conn: psycopg.Connection[Any], *statements: str) -> list[Attempt]:
    """Return attempts on the row of tenant 2, as the probe makes them."""
    wanted = frozenset(tid for (tid,) in conn.execute(OF_TWO.encode()))
    touch, count = ("update", "delete"), "select count(*) from note where org = 2"
    return [
        Attempt(s, "tries", present=OF_TWO, wanted=wanted)
        if s.startswith(touch)
        else Attempt(s, "tries", count=count)
        if s.startswith("insert")
        else Attempt(s, "tries", wanted=wanted)
        for s in statements
    ]


@pytest.mark.parametrize(
    "statement", [s for s in STATEMENTS.values() if s != "insert into note values (1, 1)"]
)
def test_only_the_session_of_another_tenant_reaches_its_row(
    stage: Stage, conn: psycopg.Connection[Any], statement: str
) -> None:
    (attempt,) = attempts(conn, statement)
    reaching = attempts(conn, "select tableoid::int8 || ':' || ctid::text from note", "delete from note")

    nothing = stage.nothing_reached([(MINE, attempt)] * 3, "app_user")
    something = [stage.nothing_reached([(MINE, a), ((), a), (THEIRS, a)], "app_user") for a in reaching]

    assert nothing
    assert something == [False, False]


def test_room_is_made_for_those_alone_that_need_it(stage: Stage, conn: psycopg.Connection[Any]) -> None:
    (insert,) = attempts(conn, "insert into note values (2, 2)")
    clear = replace(insert, before=("delete from note where org = 2",))

    found = [
        stage.nothing_reached([(said, a) for a in tries], "app_user", quiet=quiet)
        for said, tries in ((MINE, [clear, clear]), (THEIRS, [clear]), (THEIRS, [insert]))
        for quiet in (False, True)
    ]

    assert found == [True, True, False, False, False, False]


def test_what_was_prepared_and_is_gone_says_nothing(stage: Stage, conn: psycopg.Connection[Any]) -> None:
    tries: Sequence[Attempt] = attempts(conn, "select unprepares()::text from note", "select body from note")

    assert not stage.nothing_reached([(s, a) for s in (MINE, ()) for a in reversed(tries)], "app_user")


def test_where_an_event_trigger_lets_nothing_be_made_each_is_tried_alone(
    stage: Stage, conn: psycopg.Connection[Any]
) -> None:
    no = "create function no() returns event_trigger language plpgsql as $$ begin raise 'no'; end $$;"
    always = "create event trigger no on ddl_command_start execute function no(); alter event trigger no enable always"
    execute(conn, no, always)
    (read,) = attempts(conn, STATEMENTS["reads"])

    assert not stage.nothing_reached([(MINE, read)], "app_user")
    assert stage.run(read, "app_user", MINE).hits == 0


def test_many_are_tried_at_once_where_nobody_may_make_temporary_objects(any_database: Database) -> None:
    shut = f'revoke all on database "{any_database.name}" from public'
    with any_database.connect(autocommit=True) as conn:
        execute(conn, TABLE, shut)
    with seated(any_database, "app_user", made_up=False) as (conn, login):
        stage = Stage(conn, seat=Seat(login))
        conn.execute(stage.seat.back.encode())
        (read,) = attempts(conn, STATEMENTS["reads"])

        assert stage.nothing_reached([(MINE, read)], "app_user")


def test_a_function_that_is_called_immutable_is_asked_in_every_session(bed: Bed) -> None:
    acting = """create function acting() returns text immutable language plpgsql
      as $$ begin return current_setting('app.acting_for', true); end $$;"""
    script = (
        f"create policy p on note using ({TENANT} or (acting() <> 'nobody' and acting() = org_id::text));"
    )

    assert bed.outcomes(acting, PROTECTED, script)[Probe.READ] is Outcome.LEAK
