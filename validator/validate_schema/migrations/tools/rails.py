"""Rails. Source: activerecord, lib/active_record/migration.rb and internal_metadata.rb."""

from ...catalog.ledgers import Shape
from ...model.history import ToolWords
from ..discovery.files import numbered_programs
from ..discovery.folder import Folder
from ..rows import recorded
from ..tool import Layout, LedgerTable, Loaded, Sources, Tool
from ..versions import INTEGERS

_NAME = r"(\d+)_([_a-z0-9]*)(?:\.[_a-z0-9]*)?\.rb"


def _load(folder: Folder, _: bool) -> Loaded | None:
    """``db/migrate/**/<n>_<name>.rb`` by number."""
    return numbered_programs(folder, "**/*.rb", _NAME, b"def down", b"def change")


TOOL = Tool(
    "rails",
    "Rails",
    proves="✓ | ✓ | – | – | –",
    rank=20,
    layouts=(Layout(_load, "<n>_<name>.rb", programs=True, places=("db/migrate",)),),
    ledgers=(
        LedgerTable(
            Shape("version:string!", key="version", names="migration", beside="ar_internal_metadata"),
            recorded("version"),
            ("version",),
        ),
    ),
    companions=(
        # Keys and values of anybody's would have this shape, but not beside the table of versions.
        Shape(
            "key:varchar! value:varchar created_at:time! updated_at:time!",
            key="key",
            names="^ar_internal_metadata$",
            beside="schema_migrations",
        ),
    ),
    shares=("dbmate", "pop"),
    versions=INTEGERS,
    words=ToolWords(apply="bin/rails db:migrate", revert="bin/rails db:rollback STEP=1"),
    runs=(
        ("db/structure.sql", "bin/rails db:schema:load"),
        ("db/schema.rb", "bin/rails db:schema:load"),
        ("bin/rails", "bin/rails db:migrate"),
        ("Rakefile", "bundle exec rake db:migrate"),
    ),
    sources=Sources(("[0-9]*_*.rb", "db/migrate/[0-9]*_*.rb"), "db/structure.sql"),
    dumps=("db/structure.sql",),
)
