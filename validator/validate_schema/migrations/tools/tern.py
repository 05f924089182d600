"""tern. Source: jackc/tern, migrate/migrate.go."""

from ...catalog.ledgers import Shape
from ...model.history import LedgerEntry, ToolWords
from ..discovery.files import by_number, filled_in, matching, part, undone_in, way_up
from ..discovery.folder import Folder
from ..discovery.sections import Marks
from ..rows import Row, current
from ..tool import Layout, LedgerTable, Loaded, Tool
from ..versions import INTEGERS
from ..writing import TRANSACTION, Writing, marked

_NAME = r"(\d+)_(.+)\.sql"
_SEPARATOR = "---- create above / drop below ----"
_MARKS = Marks(
    _SEPARATOR,
    "---- create above / (drop) below ----",
    r"(?m)^---- tern: disable-tx ----\r?$",
    bare=True,
    downs=("drop",),
)
_TEMPLATE = r"\{\{(?:[^}\n]*\}\})?"


def _load(folder: Folder, chosen: bool) -> Loaded | None:
    """``<n>_<name>.sql`` above its separator, by number; each is a Go template."""
    found = matching(folder, _NAME)
    marked_so = "tern.conf" in folder.files or any(_MARKS.in_(folder.text(m[0])) for m in found)
    if not found or not (chosen or marked_so):
        return None
    files = []
    for m in by_number(found):
        section = way_up(folder, m[0], _MARKS, "tern")
        files.append(part(folder, m[0], str(int(m[1])), m[2], section))
    return filled_in(tuple(files), _TEMPLATE, "tern", source="its data and templates", within=str)


def _read(rows: list[Row]) -> tuple[LedgerEntry, ...]:
    """Its one row is 0 before anything was applied."""
    return current([row for row in rows if row["version"] != "0"])


TOOL = Tool(
    "tern",
    "tern",
    proves="up to the current version | – | – | – | –",
    rank=9,
    layouts=(Layout(_load, "<n>_<name>.sql with tern's separator", undone_in(_MARKS)),),
    ledgers=(
        LedgerTable(Shape("version:int4!", names="^schema_version$"), _read, ("version",), complete=False),
    ),
    versions=INTEGERS,
    writing=Writing(TRANSACTION, marked("", _SEPARATOR), down=True),
    words=ToolWords(
        apply="tern migrate",
        late="tern looks at the current version alone and will never run it: give it the next number",
    ),
)
