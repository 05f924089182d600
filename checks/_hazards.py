"""The subjects of the HAZ checks: what each pending file did to each table that the target has."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import NamedTuple

from validate_schema.pack import Facts, Flaw, NotExamined, ObjectRef, Remedy, Severity, Unexamined
from validate_schema.pack.model import catalog as cat
from validate_schema.pack.model import deploy as dep

from ._migration import Sound, place

_LOSSES = ("rows", "values", "altered")


class Touched(NamedTuple):
    """A table of the target and a pending file that locks it or works on it. `statements` are all of the file,
    since what stands before may hold the lock and what stands after may keep it."""

    file: str
    table: cat.QName
    statements: tuple[dep.Observed, ...]

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef.on_table("migration", self.table, self.file)

    def held(self, at: dep.Observed) -> str:
        """Return the strongest lock on the table that the file holds when a statement has run; "" if none keeps
        writers out."""
        modes = [
            lock.mode
            for seen in self.statements[: self.statements.index(at) + 1]
            if seen.transaction == at.transaction
            for lock in seen.locks
            if lock.table == self.table
        ]
        return max(modes, key=dep.BLOCKING.index, default="")

    def after(self, first: dep.Observed) -> Iterator[dep.Observed]:
        """Yield the statements that come after one in its transaction."""
        later = self.statements[self.statements.index(first) + 1 :]
        return (seen for seen in later if seen.transaction == first.transaction)


class Waiting(NamedTuple):
    """A pending file, and its statements that lock tables of the target without a limit to the waiting."""

    file: str
    statements: tuple[dep.Observed, ...]

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef("migration", name=self.file)


class Raised(NamedTuple):
    """A question about the target's rows, and its answer."""

    asked: dep.Asked

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef.on_table("migration", self.asked.table, self.asked.file)


class Gone(NamedTuple):
    """Something that a pending file takes from the version before."""

    taken: dep.Taken

    @property
    def ref(self) -> ObjectRef:
        return self.taken.object


def _watched(facts: Facts) -> dep.Deploy:
    deploy = facts.history.deploy
    if not deploy.examined and facts.history.dry_run.wanted and facts.history.examined:
        raise NotExamined(
            deploy.reason or facts.history.dry_run.reason or "the pending migrations were not watched"
        )
    return deploy


def _files(deploy: dep.Deploy) -> dict[str, list[dep.Observed]]:
    files: dict[str, list[dep.Observed]] = defaultdict(list)
    for seen in deploy.statements:
        files[seen.file].append(seen)
    return files


def touched(facts: Facts) -> Iterator[Touched | Sound]:
    """Every pair of a pending file and a table of the target that it locks or works on; one for a file without."""
    for file, statements in _files(_watched(facts)).items():
        tables = {name for seen in statements for name in seen.tables}
        yield from (Touched(file, table, tuple(statements)) for table in sorted(tables))
        if not tables:
            yield Sound()


def waiting(facts: Facts) -> Iterator[Waiting]:
    """Every pending file, with the statements that may wait for a lock for ever."""
    for file, statements in _files(_watched(facts)).items():
        yield Waiting(file, tuple(s for s in statements if s.locks and s.unlimited))


def lost(facts: Facts) -> Iterator[Raised | Sound]:
    """Every question whether rows or values of the target would be lost; one for each file without."""
    yield from _raised(_watched(facts), lambda asked: asked.question in _LOSSES)


def unfit(facts: Facts) -> Iterator[Raised | Sound]:
    """Every question whether rows of the target would stop a pending file; one for each file without."""
    yield from _raised(_watched(facts), lambda asked: asked.question not in _LOSSES)


def _raised(deploy: dep.Deploy, wanted: Callable[[dep.Asked], bool]) -> Iterator[Raised | Sound]:
    found = [asked for asked in deploy.asked if wanted(asked)]
    yield from map(Raised, found)
    yield from (Sound() for _ in _files(deploy).keys() - {asked.file for asked in found})


def gone(facts: Facts) -> Iterator[Gone | Sound]:
    """Everything that a pending file takes from the version before; one for each file that takes nothing."""
    deploy = _watched(facts)
    yield from map(Gone, deploy.taken)
    yield from (Sound() for _ in _files(deploy).keys() - {taken.file for taken in deploy.taken})


def unseen(subject: Touched, facts: Facts) -> Unexamined | None:
    """Return that nobody saw what the file reads through, where the server counts no scans and it keeps
    writers out of the table."""
    if not facts.history.deploy.uncounted or not any(map(subject.held, subject.statements)):
        return None
    return Unexamined(
        f"{subject.file}: whether {facts.show(subject.table)} is read through under a lock was not seen: the scratch "
        "server counts no scans (track_counts is off); --scratch embedded does"
    )


def size(facts: Facts, table: cat.QName) -> str:
    """Return how large a table of the target is, in words: ``about 12 M rows, 3.1 GB``."""
    found = _size(facts, table)
    return found.words if found is not None else dep.TableSize(table=table).words


def weight(facts: Facts, *tables: cat.QName) -> Severity | None:
    """Return info where all the tables are known to be small, None (the check's own) otherwise."""
    return None if any(is_large(facts, table) for table in tables) else Severity.INFO


def is_large(facts: Facts, table: cat.QName) -> bool:
    """Tell whether a table counts as large. One of which nothing is known does."""
    found = _size(facts, table)
    return found is None or found.rows is None or found.rows >= facts.history.deploy.large


def flaw(
    subject: Touched,
    seen: dep.Observed,
    facts: Facts,
    *,
    does: str,
    expected: str,
    observed: str = "",
    note: str,
) -> Flaw:
    """Return the flaw of a statement; `does` says what it does to the table, `{}` in it."""
    lock = subject.held(seen) or "ACCESS EXCLUSIVE"
    name = facts.show(subject.table)
    return Flaw(
        message=f"{subject.file} {does.format(name)} under {lock}: {size(facts, subject.table)}",
        expected=expected,
        observed=observed.format(name) + seen.text,
        evidence=seen.text,
        severity=weight(facts, subject.table),
        remedy=Remedy(note=note),
        location=where(facts, seen),
    )


def where(facts: Facts, seen: dep.Observed) -> str:
    return place(facts, seen.file, seen.line)


def _size(facts: Facts, table: cat.QName) -> dep.TableSize | None:
    return next((s for s in facts.history.deploy.sizes if s.table == table), None)
