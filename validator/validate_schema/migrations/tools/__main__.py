"""Write docs/tools.md: ``python -m validate_schema.migrations.tools > docs/tools.md``."""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from ..records import MigrationSet
from ..tool import Tool
from ..writing import New, Part, Script
from . import everything

_HEAD = """\
# Migration tools

Made from the tools' records by `make docs`. The tool follows from the layout; `--tool` and `tool` in
`[migrations]` take the name in the second column. Where two tools would do different things with the same
files, the ledger decides, and where that does not help either the run ends with a line that asks for `tool`.

## What a ledger proves

A ledger is known by its columns, in any schema. What it records decides what can be said of each file.

| tool | name | files | set of versions | gaps | rename | edit | failed |
|---|---|---|---|---|---|---|---|
"""
_LEDGERS_ALONE = """
## Tables that are known, and no more

What these keep in the database is not taken for a table of the project's: {}.

"""
_WRITING = """\
## What `fix` writes

| tool | files | way back | then |
|---|---|---|---|
"""


def _row(tool: Tool) -> str:
    files = "; ".join(dict.fromkeys(layout.looks_for for layout in tool.layouts))
    return f"| {tool.title} | `{tool.name}` | {files.replace('<', '&lt;')} | {tool.proves} |\n"


def _written(tool: Tool) -> str:
    assert tool.writing is not None, "only those that are written for"
    nothing = MigrationSet(tool.name, Path(), ())
    new = New("<version>", "<name>", nothing, nothing, datetime.fromtimestamp(0, UTC))
    names = tool.writing.write(new, Script((), (Part("x"),)))
    files = ", ".join(f"`{name}`" for name in names)
    down = "–" if not tool.writing.down else "in it" if len(names) == 1 else "a file"
    return f"| {tool.title} | {files} | {down} | {tool.writing.then or '–'} |\n"


def page() -> Iterator[str]:
    """Yield the page."""
    yield _HEAD
    yield from (_row(tool) for tool in everything() if tool.proves)
    alone = [tool.title for tool in everything() if not tool.proves and tool.shapes()]
    yield _LEDGERS_ALONE.format(", ".join(alone))
    yield _WRITING
    yield from (_written(tool) for tool in everything() if tool.writing)


if __name__ == "__main__":
    sys.stdout.writelines(page())
