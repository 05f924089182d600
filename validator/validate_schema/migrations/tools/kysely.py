"""Kysely. Sources: kysely-org/kysely, src/migration/migrator.ts and file-migration-provider.ts."""

from ...catalog.ledgers import Shape
from ...model.history import ToolWords
from ..discovery.scripts import scripted
from ..rows import recorded
from ..tool import LedgerTable, Tool
from ..versions import NAMES

TOOL = Tool(
    "kysely",
    "Kysely",
    proves="✓ | ✓ | as missing and pending | – | –",
    rank=34,
    layouts=(scripted(rb"(?i)\bkysely\b", "<name>.ts with `Kysely`", stem=True),),
    ledgers=(
        LedgerTable(
            Shape("timestamp:varchar(255)! name:varchar(255)!", key="name", names="kysely|migration"),
            recorded("name", name="name", time="timestamp", order="times"),
            ("timestamp", "name"),
        ),
    ),
    companions=(Shape("is_locked:int4! id:varchar(255)!", key="id", names="_lock$"),),
    versions=NAMES,
    words=ToolWords(
        apply="npx kysely migrate:latest",
        revert="npx kysely migrate:down",
        late="Kysely stops at it: give it a name after the last one",
    ),
    runs=(("kysely.config.*", "npx kysely migrate:latest"), ("package.json", "npx kysely migrate:latest")),
)
