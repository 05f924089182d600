"""MyBatis Migrations. Sources: mybatis/migrations, FileMigrationLoader.java, MigrationReader.java,
UpOperation.java, DatabaseOperation.java and template_changelog.sql."""

import re

from ...catalog.ledgers import Shape
from ...model.history import LedgerEntry, ToolWords
from ..discovery.files import by_number, filled_in, matching, part, undone_in, way_up
from ..discovery.folder import Folder
from ..discovery.sections import Marks, Section
from ..records import MigrationFile
from ..rows import Row, ranks
from ..tool import Layout, LedgerTable, Loaded, Tool, recorded_names
from ..versions import INTEGERS

_NAME = r"(\d+)_(.*)\.sql"
_MARKS = Marks(
    "-- // what it does",
    r"(?m)^[ \t]*--[ \t]*//[^\n]*(@UNDO)[^\n]*(?:\n|\Z)",
    bare=True,
    downs=("@undo",),
)
_DELIMITER = r"[ \t]*(?:--|//)?[ \t]*(?://)?[ \t]*@DELIMITER[ \t]+(\S+)"
_PLACEHOLDER = r"\$\{(?!changelog\})[^}\n]+\}"


def _load(folder: Folder, chosen: bool) -> Loaded | None:
    """``<id>_<description>.sql`` above ``-- //@UNDO``, by number, each in a transaction."""
    found = matching(folder, _NAME)
    if not found or not (chosen or any(_MARKS.in_(folder.text(m[0])) for m in found)):
        return None
    files = tuple(_file(folder, m) for m in by_number(found))
    notes = ("bootstrap.sql: what `migrate bootstrap` runs; it was not run",) * (
        "bootstrap.sql" in folder.sql
    )
    beside = tuple(folder.path / n for n in ("bootstrap.sql", "onabort.sql"))
    return filled_in(files, _PLACEHOLDER, "MyBatis", notes=notes, beside=beside)


def _file(folder: Folder, m: re.Match[str]) -> MigrationFile:
    section = way_up(folder, m[0], _MARKS, "MyBatis")
    named = Section(_with_semicolons(section.sql).replace("${changelog}", "changelog"), section.first_line)
    return part(folder, m[0], str(int(m[1])), m[2].replace("_", " "), named)


def _with_semicolons(sql: str) -> str:
    """Return `sql` with semicolons for the delimiter that it names. A statement ends where a line has that
    last, and what is behind it does not run. Source: mybatis-3, ScriptRunner.java."""
    delimiter, lines = ";", []
    for line in sql.splitlines(keepends=True):
        comment = line.lstrip().startswith(("--", "//"))
        if named := re.match(_DELIMITER, line, re.IGNORECASE):
            delimiter = named[1]
        ends = delimiter != ";" and delimiter in line and not comment
        lines.append(f"{line.rpartition(delimiter)[0]};\n" if ends else line)
    return "".join(lines)


def _read(rows: list[Row]) -> tuple[LedgerEntry, ...]:
    """Times are text, in the zone of whoever ran it."""
    order = ranks([row["applied_at"] for row in rows])
    return tuple(
        LedgerEntry(
            version=row["id"] or "",
            name=row["description"] or "",
            applied_at=(row["applied_at"] or "").replace(" ", "T"),
            rank=rank,
        )
        for row, rank in zip(rows, order, strict=True)
    )


TOOL = Tool(
    "mybatis",
    "MyBatis",
    proves="✓ | ✓ | ✓ | – | –",
    rank=29,
    layouts=(
        Layout(
            _load,
            "<id>_<description>.sql with `-- //@UNDO`",
            undone_in(_MARKS, _with_semicolons),
            places=("scripts",),
        ),
    ),
    ledgers=(
        LedgerTable(
            Shape("applied_at:varchar(25)! id:numeric! description:varchar(255)!", key="id"),
            _read,
            ("applied_at", "id"),
        ),
    ),
    versions=INTEGERS,
    names=recorded_names,
    words=ToolWords(
        apply="migrate up",
        revert="migrate down",
        late="`migrate up` looks at the last one alone: run `migrate pending`, or give it a later number",
    ),
)
