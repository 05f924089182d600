"""MikroORM. Sources: mikro-orm/mikro-orm, packages/migrations, MigrationStorage.ts and
TSMigrationGenerator.ts."""

import re

from ...catalog.ledgers import Shape
from ...model.history import LedgerEntry, ToolWords
from ..discovery.scripts import scripted
from ..rows import Row, recorded
from ..tool import LedgerTable, Tool
from ..versions import Versions

_recorded = recorded("name", name="name", time="executed_at", order="rows")


def _read(rows: list[Row]) -> tuple[LedgerEntry, ...]:
    """Until version 5 names had the suffix of their file."""
    return _recorded([row | {"name": re.sub(r"\.[jt]s$", "", row["name"] or "")} for row in rows])


def _number(version: str) -> str:
    found = re.search(r"\d{8,}", version)
    return found[0] if found else ""


TOOL = Tool(
    "mikro-orm",
    "MikroORM",
    proves="✓ | ✓ | as missing and pending | – | –",
    rank=35,
    layouts=(
        scripted(
            rb"@mikro-orm/migrations\b", "Migration<date>.ts with `extends Migration`", stem=True, named=True
        ),
    ),
    ledgers=(
        LedgerTable(
            Shape("executed_at:time id:int! name:varchar(255)", key="id", names="mikro_orm|migration"),
            _read,
            ("id",),
        ),
    ),
    versions=Versions(number=_number, named=True),
    words=ToolWords(apply="npx mikro-orm migration:up", revert="npx mikro-orm migration:down"),
    runs=(("package.json", "npx mikro-orm migration:up"),),
)
