"""What whoever reaches a scratch server can do there, and what he cannot."""

import json
import os
import pwd
import re
import shlex
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.fix_children import Spawn
from tests.fix_cli import SHOP, SHOP_CONFIG, Terminal
from tests.fix_shut_in import alive, as_root, folder_of, run, superuser, user_of, with_landlock, with_seccomp
from validate_schema.model.errors import ScratchError
from validate_schema.scratch import clean_scratch, cluster, home, launcher, layers, list_scratch, open_server
from validate_schema.scratch.home import remove

pytestmark = pytest.mark.usefixtures("prepared_home")


@pytest.fixture(autouse=True)
def programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers may start programs here: what holds beside that is asked by programs."""
    monkeypatch.setattr(cluster, "_PROGRAMS", True)


def used_blank(scratch: Path) -> Path:
    """Return the prepared cluster that was copied last."""
    return max(scratch.glob("blank/*"), key=lambda folder: folder.stat().st_mtime_ns) / "data"


@with_seccomp
def test_a_server_starts_no_program(key: str, short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_PROGRAMS", False)
    short.chmod(0o777)
    with superuser(key) as conn:
        for command in ("copy said from program", "copy (select 1) to program"):
            with pytest.raises(psycopg.Error, match="could not execute command"):
                conn.execute(f"{command} 'touch {short}/started'".encode())
        assert conn.execute("select count(*) from said").fetchone() == (0,)
    assert list(short.iterdir()) == []


@pytest.mark.parametrize(
    "harm",
    [
        "alter role validate_schema_superuser nologin",
        "alter database postgres allow_connections false",
        "alter database postgres rename to gone",
    ],
)
def test_a_server_that_lets_nobody_in_is_made_anew(key: str, harm: str) -> None:
    with superuser(key) as conn:
        if "rename" in harm or "allow" in harm:
            conn.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = 'postgres'")
        conn.execute(harm.encode())
    lines: list[str] = []
    with open_server(key=key, progress=lines.append) as server, server.database() as database:
        database.connect().close()
    assert "the scratch PostgreSQL lets nobody in any more: it is made anew" in lines


def test_what_was_left_in_template1_is_in_no_new_database(key: str) -> None:
    with open_server(key=key) as server:
        with server.connect(dbname="template1", autocommit=True) as conn:
            conn.execute("create table planted ()")
        with server.database() as database, database.connect() as conn:
            assert conn.execute("select to_regclass('planted')").fetchone() == (None,)


@with_landlock
def test_a_server_reads_no_file_that_is_not_its_own(key: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("canary")
    for folder in (secret, *secret.parents):
        if folder.stat().st_uid == os.geteuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | stat.S_IROTH | stat.S_IXOTH)
    with superuser(key) as conn:
        assert "canary" not in run(conn, f"cat {secret}")
        assert (
            run(conn, f"echo planted > {tmp_path}/planted; ls /tmp /home /root /proc /var; echo over")[-1]
            == "over"
        )
        assert [x for x in run(conn, "ls -d /tmp/* /var/* /proc/*") if "*" not in x] == []
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute(f"select pg_read_file('{secret}')".encode())
    assert not (tmp_path / "planted").exists()


@with_landlock
@pytest.mark.parametrize(
    "file", ["/etc/passwd", "/etc/group", "/etc/hostname", "/usr/bin/env", "/etc/ssl/certs"]
)
def test_a_server_reads_nothing_of_the_system_but_its_libraries(
    key: str, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    monkeypatch.setattr(cluster, "_PROGRAMS", False)
    read = "pg_ls_dir" if Path(file).is_dir() else "pg_read_binary_file"
    with (
        open_server(key=key) as server,
        server.database() as database,
        database.connect() as conn,
        pytest.raises(psycopg.errors.InsufficientPrivilege, match="Permission denied"),
    ):
        conn.execute(f"select {read}('{file}')".encode())


def test_a_server_knows_nothing_of_the_callers_environment(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANARY_TOKEN", "canary")
    with superuser(key) as conn:
        told = {line.partition("=")[0] for line in run(conn, "env")}
        reached = run(conn, f"cat /proc/{os.getpid()}/environ | tr '\\0' '\\n' | grep -a CANARY")
    known = {"PATH", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "PWD", "OLDPWD", "SHLVL", "_"}
    assert {name for name in told if not name.startswith(("PG", "LC_"))} <= known
    if os.geteuid() == 0 or launcher.landlock_version():
        assert not [line for line in reached if "CANARY_TOKEN=" in line]


@with_seccomp
def test_a_server_reaches_no_network_and_no_socket_of_others(key: str, short: Path) -> None:
    with socket.socket() as tcp, socket.socket(socket.AF_UNIX) as unix, superuser(key) as conn:
        tcp.bind(("127.0.0.1", 0))
        tcp.listen()
        unix.bind(str(short / "s"))
        (short / "s").chmod(0o777)
        unix.listen()
        attempts = [
            f"import socket; socket.create_connection(('127.0.0.1', {tcp.getsockname()[1]}), 3)",
            "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
            f"import socket; socket.socket(socket.AF_UNIX).connect('{short}/s')",
        ]
        for attempt in attempts:
            said = run(conn, f"""/usr/bin/python3 -c "{attempt}; print(4711)" || echo refused""")
            assert said[-1] == "refused", attempt


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder whose path is short enough for a socket, open to all."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="vs-t-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_a_server_gets_no_new_rights(key: str) -> None:
    with superuser(key) as conn:
        told = dict(line.split(":\t", 1) for line in _status(conn) if ":\t" in line)
    assert told["NoNewPrivs"] == "1"
    assert int(told["CapEff"], 16) == 0
    if launcher.has_seccomp():
        assert told["Seccomp"] == "2"


def _status(conn: "psycopg.Connection[Any]") -> list[str]:
    """Return the lines of /proc/PID/status of the backend, read from outside."""
    return Path(f"/proc/{conn.info.backend_pid}/status").read_text().splitlines()


def test_a_server_has_limits(key: str) -> None:
    with superuser(key) as conn:
        lines = Path(f"/proc/{conn.info.backend_pid}/limits").read_text().splitlines()
    limits = {line[:26].strip(): line[26:].split()[0] for line in lines}
    for name in ("Max file size", "Max cpu time", "Max address space"):
        assert limits[name] != "unlimited", name
    assert limits["Max core file size"] == "0"
    if os.geteuid() == 0:
        assert limits["Max processes"] == str(launcher.PROCESSES)


@with_landlock
def test_a_server_signals_no_process_outside(key: str, spawn: Spawn) -> None:
    child = spawn("tell(str(os.getpid()))\nwait()")
    pid = child.line()
    with superuser(key) as conn:
        run(conn, f"kill -9 {pid}")
        run(conn, f"kill -9 {(folder_of(key) / 'server.pid').read_text()}")
    assert child.process.poll() is None


@as_root
def test_each_cluster_has_a_user_of_its_own(key: str) -> None:
    with superuser(f"{key} 1") as one, superuser(f"{key} 2"):
        users = [user_of(f"{key} {n}") for n in (1, 2)]
        assert len({0, *users}) == 3
        for uid in users:
            with pytest.raises(KeyError):
                pwd.getpwuid(uid)
        assert Path(f"/proc/{one.info.backend_pid}").stat().st_uid == users[0]
        other = folder_of(f"{key} 2") / "data"
        assert "PG_VERSION" not in run(one, f"ls {other}")


@as_root
def test_what_a_server_put_in_place_of_its_files_is_not_followed(key: str, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("precious")
    names = ("postgresql.auto.conf", "postgresql.conf", "PG_VERSION", "pg_hba.conf")
    with superuser(key) as conn:
        for name in names:
            run(conn, f"rm -f {name}; ln -s {precious} {name}")
    for _ in range(2):
        with open_server(key=key) as server, server.connect() as conn:
            conn.execute("select 1")
    assert precious.read_text() == "precious"
    assert precious.stat().st_uid == 0


@pytest.mark.parametrize("name", ["postgresql.auto.conf", "postmaster.pid", "PG_VERSION", "pg_hba.conf"])
def test_a_pipe_among_the_data_hangs_nobody(key: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_START_LIMIT", 10.0)
    monkeypatch.setattr(cluster, "_STOP_LIMIT", 1.0)
    with superuser(key) as conn:
        run(conn, f"mkfifo {name}.new && mv -f {name}.new {name}")
    with open_server(key=key) as server, server.connect() as conn:
        conn.execute("select 1")


def test_nothing_that_was_nested_too_deep_stays(tmp_path: Path) -> None:
    place = os.open(tmp_path, os.O_RDONLY)
    os.mkdir("top", dir_fd=place)
    for _ in range(3000):
        inner = os.open("top" if _ == 0 else "d", os.O_RDONLY, dir_fd=place)
        os.close(place)
        os.mkdir("d", dir_fd=inner)
        place = inner
    os.close(place)
    (tmp_path / "kept").write_text("kept")
    (tmp_path / "top" / "link").symlink_to(tmp_path / "kept")
    (tmp_path / "top" / "folder").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "top" / "pipe")
    remove(tmp_path / "top")
    assert [p.name for p in tmp_path.iterdir()] == ["kept"]


def test_what_a_server_started_ends_with_it(key: str, short: Path) -> None:
    with superuser(key) as conn:
        said = run(
            conn,
            "setsid sh -c 'trap \"\" TERM INT HUP; sleep 600 & exec sleep 600' >/dev/null 2>&1 </dev/null & echo $!",
        )
        orphan = int(said[0])
        assert alive(orphan)
    assert not alive(orphan)
    with open_server(key=key) as server, server.connect() as conn:
        conn.execute("select 1")


@as_root
def test_what_outlived_a_killed_server_goes_with_the_next_run(key: str) -> None:
    with superuser(key) as conn:
        orphan = int(run(conn, "setsid sleep 600 >/dev/null 2>&1 </dev/null & echo $!")[0])
        folder, socket_folder = folder_of(key), Path((folder_of(key) / "sockets").read_text())
        os.kill(int((folder / "server.pid").read_text()), signal.SIGKILL)
        with suppress(psycopg.Error):
            conn.execute("select pg_sleep(60)")  # the server ends with the process beside it
    assert alive(orphan) is False
    with open_server(key=f"another {key}"):
        pass
    assert not alive(orphan)
    assert not socket_folder.exists()
    assert not (folder / "server.pid").exists()
    with open_server(key=key) as server, server.connect() as conn:
        conn.execute("select 1")


def test_the_prepared_cluster_is_out_of_a_servers_reach(key: str, prepared_home: Path) -> None:
    with superuser(key) as conn:
        blank = used_blank(prepared_home)
        run(conn, f"echo planted >> {blank}/postgresql.conf")
    if os.geteuid() == 0 or launcher.landlock_version():
        assert "planted" not in (blank / "postgresql.conf").read_text()


@pytest.mark.parametrize("what", ["changed", "link", "pipe", "added", "gone"])
def test_a_prepared_cluster_that_was_changed_is_made_anew(key: str, prepared_home: Path, what: str) -> None:
    with open_server(key=key):
        pass
    data = used_blank(prepared_home)
    victim = data / "pg_ident.conf"
    text = victim.read_text()
    victim.unlink()
    if what == "changed":
        victim.write_text(text + "# planted\n")
    elif what == "link":
        (data.parent / "elsewhere").write_text(text)
        victim.symlink_to(data.parent / "elsewhere")
    elif what == "pipe":
        os.mkfifo(victim)
    elif what == "added":
        victim.write_text(text)
        (data / "postgresql.auto.conf").unlink()
        (data / "postgresql.auto.conf").write_text("session_preload_libraries = 'planted'\n")
    lines: list[str] = []
    with open_server(key=f"{key} 2", progress=lines.append) as server, server.connect() as conn:
        conn.execute("select 1")
    assert "the prepared PostgreSQL (embedded) was changed by somebody: it is made anew" in lines
    assert victim.read_text() == text


@pytest.mark.parametrize("what", ["pipe", "no text"])
def test_a_digest_that_was_replaced_is_made_anew(key: str, prepared_home: Path, what: str) -> None:
    with open_server(key=key):
        pass
    digest = used_blank(prepared_home).parent / "digest"
    digest.unlink()
    if what == "pipe":
        os.mkfifo(digest)
    else:
        digest.write_bytes(b"\xff\xfe")
    with open_server(key=f"{key} 2") as server, server.connect() as conn:
        conn.execute("select 1")
    assert re.fullmatch("[0-9a-f]{64}", digest.read_text())


def test_a_note_in_the_cache_has_no_folder_of_others_removed(
    key: str, prepared_home: Path, tmp_path: Path
) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "kept").write_text("mine")
    with open_server(key=key):
        folder = folder_of(key)
    for noted in (str(victim).encode(), b"\xff"):
        (folder / "sockets").write_bytes(noted)
        with open_server(key=key) as server, server.connect() as conn:
            conn.execute("select 1")
    assert (victim / "kept").read_text() == "mine"


@pytest.mark.parametrize("name", ["config_file", "hba_file", "ident_file", "log"])
def test_a_link_in_the_cache_is_not_written_through(
    key: str, prepared_home: Path, tmp_path: Path, name: str
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    with open_server(key=key):
        folder = folder_of(key)
    (folder / name).unlink()
    (folder / name).symlink_to(victim)
    with open_server(key=key) as server, server.connect() as conn:
        conn.execute("select 1")
    assert victim.read_text() == "mine"


def test_the_verdict_of_a_run_is_right_though_somebody_changed_what_its_server_is_made_of(
    terminal: Terminal, prepared_home: Path
) -> None:
    asked = ("--migrations", "sql", "--no-prove", "--format", "json")
    terminal.write("validate-schema.toml", SHOP_CONFIG)
    terminal.write("sql/001_a.sql", SHOP)
    first = terminal.run(*asked)
    assert (first.status, first.complaints) == (1, [])
    (used_blank(prepared_home) / "global" / "pg_filenode.map").write_bytes(b"planted")
    terminal.write("sql/001_a.sql", f"{SHOP}\n-- another project\n")
    again = terminal.run(*asked)
    assert "the prepared PostgreSQL (embedded) was changed by somebody: it is made anew …" in again.err
    assert (again.status, again.complaints) == (1, [])
    found = [[f["check"] for f in json.loads(ran.out)["findings"]] for ran in (first, again)]
    assert found[0] == found[1] != []


HOG = """create function hog() returns void language plpgsql as $$ declare kept text[] := '{}'; begin
    for n in 1..40 loop kept := kept || repeat('x', 100000000); end loop;
