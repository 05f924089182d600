"""The subjects of the MIG checks, and what each tool offers to mend a history."""

from collections.abc import Iterator
from typing import NamedTuple

from validate_schema.pack import Facts, NotExamined, ObjectRef
from validate_schema.pack.model import history as his

RECORDED = frozenset(
    {"applied", "unverifiable", "missing", "edited", "line_endings", "renamed", "reused", "renumbered"}
)
STUCK = frozenset({"failed", "rolled_back"})


class Entry(NamedTuple):
    """One version of the history."""

    entry: his.HistoryEntry

    @property
    def name(self) -> str:
        """Its file, or its version where there is none."""
        return self.entry.file or self.entry.version

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef("migration", name=self.name)


class File(NamedTuple):
    """One file of the folder; `twin` is another one before it that has its version."""

    name: str
    version: str = ""
    twin: str = ""
    stray: bool = False

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef("migration", name=self.name)


class Sound(NamedTuple):
    """One that was examined without anything to say of it: evidence lists what is wrong, and counts the rest."""

    ref: ObjectRef = ObjectRef("migration")


def files(facts: Facts) -> Iterator[File]:
    """Every file that is a migration, in the tool's order; those that share a version know their twin."""
    seen: set[str] = set()
    twins = {
        name: (shared.version, shared.files[0] if place else "")
        for shared in facts.history.shared
        for place, name in enumerate(shared.files)
    }
    for entry in facts.history.entries:
        if entry.file and entry.file not in seen:
            seen.add(entry.file)
            version, twin = twins.get(entry.file, (entry.version, ""))
            yield File(entry.file, version, twin)
    for name, (version, twin) in twins.items():
        if name not in seen:
            yield File(name, version, twin)


def sql_files(facts: Facts) -> Iterator[File]:
    """Every SQL file under the folder, those that are no migration last."""
    yield from files(facts)
    for name in facts.history.stray:
        yield File(name, stray=True)


def awaited(facts: Facts) -> Iterator[Entry]:
    """Versions with a file, where a ledger can tell which were applied.

    Raises `NotExamined` when a live database should have had one.
    """
    history = facts.history
    if history.examined and history.ledger is None and history.ledger_expected:
        raise NotExamined(history.ledger_reason or "no ledger was found")
    if history.ledger is not None:
        yield from (Entry(e) for e in history.entries if e.file)


def applied(facts: Facts) -> Iterator[Entry]:
    """Versions that the ledger says are applied."""
    if facts.history.ledger is not None:
        yield from (Entry(e) for e in facts.history.entries if e.status in RECORDED)


def compared(facts: Facts) -> Iterator[Entry]:
    """Applied versions whose recorded checksum could be compared with a file's."""
    for subject in applied(facts):
        if subject.entry.file and (
            subject.entry.verified or subject.entry.status in ("edited", "line_endings")
        ):
            yield subject


def tracked(facts: Facts) -> Iterator[Entry]:
    """Every version that the ledger knows, in whatever state."""
    if facts.history.ledger is not None:
        yield from (Entry(e) for e in facts.history.entries if e.status in RECORDED | STUCK)


def place(facts: Facts, file: str, line: int = 0) -> str:
    """Return where a file of the migrations is, for annotations: path, and line where there is one."""
    if not file:
        return ""
    path = "/".join(part for part in (facts.history.folder, file) if part)
    return f"{path}:{line}" if line else path


def ledger_name(facts: Facts) -> str:
    ledger = facts.history.ledger
    return ledger.table if ledger else "the ledger"


def how_to_apply(facts: Facts) -> str:
    command = facts.history.words.apply
    return f"Deploy it: `{command}`." if command else "Deploy it with the tool that these migrations are for."


def what_becomes_of_a_gap(facts: Facts) -> str:
    said = facts.history.words.late
    if said:
        return said[0].upper() + said[1:] + "."
    return (
        "The next deploy runs it after what was applied already: make sure that it can still run there, "
        "or give it a later version."
    )


def how_to_accept(facts: Facts) -> str:
    accept = facts.history.words.accept
    restore = "Restore the file from version control, and put the change into a new migration."
    return f"{restore} If the change is right and the database has it, {accept}." if accept else restore


def how_to_resolve(facts: Facts, name: str) -> str:
    resolve = facts.history.words.resolve or "then run it again, or correct the ledger in the tool's own way"
    return f"Look at what it left behind and mend that; {resolve.format(name=name)}."
