"""Files against the ledger: what can be said of every version, exactly, never of the newest alone."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property

import msgspec

from ...model.history import HistoryEntry, Ledger, LedgerEntry, SharedVersion
from .. import tools
from ..records import MigrationFile, MigrationSet
from ..versions import repeatable
from . import sentences
from .checksums import Ahead, Match, checksum, is_chained, is_named, matches, normal, records_content, spelled
from .succession import Succession

_DONE = ("applied", "baseline")
_MOST_PAIRS = 10_000


def compare(migrations: MigrationSet, ledger: Ledger | None) -> tuple[HistoryEntry, ...]:
    """Return what files and ledger together say, in the tool's order.

    Versions of the ledger without a file stand where they belong. Without a ledger, or with one that
    could not be read, every file is merely "on_disk".
    """
    if ledger is None or ledger.reason:
        return tuple(_on_disk(migrations, file, ledger) for file in in_order(migrations))
    found = _current(migrations, ledger) if not ledger.complete else _Comparison(migrations, ledger).run()
    return (*found, *_locked(ledger))


def stuck(ledger: Ledger) -> tuple[HistoryEntry, ...]:
    """Return the versions that failed or did not end, as a ledger says by itself, and a lock that is left."""
    told = ((entry, *sentences.state(ledger.tool, entry)) for entry in ledger.entries)
    found = [
        HistoryEntry(
            version=entry.version, name=entry.name, status=status, why=why, applied_at=entry.applied_at
        )
        for entry, status, why in told
        if status == "failed"
    ]
    return (*found, *_locked(ledger))


def _locked(ledger: Ledger) -> tuple[HistoryEntry, ...]:
    if not ledger.lock:
        return ()
    why = f"{ledger.lock}; {ledger.tool} waits or refuses until it is released"
    return (HistoryEntry(version="lock", name=ledger.table, status="failed", why=why),)


def shared(migrations: MigrationSet) -> tuple[SharedVersion, ...]:
    """Return the versions that several files claim."""
    return tuple(
        SharedVersion(group[0].version, tuple(migrations.label(file.path) for file in group))
        for group in migrations.duplicates
    )


def notes(migrations: MigrationSet, ledger: Ledger | None) -> tuple[str, ...]:
    """Return what must be said of a comparison besides its entries, in sentences."""
    if ledger is None:
        return ()
    others = tools.find(ledger.tool).others
    said = others(_everything(migrations), ledger.entries) if others else ""
    return (*ledger.notes, said) if said else ledger.notes


def _everything(migrations: MigrationSet) -> tuple[MigrationFile, ...]:
    """Return all files that have a version, also those that another hides or a baseline holds."""
    return (*migrations.superseded, *migrations.files, *migrations.shadowed)


def _aligned(migrations: MigrationSet, ledger: Ledger) -> Sequence[LedgerEntry]:
    """Return the entries of `ledger` that concern these files, their versions as the files have them."""
    align = tools.find(ledger.tool).align
    return align(_everything(migrations), ledger.entries) if align else ledger.entries


def in_order(migrations: MigrationSet) -> list[MigrationFile]:
    """Return all files that have a version, those that another hides after the one that hides them."""
    files = [*migrations.superseded, *migrations.files]
    last = {file.version: index for index, file in enumerate(files)}
    behind: dict[int, list[MigrationFile]] = {}
    for hidden in migrations.shadowed:
        behind.setdefault(last.get(hidden.version, len(files)), []).append(hidden)
    found = [each for index, file in enumerate(files) for each in (file, *behind.get(index, ()))]
    return [*found, *behind.get(len(files), ())]


def _entry(migrations: MigrationSet, file: MigrationFile) -> HistoryEntry:
    """Return what is known without a ledger; the status is filled in by the caller."""
    label = migrations.label(file.path)
    undo = "" if file.undo is None else migrations.label(file.undo)
    return HistoryEntry(version=file.version, name=file.name, file=label, status="on_disk", undo=undo)


def _on_disk(migrations: MigrationSet, file: MigrationFile, ledger: Ledger | None) -> HistoryEntry:
    why = "there is no ledger that would say whether it was applied" if ledger is None else ledger.reason
    return msgspec.structs.replace(_entry(migrations, file), why=why)


def _current(migrations: MigrationSet, ledger: Ledger) -> list[HistoryEntry]:
    """Judge by a ledger that holds the current version and nothing else."""
    row = next(iter(ledger.entries), None)
    found = []
    met = False
    for file in in_order(migrations):
        entry = _entry(migrations, file)
        if row is None or int(file.version) > int(row.version):
            found.append(msgspec.structs.replace(entry, status="pending", why=sentences.PENDING))
        elif int(file.version) == int(row.version) and row.state == "failed":
            why = sentences.dirty(ledger.tool, row.version)
            found.append(msgspec.structs.replace(entry, status="failed", why=why))
        else:
            why = sentences.below(ledger.tool, row.version)
            found.append(msgspec.structs.replace(entry, status="unverifiable", why=why))
        met = met or (row is not None and int(file.version) == int(row.version))
    if row is not None and not met:
        failed = row.state == "failed"
        why = sentences.dirty(ledger.tool, row.version) if failed else sentences.standing(ledger.tool)
        entry = HistoryEntry(version=row.version, status="failed" if failed else "missing", why=why)
        above = [i for i, e in enumerate(found) if int(e.version) > int(row.version)]
        found.insert(above[0] if above else len(found), entry)
    return found


class _Comparison:
    """Files and a complete ledger. `owners` is the file that each entry is of, by its index."""

    def __init__(self, migrations: MigrationSet, ledger: Ledger) -> None:
        self.migrations, self.ledger, self.tool = migrations, ledger, ledger.tool
        self.versions, self.chained = tools.find(self.tool).versions, is_chained(self.tool)
        self.identity = self.versions.same
        self.files = in_order(migrations)
        entries = [e for e in _aligned(migrations, ledger) if e.state != "superseded"]
        self.recorded: dict[str, LedgerEntry] = {}
        for entry in entries:
            self.recorded.setdefault(self.identity(entry.version), entry)
        self.groups: dict[str, list[int]] = {}
        for index, file in enumerate(self.files):
            self.groups.setdefault(self.identity(file.version), []).append(index)
        self.order = Succession(self.tool, self.files)
        self.superseded = {id(file) for file in migrations.superseded}
        self.base = migrations.files[0] if migrations.superseded else None
        self.owned: dict[int, LedgerEntry] = {}
        self.broken = ""

    def run(self) -> list[HistoryEntry]:
        # Those that need no choice first: what a choice is made by may depend on them.
        for key, entry in sorted(self.recorded.items(), key=lambda e: len(self.groups.get(e[0], ()))):
            if (index := self._owner(key)) is not None:
                self.owned[index] = entry
        self.done = [e for e in self.recorded.values() if e.state in _DONE and not repeatable(e.version)]
        self.needed = self.order.needed(self.done)
        judged = [self._judge(index) for index in range(len(self.files))]
        orphans = [e for key, e in self.recorded.items() if key not in self.groups]
        judged, orphans = self._moved(judged, orphans)
        late = self.order.late(self.done)
        judged = [
            msgspec.structs.replace(entry, late=True)
            if index in self.owned and self.identity(self.owned[index].version) in late
            else entry
            for index, entry in enumerate(judged)
        ]
        return self._with_orphans(judged, orphans, late)

    def _owner(self, key: str) -> int | None:
        """Return the file that an entry is of: of several with its version, the one that fits best."""
        group = self.groups.get(key, [])
        if len(group) < 2:
            return group[0] if group else None
        entry = self.recorded[key]
        if entry.name:
            named = [i for i in group if _same_name(self.tool, self.files[i], entry)]
            if len(named) == 1:
                return named[0]
        same = [i for i in group if entry.checksum and self._content(i, entry) != "different"]
        return same[0] if len(same) == 1 else None

    def _judge(self, index: int) -> HistoryEntry:
        file, entry = self.files[index], self.owned.get(index)
        found = _entry(self.migrations, file)
        if entry is None:
            return self._unrecorded(found, file)
        found = msgspec.structs.replace(
            found,
            recorded_checksum=entry.checksum,
            recorded_name=entry.name,
            applied_at=entry.applied_at,
            checksum=checksum(self.tool, file, self._before(index)) if entry.checksum else "",
        )
        if entry.unsure:
            return msgspec.structs.replace(found, status="unverifiable", unsure=True, why=sentences.UNSURE)
        if entry.state != "applied":
            status, why = sentences.state(self.tool, entry)
            return msgspec.structs.replace(found, status=status, why=why)
        return self._compared(found, index, entry)

    def _unrecorded(self, found: HistoryEntry, file: MigrationFile) -> HistoryEntry:
        """Judge a file that no entry is of."""
        group = self.groups[self.identity(file.version)]
        entry = self.recorded.get(self.identity(file.version))
        if id(file) in self.superseded:
            return msgspec.structs.replace(found, status="baseline", why=sentences.SUPERSEDED)
        if self.recorded and (file is self.base or file.baseline):
            return msgspec.structs.replace(found, status="baseline", why=sentences.UNNEEDED)
        if entry is not None and len(group) > 1:
            owner = next((i for i in group if i in self.owned), None)
            if owner is None:
                why = sentences.shared(self.tool, len(group), file.version)
                return msgspec.structs.replace(found, status="unverifiable", why=why)
            why = sentences.other(file.version, self.migrations.label(self.files[owner].path))
            return msgspec.structs.replace(found, status="gap", why=why)
        if self._below_baseline(file):
            return msgspec.structs.replace(found, status="baseline", why=sentences.BELOW_BASELINE)
        if later := self._later(file):
            return msgspec.structs.replace(found, status="gap", why=sentences.gap(self.tool, later))
        return msgspec.structs.replace(found, status="pending", why=sentences.PENDING)

    def _below_baseline(self, file: MigrationFile) -> bool:
        return not repeatable(file.version) and bool(self._baseline_after(file.version))

    @cached_property
    def _baseline_after(self) -> Callable[[str], str]:
        return self.order.first_after([e.version for e in self.recorded.values() if e.state == "baseline"])

    def _later(self, file: MigrationFile) -> str:
        """Return an applied version that comes after `file`, "" if none does."""
        if repeatable(file.version):
            return ""
        if self.needed is not None:
            return self.needed.get(file.version, "")
        return self._last_after(file.version)

    @cached_property
    def _last_after(self) -> Callable[[str], str]:
        return self.order.first_after([e.version for e in reversed(self.done)])

    def _compared(self, found: HistoryEntry, index: int, entry: LedgerEntry) -> HistoryEntry:
        """Judge a file that was applied, by name and content."""
        content = self._content(index, entry) if entry.checksum else None
        verified = content is not None
        if self.chained and content == "different" and (broken := self._broken(entry)):
            why = sentences.chained(broken)
            return msgspec.structs.replace(found, status="unverifiable", why=why)
        if repeatable(entry.version) and content == "different":
            return self._repeat(found, self.files[index])
        if not _same_name(self.tool, self.files[index], entry):
            changed = content == "different"
            why = sentences.renamed(entry.name, found.name, content)
            return msgspec.structs.replace(
                found, status="reused" if changed else "renamed", verified=verified, why=why
            )
        if content is None:
            why = sentences.unverifiable(self.tool, entry)
            return msgspec.structs.replace(found, status="unverifiable", why=why)
        if content == "different" and self.chained:
            self.broken = found.file
        status, why = sentences.content(self.tool, content, found)
        return msgspec.structs.replace(found, status=status, verified=True, why=why)

    def _broken(self, entry: LedgerEntry) -> str:
        """Return why Atlas's chain of checksums cannot tell of `entry`: a file before it that differs, or
        that is gone."""
        gone = self._gone_before(entry.version)
        return f"{gone} has no file" if gone else self.broken and f"{self.broken} differs"

    @cached_property
    def _gone_before(self) -> Callable[[str], str]:
        return self.order.first_before([e.version for k, e in self.recorded.items() if k not in self.groups])

    def _repeat(self, found: HistoryEntry, file: MigrationFile) -> HistoryEntry:
        """A repeatable one that differs runs again, unless the checksum is one of replaced placeholders."""
        if b"${" in file.raw:
            return msgspec.structs.replace(found, status="unverifiable", why=sentences.PLACEHOLDERS)
        return msgspec.structs.replace(found, status="pending", verified=True, why=sentences.REPEAT)

    def _content(self, index: int, entry: LedgerEntry) -> Match | None:
        if not records_content(self.tool):
            return None
        file = self._as_recorded(index, entry)
        before = self._before(index)
        if file.program and not checksum(self.tool, file, before):
            return None  # the sum is one of the SQL that only the tool knows
        found = matches(self.tool, file, entry.checksum, before)
        if found == "different" and self.chained:
            # A file that came later was not part of the directory that was hashed.
            earlier = [self._as_recorded(i, e) for i, e in sorted(self.owned.items()) if i < index]
            earlier = [f for f in earlier if self._ran_before(f, entry)]
            found = matches(self.tool, file, entry.checksum, Ahead(self.tool, earlier))
        return found

    def _before(self, index: int) -> Ahead | None:
        return self._ahead.first(index) if self.chained else None

    @cached_property
    def _ahead(self) -> Ahead:
        files = [self._as_recorded(i, self.recorded.get(f.version)) for i, f in enumerate(self.files)]
        return Ahead(self.tool, files)

    def _ran_before(self, file: MigrationFile, entry: LedgerEntry) -> bool:
        other = self.recorded.get(file.version)
        return other is not None and (other.rank or 0) < (entry.rank or 0)

    def _as_recorded(self, index: int, entry: LedgerEntry | None) -> MigrationFile:
        """Return a file under the name by which it was hashed, where names are hashed along."""
        file = self.files[index]
        if entry is None or not entry.name or _same_name(self.tool, file, entry):
            return file
        if self.chained:
            return replace(file, path=file.path.with_name(f"{file.version}_{entry.name}.sql"))
        return replace(file, name=entry.name)

    def _moved(
        self, judged: list[HistoryEntry], orphans: list[LedgerEntry]
    ) -> tuple[list[HistoryEntry], list[LedgerEntry]]:
        """Find the entries whose file is there under another version or name."""
        reused = [e for i, e in self.owned.items() if judged[i].status == "reused"]
        free = [i for i, e in enumerate(judged) if i not in self.owned and e.status in ("pending", "gap")]
        donors = [e for e in (*orphans, *reused) if e.state == "applied"]
        found = list(_unique(self._pairs(free, donors)))
        for index, entry in found:
            judged[index] = self._from_elsewhere(judged[index], entry)
            self.owned[index] = entry
        gone = {entry.version for _, entry in found}
        return judged, [entry for entry in orphans if entry.version not in gone]

    def _pairs(self, free: list[int], donors: list[LedgerEntry]) -> Iterator[tuple[int, LedgerEntry]]:
        """Yield which free file may be which donor: by its content where the tool records that, else by the
        number in its name."""
        if records_content(self.tool) and not self.chained:
            summed = [entry for entry in donors if entry.checksum]
            yield from (self._same_named if is_named(self.tool) else self._same_sum)(free, summed)
        elif self.versions.named:
            numbered: dict[str, list[LedgerEntry]] = {}
            for entry in donors:
                numbered.setdefault(self.versions.number(entry.version), []).append(entry)
            for index in free:
                digits = self.versions.number(self.files[index].version)
                yield from ((index, entry) for entry in (numbered.get(digits, ()) if digits else ()))

    def _same_sum(self, free: list[int], donors: list[LedgerEntry]) -> Iterator[tuple[int, LedgerEntry]]:
        by_sum: dict[str, list[LedgerEntry]] = {}
        for entry in donors:
            by_sum.setdefault(normal(self.tool, entry.checksum), []).append(entry)
        for index in free if donors else ():
            for each in by_sum.keys() & spelled(self.tool, self.files[index]):
                yield from ((index, entry) for entry in by_sum[each])

    def _same_named(self, free: list[int], donors: list[LedgerEntry]) -> Iterator[tuple[int, LedgerEntry]]:
        """A checksum that covers the name is made anew for every pair: of many none is looked for."""
        if len(free) * len(donors) > _MOST_PAIRS:
            return
        for index in free:
            for entry in donors:
                named = replace(self.files[index], version=entry.version, name=entry.name)
                if matches(self.tool, named, entry.checksum) != "different":
                    yield index, entry

    def _from_elsewhere(self, found: HistoryEntry, entry: LedgerEntry) -> HistoryEntry:
        digits = self.versions.number(entry.version)
        by_name = self.versions.named or self.versions.place is None
        renamed = by_name and (not digits or digits == self.versions.number(found.version))
        verified = bool(entry.checksum)
        why = (
            sentences.renamed(entry.version, found.version, "same" if verified else None)
            if renamed
            else sentences.renumbered(entry.version, found.version)
        )
        return msgspec.structs.replace(
            found,
            status="renamed" if renamed else "renumbered",
            recorded_name=entry.name or entry.version,
            recorded_checksum=entry.checksum,
            applied_at=entry.applied_at,
            verified=verified,
            why=why,
        )

    def _with_orphans(
        self, judged: list[HistoryEntry], orphans: list[LedgerEntry], late: set[str]
    ) -> list[HistoryEntry]:
        """Put the entries without a file where they belong; one that was taken back needs no file."""
        lone = [self._lone(entry, late) for entry in orphans if entry.state != "rolled_back"]
        placed = [e for e in lone if self.order.placed and self.order.spot(e.version) is not None]
        others = [e for e in lone if not (self.order.placed and self.order.spot(e.version) is not None)]
        return self._after_what_ran(self._at_their_spots(judged, placed), others)

    def _lone(self, entry: LedgerEntry, late: set[str]) -> HistoryEntry:
        status, why = sentences.state(self.tool, entry)
        return HistoryEntry(
            version=entry.version,
            name=entry.name,
            status="missing" if status == "applied" else status,
            recorded_name=entry.name,
            recorded_checksum=entry.checksum,
            applied_at=entry.applied_at,
            late=self.identity(entry.version) in late,
            why=sentences.MISSING if status == "applied" else why,
        )

    def _at_their_spots(self, judged: list[HistoryEntry], lone: list[HistoryEntry]) -> list[HistoryEntry]:
        """Put each in front of the first that comes after it; among themselves they have their order."""
        position = self.order.first_index_after([entry.version for entry in judged])
        ahead: dict[int, list[HistoryEntry]] = {}
        for entry in sorted(lone, key=lambda e: self.order.spot(e.version) or ()):
            ahead.setdefault(position(entry.version), []).append(entry)
        found = [each for index, entry in enumerate(judged) for each in (*ahead.get(index, ()), entry)]
        return [*found, *ahead.get(len(judged), ())]

    def _after_what_ran(self, judged: list[HistoryEntry], lone: list[HistoryEntry]) -> list[HistoryEntry]:
        """Put each behind the last that ran before it, where that is known, else at the end."""
        known = {self.identity(e.version): e.rank or 0 for e in self.recorded.values()}
        result, ranks = list(judged), [known.get(self.identity(e.version), 0) for e in judged]
        for entry in lone:
            rank = known.get(self.identity(entry.version), 0)
            before = (i for i in range(len(ranks), 0, -1) if 0 < ranks[i - 1] < rank)
            place = next(before, len(ranks))
            result.insert(place, entry)
            ranks.insert(place, rank)
        return result


def _same_name(tool: str, file: MigrationFile, entry: LedgerEntry) -> bool:
    """Return whether the ledger's name of a version is the file's; without one in the ledger it is."""
    names = tools.find(tool).names
    return names is None or not entry.name or entry.name in names(file)


def _unique(pairs: Iterator[tuple[int, LedgerEntry]]) -> Iterator[tuple[int, LedgerEntry]]:
    """Yield the pairs in which neither side could be paired otherwise: what is ambiguous is not guessed."""
    known = list(pairs)
    files, entries = Counter(index for index, _ in known), Counter(id(entry) for _, entry in known)
    yield from ((i, entry) for i, entry in known if files[i] == 1 == entries[id(entry)])
