"""What a newcomer adds: a file or two, put into a copy of the project, which then knows it."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
_FILE = re.compile(r"^--- (\S+)\n\+\+\+ b/(\S+)\n", re.MULTILINE)
_HUNK = re.compile(r"^@@[^\n]*\n", re.MULTILINE)


class Checkout:
    """A copy of the project's sources. `touched` are the files that patches added or changed, `rows` the
    lines that they added to files that were there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.touched: list[str] = []
        self.rows: list[str] = []
        for name in ("validator", "checks", "templates"):
            shutil.copytree(
                ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
            )

    def add(self, patch: Path) -> None:
        """Apply a patch that adds files, or lines to files; one that takes anything away is a failure."""
        _, *parts = _FILE.split(patch.read_text(encoding="utf-8"))
        assert parts, f"{patch}: adds nothing"
        for old, name, text in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
            path = self.folder / name
            hunks = [hunk.splitlines(keepends=True) for hunk in _HUNK.split(text)[1:]]
            lines = [line for hunk in hunks for line in hunk]
            assert not any(line.startswith("-") for line in lines), f"{patch}: takes lines away"
            if old == "/dev/null":
                assert not path.exists(), f"{path} is there already"
                path.parent.mkdir(exist_ok=True)
                path.write_text("".join(line[1:] for line in lines), encoding="utf-8")
            else:
                for hunk in hunks:
                    self._insert(path, hunk)
            self.touched.append(name)

    def _insert(self, path: Path, hunk: list[str]) -> None:
        """Add the lines of a hunk where the lines around them are, whatever their number."""
        text = path.read_text(encoding="utf-8")
        around = "".join(line[1:] for line in hunk if line.startswith(" "))
        assert text.count(around) == 1, f"{path}: the lines around what is added are not there once"
        path.write_text(text.replace(around, "".join(line[1:] for line in hunk)), encoding="utf-8")
        self.rows += [line[1:].strip() for line in hunk if line.startswith("+")]

    def run(self, *arguments: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
        """Run Python with the copy in place of the project that is installed."""
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=cwd,
            env={**os.environ, "PYTHONPATH": str(self.folder / "validator")},
            text=True,
            capture_output=True,
            check=False,
        )


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """A copy of the project, to which a patch may be applied."""
    return Checkout(tmp_path / "checkout")
