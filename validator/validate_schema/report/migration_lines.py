"""What was found out about the migrations, a line each: ✓ only for what was looked at and is so."""

from collections import Counter
from collections.abc import Iterator, Mapping

from msgspec.structs import replace

from ..model.report import MigrationEntry, MigrationFacts
from ..model.wording import some
from .line import Line, Mark

_APPLIED = (
    "applied", "unverifiable", "missing", "edited", "line_endings", "renamed", "reused", "renumbered",
)  # fmt: skip
_SOUND = ("applied", "unverifiable", "baseline")
_WORDS = {
    "gap": "never applied", "line_endings": "with other line ends", "missing": "without a file",
    "unsure": "that cannot be told",
}  # fmt: skip


def migration_lines(
    facts: MigrationFacts, checks: Mapping[str, str], *, everything: bool = False
) -> tuple[Line, ...]:
    """Return the lines, each leading to the check that `checks` names for its figure. What was not done has
    one only where it was asked for, or `everything` is wanted."""
    if not facts.entries and not facts.tool:
        return (Line("none", "migrations", facts.note or "not part of this run"),)
    return tuple(
        replace(line, check=checks.get(figure, ""))
        for figure, lines in _FIGURES.items()
        for line in lines(facts, everything)
    )


def _sequence(facts: MigrationFacts, _everything: bool) -> Iterator[Line]:
    files = sum(bool(e.file) for e in facts.entries)
    wrong = [
        f"{some(len(s.files), 'file')} claim version {s.version}" for s in facts.shared if len(s.files) > 1
    ]
    wrong += [f"{some(len(facts.stray), 'stray SQL file')}"] if facts.stray else []
    yield Line(_mark(not wrong), f"{some(files, 'migration')} in sequence", ", ".join(wrong))


def _ledger(facts: MigrationFacts, everything: bool) -> Iterator[Line]:
    if not facts.ledger:
        if everything or facts.ledger_expected:
            yield Line("none", "migrations are applied", facts.ledger_reason or "no ledger")
        return
    states = Counter(e.state for e in facts.entries)
    applied = sum(states[s] for s in _APPLIED)
    total = len(facts.entries) - states["baseline"]
    wrong = [
        f"{number} {_WORDS.get(state, state.replace('_', ' '))}"
        for state, number in sorted(states.items())
        if state not in _SOUND
    ]
    late = sum(e.late for e in facts.entries)
    wrong += [f"{late} out of order"] if late else []
    text = f"{applied} of {some(total, 'migration')} applied, says {facts.ledger}"
    yield Line(_mark(not wrong), text, ", ".join(wrong))


def _checksums(facts: MigrationFacts, everything: bool) -> Iterator[Line]:
    compared = [e for e in facts.entries if e.verified]
    bare = sum(e.state == "unverifiable" for e in facts.entries)
    if compared:
        same = sum(_agrees(e) for e in compared)
        note = f"{bare} more without a checksum in the ledger" if bare else ""
        text = f"{same} of {some(len(compared), 'applied migration')} verified by checksum"
        yield Line(_mark(same == len(compared)), text, note)
    elif everything and facts.ledger:
        yield Line("none", "applied migrations verified by checksum", "the ledger records none")


def _agrees(entry: MigrationEntry) -> bool:
    return entry.state not in ("edited", "line_endings", "reused")


def _statements(facts: MigrationFacts, everything: bool) -> Iterator[Line]:
    beside = f"{facts.unseen} not read: DO, CALL, or unparsed" if facts.unseen else ""
    if facts.repeated:
        number = len(facts.repeated)
        text = f"{some(number, 'object')} created by more than one migration"
        read = f"{some(facts.statements, 'statement')} were read"
        yield Line("bad", text, f"{read}, {beside}" if beside else read)
    elif facts.statements:
        text = f"{some(facts.statements, 'statement')}, none of which creates an object again"
        yield Line("ok", text, beside)
    elif everything:
        none = "there are no SQL statements to read"
        yield Line("none", "no object is created twice", beside or none)


def _replay(facts: MigrationFacts, everything: bool) -> Iterator[Line]:
    replay, what = facts.replay, "run through on a fresh database"
    if replay.attempted:
        # Where one failed, files come after it that were not run.
        files = sum(bool(e.file) for e in facts.entries) if replay.failure else len(replay.applied)
        note = f"{replay.failure.statement.file} fails" if replay.failure else ""
        text = f"{len(replay.applied)} of {some(files, 'migration')} {what}"
        yield Line(_mark(replay.failure is None), text, note)
    elif everything or replay.wanted:
        yield Line("none", f"migrations {what}", replay.reason)


def _drift(facts: MigrationFacts, everything: bool) -> Iterator[Line]:
    drift, what = facts.drift, "as the migrations make them"
    if drift.examined:
        extra = {c.object for c in drift.changes if c.kind == "added"}
        differ = {c.object for c in drift.changes} - extra
        text = f"{drift.objects - len(differ)} of {some(drift.objects, 'object')} are {what}"
        note = f"{len(extra)} more that no migration makes" if extra else ""
        yield Line(_mark(not drift.changes), text, note)
    elif everything or drift.wanted:
        yield Line("none", f"objects are {what}", drift.reason)


def _dry_run(facts: MigrationFacts, everything: bool) -> Iterator[Line]:
    dry, what = facts.dry_run, "run on a copy of this schema"
    pending = sum(e.state in ("pending", "gap") for e in facts.entries)
    if dry.examined and (dry.runs or pending):
        good = sum(r.failure is None for r in dry.runs)
        text = f"{good} of {some(max(pending, len(dry.runs)), 'pending migration')} {what}"
        yield Line(_mark(good == max(pending, len(dry.runs))), text)
    elif everything or (dry.wanted and not dry.examined):
        reason = "nothing is pending" if dry.examined else dry.reason
        yield Line("none", f"pending migrations {what}", reason)


def _paths(facts: MigrationFacts, everything: bool) -> Iterator[Line]:
    paths = facts.paths
    if paths.examined:
        lost = {loss.start for loss in paths.losses}
        text = f"{len(paths.paths) - len(lost)} of {some(len(paths.paths), 'upgrade path')} keep their rows"
        yield Line(_mark(not lost), text)
    elif everything:
        yield Line("none", "rows survive every upgrade path", paths.reason)


_FIGURES = {
    "sequence": _sequence,
    "ledger": _ledger,
    "checksums": _checksums,
    "statements": _statements,
    "replay": _replay,
    "drift": _drift,
    "dry run": _dry_run,
    "paths": _paths,
}


def _mark(good: bool) -> Mark:
    return "ok" if good else "bad"
