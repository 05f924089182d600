"""TypeORM. Source: typeorm, src/migration/MigrationExecutor.ts."""

import re

from ...catalog.ledgers import Shape
from ...model.history import ToolWords
from ..discovery.files import program
from ..discovery.folder import Folder
from ..discovery.scripts import goes_down, scripts
from ..rows import recorded
from ..tool import Layout, LedgerTable, Loaded, Tool
from ..versions import Versions

_DIGITS = 13  # of a time in milliseconds
_CLASS = rb"\bclass\s+(\w+?(?<!\d)(\d{13}))\b"
_NAMED = rb"(?m)^\s*(?:public\s+|readonly\s+|static\s+)*name\s*=\s*['\"](\w+?(\d{13}))['\"]"


def _load(folder: Folder, _: bool) -> Loaded | None:
    """Classes whose name ends in a time of 13 digits, by that; the file's name does not matter."""
    found = []
    for path, raw in scripts(folder):
        if m := re.search(_NAMED, raw) or re.search(_CLASS, raw):
            found.append((int(m[2]), m[1].decode(), path, raw))
    found.sort(key=lambda f: (f[0], f[1]))
    files = tuple(program(p, raw, name, name, undo=goes_down(raw)) for _, name, p, raw in found)
    return Loaded(files) if files else None


def _place(version: str) -> tuple[object, ...]:
    return (int(version[-_DIGITS:]), version)


def _number(version: str) -> str:
    return version[-_DIGITS:] if version[-_DIGITS:].isdecimal() else ""


TOOL = Tool(
    "typeorm",
    "TypeORM",
    proves="✓ | ✓ | as missing and pending | – | –",
    rank=22,
    layouts=(Layout(_load, "classes <Name><13 digits>", programs=True),),
    ledgers=(
        LedgerTable(
            # Its `timestamp` is that of the class name, not a time of applying.
            Shape("timestamp:int8! id:int! name:varchar!", key="id", names="migration"),
            recorded("name", name="name", order="rows"),
            ("id",),
        ),
    ),
    versions=Versions(place=_place, number=_number, named=True),
    words=ToolWords(apply="npx typeorm migration:run"),
    runs=(("package.json", "npx typeorm migration:run"),),
)
