"""`compare` and `history` of reports of a fleet: who drifted since, who is gone, and how it ends."""

import json
from pathlib import Path

import psycopg
import pytest

from tests.fix_cli import Terminal
from tests.fix_fleet import make_members, mutate
from validate_schema.scratch import Database

Conn = psycopg.Connection[object]


@pytest.fixture
def saved(database: Database, conn: Conn, terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> "Saver":
    monkeypatch.setenv("DATABASE_URL", database.conninfo)
    make_members(conn, (f"tenant_{n}" for n in range(5)))
    return Saver(terminal, monkeypatch)


class Saver:
    """Saves the report of the fleet as it is, at a time of its own."""

    def __init__(self, terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
        self._terminal, self._monkeypatch = terminal, monkeypatch

    def __call__(self, name: str, *more: str, at: int = 0) -> None:
        Path(name).parent.mkdir(exist_ok=True)
        asked = ("fleet", "--schemas", "tenant_%", "-q", "--report", name, "--select", "TBL005", *more)
        self._monkeypatch.setenv("SOURCE_DATE_EPOCH", str(1_700_000_000 + 86_400 * at))
        self._terminal.run(*asked)


def compared(terminal: Terminal) -> tuple[int, dict[str, list[str]]]:
    ran = terminal.run("compare", "old.json", "new.json", "--format", "json")
    assert ran.out, ran.err
    return ran.status, {k: v for k, v in json.loads(ran.out).items() if isinstance(v, list) and v}


def test_nothing_is_told_where_nothing_changed(saved: Saver, terminal: Terminal) -> None:
    saved("old.json")
    saved("new.json")
    assert compared(terminal) == (0, {})


def test_members_that_drifted_came_and_went_are_named(saved: Saver, conn: Conn, terminal: Terminal) -> None:
    mutate(conn, "alter table {0}.account add column note text", "tenant_1")
    mutate(conn, "alter table {0}.account add column more text", "tenant_2")
    saved("old.json")
    mutate(conn, "alter table {0}.account drop column note", "tenant_1")
    mutate(conn, "alter table {0}.account add column other text", "tenant_2")
    mutate(conn, "create table {0}.bare (x int)", "tenant_3")
    conn.execute("drop schema tenant_4 cascade")
    make_members(conn, ("tenant_7",))
    saved("new.json")
    status, found = compared(terminal)
    names = {key: found.get(key, []) for key in ("drifted", "mended", "gone", "added", "absent", "unread")}
    assert names == {
        "drifted": ["tenant_2", "tenant_3"], "mended": ["tenant_1"], "gone": ["tenant_4"], "added": ["tenant_7"],
        "absent": [], "unread": [],
    }  # fmt: skip
    assert (status, len(found["shapes"]), found["new"][0]["finding"]["check"]) == (1, 2, "TBL005")  # type: ignore[index]
    for format, line in (("txt", "Drifted (2)"), ("md", "## Drifted (2)")):
        ran = terminal.run("compare", "old.json", "new.json", "--format", format)
        assert line in ran.out.splitlines()
        assert "2 drifted, 1 mended, 1 new and 1 gone of 5 members" in ran.out


def test_a_member_that_is_no_longer_where_it_is_expected_is_worse(
    saved: Saver, conn: Conn, terminal: Terminal
) -> None:
    names = "select 'tenant_' || n from generate_series(0, 4) n"
    saved("old.json", "--expected", names)
    conn.execute("drop schema tenant_4 cascade")
    saved("new.json", "--expected", names)
    assert compared(terminal) == (1, {"absent": ["tenant_4"]})


def test_a_fleet_is_not_compared_with_a_schema(saved: Saver, terminal: Terminal) -> None:
    saved("old.json")
    terminal.write("new.json", "{}")
    ran = terminal.run("compare", "old.json", "new.json")
    assert (ran.status, "is of a fleet, and the other report is not" in ran.err) == (2, True)
    terminal.write("new.json", '{"fleet_version": 99, "verdict": {"status": "pass", "exit_status": 0}}')
    assert "fleet version 99" in terminal.run("compare", "old.json", "new.json").err


def test_the_history_of_a_fleet_is_a_line_for_each_report(
    saved: Saver, conn: Conn, terminal: Terminal
) -> None:
    saved("reports/b.json", at=0)
    mutate(conn, "create table {0}.bare (x int)", "tenant_3")
    saved("reports/a.json", at=1)
    rows = json.loads(terminal.run("history", "reports", "--format", "json").out)
    assert [(r["report"], r["verdict"], r["alike"], r["differs"], r["shapes"]) for r in rows] == [
        ("b.json", "pass", 5, 0, 1), ("a.json", "drift", 4, 1, 2),
    ]  # fmt: skip
    assert terminal.run("history", "reports").out.splitlines()[-1] == "differ ▁█"
    terminal.write("reports/c.json", "{}")
    assert terminal.run("history", "reports").status == 2
