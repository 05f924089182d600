"""dbmate. Source: amacneil/dbmate, pkg/dbmate/migration.go."""

from ...catalog.ledgers import Shape
from ...model.history import ToolWords
from ..discovery import order
from ..discovery.files import matching, part, second_up, undone_in, way_up
from ..discovery.folder import Folder
from ..discovery.sections import Marks
from ..records import MigrationFile
from ..rows import recorded
from ..tool import Layout, LedgerTable, Loaded, Tool
from ..writing import TRANSACTION, Writing, marked

_NAME = r"(\d+)_?(.*)\.sql"
_MARKS = Marks(
    "-- migrate:up",
    r"(?m)^--\s*migrate:(up|down)(?:[ \t]+([^\r\n]*))?\r?$",
    r"(?:^|\s)transaction:false(?:\s|$)",
    blocks=True,
    first=True,
)


def _load(folder: Folder, chosen: bool) -> Loaded | None:
    """``<digits>….sql`` with ``-- migrate:up``, bytewise; the first file of a version hides the rest."""
    found = matching(folder, _NAME)
    if not found or (not chosen and not any(_MARKS.in_(folder.text(m[0])) for m in found)):
        return None
    kept: dict[str, MigrationFile] = {}
    shadowed = []
    for m in sorted(found, key=lambda m: order.bytewise(m[0])):
        section = way_up(folder, m[0], _MARKS, "dbmate")
        file = part(folder, m[0], m[1], m[2], section, alone="message")
        if m[1] in kept:
            shadowed.append(file)
        kept.setdefault(m[1], file)
    seconds = [said for file in kept.values() if (said := second_up(folder, file.path.name, _MARKS))]
    notes = tuple(f"{said}, which dbmate never runs" for said in seconds)
    return Loaded(tuple(kept.values()), tuple(shadowed), notes)


TOOL = Tool(
    "dbmate",
    "dbmate",
    proves="✓ | ✓ | – | – | –",
    rank=7,
    layouts=(Layout(_load, "<digits>_<name>.sql with `-- migrate:up`", undone_in(_MARKS)),),
    ledgers=(
        LedgerTable(
            Shape("version:string!", key="version", names="migration"), recorded("version"), ("version",)
        ),
    ),
    shares=("rails", "pop"),
    writing=Writing(TRANSACTION, marked("-- migrate:up", "-- migrate:down"), down=True, sorts=order.bytewise),
    words=ToolWords(apply="dbmate up", revert="dbmate rollback"),
)
