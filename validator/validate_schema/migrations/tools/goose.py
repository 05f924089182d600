"""goose. Source: pressly/goose, migrate.go and internal/sqlparser."""

from ...catalog.ledgers import Shape
from ...model.history import LedgerEntry, LedgerState, ToolWords
from ..discovery.files import by_number, code, coded, matching, part, undone_in, way_up
from ..discovery.folder import Folder
from ..discovery.sections import Marks
from ..rows import Row, moment, true
from ..tool import Layout, LedgerTable, Loaded, Tool
from ..versions import INTEGERS
from ..writing import Way, Writing, marked

_NAME = r"(\d+)_(.*)\.sql"
_MARKS = Marks(
    "-- +goose Up",
    r"(?im)^--[ \t]*\+goose[ \t]+(up|down)\b[^\n]*\n?",
    r"(?im)^--[ \t]*\+goose[ \t]+no[ \t]+transaction\b",
)


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
        files.append(part(folder, m[0], str(int(m[1])), m[2], section))
    return Loaded(tuple(files)) if files else None


def _read(rows: list[Row]) -> tuple[LedgerEntry, ...]:
    """Return one entry for each version but the seed row 0: the newest row decides, as old releases appended
    is_applied = false instead of deleting."""
    effective: dict[str, LedgerEntry] = {}
    for rank, row in enumerate(rows, 1):
        version = row["version_id"] or ""
        if version == "0":
            continue
        state: LedgerState = "applied" if true(row, "is_applied") else "rolled_back"
        effective.pop(version, None)
        effective[version] = LedgerEntry(
            version=version, state=state, applied_at=moment(row, "tstamp"), rank=rank
        )
    return tuple(effective.values())


TOOL = Tool(
    "goose",
    "goose",
    proves="✓ | ✓ | – | – | –",
    rank=6,
    layouts=(Layout(_load, "<n>_<name>.sql with `-- +goose Up`", undone_in(_MARKS)),),
    ledgers=(
        LedgerTable(
            Shape("version_id:int! id:int! is_applied:bool!", optional="tstamp:time", key="id"),
            _read,
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
