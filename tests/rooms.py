"""`make docs`: the table of docs/architecture.md, made from the layers of pyproject.toml and from the first
line that each package says of itself."""

import ast
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "validator" / "validate_schema"
PAGE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- rooms: `make docs` writes what stands here -->\n", "<!-- /rooms -->\n"
_HEAD = "| layer | room | what it is |\n|---|---|---|\n"


def layers() -> list[list[str]]:
    """Return the rooms of each layer, the uppermost first, as the layer contract names them."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (contract,) = (c for c in contracts if c["type"] == "layers")
    return [[room.strip() for room in layer.split("|")] for layer in contract["layers"]]


def table() -> str:
    """Return the table: a row for each room, and one for each room within it."""
    found, rows = layers(), ""
    for number, rooms in zip(range(len(found), 0, -1), found, strict=True):
        for room in rooms:
            rows += "".join(f"| {number} | `{name}/` | {line} |\n" for name, line in _rooms(PACKAGE / room))
    return _HEAD + rows


def _rooms(folder: Path) -> Iterator[tuple[str, str]]:
    for package in sorted(folder.rglob("__init__.py")):
        said = ast.get_docstring(ast.parse(package.read_text(encoding="utf-8"))) or ""
        yield package.parent.relative_to(PACKAGE).as_posix(), said.split("\n", 1)[0]


def page(text: str) -> str:
    """Return the page with the table in its place."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    return before + begin + table() + end + after


def main() -> None:
    """Write the page anew."""
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    sys.stdout.write(f"{PAGE.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
