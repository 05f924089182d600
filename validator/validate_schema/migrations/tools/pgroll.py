"""pgroll. Sources: xataio/pgroll, pkg/state/init.sql and pkg/migrations/migrations.go."""

import re

from ...catalog.ledgers import Shape
from ...model.history import LedgerEntry, LedgerState, ToolWords
from ..discovery import order
from ..discovery.files import program
from ..discovery.folder import Folder
from ..rows import Row, moment, ranks, true
from ..tool import Layout, LedgerTable, Loaded, Tool
from ..versions import NAMES

_NAME = r"(.+)\.(?:ya?ml|json)"
_OPERATIONS = rb"(?m)^[ \t{]*[\"']?operations[\"']?[ \t]*:"


def _load(folder: Folder, _: bool) -> Loaded | None:
    """``<name>.yaml`` or ``.json`` with ``operations``, bytewise."""
    names = [n for n in sorted(folder.files, key=order.bytewise) if re.fullmatch(_NAME, n)]
    found = [(n.rpartition(".")[0], n) for n in names if re.search(_OPERATIONS, folder.raw(n))]
    files = tuple(program(folder.path / n, folder.raw(n), stem, stem, undo=True) for stem, n in found)
    return Loaded(files) if files else None


def _read(rows: list[Row]) -> tuple[LedgerEntry, ...]:
    """Rows that it inferred from what others did to the schema are of no file."""
    own = [row for row in rows if row.get("migration_type") != "inferred"]
    order_ = ranks([row["created_at"] for row in own])
    return tuple(
        LedgerEntry(
            version=row["name"] or "",
            name=row["name"] or "",
            state=_state(row),
            applied_at=moment(row, "created_at"),
            rank=rank,
        )
        for row, rank in zip(own, order_, strict=True)
    )


def _state(row: Row) -> LedgerState:
    if row.get("migration_type") == "baseline":
        return "baseline"
    return "applied" if true(row, "done") else "running"


TOOL = Tool(
    "pgroll",
    "pgroll",
    proves="✓ | ✓ | as missing and pending | – | started and not completed",
    rank=38,
    layouts=(Layout(_load, "<name>.yaml with `operations`", programs=True),),
    ledgers=(
        LedgerTable(
            Shape(
                "resulting_schema:json! schema:name! name:text! migration:json! created_at:time!"
                " updated_at:time! parent:text done:bool!",
                optional="migration_type:varchar(32)",
            ),
            _read,
            ("created_at", "name"),
        ),
    ),
    companions=(Shape("initialized_at:time! version:text!", key="version", names="^pgroll_version$"),),
    versions=NAMES,
    words=ToolWords(
        apply="pgroll migrate DIR",
        revert="pgroll rollback",
        resolve="then `pgroll complete` or `pgroll rollback`",
    ),
)
