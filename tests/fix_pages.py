"""Code blocks of the documentation, to be run as they stand."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.rerender import reproducible

DOCS = Path(__file__).parents[1] / "docs"
_BLOCK = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BIN = Path(sys.executable).parent
BLOCK = re.compile(r"^```(\w+)(?: (\w+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LEFT_OUT = "…"


def blocks(page: str, language: str) -> list[str]:
    """The blocks of docs/`page` in one language, in their order."""
    text = (DOCS / page).read_text(encoding="utf-8")
    return [body for name, body in _BLOCK.findall(text) if name == language]


def fits(shown: str, real: str) -> bool:
    """Tell whether `real` is what the page shows, where the mark stands for lines or the rest of one."""
    lines = []
    for line in shown.splitlines(keepends=True):
        if line.strip() == LEFT_OUT:
            lines.append(r"(?:.*\n)*?")
        else:
            lines.append(".*".join(map(re.escape, line.split(LEFT_OUT))))
    return re.fullmatch("".join(lines), real) is not None


def run(script: str, folder: Path, *, github: bool = False, **environment: str) -> str:
    """Run a block of a shell in the folder; return what it wrote, without progress."""
    kept = reproducible(dict(os.environ)) | {"PATH": f"{BIN}:{os.environ['PATH']}"}
    kept |= ({"GITHUB_ACTIONS": "true"} if github else {}) | environment
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
    return first.removeprefix("-- ").removeprefix("# "), rest