end $$; select hog();"""


def test_memory_without_an_end_ends_the_run_and_not_the_machine(terminal: Terminal) -> None:
    """The limit is lowered for the test: an ordinary one is what the caller has, at most."""
    terminal.write("sql/001_a.sql", "create table a (id int primary key);\n")
    terminal.write("sql/002_b.sql", HOG)
    program = f"ulimit -v 2000000; exec {shlex.quote(sys.executable)} -m validate_schema --migrations sql"
    ran = subprocess.run(["bash", "-c", program], check=False, capture_output=True, text=True)
    assert (ran.returncode, ran.stdout) == (3, ""), ran
    assert "002_b.sql:3: select hog(): the scratch server could not go on: out of memory" in ran.stderr


@as_root
@pytest.mark.parametrize("kind", ["link", "folder"])
def test_a_strangers_link_or_folder_in_tmp_is_not_used(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    public = tmp_path / "public"
    public.mkdir()
    public.chmod(0o1777)
    nobody = pwd.getpwnam("nobody").pw_uid
    taken = public / "validate-schema-0"
    if kind == "link":
        taken.symlink_to(elsewhere)
    else:
        taken.mkdir(mode=0o777)
    os.chown(taken, nobody, -1, follow_symlinks=False)
    with monkeypatch.context() as patch:
        patch.setenv("VALIDATE_SCHEMA_SCRATCH", str(taken / "scratch"))
        with pytest.raises(ScratchError, match="belongs to another user"):
            home.home()
    assert list(elsewhere.iterdir()) == []
    assert list(taken.iterdir()) == []


def test_cleaning_frees_what_hostile_data_holds(key: str) -> None:
    with superuser(key) as conn:
        run(conn, "mkdir a; ln -s / a/root; mkfifo a/p; mkdir -p a/b; (umask 777; mkdir a/b/c a/d)")
    assert [line for line in clean_scratch() if line.startswith(key)]
    assert not [e for e in list_scratch() if e.key == key]


@pytest.mark.parametrize(
    ("lends", "said"),
    [
        (
            False,
            ["all that you may read: keep secrets out of reach", "servers run as you", "keep secrets out"],
        ),
        (True, ["a server reads what its user may read", "each cluster has one of its own"]),
    ],
    ids=["an ordinary user", "root"],
)
def test_what_lacks_is_told_with_what_it_means(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, lends: bool, said: list[str]
) -> None:
    monkeypatch.setattr(launcher, "landlock_version", lambda: 0)
    monkeypatch.setattr(launcher, "has_seccomp", lambda: False)
    monkeypatch.setattr(home, "lends", lambda: lends)
    ran = terminal.run("doctor")
    _, _, confined = ran.out.partition("confinement of scratch servers\n")
    assert ran.status == 0
    assert [words for words in said if words not in confined] == []
    assert "– files: this kernel has no Landlock" in confined
    assert "– programs, network, other processes: a server may start programs and connect" in confined
    assert "✓ rights: " in confined


def test_layers_are_told_as_they_are() -> None:
    told = {layer.text.partition(":")[0]: layer.holds for layer in layers()}
    assert any(name.startswith("files") for name in told)
    assert told["user"] is (os.geteuid() == 0)
    assert told["rights"] is True  # the embedded server is newer than PostgreSQL 15
