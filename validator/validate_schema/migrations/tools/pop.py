"""gobuffalo/pop and Ory's popx. Sources: pop, match.go and migrator.go; ory/x, popx/match.go."""

import re
from collections.abc import Sequence

import msgspec

from ...catalog.ledgers import Shape
from ...model.errors import MigrationError
from ...model.history import LedgerEntry, ToolWords
from ...sql import script
from ..discovery.files import undone_beside, whole
from ..discovery.folder import Folder
from ..discovery.pairs import DIALECTS, FOREIGN, MARKED_UP, of_dialects
from ..records import MigrationFile, Mode
from ..rows import recorded
from ..tool import Layout, LedgerTable, Loaded, Tool
from ..writing import TRANSACTION, Writing, before_name, pair

_TEMPLATE = r"\{\{-?\s*[A-Za-z.$]"
_SHORT, _LONG = 14, 20  # digits of popx's versions


def _load(folder: Folder, chosen: bool) -> Loaded | None:
    """``<version>_<name>[.<dialect>][.autocommit].up.sql`` by version as text."""
    found = [m for n in folder.files if (m := re.fullmatch(MARKED_UP, n))]
    if not found or not (chosen or of_dialects(folder)):
        return None
    usable = [m for m in found if not set(m[3].split(".")) & FOREIGN]
    # The PostgreSQL file of a version comes before the one for all dialects, and hides it.
    usable.sort(key=lambda m: (m[1], not set(m[3].split(".")) & DIALECTS, m[0]))
    kept: dict[str, MigrationFile] = {}
    shadowed = []
    for m in usable:
        file = _rendered(folder, m)
        if m[1] in kept and kept[m[1]].name != m[2]:
            shadowed.append(file)
        kept.setdefault(m[1], file)
    return Loaded(tuple(kept.values()), tuple(shadowed))


def _rendered(folder: Folder, match: re.Match[str]) -> MigrationFile:
    path = folder.path / match[0]
    if match[4] == "fizz":
        raise MigrationError(f"{path}: fizz is not SQL; translate it first, or give a URL")
    text = folder.text(match[0])
    if template := re.search(_TEMPLATE, text):
        line = script.line_at(text, template.start())
        raise MigrationError(f"{path}:{line}: a Go template, which only the application can render")
    mode: Mode = "message" if "autocommit" in match[3].split(".") else "transaction"
    return whole(folder, match[0], match[1], match[2], mode)


def _align(files: Sequence[MigrationFile], entries: Sequence[LedgerEntry]) -> list[LedgerEntry]:
    """popx takes a version of 20 digits for applied where its first 14 are recorded."""
    recorded_ = {entry.version for entry in entries}
    long = {f.version[:_SHORT]: f.version for f in files if len(f.version) == _LONG}
    result = []
    for entry in entries:
        short = len(entry.version) == _SHORT
        version = long.get(entry.version, entry.version) if short else entry.version
        if version == entry.version or version not in recorded_:
            result.append(msgspec.structs.replace(entry, version=version))
    return result


TOOL = Tool(
    "pop",
    "pop",
    proves="✓ | ✓ | – | – | –",
    rank=12,
    layouts=(Layout(_load, "<version>_<name>.up.sql", undone_beside, home=("go.mod",)),),
    ledgers=(
        LedgerTable(
            Shape(
                "version:varchar!", optional="version_self:int!", key="version", names="^schema_migration$"
            ),
            recorded("version"),
            ("version",),
        ),
    ),
    shares=("dbmate", "rails"),
    align=_align,
    writing=Writing(TRANSACTION, pair, down=True, sorts=before_name),
    words=ToolWords(apply="soda migrate"),
)
