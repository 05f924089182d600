"""goose. Source: pressly/goose, migrate.go and internal/sqlparser."""

import re

from ...catalog.ledgers import Shape
from ...model.errors import MigrationError
from ...model.history import ToolWords
from ..discovery.files import by_number, code, coded, filled_in, matching, part, second_up, undone_in, way_up
from ..discovery.folder import Folder
from ..discovery.sections import Marks
from ..rows import switched
from ..tool import Layout, LedgerTable, Loaded, Tool
from ..versions import INTEGERS
from ..writing import Way, Writing, marked

_NAME = r"(\d+)_(.*)\.sql"
_MARKS = Marks(
    "-- +goose Up",
    r"(?im)^--[ \t]*\+goose[ \t]+(up|down)\b[^\n]*\n?",
    r"(?im)^--[ \t]*\+goose[ \t]+no[ \t]+transaction\b",
    first=True,
)
_SUBSTITUTED = re.compile(
    r"^--[ \t]*\+goose[ \t]+envsub[ \t]+on\b.*?(?:^--[ \t]*\+goose[ \t]+envsub[ \t]+off\b|\Z)",
    re.IGNORECASE | re.MULTILINE | re.DOTALL,
)
_PLACEHOLDER = r"\$(?:\{[^}\n]+\}|[A-Za-z_]\w*)"


def _load(folder: Folder, chosen: bool) -> Loaded | None:
    """``<n>_<name>.sql`` with ``-- +goose Up``, by number, statement by statement in a transaction."""
    found = matching(folder, _NAME)
    if not chosen and not any(_MARKS.in_(folder.text(m[0])) for m in found):
        return None
    files = []
    for m in by_number([*found, *coded(folder, r"(\d+)_(.*)\.go")]):
        if m[0].endswith(".go"):
            files.append(code(folder, m[0], str(int(m[1])), m[2]))
            continue
        section = way_up(folder, m[0], _MARKS, "goose")
        if said := second_up(folder, m[0], _MARKS):
            raise MigrationError(f"{folder.path / said}; goose stops there")
        files.append(part(folder, m[0], str(int(m[1])), m[2], section))
    if not files:
        return None
    return filled_in(tuple(files), _PLACEHOLDER, "goose", source="the environment", within=_substituted)


def _substituted(text: str) -> str:
    """Return what stands between ENVSUB ON and OFF, each line in its place, without comments."""
    kept, at = "", 0
    for match in _SUBSTITUTED.finditer(text):
        kept += "\n" * text.count("\n", at, match.start()) + match[0]
        at = match.end()
    return re.sub(r"(?m)^[ \t]*--[^\n]*", "", kept)


TOOL = Tool(
    "goose",
    "goose",
    proves="✓ | ✓ | – | – | –",
    rank=6,
    layouts=(Layout(_load, "<n>_<name>.sql with `-- +goose Up`", undone_in(_MARKS)),),
    ledgers=(
        # Old releases append is_applied = false instead of deleting.
        LedgerTable(
            Shape("version_id:int! id:int! is_applied:bool!", optional="tstamp:time", key="id"),
            switched,
            ("id",),
        ),
    ),
    versions=INTEGERS,
    writing=Writing(
        Way("statements", ("-- +goose StatementBegin", "-- +goose StatementEnd")),
        marked("-- +goose Up\n-- +goose NO TRANSACTION", "-- +goose Down"),
        down=True,
    ),
    words=ToolWords(
        apply="goose up",
        revert="goose down",
        rolled_back="goose does not run it again by itself",
        late="goose stops at it: give it a later version, or run once with -allow-missing",
    ),
)
