"""`validate-schema migrations status`: every migration and what became of it."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from . import migrating
from .options import Options

if TYPE_CHECKING:
    from ..model.history import HistoryEntry, Ledger
    from ..run.migrating import Found


@click.command("status")
@migrating.files
@migrating.database
@click.option(
    "--format",
    "format_",
    type=click.Choice(("txt", "json")),
    default="txt",
    show_default=True,
    help="Format on standard output.",
)
def command(*, format_: str, **given: Any) -> int:
    """Say of every migration whether it was applied, by the ledger of whichever tool keeps one.

    Reads only. Ends with 0 whatever the states are: `verify` judges them.
    """
    from ..catalog.connect import connect, parse_url
    from ..run.migrating import decided, history
    from .request import database_of

    told = Options(**given)
    found, url = migrating.found(told, programs=True), database_of(told)
    with connect(url) as connection:
        found = decided(connection, found)
        tracker, entries = history(connection, found)
    if format_ == "json":
        _write_json(found, tracker, entries)
        return 0
    where = f"{tracker.table} ({tracker.tool})" if tracker else "none"
    click.echo(
        f"{found.migrations.folder} ({found.migrations.tool}), {parse_url(url).shown}, ledger: {where}"
    )
    for line in (*_table(entries), *migrating.remarks(found.migrations, tracker)):
        click.echo(line)
    return 0


def _write_json(found: "Found", ledger: "Ledger | None", entries: "Sequence[HistoryEntry]") -> None:
    import msgspec

    from ..migrations.history.compare import shared

    outcome = {
        "tool": found.migrations.tool,
        "folder": str(found.migrations.folder),
        "ledger": {"table": ledger.table, "tool": ledger.tool} if ledger else None,
        "entries": msgspec.to_builtins(entries),
        "shared": msgspec.to_builtins(shared(found.migrations)),
        "stray": [found.migrations.label(path) for path in found.migrations.stray],
    }
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(outcome), indent=2).decode() + "\n")


def _table(entries: "Sequence[HistoryEntry]") -> list[str]:
    from ..sql.ident import visible

    quiet = ("applied", "unverifiable", "baseline", "pending", "on_disk")
    rows = [("version", "name", "state", "applied at")]
    rows += [
        (visible(e.version), visible(e.name or e.recorded_name), _state(e), e.applied_at or "–")
        for e in entries
    ]
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    told = [f"{e.version} {e.name}: {e.why}" for e in entries if e.status not in quiet and e.why]
    return [*lines, *(["", *map(visible, told)] if told else [])]


def _state(entry: "HistoryEntry") -> str:
    words = {
        "unverifiable": "applied (no checksum)",
        "line_endings": "edited (line ends)",
        "gap": "pending (gap)",
        "on_disk": "on disk",
        "rolled_back": "rolled back",
    }
    state = "cannot be told" if entry.unsure else words.get(entry.status, entry.status)
    return f"{state}, late" if entry.late else state
