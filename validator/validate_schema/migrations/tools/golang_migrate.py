"""golang-migrate. Source: golang-migrate, source/parse.go and database/postgres/postgres.go."""

from ...catalog.ledgers import Shape
from ...model.history import ToolWords
from ..discovery.files import by_number, matching, undone_beside, whole
from ..discovery.folder import Folder
from ..discovery.pairs import UP, of_dialects
from ..rows import current
from ..tool import Layout, LedgerTable, Loaded, Tool
from ..versions import INTEGERS
from ..writing import MESSAGE, Writing, pair


def _load(folder: Folder, chosen: bool) -> Loaded | None:
    """``<n>_<name>.up.sql`` by number, each as one message."""
    found = matching(folder, UP)
    if not found or (not chosen and of_dialects(folder)):
        return None
    return Loaded(tuple(whole(folder, m[0], str(int(m[1])), m[2], "message") for m in by_number(found)))


TOOL = Tool(
    "golang-migrate",
    "golang-migrate",
    proves="up to the current version | – | – | – | dirty",
    rank=10,
    layouts=(Layout(_load, "<n>_<name>.up.sql", undone_beside, home=("go.mod",)),),
    ledgers=(
        LedgerTable(Shape("dirty:bool! version:int8!", key="version"), current, ("version",), complete=False),
    ),
    versions=INTEGERS,
    writing=Writing(MESSAGE, pair, down=True),
    words=ToolWords(
        apply="migrate up",
        revert="migrate down 1",
        late="golang-migrate looks at the current version alone and will never run it:"
        " give it a version after the last one",
        resolve="then say so: `migrate force VERSION` with the last version that is whole, and migrate again",
    ),
    passes_over=True,
)
