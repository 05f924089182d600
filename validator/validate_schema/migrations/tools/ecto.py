"""Ecto. Source: ecto_sql, lib/ecto/migrator.ex and lib/ecto/migration/schema_migration.ex."""

from ...catalog.ledgers import Shape
from ...model.history import ToolWords
from ..discovery.files import numbered_programs
from ..discovery.folder import Folder
from ..rows import recorded
from ..tool import Layout, LedgerTable, Loaded, Sources, Tool
from ..versions import INTEGERS

_NAME = r"(\d+)_(.*)\.exs"


def _load(folder: Folder, _: bool) -> Loaded | None:
    """``priv/<repo>/migrations/**/<n>_<name>.exs`` by number."""
    return numbered_programs(folder, "**/*.exs", _NAME, b"def down", b"def change")


TOOL = Tool(
    "ecto",
    "Ecto",
    proves="✓ | ✓ | – | – | –",
    rank=21,
    layouts=(Layout(_load, "<n>_<name>.exs", programs=True, places=("priv/*/migrations",)),),
    ledgers=(
        LedgerTable(
            Shape("inserted_at:time version:int8!", key="version", names="migration"),
            recorded("version", time="inserted_at", order="times"),
            ("inserted_at", "version"),
        ),
    ),
    versions=INTEGERS,
    words=ToolWords(apply="mix ecto.migrate"),
    runs=(("mix.exs", "mix ecto.migrate"),),
    sources=Sources(("[0-9]*_*.exs", "priv/repo/migrations/[0-9]*_*.exs"), "priv/repo/structure.sql"),
    dumps=("priv/repo/structure.sql",),
)
