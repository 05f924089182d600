"""Members that cannot be read: each is told by name, with the cause and what helps, and the rest is judged."""

import json
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier, Literal

from tests import fix_impostor
from tests.fix_cli import Ran, Terminal
from tests.fix_fleet import make_members
from tests.fix_server import fresh
from validate_schema.fleets.job import examine_fleet
from validate_schema.fleets.request import FleetRequest, Target
from validate_schema.model.progress import Silence
from validate_schema.model.secret import Secret
from validate_schema.run.request import Request
from validate_schema.scratch import Database, Server

PASSWORD = "hunter2-of-the-fleet"
Listening = Callable[[fix_impostor.Answer], int]


@pytest.fixture
def good(database: Database) -> Database:
    """A database with two schemas that are alike."""
    with database.connect() as conn:
        make_members(conn, ("tenant_1", "tenant_2"))
        conn.commit()
    return database


@pytest.fixture
def other(server: Server) -> Iterator[Database]:
    with fresh(server) as database:
        yield database


def targets(terminal: Terminal, urls: dict[str, str], *arguments: str) -> Ran:
    """Examine these databases, and see that nothing of a password is said."""
    terminal.write("fleet.csv", "".join(f'{name},"{url}"\n' for name, url in urls.items()))
    ran = terminal.run("fleet", "--targets", "fleet.csv", "--select", "TBL001", *arguments)
    assert PASSWORD not in ran.out + ran.err
    return ran


def states(ran: Ran) -> dict[str, tuple[str, str]]:
    return {row["name"]: (row["state"], row.get("reason", "")) for row in json.loads(ran.out)["members"]}


@contextmanager
def asking_for_a_password(database: Database, role: str) -> Iterator[None]:
    """Have the server ask this role for a password, in this database alone."""
    with psycopg.connect(database.conninfo, autocommit=True) as conn:
        (path,) = conn.execute("show hba_file").fetchone() or ("",)
        before = Path(path).read_text(encoding="utf-8")

        def write(text: str) -> None:
            Path(path).write_text(text, encoding="utf-8")
            conn.execute("select pg_reload_conf()")

        conn.execute(SQL("create role {} login password 'right'").format(Identifier(role)))
        write(
            f"local {database.name} {role} scram-sha-256\nhost {database.name} {role} all scram-sha-256\n{before}"
        )
        try:
            yield
        finally:
            write(before)
            conn.execute(SQL("drop role {}").format(Identifier(role)))


