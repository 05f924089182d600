"""Sequelize. Sources: sequelize-cli, src/core/migrator.js; umzug, src/storage/sequelize.ts."""

from ...catalog.ledgers import Shape
from ...model.history import ToolWords
from ..discovery.scripts import scripted
from ..rows import recorded
from ..tool import LedgerTable, Tool
from ..versions import NAMES

TOOL = Tool(
    "sequelize",
    "Sequelize",
    proves="✓ | ✓ | as missing and pending | – | –",
    rank=23,
    layouts=(
        scripted(
            rb"\bqueryInterface\b",
            "<n>-<name>.js",
            near=(".sequelizerc",),
            suffixes=(".js", ".cjs", ".ts", ".cts"),
        ),
    ),
    ledgers=(
        LedgerTable(
            Shape(
                "name:varchar(255)!",
                optional="createdAt:time! updatedAt:time!",
                key="name",
                names="sequelize|migration",
            ),
            recorded("name", name="name", time="createdAt", order="times"),
            ("name",),
        ),
    ),
    versions=NAMES,
    words=ToolWords(apply="npx sequelize-cli db:migrate"),
    runs=((".sequelizerc", "npx sequelize-cli db:migrate"), ("package.json", "npx sequelize-cli db:migrate")),
)
