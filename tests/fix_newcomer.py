"""What a newcomer adds: one file, put into a copy of the project, which then knows it."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
_ADDED = re.compile(
    r"^--- /dev/null\n\+\+\+ b/(?P<path>\S+)\n@@ -0,0 \+1(?:,\d+)? @@\n(?P<lines>(?:\+[^\n]*\n)+)",
    re.MULTILINE,
)


class Checkout:
    """A copy of the project's sources. `touched` are the files that patches added to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.touched: list[str] = []
        for name in ("validator", "checks", "templates"):
            shutil.copytree(
                ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
            )

    def add(self, patch: Path) -> None:
        """Apply a patch that adds files and does nothing else; any other is a failure."""
        text = patch.read_text(encoding="utf-8")
        added = list(_ADDED.finditer(text))
        assert added, f"{patch}: adds no file"
        assert text.count("\n@@") == len(added) == text.count("+++ "), (
            f"{patch}: changes files that are there"
        )
        for file in added:
            path = self.folder / file["path"]
            assert not path.exists(), f"{path} is there already"
            path.write_text("".join(line[1:] for line in file["lines"].splitlines(keepends=True)), "utf-8")
            self.touched.append(file["path"])

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
