"""Knex. Source: knex, lib/migrations/migrate/table-creator.js and migrator.js."""

from ...catalog.ledgers import Shape
from ...model.history import ToolWords
from ..discovery.scripts import scripted
from ..rows import recorded
from ..tool import LedgerTable, Lock, Tool
from ..versions import NAMES

TOOL = Tool(
    "knex",
    "Knex",
    proves="✓ | ✓ | as missing and pending | – | a lock left behind",
    rank=24,
    layouts=(
        scripted(
            rb"\bknex\b",
            "<n>_<name>.js",
            near=("knexfile.js", "knexfile.ts", "knexfile.cjs"),
            suffixes=(".js", ".cjs", ".ts"),
        ),
    ),
    ledgers=(
        LedgerTable(
            Shape("migration_time:time id:int! name:varchar(255) batch:int", key="id"),
            recorded("name", name="name", time="migration_time", order="rows"),
            ("id",),
            lock=Lock("{}_lock", "is_locked", "1"),
        ),
    ),
    companions=(Shape("is_locked:int index:int!", key="index", names="_lock$"),),
    versions=NAMES,
    words=ToolWords(apply="npx knex migrate:latest", revert="npx knex migrate:down"),
    runs=(("knexfile.*", "npx knex migrate:latest"), ("package.json", "npx knex migrate:latest")),
)
