"""Play's evolutions. Sources: playframework, Evolutions.scala and EvolutionsApi.scala."""

import hashlib
import re
from collections.abc import Sequence
from itertools import count

from ...catalog.ledgers import Shape
from ...model.history import LedgerEntry, LedgerState, ToolWords
from ..discovery.files import by_number, filled_in, matching, part, undone_in, way_up
from ..discovery.folder import Folder
from ..discovery.sections import Marks, Section
from ..records import MigrationFile
from ..rows import Row, first_line, moment, ranks
from ..tool import Checksum, Layout, LedgerTable, Loaded, Tool
from ..versions import INTEGERS

_NAME = r"0*(\d+)\.sql"
_MARKS = Marks(
    "# --- !Ups",
    r"(?m)^[ \t]*(?:#|--)[^\n]*!(Ups|Downs)[^\n]*(?:\n|\Z)",
    scattered=True,
    ups=("ups",),
    downs=("downs",),
)
_PLACEHOLDER = r"\$evolutions\{\{\{.*?\}\}\}"
_BLANK = "".join(map(chr, range(33)))  # what the JVM trims


def _load(folder: Folder, chosen: bool) -> Loaded | None:
    """``<n>.sql`` with ``# --- !Ups``, by number from 1 to the first that is not there, statement by
    statement without a transaction."""
    found = matching(folder, _NAME)
    if not found or not (chosen or any(_MARKS.in_(folder.text(m[0])) for m in found)):
        return None
    numbers = {int(m[1]) for m in found}
    end = next(n for n in count(1) if n not in numbers)
    files = tuple(_file(folder, m) for m in by_number(found) if 0 < int(m[1]) < end)
    behind = (m for m in by_number(found) if int(m[1]) > end)
    notes = tuple(f"{folder.path / m[0]}: Play does not read it, as there is no {end}.sql" for m in behind)
    return filled_in(files, _PLACEHOLDER, "Play", notes=notes)


def _file(folder: Folder, m: re.Match[str]) -> MigrationFile:
    section = way_up(folder, m[0], _MARKS, "Play")
    # Twice is how a semicolon is written that ends no statement, wherever it stands.
    sql = section.sql.replace(";;", ";")
    version = str(int(m[1]))
    return part(folder, m[0], version, version, Section(sql, section.first_line, transactional=False))


def _checksums(file: MigrationFile, _: Sequence[MigrationFile]) -> tuple[str, ...]:
    """Return the sum of the way down and the way up, line by line without blanks at either end."""
    text = "\n".join(line.strip(_BLANK) for line in file.raw.decode("utf-8-sig", "replace").split("\n"))
    marks = list(re.finditer(_MARKS.line, text))
    parts: dict[str, list[str]] = {"Ups": [], "Downs": []}
    for mark, following in zip(marks, [*marks[1:], None], strict=True):
        end = following.start() if following else len(text)
        parts[mark[1]].append(text[mark.end() : end].removesuffix("\n"))
    up, down = ("\n".join(parts[way]).strip(_BLANK) for way in ("Ups", "Downs"))
    return (hashlib.sha1((down + up).encode(), usedforsecurity=False).hexdigest(),)


def _read(rows: list[Row]) -> tuple[LedgerEntry, ...]:
    order = ranks([row["applied_at"] for row in rows])
    return tuple(
        LedgerEntry(
            version=row["id"] or "",
            state=_state(row),
            checksum=row["hash"] or "",
            applied_at=moment(row, "applied_at"),
            rank=rank,
            message=first_line(row["last_problem"]),
        )
        for row, rank in zip(rows, order, strict=True)
    )


def _state(row: Row) -> LedgerState:
    if row["state"] == "applied":
        return "applied"
    return "failed" if row["last_problem"] else "running"


TOOL = Tool(
    "play",
    "Play",
    proves="✓ | ✓ | – | ✓ SHA-1 | ✓",
    rank=30,
    layouts=(
        Layout(
            _load,
            "<n>.sql with `# --- !Ups`",
            undone_in(_MARKS),
            places=("conf/evolutions/*",),
        ),
    ),
    ledgers=(
        LedgerTable(
            Shape(
                "revert_script:text id:int4! hash:varchar(255)! applied_at:time! apply_script:text"
                " state:varchar(255) last_problem:text",
                key="id",
            ),
            _read,
            ("applied_at", "id"),
        ),
    ),
    companions=(Shape("lock:int4!", key="lock", names="^play_evolutions_lock$"),),
    versions=INTEGERS,
    checksum=Checksum(_checksums, line_ends="accepts that"),
    words=ToolWords(
        accept="Play undoes it by its Downs and runs it again, with all that follow: only on a database"
        " without rows that matter",
        resolve="then mark it as resolved: `OfflineEvolutions.resolve`, or the page that Play shows",
    ),
)
