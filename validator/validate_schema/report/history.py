"""The migrations as the report holds them: the history, and the findings of each migration."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from ..model.finding import Finding
from ..model.history import History, HistoryEntry
from ..model.report import MigrationEntry, MigrationFacts


def migration_facts(history: History, findings: Iterable[Finding]) -> MigrationFacts:
    """Return the history for the report; `findings` are those of checks on migrations,
    open and accepted."""
    if not history.examined:
        return MigrationFacts(note=history.reason)
    by_file = _by_file(history, findings)
    ledger = history.ledger
    return MigrationFacts(
        tool=history.tool,
        path=history.folder,
        ledger=ledger.table if ledger else "",
        ledger_reason=history.ledger_reason,
        ledger_expected=history.ledger_expected,
        entries=tuple(_entry(e, history, by_file) for e in history.entries),
        note=" ".join(f"{note.rstrip('.')}." for note in history.notes),
        shared=history.shared,
        stray=history.stray,
        statements=history.statements,
        unseen=history.unseen,
        repeated=history.repeated,
        replay=history.replay,
        drift=history.drift,
        dry_run=history.dry_run,
        deploy=history.deploy,
        paths=history.paths,
        backup=history.backup,
    )


def _entry(entry: HistoryEntry, history: History, by_file: Mapping[str, tuple[str, ...]]) -> MigrationEntry:
    return MigrationEntry(
        version=entry.version,
        name=entry.name or entry.recorded_name,
        file=entry.file,
        state=_state(entry, history),
        why=entry.why,
        checksum=entry.recorded_checksum or entry.checksum,
        applied_at=entry.applied_at,
        late=entry.late,
        verified=entry.verified,
        creates=entry.creates or (),
        undo=entry.undo,
        loses=entry.loses,
        findings=by_file.get(entry.file or entry.version, ()),
    )


def _state(entry: HistoryEntry, history: History) -> str:
    """Return the status; without a ledger, the replay is all that is known of a file."""
    if entry.unsure:
        return "unsure"
    failure = history.replay.failure
    if history.ledger is None and failure and entry.file and entry.file == failure.statement.file:
        return "failed"
    return entry.status


def _by_file(history: History, findings: Iterable[Finding]) -> Mapping[str, tuple[str, ...]]:
    """Return the fingerprints of findings by the file or version that they are about, or stand in.

    A location leads to the file from wherever the repository begins, which a history does not know.
    """
    found: dict[str, list[str]] = defaultdict(list)
    files = sorted((e.file for e in history.entries if e.file), key=len, reverse=True)
    for finding in findings:
        path, _, line = (finding.location or "").rpartition(":")
        place = path if line.isdigit() else finding.location or ""
        named = finding.object.name if finding.object.kind == "migration" else ""
        inside = next((f for f in files if f"/{place}".endswith(f"/{f}")), "")
        for name in dict.fromkeys((named, inside)):
            if name:
                found[name].append(finding.fingerprint)
    return {name: tuple(prints) for name, prints in found.items()}
