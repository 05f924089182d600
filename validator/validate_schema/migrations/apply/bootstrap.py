"""The first run on a database that another tool has migrated so far: its ledger becomes the set."""

from collections.abc import Sequence

from ...model.errors import HistoryError
from ...model.history import HistoryEntry, Ledger
from ..history.compare import compare
from ..ledger import ledger_for
from ..records import MigrationSet
from . import store
from .store import Row

_TAKEN = ("applied", "unverifiable", "baseline", "line_endings", "missing", "edited")


def other_ledgers(ledgers: Sequence[Ledger]) -> tuple[Ledger, ...]:
    """Return the ledgers that are not the runner's own."""
    return tuple(ledger for ledger in ledgers if ledger.table != store.LEDGER)


def take_over(
    migrations: MigrationSet, ledgers: Sequence[Ledger], named: str | None, edited: Sequence[str]
) -> tuple[tuple[Row, ...], Ledger | None]:
    """Return the rows to begin with, and the ledger that they come from; none without a ledger.

    Checksums are NULL: what another tool applied cannot be vouched for, unless its ledger is an applied
    set too. Raises `HistoryError` for a ledger with a failed or running migration, or one that
    contradicts the files, and `MigrationError` where several ledgers fit.
    """
    ledger = ledger_for(other_ledgers(ledgers), migrations, named)
    if ledger is None:
        return (), None
    if ledger.reason:
        raise HistoryError(ledger.reason)
    entries = compare(migrations, ledger)
    for entry in entries:
        _require_clean(ledger, entry, edited)
    kept = ledger.tool == "applied-set"
    rows = tuple(
        Row(
            e.version,
            e.name or e.recorded_name or e.version,
            (e.recorded_checksum or None) if kept else None,
            e.applied_at,
        )
        for e in entries
        if e.status in _TAKEN
    )
    return rows, ledger


def _require_clean(ledger: Ledger, entry: HistoryEntry, edited: Sequence[str]) -> None:
    said = f"{ledger.table} ({ledger.tool}): {entry.version} {entry.name}".rstrip()
    if entry.status == "failed":
        raise HistoryError(
            f"{said}: {entry.why}; settle that with {ledger.tool} before taking its ledger over"
        )
    if entry.status in ("renamed", "reused", "renumbered"):
        raise HistoryError(
            f"{said}: {entry.why}; the files must agree with the ledger before it is taken over"
        )
    if entry.status == "edited" and entry.version not in edited and entry.name not in edited:
        raise HistoryError(
            f"{said}: the file was edited after it was applied; restore it, or accept it with"
            f" --allow-edited {entry.version}"
        )


def recorded_elsewhere(migrations: MigrationSet, ledgers: Sequence[Ledger], versions: Sequence[str]) -> str:
    """Return why `versions` may not run although the set lacks them: another tool, still in use, has
    applied one. "" where that cannot be known or is not so."""
    for ledger in other_ledgers(ledgers):
        if ledger.tool != migrations.tool or not ledger.complete:
            continue
        done = {e.version for e in ledger.entries if e.state in ("applied", "baseline")}
        for version in versions:
            if version in done:
                return (
                    f"{version} is in {ledger.table} ({ledger.tool}) but not in {store.LEDGER}: two tools"
                    " migrate this database; use one of them"
                )
    return ""
