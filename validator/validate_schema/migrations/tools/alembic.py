"""Alembic. Sources: alembic, script/base.py, script/revision.py and ddl/impl.py."""

import ast
import hashlib
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from ...catalog.ledgers import Shape
from ...model.history import LedgerEntry, ToolWords
from ..discovery.files import program
from ..discovery.folder import Folder, read
from ..discovery.order import topological
from ..discovery.python import module, several, variables
from ..records import MigrationFile, MigrationSet
from ..rows import recorded
from ..tool import Layout, LedgerTable, Loaded, Sources, Tool
from ..versions import Versions
from ..writing import TRANSACTION, New, Part, Script, Writing, beside_the_last, python_lines


def _load(folder: Folder, _: bool) -> Loaded | None:
    """``versions/*.py`` by ``revision`` and ``down_revision``; the file's name does not matter."""
    places = [folder.path, folder.path / "versions", folder.path / "alembic" / "versions"]
    places.append(folder.path / "migrations" / "versions")
    for place in places:
        paths = sorted(p for p in place.glob("*.py") if not p.name.startswith((".#", "__init__")))
        found = [f for p in paths if (f := _revision(p))]
        if not found:
            continue
        kept = {file.version: file for file in found}  # the later file of a revision wins
        hidden = tuple(file for file in found if kept[file.version] is not file)
        files = topological(place, list(kept.values()))
        heads = _heads(files)
        notes = (f"There are {len(heads)} heads: {', '.join(heads)}.",) if len(heads) > 1 else ()
        return Loaded(files, hidden, notes, territory=place)
    return None


def _heads(files: Sequence[MigrationFile]) -> list[str]:
    required = {v for file in files for v in file.requires}
    return [file.version for file in files if file.version not in required]


def _revision(path: Path) -> MigrationFile | None:
    raw = read(path)
    if b"revision" not in raw:
        return None
    values = variables(path, raw)
    revision = values.get("revision")
    if not isinstance(revision, str) or "down_revision" not in values:
        return None
    requires = (*several(values["down_revision"]), *several(values.get("depends_on")))
    name = path.stem.removeprefix(f"{revision}_").replace("_", " ")
    return program(path, raw, revision, name, undo=_goes_down(path, raw), requires=requires)


def _goes_down(path: Path, raw: bytes) -> bool:
    """Return whether `downgrade` does anything."""
    for node in module(path, raw).body:
        if isinstance(node, ast.FunctionDef) and node.name == "downgrade":
            idle = (ast.Pass, ast.Raise)
            return any(
                not isinstance(s, idle)
                and not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))
                for s in node.body
            )
    return False


def _align(files: Sequence[MigrationFile], entries: Sequence[LedgerEntry]) -> list[LedgerEntry]:
    """The rows are heads: all that they descend from is applied too. What a head descends from that has no
    file cannot be told: then every other file may be applied or pending."""
    requires = {file.version: file.requires for file in files}
    found: dict[str, LedgerEntry] = {}
    waiting = [entry.version for entry in entries]
    while waiting:
        version = waiting.pop()
        if version not in found:
            found[version] = LedgerEntry(version=version)
            waiting += requires.get(version, ())
    known = {file.version for file in files}
    # A parent that is nowhere on disk was not said to be applied by the ledger: only its rows are.
    rows = {entry.version for entry in entries}
    left = [v for v in requires if v not in found] if rows - known else []
    certain = [entry for entry in found.values() if entry.version in known | rows]
    return [*certain, *(LedgerEntry(version=v, unsure=True) for v in left)]


def _others(files: Sequence[MigrationFile], entries: Sequence[LedgerEntry]) -> str:
    known = {file.version for file in files}
    gone = [entry.version for entry in entries if entry.version not in known]
    if not gone:
        return ""
    return f"No file is revision {', '.join(gone)}: which of the others it descends from cannot be told."


def _two_heads(migrations: MigrationSet) -> str:
    heads = _heads(migrations.files)
    return f"there are {len(heads)} heads: `alembic merge heads` first" if len(heads) > 1 else ""


def _next_revision(files: Sequence[MigrationFile], now: datetime) -> str:
    """Return a new revision's id: like the tool's own, twelve hexadecimal digits that mean nothing."""
    return hashlib.sha256(f"{_heads(files)} {now}".encode()).hexdigest()[:12]


_REVISION = """\
\"\"\"{title}

Revision ID: {version}
Revises: {shown}
Create Date: {now}

\"\"\"
from alembic import op
from sqlalchemy import DDL

revision = {version!r}
down_revision = {before!r}
branch_labels = None
depends_on = None


def upgrade() -> None:
{up}


def downgrade() -> None:
{down}
"""


def _write(new: New, script: Script) -> dict[str, str]:
    """A revision on top of the head. DDL() takes the text as it is but for %, text() would take :name for a
    parameter."""
    before = next(iter(_heads(new.after.files)), None)
    text = _REVISION.format(
        title=new.name.replace("_", " "),
        version=new.version,
        shown=re.sub(r"\W", "", before or ""),
        before=before,
        now=f"{new.now:%Y-%m-%d %H:%M:%S}",
        up=_calls(script.up),
        down=_calls(script.down),
    )
    return beside_the_last(new, f"{new.version}_{new.name}.py", text)


def _calls(parts: Sequence[Part]) -> str:
    doubled = [part if part.comment else Part(part.text.replace("%", "%%")) for part in parts]
    idle = () if any(part.text and not part.comment for part in parts) else ("    pass",)
    return "\n".join((*filter(None, (python_lines(doubled, "op.execute(DDL({}))", "    "),)), *idle))


TOOL = Tool(
    "alembic",
    "Alembic",
    proves="✓ by its graph | ✓ | – | – | –",
    rank=18,
    layouts=(Layout(_load, "versions/*.py with `revision`", places=None, programs=True),),
    ledgers=(LedgerTable(Shape("version_num:varchar!"), recorded("version_num"), ("version_num",)),),
    versions=Versions(place=None, graph=True),
    align=_align,
    others=_others,
    writing=Writing(
        TRANSACTION,
        _write,
        down=True,
        version=_next_revision,
        refuses=_two_heads,
        then="run `alembic upgrade head`, and say the same in the models: autogenerate drops what they lack",
    ),
    words=ToolWords(apply="alembic upgrade head", revert="alembic downgrade -1"),
    runs=(("alembic.ini", "alembic upgrade head"), ("pyproject.toml", "alembic upgrade head")),
    sources=Sources(
        ("versions/*.py", "alembic/versions/*.py", "migrations/versions/*.py"), "alembic upgrade head --sql"
    ),
)
