"""Micrate. Sources: amberframework/micrate, src/micrate.cr, migration.cr and db/postgres.cr."""

from ...catalog.ledgers import Shape
from ...model.history import ToolWords
from ..discovery.files import by_number, matching, part, undone_in, way_up
from ..discovery.folder import Folder
from ..discovery.sections import Marks, Section
from ..rows import switched
from ..tool import Layout, LedgerTable, Loaded, Tool
from ..versions import INTEGERS
from ..writing import Way, Writing, marked

_NAME = r"(\d+)_(.+)\.sql"
_MARKS = Marks("-- +micrate Up", r"(?m)^-- \+micrate (Up|Down)[ \t\r]*(?:\n|\Z)", scattered=True)


def _load(folder: Folder, chosen: bool) -> Loaded | None:
    """``<n>_<name>.sql`` with ``-- +micrate Up``, by number, statement by statement without a transaction."""
    found = matching(folder, _NAME)
    if not found or not (chosen or any(_MARKS.in_(folder.text(m[0])) for m in found)):
        return None
    files = []
    for m in by_number(found):
        section = way_up(folder, m[0], _MARKS, "Micrate")
        bare = Section(section.sql, section.first_line, transactional=False)
        files.append(part(folder, m[0], str(int(m[1])), m[2], bare))
    return Loaded(tuple(files))


TOOL = Tool(
    "micrate",
    "Micrate",
    proves="✓ | ✓ | – | – | –",
    rank=28,
    layouts=(Layout(_load, "<n>_<name>.sql with `-- +micrate Up`", undone_in(_MARKS)),),
    ledgers=(
        LedgerTable(
            Shape(
                "version_id:int8! id:int! is_applied:bool!",
                optional="tstamp:time",
                key="id",
                names="^micrate_",
            ),
            switched,
            ("id",),
        ),
    ),
    versions=INTEGERS,
    writing=Writing(
        Way("statements", ("-- +micrate StatementBegin", "-- +micrate StatementEnd")),
        marked("-- +micrate Up", "-- +micrate Down"),
        down=True,
    ),
    words=ToolWords(
        apply="micrate up",
        revert="micrate down",
        late="Micrate looks at the newest version alone and will never run it:"
        " give it a version after the last one",
    ),
    passes_over=True,
)
