"""`fleet --scheduler`: workers of a real Dask cluster read the databases, and no secret goes there."""

import os
import pickle
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple
from urllib.request import urlopen

import pytest

from tests.fix_apply import until
from tests.fix_cli import Terminal
from tests.fix_fleet import make_members, mutate
from tests.fix_server import fresh
from validate_schema import fleet
from validate_schema.model.errors import ConnectError, UsageError
from validate_schema.scratch import Database, Server

distributed = pytest.importorskip("distributed")
SECRET = "s3cr3t-of-the-tenants"
VARIABLES = ("FLEET_TEST_A", "FLEET_TEST_B")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Two workers, processes of their own; what they find in two variables the tests write into files."""
    place = tmp_path_factory.mktemp("workers")
    with pytest.MonkeyPatch.context() as patch:
        for name in VARIABLES:
            patch.setenv(name, f"service={name}")
        patch.setenv("PGSERVICEFILE", str(place / "services"))
        with distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0", silence_logs=50,
            local_directory=str(place),
        ) as found:  # fmt: skip
            found.services = place / "services"
            yield found


@pytest.fixture
def told(cluster: Any, database: Database) -> Database:
    """A fleet of two databases, which are one here: their services are known to the workers alone."""
    with database.connect(autocommit=True) as conn:
        make_members(conn, ("tenant_1", "tenant_2", "tenant_3"))
    lines = [f"{k}={v}" for k, v in database.parameters.items() if v] + [f"password={SECRET}"]
    cluster.services.write_text("".join(f"[{n}]\n" + "\n".join(lines) + "\n" for n in VARIABLES), "utf-8")
    return database


TARGETS = {name[-1].lower(): f"env:{name}" for name in VARIABLES}


class Watcher(distributed.SchedulerPlugin):  # type: ignore[misc,name-defined]
    """Keeps what the scheduler is told of each task, and what it holds of it."""

    name = "watcher"

    def __init__(self) -> None:
        self.held = b""

    def transition(self, key: str, start: str, finish: str, *args: Any, **more: Any) -> None:
        self.held += repr((key, start, finish, args, more)).encode()

    def update_graph(self, scheduler: Any, **more: Any) -> None:
        self.held += repr(more).encode()
        for task in scheduler.tasks.values():
            with suppress(Exception):
                self.held += pickle.dumps(task.run_spec) + repr(task.run_spec).encode()


def test_workers_read_what_the_process_reads_and_no_secret_goes_there(
    cluster: Any, told: Database, tmp_path: Path
) -> None:
    with told.connect(autocommit=True) as conn:
        mutate(conn, "alter table {0}.account add column note text", "tenant_3")
    watcher = Watcher()
    cluster.scheduler.add_plugin(watcher)
    asked = {
        "targets": TARGETS,
        "schemas": "tenant_%",
        "select": "TBL005",
        "scheduler": cluster.scheduler_address,
    }
    report = fleet(**asked)
    for _ in range(2):
        fleet(**asked, resume=tmp_path / "state")
    cluster.scheduler.remove_plugin(name=watcher.name)
    here = fleet(targets=dict.fromkeys(TARGETS, told.conninfo), schemas="tenant_%", select="TBL005")
    assert [(m.name, m.state, m.fingerprint) for m in report.members] == [
        (m.name, m.state, m.fingerprint) for m in here.members
    ]
    assert [m.name for m in report.of_state("differs")] == ["a/tenant_3", "b/tenant_3"]
    assert report.findings == here.findings
    with distributed.Client(cluster.scheduler_address, set_as_default=False) as client:
        logs = repr((client.get_scheduler_logs(), client.get_worker_logs(), client.get_events()))
    for page in ("info/main/workers.html", "info/main/logs.html", "json/counts.json"):
        with urlopen(f"http://127.0.0.1:{cluster.scheduler.http_server.port}/{page}") as shown:
            logs += shown.read().decode()
    assert b"validate-schema survey 1 a" in watcher.held
    assert b"env:FLEET_TEST_A" in watcher.held
    assert report.members[0].fingerprint.encode() in watcher.held, "what the state knows goes to the worker"
    assert SECRET not in (tmp_path / "state").read_text(encoding="utf-8")
    for text in (watcher.held.decode(errors="replace"), logs):
        assert SECRET not in text
        assert told.parameters["host"] not in text


class Door:
    """A server's door that keeps the first `held` callers waiting, and sends on or away who comes after them."""

    def __init__(self, database: Database | None, held: int) -> None:
        self._database, self._left = database, held
        self.callers = 0
        self.waiting = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._kept: list[socket.socket] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError), self._socket:
            while True:
                caller, _ = self._socket.accept()
                self.callers += 1
                if self._left:
                    self._left -= 1
                    self._kept.append(caller)
                    self.waiting.set()
                elif self._database is None:
                    caller.close()
                else:
                    self._join(caller, self._database.parameters)

    def _join(self, caller: socket.socket, parameters: Any) -> None:
        server = socket.socket(socket.AF_UNIX)
        self._kept += [caller, server]
        server.connect(f"{parameters['host']}/.s.PGSQL.{parameters['port']}")
        for one, other in ((caller, server), (server, caller)):
            threading.Thread(target=self._pump, args=(one, other), daemon=True).start()

    def _pump(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while data := one.recv(65536):
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        for each in self._kept:
            each.close()

    def url(self, database: Database) -> str:
        user = database.parameters["user"]
        return f"host=127.0.0.1 port={self.port} user={user} dbname={database.name} sslmode=disable gssencmode=disable"


def test_what_a_worker_had_that_was_killed_another_reads(cluster: Any, told: Database) -> None:
    door = Door(told, held=1)
    found: list[Any] = []
    asked = {"targets": {"a": door.url(told)}, "schemas": "tenant_%", "select": "TBL005"}
    run = threading.Thread(target=lambda: found.append(fleet(**asked, scheduler=cluster.scheduler_address)))  # type: ignore[arg-type]
    run.start()
    assert door.waiting.wait(30)
    kill_whoever_reads(cluster)
    run.join(60)
    door.close()
    (report,) = found
    assert [m.state for m in report.members] == ["alike"] * 3
    assert door.callers >= 2


def kill_whoever_reads(cluster: Any) -> None:
    """Kill the workers that have a task now."""
    with distributed.Client(cluster.scheduler_address, set_as_default=False) as client:
        busy = [address for address, keys in client.processing().items() if keys]
        assert busy
        for process in client.run(os.getpid, workers=busy).values():
            os.kill(process, signal.SIGKILL)


@pytest.fixture
def asked(
    cluster: Any, told: Database, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> Iterator["Asked"]:
    """A fleet of three databases, the last of which keeps its first reader waiting."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    monkeypatch.setenv("PGSERVICEFILE", str(cluster.services))  # for the worker after one that is killed
    door = Door(told, held=1)
    terminal.write("fleet.csv", f'a,env:FLEET_TEST_A\nb,env:FLEET_TEST_B\nc,"{door.url(told)}"\n')
    words = (
        "fleet",
        "--targets",
        "fleet.csv",
        "--schemas",
        "tenant_%",
        "--select",
        "TBL005",
        "--format",
        "json",
    )
    yield Asked(door, (*words, "--scheduler", cluster.scheduler_address))
    door.close()


class Asked(NamedTuple):
    door: Door
    words: tuple[str, ...]


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT], ids=["killed", "interrupted"])
def test_a_run_that_is_ended_goes_on_where_it_was(
    asked: Asked, terminal: Terminal, end: signal.Signals
) -> None:
    with terminal.start(*asked.words, "--resume", "state") as process:
        assert asked.door.waiting.wait(60)
        until(lambda: Path("state").read_bytes().count(b"\n") == 3)
        process.send_signal(end)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, '"incomplete"' in out) == (
        (3, True) if end == signal.SIGINT else (-9, False)
    ), err
    ran = terminal.run(*asked.words, "--resume", "state")
    assert (ran.status, "state: 6 of 9 members had not changed" in ran.err) == (0, True), ran.err
    assert terminal.run(*asked.words).out == ran.out
    again = terminal.run(*asked.words, "--resume", "state")
    assert ("state: 9 of 9 members had not changed" in again.err, again.out == ran.out) == (True, True), (
        again.err
    )


def test_a_worker_that_is_killed_takes_nothing_of_the_state_along(
    cluster: Any, asked: Asked, terminal: Terminal
) -> None:
    with terminal.start(*asked.words, "--resume", "state") as process:
        assert asked.door.waiting.wait(60)
        until(lambda: Path("state").read_bytes().count(b"\n") == 3)
        kill_whoever_reads(cluster)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    again = terminal.run(*asked.words, "--resume", "state")
    assert again.out == out
    assert "state: 9 of 9 members had not changed" in again.err


def test_what_is_changed_since_a_cluster_read_it_is_read_again(
    asked: Asked, told: Database, terminal: Terminal
) -> None:
    terminal.write("fleet.csv", "a,env:FLEET_TEST_A\n")
    terminal.run(*asked.words, "--resume", "state")
    with told.connect(autocommit=True) as conn:
        mutate(conn, "alter table {0}.account add column note text", "tenant_3")
    ran = terminal.run(*asked.words, "--resume", "state")
    assert (ran.status, "state: 2 of 3 members had not changed" in ran.err) == (1, True), ran.err
    assert terminal.run(*asked.words).out == ran.out


def test_runs_on_one_cluster_have_nothing_of_each_other(cluster: Any, told: Database, server: Server) -> None:
    door = Door(told, held=1)
    more = {"schemas": "tenant_%", "select": "TBL005", "scheduler": cluster.scheduler_address}
    run = threading.Thread(target=lambda: fleet(targets={"a": door.url(told)}, **more))  # type: ignore[arg-type]
    run.start()
    assert door.waiting.wait(30)
    with fresh(server) as other, other.connect(autocommit=True) as conn:
        make_members(conn, ("tenant_9",))
        report = fleet(targets={"a": other.conninfo}, **more)  # type: ignore[arg-type]
    assert [(m.name, m.state) for m in report.members] == [("a/tenant_9", "alike")]
    door.close()
    run.join(60)


def test_the_proof_is_made_on_the_machine_that_asks(
    cluster: Any, told: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with told.connect(autocommit=True) as conn:
        conn.execute("create role app login")
        for name in ("tenant_1", "tenant_2", "tenant_3"):
            conn.execute(f"grant usage on schema {name} to app; grant select on {name}.bills to app".encode())
            conn.execute(f"grant select on {name}.event to app".encode())
    asked = {"targets": TARGETS, "schemas": "tenant_%", "select": "FLT014", "prove": True}
    report = fleet(**asked, scheduler=cluster.scheduler_address)  # type: ignore[arg-type]
    (proof,) = report.proofs
    assert "reached" in {a.outcome for a in proof.attempted}, proof
    assert report.proofs == fleet(**asked).proofs  # type: ignore[arg-type]
    monkeypatch.delenv("FLEET_TEST_A")
    report = fleet(**asked, scheduler=cluster.scheduler_address)  # type: ignore[arg-type]
    (proof,) = report.proofs
    assert ("FLEET_TEST_A is not set" in proof.reason, report.verdict.exit_status) == (True, 3)


def test_a_member_that_is_twice_out_of_reach_is_told(cluster: Any, told: Database) -> None:
    door = Door(None, held=0)
    report = fleet(
        targets={"a": "env:FLEET_TEST_A", "b": door.url(told), "c": "env:FLEET_TEST_NOWHERE"},
        schemas="tenant_%",
        scheduler=cluster.scheduler_address,
        select="TBL005",
    )
    callers = door.callers
    door.close()
    assert {m.name: m.state for m in report.members if "/" not in m.name} == {"b": "unread", "c": "unread"}
    reasons = {m.name: m.reason for m in report.of_state("unread")}
    assert "FLEET_TEST_NOWHERE is not set" in reasons["c"]
    assert (len(report.of_state("alike")), report.verdict.exit_status, callers >= 2) == (3, 3, True)


def test_a_password_does_not_travel(cluster: Any, database: Database) -> None:
    with pytest.raises(UsageError, match="env:NAME") as refused:
        fleet(targets={"a": f"postgresql://u:{SECRET}@h/d"}, scheduler=cluster.scheduler_address)
    assert SECRET not in str(refused.value)


def test_a_scheduler_that_is_not_there_is_one_line(terminal: Terminal) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    terminal.write("fleet.csv", "a,env:FLEET_TEST_A\n")
    ran = terminal.run("fleet", "--targets", "fleet.csv", "--scheduler", f"tcp://127.0.0.1:{port}")
    assert (ran.status, ran.err.count("\n"), "no Dask scheduler answers" in ran.err) == (3, 1, True), ran.err
    with pytest.raises(ConnectError):
        fleet(targets=TARGETS, scheduler="nonsense")


def test_without_dask_one_line_says_what_to_install(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "distributed.py").write_text("raise ImportError\n", "utf-8")
    terminal.write("fleet.csv", "a,env:FLEET_TEST_A\n")
    process = terminal.start(
        "fleet", "--targets", "fleet.csv", "--scheduler", "tcp://127.0.0.1:1", PYTHONPATH=str(tmp_path)
    )
    _, err = process.communicate(timeout=60)
    assert (process.returncode, "pip install 'validate-schema[fleet]'" in err, err.count("\n")) == (
        2,
        True,
        1,
    )


def test_a_target_is_what_a_variable_holds_or_a_program_prints(
    database: Database, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLEET_TEST_HERE", database.conninfo)
    terminal.write(
        "fleet.csv", "a,env:FLEET_TEST_HERE\nb,command:printenv FLEET_TEST_HERE\nc,command:false\n"
    )
    ran = terminal.run("fleet", "--targets", "fleet.csv", "--select", "TBL005")
    assert (ran.status, "2 of 3 members" in ran.out, "it ended with 1" in ran.out) == (3, True, True), ran.out
    query = "select 'a', 'command:touch here'"
    ran = terminal.run("fleet", "--database-url", database.conninfo, "--targets-query", query)
    assert (ran.status, "does not say what is run here" in ran.err, Path("here").exists()) == (2, True, False)
