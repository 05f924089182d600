"""Rails. Source: activerecord, lib/active_record/migration.rb and internal_metadata.rb."""

import re
from collections.abc import Sequence

from ...catalog.ledgers import Shape
from ...model.history import ToolWords
from ..discovery.files import numbered_programs
from ..discovery.folder import Folder
from ..rows import recorded
from ..tool import Layout, LedgerTable, Loaded, Sources, Tool
from ..versions import INTEGERS
from ..writing import TRANSACTION, New, Part, Script, Writing, beside_the_last, no_digit_first

_NAME = r"(\d+)_([_a-z0-9]*)(?:\.[_a-z0-9]*)?\.rb"


def _load(folder: Folder, _: bool) -> Loaded | None:
    """``db/migrate/**/<n>_<name>.rb`` by number."""
    return numbered_programs(folder, "**/*.rb", _NAME, b"def down", b"def change")


_RELEASE = re.compile(rb"ActiveRecord::Migration\[(\d+\.\d+)\]")
_OLDEST = "5.0"  # the first that wants to be named; later ones take it

_MIGRATION = """\
class {title} < ActiveRecord::Migration[{release}]
  def up
{up}
  end

  def down
{down}
  end
end
"""


def _write(new: New, script: Script) -> dict[str, str]:
    """A migration that executes the statements, written for the release that the last one names."""
    title = "".join(word.capitalize() for word in no_digit_first(new.name, "a class of Ruby").split("_"))
    named = [m[1].decode() for file in new.after.files if (m := _RELEASE.search(file.raw))]
    text = _MIGRATION.format(
        title=title,
        release=named[-1] if named else _OLDEST,
        up=_lines(script.up),
        down=_lines(script.down) or "    raise ActiveRecord::IrreversibleMigration",
    )
    return beside_the_last(new, f"{new.version}_{new.name}.rb", text)


def _lines(parts: Sequence[Part]) -> str:
    lines = []
    for part in parts:
        if part.comment:
            lines += [f"    # {line}".rstrip() for line in part.text.split("\n")]
        elif part.text:
            lines.append(_executed(part.text))
        elif lines:
            lines.append("")
    return "\n".join(lines).rstrip("\n")


def _executed(text: str) -> str:
    """Return the call for a statement, in a text that takes every character as it is and ends with a line
    that the statement lacks."""
    end = "SQL"
    while end in text.split("\n"):
        end += "_"
    return f"    execute <<'{end}'\n{text}\n{end}"


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
    writing=Writing(
        TRANSACTION, _write, down=True, then="run `bin/rails db:migrate`, which writes the schema's dump anew"
    ),
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
