"""The installed wheel, in an environment of its own: it has what it needs, and finds packs by entry point."""

import json
import os
import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.checking.test_packs import PACK
from tests.fix_cli import Terminal
from validate_schema.report import read_report
from validate_schema.scratch import Database

ROOT = Path(__file__).parents[2]
PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "acme-rules"
version = "1.2"

[project.entry-points."validate_schema.packs"]
acme = "acme_rules"
"""


@dataclass(frozen=True)
class Environment:
    """A virtual environment with the two wheels, and the other packages of this one behind them."""

    folder: Path

    @property
    def packages(self) -> Path:
        paths = {"base": str(self.folder), "platbase": str(self.folder)}
        return Path(sysconfig.get_path("purelib", "venv", paths))

    def run(self, *arguments: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
        command = [str(self.folder / "bin" / "validate-schema"), *arguments]
        outer = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "PG"))}
        return subprocess.run(command, cwd=cwd, env=outer, text=True, capture_output=True, check=False)


def pip(*arguments: str) -> None:
    """Run pip with what is here: no index is asked, so that a machine without a network will do."""
    command = [sys.executable, "-m", "pip", *arguments, "--no-index", "--no-deps", "--quiet"]
    ran = subprocess.run(command, text=True, capture_output=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    pytest.importorskip("pip")
    folder = tmp_path_factory.mktemp("wheel")
    pack = folder / "acme"
    (pack / "acme_rules").mkdir(parents=True)
    (pack / "pyproject.toml").write_text(PROJECT)
    (pack / "acme_rules" / "__init__.py").write_text("")
    (pack / "acme_rules" / "stamps.py").write_text(PACK)
    for project in (ROOT, pack):
        pip("wheel", str(project), "--no-build-isolation", "--wheel-dir", str(folder / "wheels"))
    made = Environment(folder / "env")
    venv.create(made.folder, symlinks=True)
    wheels = map(str, sorted((folder / "wheels").iterdir()))
    pip("--python", str(made.folder / "bin" / "python"), "install", *wheels)
    (made.packages / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return made


@pytest.mark.slow
def test_a_pack_of_another_distribution_is_found_by_its_entry_point(
    environment: Environment, terminal: Terminal, shop: Database
) -> None:
    terminal.run("snapshot", "--database-url", shop.conninfo, "-o", "shop.json")

    listed = environment.run("checks", "--format", "json", cwd=terminal.folder)
    ran = environment.run(
        "--snapshot", "shop.json", "--select", "ACM,UNQ", "--report", "out.html", "--report", "out.json",
        cwd=terminal.folder,
    )  # fmt: skip

    assert listed.stderr == ""
    checks = {check["id"]: check["pack"] for check in json.loads(listed.stdout)}
    assert (checks["ACM001"], checks["UNQ001"]) == ("acme-rules 1.2", "")
    assert (ran.returncode, ran.stderr) == (1, "")
    report = read_report(terminal.folder / "out.json")
    assert [pack.name for pack in report.packs or ()] == ["acme-rules 1.2"]
    assert {f.check for f in report.findings} >= {"ACM001"}
    assert "A table without created_at" in (terminal.folder / "out.html").read_text()


@pytest.mark.slow
def test_an_installed_pack_that_cannot_be_used_is_named(environment: Environment, tmp_path: Path) -> None:
    module = environment.packages / "acme_rules" / "__init__.py"
    kept = module.read_text()
    told = []
    try:
        for text in ("1 / 0", PACK):
            module.write_text(text)
            ran = environment.run("checks", cwd=tmp_path)
            told.append((ran.returncode, ran.stderr))
    finally:
        module.write_text(kept)

    assert told == [
        (
            2,
            'error: pack "acme" of acme-rules 1.2: ZeroDivisionError: division by zero (__init__.py, line 1)\n',
        ),
        (2, "error: two checks are called ACM001: in acme_rules/__init__.py and in acme_rules/stamps.py\n"),
    ]
