"""The example project: its tests run in parallel in a process of their own and leave nothing behind."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fix_cli import Terminal
from tests.fix_server import fresh
from tests.testing.test_plugin import LIGHT, differs, on
from validate_schema.scratch import Server, list_scratch

PROJECT = Path(__file__).parents[2] / "examples/pytest-project"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the project, away from this one's configuration."""
    for name in ("PYTEST_ADDOPTS", "PYTEST_XDIST_WORKER", "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    return Path(shutil.copytree(PROJECT, tmp_path / "project"))


def last_line(project: Path, *arguments: str) -> str:
    """Run the project's tests with two workers; return the last line."""
    command = [sys.executable, "-m", "pytest", *LIGHT, "-q", "-n", "2", *arguments]
    ran = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout.splitlines()[-1]


def processes(folder: Path) -> list[str]:
    """Return the command lines that name a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_text(errors="replace")
        except OSError:
            continue  # it has ended
        found += [line] if str(folder) in line else []
    return found


def test_it_leaves_no_process_behind(project: Path, prepared_home: Path) -> None:
    assert " passed" in last_line(project)
    assert [entry.running for entry in list_scratch()] == [False]
    assert processes(prepared_home) == []


def test_it_leaves_neither_databases_nor_roles_on_a_server_of_the_users(
    project: Path, server: Server
) -> None:
    with fresh(server) as theirs:
        before = on(theirs)
        assert " passed" in last_line(project, f"--validate-schema-server={theirs.conninfo}")
        assert differs(theirs, before) == set()


def test_its_rows_survive_every_upgrade_path(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(PROJECT)
    ran = terminal.run("migrations", "test")
    assert (ran.status, ran.out.splitlines()) == (
        0,
        [
            "✓ 2 → head",
            "✓ with the rows of every fixture",
            "· no fixture for 1, 3, 4",
            "· 0003_isolation.sql forces row security, which filters no superuser: this test ran as one, and",
            "  a role without BYPASSRLS that changes rows in later migrations sees none of them:",
            "  name it as `role` in [migrations]",
            "",
            "PASS: 1 upgrade path, 6 rows compared",
        ],
    )


def test_a_broken_row_fails_the_command_and_names_the_migration(
    terminal: Terminal, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "migrations/0005_clean.sql").write_text("delete from note where id = 2;")
    monkeypatch.chdir(project)
    ran = terminal.run("migrations", "test", "--format", "json")
    said = json.loads(ran.out)
    assert (ran.status, said["verdict"], said["exit_code"]) == (1, "FAIL", 1)
    assert [(k["start"], k["table"], k["culprit"]) for k in said["losses"]] == [
        ("2", "note", "0005_clean.sql")
    ]
    assert (
        "    note: row workspace_id=1, id=2 is gone (by 0005_clean.sql)"
        in terminal.run("migrations", "test").out
    )


def test_what_is_missing_is_said(terminal: Terminal) -> None:
    ran = terminal.run("migrations", "test", "--migrations", "m")
    assert (ran.status, ran.complaint) == (
        2,
        "error: --fixtures is missing: give a folder, or name one in the config's [migrations]",
    )
    ran = terminal.run(
        "migrations", "test", "--migrations", str(PROJECT / "migrations"), "--fixtures", "none"
    )
    assert (ran.status, ran.complaint) == (2, "error: none: No such file or directory")
