"""One member of each fingerprint, read in full: those of one database in one go where nothing is in the way,
each by itself where something is."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import NamedTuple, TypeVar

from msgspec.structs import replace
from psycopg import Error

from ..catalog.connect import first_line
from ..model.errors import ValidateSchemaError
from ..model.fleet import Reading, Sample, Surveyed
from ..model.progress import Progress
from ..model.wording import some
from .reader import Reader
from .request import Target
from .sample import ChangedError
from .session import begin, stop_all

A = TypeVar("A")
B = TypeVar("B")

_ATTEMPTS = 10
_TOGETHER = 20  # members that are read in one go: what is read at once is locked at once
_PATIENCE = 5  # seconds that a server has to cancel a query


class Samples(NamedTuple):
    """What was read in full; the members that could not be read, with the reason; those that were changed
    meanwhile, with their fingerprints; and whether the user interrupted it."""

    read: list[Sample]
    lost: dict[str, str]
    moved: dict[str, str]
    interrupted: bool


def samples_of(
    reader: Reader, targets: Sequence[Target], surveyed: Sequence[Surveyed], progress: Progress
) -> Samples:
    """Return one sample for each fingerprint. A member that is no longer what it was gets the fingerprint
    that it has now, and the next one of its old fingerprint is taken."""
    sampling = _Sampling(reader, targets, surveyed)
    with progress.step(f"reading one member of each of {some(len(sampling.queues), 'shape')}"):
        return sampling.run()


class _Sampling:
    """Reads samples; `queues` are the members of each fingerprint."""

    def __init__(self, reader: Reader, targets: Sequence[Target], surveyed: Sequence[Surveyed]) -> None:
        self._reader = reader
        self._urls = {target.name: target.url for target in targets}
        self._names = {one.database: one.matched for one in surveyed}
        self._lost: dict[str, str] = {}
        self._moved: dict[str, str] = {}
        self._ready: dict[str, Sample] = {}
        self.queues: dict[str, list[Reading]] = {}
        for reading in sorted((r for one in surveyed for r in one.readings), key=lambda r: r.member.name):
            if reading.fingerprint:
                self.queues.setdefault(reading.fingerprint, []).append(reading)

    def run(self) -> Samples:
        parallel = self._reader.parallel
        together, interrupted = spread(self._together, _in_one_go(self.queues.values()), parallel)
        self._ready = {sample.member.name: sample for answer in together for sample in answer or ()}
        if interrupted:
            return Samples(list(self._ready.values()), self._lost, self._moved, True)
        answers, interrupted = spread(self._first, self.queues.values(), parallel)
        found = [sample for answer in answers for sample in answer or ()]
        return Samples(found, self._lost, self._moved, interrupted)

    def _together(self, readings: Sequence[Reading]) -> Sequence[Sample] | None:
        """Read what can be read in one go. What is in the way is told of each member by itself."""
        database = readings[0].member.database
        try:
            return self._reader.samples(self._urls[database], readings, self._names[database])
        except (ValidateSchemaError, Error):
            return ()

    def _first(self, queue: Sequence[Reading]) -> list[Sample]:
        """Read members until one is what it was: those before it have fingerprints of their own."""
        found = []
        for reading in queue:
            got = self._ready.get(reading.member.name) or self._read(reading)
            found += [got] if got else []
            if got and got.fingerprint == reading.fingerprint:
                break
        return found

    def _read(self, reading: Reading) -> Sample | None:
        """Read a member, again where it was changed since: that may have made it like others."""
        name, database = reading.member.name, reading.member.database
        for _ in range(_ATTEMPTS):
            try:
                return self._reader.sample(self._urls[database], reading, self._names[database])
            except ChangedError as error:
                if not error.now:
                    self._lost[name] = str(error)
                    return None
                self._moved[name] = error.now
                if error.now in self.queues:
                    return None
                reading = replace(reading, fingerprint=error.now)
            except (ValidateSchemaError, Error) as error:
                self._lost[name] = first_line(error)
                return None
        self._lost[name] = f"{name} is being changed all the time"
        return None


def _in_one_go(queues: Iterable[Sequence[Reading]]) -> Iterator[Sequence[Reading]]:
    """Yield the first members of queues, those of one database together, but for those that are alone."""
    of_database: Mapping[str, list[Reading]] = defaultdict(list)
    for first, *_ in queues:
        if first.member.schema:
            of_database[first.member.database].append(first)
    for readings in of_database.values():
        parts = (readings[start : start + _TOGETHER] for start in range(0, len(readings), _TOGETHER))
        yield from (part for part in parts if len(part) > 1)


def spread(ask: Callable[[A], B | None], items: Iterable[A], parallel: int) -> tuple[list[B | None], bool]:
    """Return the answers in the order of what was asked, `parallel` of them at a time, None where there is
    none, and whether the user interrupted it. What raises is raised here."""
    begin()
    with ThreadPoolExecutor(max_workers=max(1, parallel)) as pool:
        asked = [pool.submit(ask, item) for item in items]
        try:
            return [future.result() for future in asked], False
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            stop_all()
            wait(asked, timeout=_PATIENCE)
            done = (f for f in asked if f.done() and not f.cancelled() and f.exception() is None)
            answers = {id(f): f.result() for f in done}
            return [answers.get(id(future)) for future in asked], True