def test_whatever_is_wrong_with_members_each_is_told_and_the_rest_judged(
    good: Database, terminal: Terminal, listening: Listening
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = free.getsockname()[1]
    local = f"host=127.0.0.1 dbname=app user=me password={PASSWORD} sslmode=disable"
    urls = {f"good_{n}": good.conninfo for n in range(57)} | {
        "refused": f"{local} port={nobody}",
        "absent": make_conninfo(good.conninfo, dbname="not_there"),
        "web": f"{local} port={listening(fix_impostor.web)}",
        "old": f"{local} port={listening(fix_impostor.old)}",
        "silent": f"{local} port={listening(fix_impostor.Silent())}",
        "nobody": make_conninfo(good.conninfo, user="no_such_role"),
    }
    ran = targets(terminal, urls, "--format", "json", "--statement-timeout", "900")
    assert ran.status == 3
    said = states(ran)
    assert {name: state for name, (state, _) in said.items() if state != "unread"} == {
        f"good_{n}": "alike" for n in range(57)
    }
    for name, (cause, help) in {
        "refused": ("nothing listens there", "is the port right?"),
        "absent": ("there is no such database", ""),
        "web": ("what answers there is not PostgreSQL", "is the port right?"),
        "old": ("runs PostgreSQL 12", "14 is the oldest that is supported"),
        "silent": ("it did not answer for 4 s", "--statement-timeout"),
        "nobody": ("there is no such role", ""),
    }.items():
        assert cause in said[name][1], (name, said[name])
        assert help in said[name][1], (name, said[name])
    few = {
        name: url for name, url in urls.items() if name == "good_0" or not name.startswith(("good", "silent"))
    }
    shown = targets(terminal, few)
    assert shown.out.startswith(
        "INCOMPLETE: 1 of 6 members is as the reference (5 members could not be examined)"
    )
    for name in ("refused", "absent", "web", "old", "nobody"):
        assert f"\n  {name}: " in shown.out


def test_a_wrong_password_is_told_and_not_shown(good: Database, terminal: Terminal) -> None:
    role = "fleet_guarded"
    with asking_for_a_password(good, role):
        wrong = make_conninfo(good.conninfo, user=role, password=PASSWORD)
        ran = targets(terminal, {"one": good.conninfo, "two": wrong}, "--format", "json")
    assert ran.status == 3
    state, reason = states(ran)["two"]
    assert (state, "user or password is wrong" in reason) == ("unread", True), reason
    assert states(ran)["one"][0] == "alike"


def test_a_database_that_one_may_not_connect_to_says_what_allows_it(
    good: Database, other: Database, terminal: Terminal
) -> None:
    with psycopg.connect(other.conninfo, autocommit=True) as conn:
        conn.execute("create role fleet_stranger login")
        conn.execute(SQL("revoke connect on database {} from public").format(Identifier(other.name)))
    try:
        urls = {
            n: make_conninfo(d.conninfo, user="fleet_stranger") for n, d in (("one", good), ("two", other))
        }
        ran = targets(terminal, urls, "--format", "json")
    finally:
        with psycopg.connect(other.conninfo, autocommit=True) as conn:
            conn.execute("drop role fleet_stranger")
    assert ran.status == 3
    assert "GRANT CONNECT would allow it" in states(ran)["two"][1]
    assert states(ran)["one"][0] == "alike"


def test_a_catalog_that_may_not_be_read_is_told_with_what_helps(
    good: Database, other: Database, terminal: Terminal
) -> None:
    with psycopg.connect(other.conninfo, autocommit=True) as conn:
        conn.execute("create role fleet_stranger login")
        conn.execute("revoke select on pg_catalog.pg_policy from public")
    try:
        urls = {
            n: make_conninfo(d.conninfo, user="fleet_stranger") for n, d in (("one", good), ("two", other))
        }
        ran = targets(terminal, urls, "--format", "json")
    finally:
        with psycopg.connect(other.conninfo, autocommit=True) as conn:
            conn.execute("drop role fleet_stranger")
    assert ran.status == 3
    reason = states(ran)["two"][1]
    assert "permission denied for table pg_policy" in reason
    assert "GRANT SELECT on it" in reason
    assert states(ran)["one"][0] == "alike"


def test_a_query_that_takes_too_long_and_a_lock_that_stays_are_told_with_what_helps(
    good: Database, other: Database, terminal: Terminal
) -> None:
    with psycopg.connect(other.conninfo) as conn:
        make_members(conn, ("tenant_1", "tenant_2"))
        conn.commit()
        urls = {"one": good.conninfo, "two": other.conninfo}
        slow = (
            SQL(
                "select n from unnest(array['tenant_1', 'tenant_2']) n,"
                " pg_sleep(case current_database() when {} then 60 else 0 end)"
            )
            .format(Literal(other.name))
            .as_string(conn)
        )
        ran = targets(
            terminal, urls, "--schemas-query", slow, "--statement-timeout", "400", "--format", "json"
        )
        assert ran.status == 3
        said = states(ran)
        assert {name: state for name, (state, _) in said.items()} == {
            "one/tenant_1": "alike", "one/tenant_2": "alike", "two": "unread",
        }  # fmt: skip
        assert "longer than 400 ms; raise it with --statement-timeout" in said["two"][1]

        conn.execute("lock table tenant_2.bills in access exclusive mode")
        ran = targets(terminal, urls, "--schemas", "tenant_%", "--format", "json")
        assert ran.status == 3
        said = states(ran)
        assert [name for name, (state, _) in said.items() if state != "alike"] == ["two/tenant_2"]
        assert "another session keeps it locked" in said["two/tenant_2"][1]

        conn.execute("lock table pg_catalog.pg_policy in access exclusive mode")
        ran = targets(terminal, urls, "--format", "json")
        assert ran.status == 3
        assert states(ran)["one"][0] == "alike"
        assert "another session keeps it locked" in states(ran)["two"][1]


class _AtStep(Silence):
    """Do something when a step begins."""

    def __init__(self, step: str, do: Callable[[], Any]) -> None:
        self._step, self._do = step, do

    @contextmanager
    def step(self, doing: str) -> Iterator[None]:
        if doing.startswith(self._step):
            self._do()
        yield


@pytest.mark.parametrize("step", ["fingerprinting", "reading one member"])
def test_a_database_that_is_dropped_while_the_fleet_is_read_is_told(
    good: Database, server: Server, step: str
) -> None:
    with fresh(server) as doomed:

        def drop() -> None:
            with psycopg.connect(good.conninfo, autocommit=True) as conn:
                conn.execute(SQL("drop database {} with (force)").format(Identifier(doomed.name)))

        with psycopg.connect(doomed.conninfo, autocommit=True) as conn:
            conn.execute("create table only_here (id integer primary key)")
        at = {"one": good.conninfo, "two": doomed.conninfo}
        request = FleetRequest(
            run=Request.of(database_url=good.conninfo, select="TBL001"),
            targets=tuple(Target(name, Secret(url)) for name, url in at.items()),
        )
        report = examine_fleet(request, _AtStep(step, drop))
    rows = {row.name: row for row in report.members}
    assert (report.verdict.exit_status, rows["one"].state, rows["two"].state) == (3, "alike", "unread")
    assert "there is no such database" in rows["two"].reason


def test_a_database_that_is_dropped_under_its_reader_is_told(
    good: Database, other: Database, terminal: Terminal
) -> None:
    terminal.write("fleet.csv", f'one,"{good.conninfo}"\ntwo,"{other.conninfo}"\n')
    with (
        suppress(psycopg.OperationalError),  # the session that holds the lock is ended with its database
        psycopg.connect(other.conninfo) as conn,
        psycopg.connect(good.conninfo, autocommit=True) as watcher,
    ):
        conn.execute("lock table pg_catalog.pg_namespace in access exclusive mode")
        process = terminal.start("fleet", "--targets", "fleet.csv", "--select", "TBL001", "--format", "json")
        reader = (
            "select count(*) from pg_stat_activity"
            " where datname = %s and application_name = 'validate-schema'"
        )
        while not (watcher.execute(reader, (other.name,)).fetchone() or (0,))[0]:
            assert process.poll() is None
        watcher.execute(SQL("drop database {} with (force)").format(Identifier(other.name)))
        out, err = process.communicate(timeout=60)
    assert process.returncode == 3, err
    said = states(Ran(3, out, err))
    assert (said["one"][0], said["two"][0]) == ("alike", "unread")
    ended = (
        "went away",
        "terminating connection",
        "closed the connection",
    )  # before or after the first answer
    assert any(words in said["two"][1] for words in ended), said["two"]


@contextmanager
def reading(good: Database, terminal: Terminal, *arguments: str) -> Iterator[Any]:
    """Hold a process that waits in the middle of its reading."""
    with psycopg.connect(good.conninfo) as conn, psycopg.connect(good.conninfo, autocommit=True) as watcher:
        conn.execute("lock table tenant_2.bills in access exclusive mode")
        process = terminal.start(
            "fleet", "--schemas", "tenant_%", "--database-url", good.conninfo, *arguments
        )
        waiting = (
            "select count(*) from pg_stat_activity"
            " where wait_event_type = 'Lock' and datname = current_database()"
        )
        while not (watcher.execute(waiting).fetchone() or (0,))[0]:
            assert process.poll() is None
        with process:
            yield process
        ours = (
            "select count(*) from pg_stat_activity"
            " where application_name = 'validate-schema' and datname = current_database()"
        )
        while (watcher.execute(ours).fetchone() or (0,))[0]:
            pass


def test_a_run_that_is_killed_leaves_nothing_behind(good: Database, terminal: Terminal) -> None:
    with reading(good, terminal, "--report", "fleet.json", "--report", "fleet.html") as process:
        process.kill()
    assert list(terminal.folder.iterdir()) == []


def test_an_interrupt_ends_soon_though_a_server_says_nothing(
    good: Database, terminal: Terminal, listening: Listening
) -> None:
    silent = fix_impostor.Silent()
    port = listening(silent)
    terminal.write(
        "fleet.csv", f'one,"{good.conninfo}"\ntwo,"host=127.0.0.1 port={port} sslmode=disable user=x"\n'
    )
    process = terminal.start(
        "fleet", "--targets", "fleet.csv", "--select", "TBL001", "--report", "fleet.json",
        "--statement-timeout", "600000", "--parallel", "1",
    )  # fmt: skip
    assert silent.asked.wait(60)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 3, err
    assert out.startswith("INCOMPLETE")
    report = json.loads((terminal.folder / "fleet.json").read_text(encoding="utf-8"))
    assert report["interrupted"]
    assert sorted(path.name for path in terminal.folder.iterdir()) == ["fleet.csv", "fleet.json"]
