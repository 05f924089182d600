"""What scratch servers keep on disk, and who may get at it."""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

import validate_schema
from tests.fix_children import Spawn
from validate_schema.model.errors import ScratchError
from validate_schema.scratch import clean_scratch, janitor, list_scratch, open_server
from validate_schema.scratch.home import reachable
from validate_schema.scratch.sources import find_install

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
NOBODY = {"user": "nobody", "group": pwd.getpwnam("nobody").pw_gid, "extra_groups": []}


def _python_for_all() -> str | None:
    """Return a Python of this version that every user may run, with what it has to import."""
    of_version = Path(f"/usr/bin/python{sys.version_info[0]}.{sys.version_info[1]}")
    needed = [Path(find_install("embedded").bin_dir), Path(validate_schema.__file__).parent]
    for python in (Path(sys.executable), of_version):
        if python.exists() and all(map(reachable, (*needed, python))):
            return str(python)
    return None


PYTHON = _python_for_all()


def keys() -> list[str]:
    return [entry.key for entry in list_scratch()]


def test_a_first_run_prepares_and_later_runs_reuse(own_home: Path) -> None:
    lines: list[str] = []
    for key in ("a", "b", "a"):
        with open_server(key=key, progress=lines.append):
            pass
    starting = "starting PostgreSQL (embedded)"
    lines = [
        line for line in lines if not line.startswith("copying ")
    ]  # where only root may enter the install
    assert lines == [starting, "preparing PostgreSQL (embedded), once", starting, starting]


def test_a_damaged_blank_cluster_is_made_again(prepared_home: Path) -> None:
    with open_server(key="a"):
        pass
    blank = max(prepared_home.glob("blank/*"), key=lambda folder: folder.stat().st_mtime_ns)
    (blank / "data/global/pg_control").unlink()
    with open_server(key="b") as server, server.connect() as conn:
        assert conn.execute("select 1").fetchone() == (1,)


def test_the_list_tells_what_is_used(prepared_home: Path) -> None:
    assert list_scratch() == ()
    with open_server(key="stopped"):
        pass
    with open_server(key="used") as server:
        one, two = list_scratch()
        assert [(e.key, e.source, e.running, e.in_use) for e in (one, two)] == [
            ("used", "embedded", True, True),
            ("stopped", "embedded", False, False),
        ]
        assert f"PostgreSQL {one.version} (embedded)" == server.label
        assert 10_000_000 < one.bytes < 200_000_000
        assert one.line().split("  ")[1] == "in use"
        assert two.line().split("  ")[1] == "stopped"


def test_cleaning_spares_what_is_used(prepared_home: Path) -> None:
    with open_server(key="stopped"):
        pass
    with open_server(key="used") as server, server.connect() as conn:
        version = list_scratch()[0].version
        removed = clean_scratch()
        assert removed[0] == f"stopped (embedded {version})"
        assert [line.split()[0] for line in removed[1:]] == ["blank"] * len(removed[1:])
        assert keys() == ["used"]
        assert conn.execute("select 1").fetchone() == (1,)
    clean_scratch()
    assert list_scratch() == ()
    assert list(prepared_home.glob("*/*")) == []


def test_the_clusters_used_last_are_kept(prepared_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(janitor, "_KEPT_CLUSTERS", 2)
    with open_server(key="oldest, in use"):
        for key in ("a", "b", "a", "c"):
            with open_server(key=key):
                pass
        assert keys() == ["c", "a", "oldest, in use"]
    assert keys() == ["oldest, in use", "c"]


def test_a_folder_that_others_can_change_is_refused(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own_home.mkdir()
    own_home.chmod(0o777)
    with pytest.raises(ScratchError) as error, open_server():
        pass
    own_home.chmod(0o711)
    assert str(error.value) == (
        f"no folder for scratch servers ({own_home} is in other users' hands):"
        " let VALIDATE_SCHEMA_SCRATCH name another"
    )


def test_a_file_system_that_is_full_is_one_line(own_home: Path, spawn: Spawn) -> None:
    code = """
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    from validate_schema.model.errors import ScratchError
    try:
        with open_server():
            pass
    except ScratchError as error:
        tell(str(error))
    """
    child = spawn(code)
    line = child.line()
    assert child.end() == 0
    assert "File too large" in line


def test_a_strict_umask_changes_nothing(own_home: Path, spawn: Spawn) -> None:
    code = """
    os.umask(0o077)
    with open_server() as server, server.database() as database, database.connect(autocommit=True) as conn:
        conn.execute('create extension "uuid-ossp"')
        tell(str(server.stand_ins))
    """
    assert spawn(code).line() == "('uuid-ossp',)"


@as_root
def test_other_users_cannot_reach_the_server(key: str) -> None:
    with open_server(key=key) as server, server.database() as database:
        socket = Path(parse_qs(urlsplit(database.conninfo).query)["host"][0])
        folder = next(e.folder for e in list_scratch() if e.key == key)
        for private in (socket, folder, folder / "data"):
            said = subprocess.run(["/bin/ls", private], capture_output=True, check=False, **NOBODY)  # type: ignore[call-overload]
            assert (said.returncode != 0, said.stdout) == (True, b"")
        owner = (folder / "data").stat().st_uid
        assert owner != 0
        with pytest.raises(KeyError):
            pwd.getpwuid(owner)


def private_install(folder: Path) -> str:
    """Put the embedded PostgreSQL where only root may enter; return its folder of binaries."""
    package = find_install("embedded").bin_dir.parents[1]
    for part in (package, package.with_name(f"{package.name}.libs")):
        if part.exists():
            shutil.copytree(part, folder / part.name, symlinks=True)
    folder.chmod(0o700)
    return str(folder / package.name / "pginstall" / "bin")


@as_root
def test_binaries_in_a_private_folder_of_root_are_copied_once(own_home: Path, tmp_path: Path) -> None:
    source = private_install(tmp_path)
    lines: list[str] = []
    for key in ("a", "b"):
        with open_server(source, key=key, progress=lines.append) as server, server.connect() as conn:
            assert conn.execute("select 1").fetchone() == (1,)
    copying = f"copying PostgreSQL ({source}) out of a private folder, once"
    assert lines.count(copying) == 1


@as_root
def test_cleaning_spares_the_binaries_of_a_running_server(own_home: Path, tmp_path: Path) -> None:
    with open_server(private_install(tmp_path), key="a") as server:
        clean_scratch()
        with server.database() as database, database.connect() as conn:
            conn.execute("do $$ begin null; end $$")  # loads a library of the install
    clean_scratch()
    assert list(own_home.glob("install/*/tree")) == []


@as_root
@pytest.mark.skipif(PYTHON is None, reason="other users cannot run this Python")
def test_an_ordinary_user_needs_nothing_but_a_home(spawn: Spawn) -> None:
    code = """
    with open_server() as server, server.database() as database, database.connect() as conn:
        tell(conn.execute("show data_directory").fetchone()[0])
        tell(str(os.stat(conn.execute("show data_directory").fetchone()[0]).st_uid))
    """
    with tempfile.TemporaryDirectory(dir="/tmp") as home:
        os.chown(home, pwd.getpwnam("nobody").pw_uid, -1)
        env = {"HOME": home, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
        for name in ("VALIDATE_SCHEMA_SCRATCH", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR"):
            env[name] = ""
        child = spawn(code, env=env, cwd="/", executable=PYTHON, **NOBODY)
        assert child.line().startswith(f"{home}/.cache/validate-schema/scratch/cluster/")
        assert child.line() == str(pwd.getpwnam("nobody").pw_uid)
        assert child.end() == 0
