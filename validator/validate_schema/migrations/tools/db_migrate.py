"""db-migrate. Sources: db-migrate/node-db-migrate, lib/skeleton.js, lib/template.js and
lib/driver/base.js."""

from dataclasses import replace

from ...catalog.ledgers import Shape
from ...model.history import LedgerEntry, ToolWords
from ..discovery.folder import Folder
from ..discovery.scripts import scripted
from ..rows import Row, recorded
from ..tool import Layout, LedgerTable, Loaded, Tool
from ..versions import NAMES

_SCRIPTED = scripted(
    rb"\bdbmigrate\b|\(['\"]db-migrate['\"]\)", "<date>-<name>.js", suffixes=(".js", ".cjs", ".ts"), stem=True
)
_recorded = recorded("name", name="name", time="run_on", order="rows")


def _load(folder: Folder, chosen: bool) -> Loaded | None:
    """``<date>-<name>.js``, of which many only run the files of ``sqls/``."""
    found = _SCRIPTED.load(folder, chosen)
    inside = (p for p in folder.every_sql if p.parent.name == "sqls")
    return replace(found, beside=tuple(inside)) if found else None


def _read(rows: list[Row]) -> tuple[LedgerEntry, ...]:
    """Names begin with the folder's slash."""
    return _recorded([row | {"name": (row["name"] or "").removeprefix("/")} for row in rows])


TOOL = Tool(
    "db-migrate",
    "db-migrate",
    proves="✓ | ✓ | as missing and pending | – | –",
    rank=36,
    layouts=(Layout(_load, _SCRIPTED.looks_for, programs=True),),
    ledgers=(
        LedgerTable(
            Shape("run_on:time! id:int! name:varchar(255)!", key="id", names="^migrations$"),
            _read,
            ("run_on", "id"),
        ),
    ),
    versions=NAMES,
    words=ToolWords(apply="npx db-migrate up", revert="npx db-migrate down"),
    runs=(("database.json", "npx db-migrate up"), ("package.json", "npx db-migrate up")),
)
