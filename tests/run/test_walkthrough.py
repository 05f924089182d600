"""The walk-through of a pull request: its steps are run on a copy of the example, its outputs are compared."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fix_pages import DOCS
from tests.rerender import EXAMPLE, MOMENT, reproducible

BIN = Path(sys.executable).parent
BLOCK = re.compile(r"^```(\w+)(?: (\w+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LEFT_OUT = "…"


def fits(shown: str, real: str) -> bool:
    """Tell whether `real` is what the page shows, where the mark stands for lines or the rest of one."""
    lines = []
    for line in shown.splitlines(keepends=True):
        if line.strip() == LEFT_OUT:
            lines.append(r"(?:.*\n)*?")
        else:
            lines.append(".*".join(map(re.escape, line.split(LEFT_OUT))))
    return re.fullmatch("".join(lines), real) is not None


def run(script: str, folder: Path, *, github: bool) -> str:
    kept = reproducible(dict(os.environ)) | {"PATH": f"{BIN}:{os.environ['PATH']}"}
    kept |= {"GITHUB_ACTIONS": "true"} if github else {}
    ran = subprocess.run(
        ["bash", "-c", script],
        check=False,
        cwd=folder,
        env=kept,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return "".join(line for line in ran.stdout.splitlines(keepends=True) if not line.endswith(" …\n"))


def file_of(block: str) -> tuple[str, str]:
    """Return the path that a block's first line names, and the rest."""
    first, _, rest = block.partition("\n")
    return first.removeprefix("-- "), rest


@pytest.mark.slow
def test_the_page_shows_what_happens(tmp_path: Path) -> None:
    folder = shutil.copytree(EXAMPLE, tmp_path / "flakeguard")
    (folder / ".git").mkdir()
    steps = BLOCK.findall((DOCS / "walkthrough.md").read_text(encoding="utf-8"))
    assert MOMENT == "1767225600"  # the day on which the page's migration is written
    last, compared = "", 0
    for language, where, body in steps:
        if language == "sh":
            last = run(body, folder, github=where == "GitHub")
        elif language == "text":
            assert fits(body, last), f"the page shows\n{body}\nand this came:\n{last}"
            compared += 1
        else:
            path, text = file_of(body)
            if not (folder / path).exists():
                (folder / path).parent.mkdir()
                (folder / path).write_text(body)
            else:
                assert fits(text, (folder / path).read_text()), (folder / path).read_text()
                compared += 1
    assert [language for language, _, _ in steps].count("sh") == 4
    assert compared == 5


def test_what_is_not_shown_is_not_anything() -> None:
    assert fits("a\n…\nb …\n", "a\nx\ny\nb c\n")
    assert fits("a\n…\nb\n", "a\nb\n")
    assert not fits("a\nb\n", "a\nx\nb\n")
    assert not fits("a …\n", "b c\n")
