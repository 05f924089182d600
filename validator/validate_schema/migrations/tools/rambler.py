"""Rambler. Sources: elwinar/rambler, migration.go, apply.go and driver/postgresql/driver.go."""

import re

from ...catalog.ledgers import Shape
from ...model.history import ToolWords
from ..discovery import order
from ..discovery.files import undone_in, whole
from ..discovery.folder import Folder
from ..discovery.sections import Marks, Section
from ..records import MigrationFile, Mode
from ..rows import recorded
from ..tool import Layout, LedgerTable, Loaded, Tool
from ..versions import NAMES
from ..writing import MESSAGE, Writing, marked

# Whatever else follows the word ends a section too.
_MARKS = Marks("-- rambler up", r"(?m)^-- rambler[ \t]*([^\n]*?)[ \t\r]*(?:\n|\Z)", scattered=True)


def _load(folder: Folder, chosen: bool) -> Loaded | None:
    """Files with ``-- rambler up``, bytewise; each section is a message of its own."""
    names = sorted(folder.sql, key=order.bytewise)
    if not names or not (chosen or any(_MARKS.in_(folder.text(n)) for n in names)):
        return None
    notes = (
        f"{folder.path / n}: has no `{_MARKS.begins}`: Rambler takes it for applied without running any of it"
        for n in names
        if _MARKS.up(folder.text(n)) is None
    )
    return Loaded(tuple(_file(folder, name) for name in names), notes=tuple(notes))


def _file(folder: Folder, name: str) -> MigrationFile:
    section = _MARKS.up(folder.text(name)) or Section("", 1)
    several = sum(m[1] == "up" for m in re.finditer(_MARKS.line, folder.text(name))) > 1
    mode: Mode = "statements" if several else "message"
    file = whole(folder, name, name, name[:-4], mode)
    return MigrationFile(name, name[:-4], file.path, section.sql, section.first_line, mode, raw=file.raw)


TOOL = Tool(
    "rambler",
    "Rambler",
    proves="✓ | ✓ | as missing and pending | – | –",
    rank=27,
    layouts=(Layout(_load, "<name>.sql with `-- rambler up`", undone_in(_MARKS)),),
    ledgers=(
        LedgerTable(
            Shape("migration:varchar(255)!", names="migration"),
            recorded("migration", name="migration"),
            ("migration",),
        ),
    ),
    versions=NAMES,
    writing=Writing(MESSAGE, marked("-- rambler up", "-- rambler down"), down=True, sorts=order.bytewise),
    words=ToolWords(
        apply="rambler apply --all",
        revert="rambler reverse",
        late="Rambler stops at it: give it a name after the last one",
    ),
)
