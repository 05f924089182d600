"""Scratch servers shared, interrupted and killed."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from tests.fix_children import Spawn
from validate_schema.scratch import ScratchEntry, Server, list_scratch, open_server

pytestmark = pytest.mark.usefixtures("prepared_home")

USE = """
with open_server(key=sys.argv[1]) as server, server.database() as database:
    tell(database.name)
    wait()
"""
TEMPLATE = """
def build(database):
    with open(sys.argv[2], "a") as log:
        log.write("built\\n")

with open_server(key=sys.argv[1]) as server:
    tell("open")
    wait()
    tell(server.template("same", build))
"""


def entry(key: str) -> ScratchEntry:
    return next(e for e in list_scratch() if e.key == key)


def state(key: str) -> tuple[bool, bool]:
    found = entry(key)
    return found.running, found.in_use


def started(server: Server) -> str:
    with server.connect() as conn:
        row = conn.execute("select pg_postmaster_start_time()::text").fetchone()
        assert row is not None
        return str(row[0])


def databases(server: Server) -> set[str]:
    with server.connect() as conn:
        return {name for (name,) in conn.execute("select datname from pg_database")}


def postmaster(key: str) -> int:
    return int((entry(key).folder / "data" / "postmaster.pid").read_text().split()[0])


def until(true: Callable[[], bool]) -> None:
    """Look until it is so, for at most a minute."""
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        os.sched_yield()


def test_a_server_stops_with_its_last_user(key: str) -> None:
    with open_server(key=key) as one:
        with open_server(key=key) as two:
            assert started(one) == started(two)
            assert state(key) == (True, True)
        assert state(key) == (True, True)
        started(one)
    assert state(key) == (False, False)


def test_the_process_that_started_a_server_may_leave_first(key: str, spawn: Spawn) -> None:
    child = spawn(USE, key)
    child.line()
    with open_server(key=key) as server:
        before = started(server)
        child.go_on()
        assert child.end() == 0
        assert started(server) == before
    assert state(key) == (False, False)


def test_two_processes_that_start_at_once_get_one_server(key: str, spawn: Spawn) -> None:
    code = """
    with open_server(key=sys.argv[1]) as server, server.connect() as conn:
        tell(str(conn.execute("select pg_postmaster_start_time()::text").fetchone()[0]))
        wait()
    """
    children = [spawn(code, key) for _ in range(3)]
    assert len({child.line() for child in children}) == 1
    for child in children:
        child.go_on()
    assert [child.end() for child in children] == [0, 0, 0]
    assert state(key) == (False, False)


def test_the_next_run_stops_the_server_of_a_killed_one(key: str, spawn: Spawn) -> None:
    child = spawn(USE, key)
    child.line()
    child.signal(signal.SIGKILL)
    child.end()
    assert state(key) == (True, False)
    socket = Path((entry(key).folder / "sockets").read_text())
    with open_server(key=f"another {key}"):
        pass
    assert state(key) == (False, False)
    assert not socket.exists()


def test_the_next_run_removes_what_was_made_for_a_server_that_was_never_started(
    key: str, spawn: Spawn
) -> None:
    code = """
    from validate_schema.scratch.cluster import Cluster

    Cluster._spawn = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
    with open_server(key=sys.argv[1]):
        tell("not reached")
    """
    assert spawn(code, key).end() == -signal.SIGKILL
    socket = Path((entry(key).folder / "sockets").read_text())
    assert socket.exists()
    with open_server(key=f"another {key}"):
        pass
    assert not socket.exists()
    assert not (entry(key).folder / "sockets").exists()


def test_the_next_run_drops_the_databases_of_a_killed_one(key: str, spawn: Spawn) -> None:
    child = spawn(USE, key)
    name = child.line()
    with open_server(key=key) as server:
        child.signal(signal.SIGKILL)
        child.end()
        assert name in databases(server)
        with server.connect() as conn:
            until(
                lambda: not conn.execute("select from pg_stat_activity where datname = %s", [name]).fetchall()
            )

        def gone() -> bool:
            with open_server(key=key) as later:
                return name not in databases(later)

        until(gone)


def test_databases_of_the_living_are_left_alone(key: str, spawn: Spawn) -> None:
    child = spawn(USE, key)
    name = child.line()
    for _ in range(2):
        with open_server(key=key) as server:
            assert name in databases(server)
    child.go_on()
    assert child.end() == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_process_cleans_up(key: str, spawn: Spawn, number: int) -> None:
    child = spawn("signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))\n" + USE, key)
    name = child.line()
    child.signal(number)
    assert child.end() != 0
    assert state(key) == (False, False)
    with open_server(key=key) as server:
        assert name not in databases(server)


def test_the_terminals_interrupt_does_not_reach_the_server(key: str, spawn: Spawn) -> None:
    code = """
    with open_server(key=sys.argv[1]) as server, server.database() as database:
        try:
            tell("ready")
            wait()
        except KeyboardInterrupt:
            with database.connect() as conn:
                tell(str(conn.execute("select 1").fetchone()[0]))
    """
    child = spawn(code, key, start_new_session=True)
    assert child.line() == "ready"
    os.killpg(child.process.pid, signal.SIGINT)
    assert child.line() == "1"
    assert child.end() == 0


def test_an_interrupt_while_the_server_starts_leaves_nothing(key: str, spawn: Spawn) -> None:
    code = """
    def interrupt(step):
        if step.startswith("starting"):
            signal.setitimer(signal.ITIMER_REAL, float(sys.argv[2]))

    def stop(*_):
        raise KeyboardInterrupt

    signal.signal(signal.SIGALRM, stop)
    with open_server(key=sys.argv[1], progress=interrupt) as server:
        signal.setitimer(signal.ITIMER_REAL, 0)
        tell("open")
    """
    with open_server(key=key):
        pass
    for delay in ("0.001", "0.01", "0.03", "0.06", "0.1"):
        spawn(code, key, delay).end()
        assert state(key) == (False, False)
    with open_server(key=key) as server:
        started(server)


def test_two_processes_build_one_template(key: str, spawn: Spawn, tmp_path: Path) -> None:
    log = tmp_path / "log"
    children = [spawn(TEMPLATE, key, str(log)) for _ in range(3)]
    assert {child.line() for child in children} == {"open"}
    for child in children:
        child.go_on()
    assert len({child.line() for child in children}) == 1
    assert [child.end() for child in children] == [0, 0, 0]
    assert log.read_text() == "built\n"


def test_a_template_outlives_the_server(key: str) -> None:
    built = []
    for _ in range(2):
        with open_server(key=key) as server:
            name = server.template("kept", lambda database: built.append(database.name))
            assert name in databases(server)
    assert len(built) == 1


def test_a_killed_build_leaves_no_template(key: str, spawn: Spawn) -> None:
    code = """
    def build(database):
        with database.connect() as conn:
            conn.execute("create role half")
            conn.commit()
        tell(database.name)
        wait()

    with open_server(key=sys.argv[1]) as server:
        server.template("killed", build)
    """
    child = spawn(code, key)
    name = child.line()
    child.signal(signal.SIGKILL)
    child.end()
    with open_server(key=f"another {key}"):
        pass
    with open_server(key=key) as server:
        assert not {n for n in databases(server) if n.startswith("vs_")}, name
        with server.connect() as conn:
            assert conn.execute("select from pg_roles where rolname = 'half'").fetchall() == []


def test_a_killed_server_is_replaced(key: str) -> None:
    with open_server(key=key) as server:
        os.kill(postmaster(key), signal.SIGKILL)
        until(lambda: not entry(key).running)
        with pytest.raises(psycopg.OperationalError):
            server.connect()
    with open_server(key=key) as server:
        started(server)
    assert state(key) == (False, False)


@pytest.mark.parametrize("damage", ["global/pg_control", "PG_VERSION", "postgresql.conf"])
def test_damaged_data_is_replaced(key: str, damage: str) -> None:
    with open_server(key=key):
        pass
    (entry(key).folder / "data" / damage).unlink()
    with open_server(key=key) as server:
        started(server)


def test_a_copy_that_was_cut_short_is_made_again(key: str) -> None:
    with open_server(key=key):
        pass
    folder = entry(key).folder
    (folder / "data").rename(folder / "data.new")
    (folder / "data.new" / "PG_VERSION").unlink()
    with open_server(key=key) as server:
        started(server)
    assert not (folder / "data.new").exists()
