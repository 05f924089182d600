"""Code blocks of the documentation, to be run as they stand."""

import re
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"
_BLOCK = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: str, language: str) -> list[str]:
    """The blocks of docs/`page` in one language, in their order."""
    text = (DOCS / page).read_text(encoding="utf-8")
    return [body for name, body in _BLOCK.findall(text) if name == language]
