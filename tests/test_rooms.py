"""The rooms of the package: what docs/architecture.md says of them, and that `make lint` holds them apart."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.rooms import PACKAGE, PAGE, ROOT, layers, page

CHECK = "from validate_schema.pack import Check as Check\n"
FAULTS = {
    "a room without a layer": ("validate_schema/attic/__init__.py", '"""A new room."""\n', "attic"),
    "a lazy import that points up": (
        "validate_schema/model/upward.py",
        "def f():\n    from ..run.examine import examine\n    return examine\n",
        "validate_schema.model is not allowed to import validate_schema.run",
    ),
    "an import for types that points up": (
        "validate_schema/sql/upward.py",
        "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    from ..catalog.reader import read_catalog\n",
        "validate_schema.sql is not allowed to import validate_schema.catalog",
    ),
    "two rooms of one layer": (
        "validate_schema/report/sideways.py",
        "from ..sources import SourceContext\n",
        "validate_schema.report is not allowed to import validate_schema.sources",
    ),
    "a check that imports past the pack API": (
        "checks/past.py",
        CHECK + "from validate_schema.facts.facts import Facts\n",
        "checks.past -> validate_schema.facts.facts",
    ),
    "a check that connects": (
        "checks/connected.py",
        CHECK + "import psycopg\n",
        "checks.connected -> psycopg",
    ),
    "a command that connects by itself": (
        "validate_schema/cli/connected.py",
        "def f():\n    import psycopg\n    return psycopg\n",
        "validate_schema.cli.connected -> psycopg",
    ),
    "another parser's room": (
        "validate_schema/run/parsed.py",
        "import postgast\n",
        "validate_schema.run.parsed -> postgast",
    ),
    "a tool by name": (
        "validate_schema/migrations/history/named.py",
        "from ..tools.flyway import TOOL\n",
        "validate_schema.migrations.history is not allowed to import validate_schema.migrations.tools.flyway",
    ),
    "an engine by name": (
        "validate_schema/run/engined.py",
        "from ..catalog.sqlite import read\n",
        "validate_schema.run is not allowed to import validate_schema.catalog.sqlite",
    ),
}


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package and its checks, where modules can be put that do not belong."""
    folder = tmp_path_factory.mktemp("rooms")
    no_bytes = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PACKAGE, folder / "validate_schema", ignore=no_bytes)
    shutil.copytree(ROOT / "checks", folder / "checks", ignore=no_bytes)
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def linted(folder: Path) -> tuple[int, str]:
    """Run `lint-imports` as `make lint` does, on the copy."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-logo"]
    environ = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "200"}
    ran = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)
    return ran.returncode, ran.stdout + ran.stderr


@pytest.fixture(scope="module")
def told(copied: Path) -> tuple[int, str]:
    """What is said of the copy with all faults in it."""
    assert linted(copied)[0] == 0, linted(copied)[1]
    for path, text, _ in FAULTS.values():
        module = copied / path
        module.parent.mkdir(exist_ok=True)
        module.write_text(text)
    return linted(copied)


@pytest.mark.parametrize("fault", FAULTS)
def test_lint_fails(told: tuple[int, str], fault: str) -> None:
    status, output = told
    assert status == 1, output
    assert FAULTS[fault][2] in output


def test_the_page_says_of_each_room_what_it_says_of_itself() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text == page(text), "run `make docs`"


def test_every_room_stands_on_the_page_and_says_what_it_is() -> None:
    text = PAGE.read_text(encoding="utf-8")
    rooms = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert {room for rooms in layers() for room in rooms} == rooms
    for package in PACKAGE.rglob("__init__.py"):
        name = package.parent.relative_to(PACKAGE).as_posix()
        assert name == "." or f"| `{name}/` | " in text
    assert "/` |  |" not in text
