"""`--resume`: what has not changed is not read again, what has changed always is, and the file stands any end."""

import json
import os
import re
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests import fix_impostor
from tests.fix_cli import Ran, Terminal
from tests.fix_fleet import make_members, mutate
from tests.fix_server import fresh
from tests.fleet.test_bad_members import Listening
from validate_schema.catalog.queries import queries
from validate_schema.fleets import digest
from validate_schema.fleets.marks import tables_marked
from validate_schema.scratch import Database, Server

NAMES = tuple(f"tenant_{n:02}" for n in range(6))


def resumed(terminal: Terminal, database: Database, *arguments: str) -> Ran:
    return terminal.run(
        "fleet", "--database-url", database.conninfo, "--schemas", "tenant_%", "--select", "TBL001",
        "--resume", "state", "--format", "json", *arguments,
    )  # fmt: skip


def recalled(ran: Ran) -> int:
    found = re.search(r"state: ([\d,]+) of [\d,]+ members? had not changed", ran.err)
    assert found, ran.err
    return int(found[1].replace(",", ""))


def members(ran: Ran) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in json.loads(ran.out)["members"]}


@pytest.fixture
def fleet(database: Database, terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> Database:
    """Six members, one of which differs; `terminal` comes first, for it clears the environment."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    with database.connect() as conn:
        make_members(conn, NAMES)
        mutate(conn, "alter table {0}.account add column note text", "tenant_03")
        conn.commit()
    return database


def test_members_that_have_not_changed_are_not_read_again_and_the_report_is_the_same(
    fleet: Database, terminal: Terminal
) -> None:
    first = resumed(terminal, fleet)
    assert (first.status, recalled(first)) == (1, 0)
    with psycopg.connect(fleet.conninfo) as conn:  # whoever reads it meets the lock
        conn.execute("lock table tenant_05.bills in access exclusive mode")
        again = resumed(terminal, fleet)
        assert (again.status, recalled(again), again.out) == (1, 6, first.out)
        anew = resumed(terminal, fleet, "--resume", "other")
        assert members(anew)["tenant_05"]["state"] == "unread"


@pytest.mark.parametrize(
    ("before", "change", "odd"),
    [
        ("create role fleet_one; alter table tenant_01.account owner to fleet_one", "alter role fleet_one rename to fleet_two", 6),
        ("create function public.f() returns integer language sql as 'select 1'", "create or replace function public.f() returns integer language sql as 'select 2'", 6),
        ("create view tenant_01.far as select id from tenant_02.account", "alter table tenant_02.account rename to accounts", 2),
        ("create view tenant_01.far as select id from tenant_02.account", "alter schema tenant_02 rename to tenant_09", 2),
        ("select 1", "create foreign data wrapper nobody", 6),
    ],
    ids=["a role", "a shared function", "a table of another member", "another member's name", "what stands in no schema"],
)  # fmt: skip
def test_what_members_refer_to_is_looked_at_as_well(
    fleet: Database, terminal: Terminal, before: str, change: str, odd: int
) -> None:
    with fleet.connect(autocommit=True) as conn:
        conn.execute(before)  # type: ignore[arg-type]
        try:
            resumed(terminal, fleet)
            assert recalled(resumed(terminal, fleet)) == 6 - ("far" in before)
            conn.execute(change)  # type: ignore[arg-type]
            ran = resumed(terminal, fleet)
            assert recalled(ran) == 6 - odd
            assert members(ran) == members(resumed(terminal, fleet, "--resume", "other"))
        finally:
            conn.execute(
                "reassign owned by fleet_two to current_user; drop role fleet_two"
                if "role" in before
                else "select 1"
            )


def test_ledgers_are_read_each_time(fleet: Database, terminal: Terminal) -> None:
    with fleet.connect(autocommit=True) as conn:
        for name in NAMES:
            conn.execute(
                f"create table {name}.alembic_version (version_num varchar(32) primary key);"
                f" insert into {name}.alembic_version values ('one')"
            )
        resumed(terminal, fleet)
        conn.execute("update tenant_04.alembic_version set version_num = 'two'")
    ran = resumed(terminal, fleet)
    assert recalled(ran) == 6
    assert members(ran)["tenant_04"]["ledger"]["head"] == "two"


def test_what_a_fingerprint_reads_is_in_the_sign_that_nothing_changed() -> None:
    for version in (140_000, 150_000, 160_000, 170_000, 180_000):
        known = {*digest.OF_MEMBERS, *digest.OF_DATABASES}
        read = {
            table
            for query in queries(version)
            if query.name in known
            for table in re.findall(r"\bpg_[a-z_]+\b(?!\()", query.sql)
        }
        assert read - tables_marked() == {"pg_catalog"}


def test_a_run_that_is_killed_goes_on_where_it_was(
    fleet: Database, server: Server, terminal: Terminal, listening: Listening
) -> None:
    silent = fix_impostor.Silent()
    hanging = f"host=127.0.0.1 port={listening(silent)} sslmode=disable user=x dbname=y"
    with fresh(server) as other:
        rows = {"one": fleet.conninfo, "three": hanging, "two": other.conninfo}

        def asked(**urls: str) -> tuple[str, ...]:
            terminal.write("fleet.csv", "".join(f'{name},"{url}"\n' for name, url in urls.items()))
            return (
                "fleet",
                "--targets",
                "fleet.csv",
                "--select",
                "TBL001",
                "--resume",
                "state",
                "--format",
                "json",
            )

        process = terminal.start(*asked(**rows), "--parallel", "1", "--statement-timeout", "600000")
        with process:
            assert silent.asked.wait(60)
            process.kill()
        assert sorted(path.name for path in terminal.folder.iterdir()) == ["fleet.csv", "state"]
        with Path("state").open("ab") as file:
            file.write(b'{"database":"two","server":"a piece of')
        ran = terminal.run(*asked(**rows | {"three": other.conninfo}))
        assert (ran.status, recalled(ran)) == (1, 1)
        ran = terminal.run(*asked(**rows | {"three": other.conninfo}))
        assert recalled(ran) == 3


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not a state"),
        (b"hello\n", "not a state"),
        (b'{"fleet_state":2}\n', "state version 2; this program reads 1"),
        (b'{"fleet_state":1}\n{"database":1}\n', "not a state"),
        (b'{"fleet_state":1}\n' + b"[" * 100_000 + b"\n", "not a state"),
        (b'{"fleet_state":1}\n\xff\xfe\n', "not a state"),
        (b'{"fleet_state":1,"\x1b[2J":3}\n', "not a state"),
        (b"name,url\none,postgresql://me:hunter2@host/db\n", "not a state"),
    ],
)
def test_a_file_that_is_no_state_is_refused_and_left_as_it_is(
    fleet: Database, terminal: Terminal, content: bytes, said: str
) -> None:
    Path("state").write_bytes(content)
    ran = resumed(terminal, fleet)
    assert (ran.status, ran.out) == (2, "")
    assert said in ran.complaint
    assert "\x1b" not in ran.err
    assert "hunter2" not in ran.err
    assert Path("state").read_bytes() == content


def test_a_place_that_cannot_hold_a_state_is_refused(fleet: Database, terminal: Terminal) -> None:
    Path("folder").mkdir()
    os.mkfifo("pipe")
    for place in ("folder", "pipe", "absent/state"):
        ran = resumed(terminal, fleet, "--resume", place)
        assert ran.status == 2, place
        assert ran.complaint
    resumed(terminal, fleet)
    ran = resumed(terminal, fleet, "--report", "state", "--format", "txt")
    assert (ran.status, "which this run reads" in ran.err) == (2, True)


def test_a_state_holds_no_secret(fleet: Database, terminal: Terminal) -> None:
    url = make_conninfo(fleet.conninfo, password="hunter2-of-the-fleet")
    terminal.write("fleet.csv", f'one,"{url}"\n')
    terminal.run("fleet", "--targets", "fleet.csv", "--select", "TBL001", "--resume", "state")
    text = Path("state").read_text(encoding="utf-8")
    assert text.count("\n") == 2
    assert "hunter2" not in text
