"""node-pg-migrate: SQL files with marks, or scripts. Sources: node-pg-migrate, migration.ts,
sqlMigration.ts."""

from ...catalog.ledgers import Shape
from ...model.history import ToolWords
from ..discovery import order
from ..discovery.files import code, coded, matching, part, undone_in, way_up
from ..discovery.folder import Folder
from ..discovery.scripts import scripted
from ..discovery.sections import Marks
from ..records import MigrationFile
from ..rows import recorded
from ..tool import Layout, LedgerTable, Loaded, Tool
from ..versions import Versions, digits
from ..writing import TRANSACTION, Writing, marked

_NAME = r"(\d+)[^/]*\.sql"
_MARKS = Marks(
    "-- Up Migration",
    r"(?im)^[ \t]*--[\s-]*(up|down)\s+migration[^\n]*\n?",
    bare=True,
)


def _load(folder: Folder, chosen: bool) -> Loaded | None:
    """``<n>….sql`` with ``-- Up Migration``, by number or date, then by name.

    The tool runs all of them in one transaction; here each has its own, as after a deploy per file.
    """
    found = matching(folder, _NAME)
    if not found or (not chosen and not any(_MARKS.in_(folder.text(m[0])) for m in found)):
        return None
    found += coded(folder, r"(\d+)[_-][^/]*\.[cm]?[jt]s")
    found.sort(key=lambda m: (order.timestamp_prefix(m[1]), order.numeric_locale(m[0])))
    return Loaded(tuple(_file(folder, m[0]) for m in found))


def _file(folder: Folder, name: str) -> MigrationFile:
    stem, _, suffix = name.rpartition(".")
    if suffix != "sql":
        return code(folder, name, stem, stem)
    return part(folder, name, stem, stem, way_up(folder, name, _MARKS, "node-pg-migrate"))


def _place(version: str) -> tuple[object, ...]:
    return (order.timestamp_prefix(digits(version) or "0"), order.numeric_locale(version))


TOOL = Tool(
    "node-pg-migrate",
    "node-pg-migrate",
    proves="✓ | ✓ | as missing and pending | – | –",
    rank=8,
    layouts=(
        Layout(_load, "<n>_<name>.sql with `-- Up Migration`", undone_in(_MARKS)),
        scripted(rb"\bpgm\b", "<n>_<name>.js", stem=True),
    ),
    ledgers=(
        LedgerTable(
            Shape("run_on:time! id:int! name:varchar(255)!", key="id", names="migration"),
            recorded("name", name="name", time="run_on", order="rows"),
            ("run_on", "id"),
        ),
    ),
    versions=Versions(place=_place, named=True),
    writing=Writing(TRANSACTION, marked("-- Up Migration", "-- Down Migration"), down=True),
    words=ToolWords(
        apply="npx node-pg-migrate up",
        late="node-pg-migrate stops at it unless its order check is off: give it a later version",
    ),
    runs=(("package.json", "npx node-pg-migrate up"),),
)
