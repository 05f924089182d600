"""sql-migrate. Sources: rubenv/sql-migrate, migrate.go and sqlparse/sqlparse.go."""

import re

from ...catalog.ledgers import Shape
from ...model.history import ToolWords
from ..discovery.files import part, undone_in, way_up
from ..discovery.folder import Folder
from ..discovery.sections import Marks
from ..records import MigrationFile
from ..rows import recorded
from ..tool import Layout, LedgerTable, Loaded, Tool
from ..versions import Place, Versions, digits
from ..writing import Way, Writing, marked

_MARKS = Marks(
    "-- +migrate Up",
    r"(?m)^-- \+migrate (Up|Down)\b([^\n]*)\n?",
    r"\bnotransaction\b",
    scattered=True,
)


def _place(version: str) -> Place:
    """Names that begin with a number come first, by it."""
    number = digits(version)
    return (not number, int(number or 0), version)


def _load(folder: Folder, chosen: bool) -> Loaded | None:
    """Files with ``-- +migrate Up``, statement by statement in a transaction; the name is the version."""
    names = sorted(folder.sql, key=_place)
    if not names or not (chosen or any(_MARKS.in_(folder.text(n)) for n in names)):
        return None
    return Loaded(tuple(_file(folder, name) for name in names))


def _file(folder: Folder, name: str) -> MigrationFile:
    title = re.sub(r"^\d+[-_]?", "", name[:-4]) or name[:-4]
    return part(folder, name, name, title, way_up(folder, name, _MARKS, "sql-migrate"))


TOOL = Tool(
    "sql-migrate",
    "sql-migrate",
    proves="✓ | ✓ | as missing and pending | – | –",
    rank=26,
    layouts=(Layout(_load, "<name>.sql with `-- +migrate Up`", undone_in(_MARKS)),),
    ledgers=(
        LedgerTable(
            Shape("applied_at:time id:text!", key="id", names="migration"),
            recorded("id", name="id", time="applied_at", order="times"),
            ("applied_at", "id"),
        ),
    ),
    versions=Versions(place=_place, named=True),
    writing=Writing(
        Way("statements", ("-- +migrate StatementBegin", "-- +migrate StatementEnd")),
        marked("-- +migrate Up notransaction", "-- +migrate Down notransaction"),
        down=True,
    ),
    words=ToolWords(apply="sql-migrate up", revert="sql-migrate down -limit=1"),
)
