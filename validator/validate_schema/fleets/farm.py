"""Many machines: the databases of a fleet read by the workers of a Dask cluster, a task for each.

What travels there is a name, a reference to a URL (`whereabouts`), the choice of members and what a state
knows of them, and what comes back are the records that a part and the state keep. A worker that dies is
replaced by another, a database that could not be read is asked for once more.
"""

import logging
from collections.abc import Sequence
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

import msgspec
from psycopg import Error

from ..catalog.connect import first_line
from ..model.errors import ConnectError, UsageError, ValidateSchemaError
from ..model.fleet import Reading, Sample, Surveyed
from ..model.secret import Secret, mask, reveal
from ..model.version import __version__
from .memory import Notes, Remembered
from .sample import ChangedError, sample, samples
from .session import stopped
from .survey import Choice, survey
from .whereabouts import require_no_secret, resolved

if TYPE_CHECKING:
    from collections.abc import Callable

    from .state import State

R = TypeVar("R", bound=msgspec.Struct)

MISSING = "--scheduler needs Dask: pip install 'validate-schema[fleet]'"
_REACH = 5  # seconds for the scheduler to answer, and for a first worker
_ALONE = 60  # seconds that a task waits for any worker
_STEP = 0.5
_MOST = 256  # tasks that are asked for at a time


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What came of surveying a database, what of its members is new to the state, and how many it knew."""

    surveyed: Surveyed
    new: tuple[Remembered, ...] = ()
    recalls: int = 0


class Together(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which of several members could be read in one go."""

    samples: tuple[Sample, ...] = ()


class Sampled(msgspec.Struct, frozen=True, omit_defaults=True):
    """What came of reading a member in full: the sample; or `now`, the fingerprint that it has since (""
    where it is gone); or why it could not be read."""

    sample: Sample | None = None
    now: str | None = None
    reason: str = ""


class Farm:
    """The workers of one cluster. Raises `UsageError` without Dask, and `ConnectError` where no scheduler, or
    no worker with this version of validate-schema, answers."""

    def __init__(self, scheduler: str) -> None:
        try:
            import distributed
        except ImportError:
            raise UsageError(MISSING) from None
        logging.getLogger("distributed").setLevel(logging.CRITICAL)
        self._scheduler = scheduler
        # A cluster gives one answer to tasks of one name, whoever asks: each run has names of its own.
        self._run = uuid4().hex
        try:
            client: Any = distributed.Client  # its methods have no types
            self._client = client(scheduler, timeout=_REACH, set_as_default=False)
        except (OSError, ValueError) as error:
            raise ConnectError(f"no Dask scheduler answers at {mask(scheduler)}: {_brief(error)}") from None
        try:
            self._require_workers()
        except BaseException:
            self.close()
            raise

    def _require_workers(self) -> None:
        try:
            self._client.wait_for_workers(1, timeout=_REACH)
            versions = set(self._client.run(version_there).values())
        except TimeoutError:
            raise ConnectError(f"the Dask scheduler at {mask(self._scheduler)} has no worker") from None
        except ImportError:
            versions = {"none"}
        if versions != {__version__}:
            there = ", ".join(sorted(versions))
            raise ConnectError(f"the Dask workers have validate-schema {there}, and this is {__version__}")

    @property
    def slots(self) -> int:
        """How many tasks are worth asking for at a time."""
        workers = self._client.scheduler_info(n_workers=-1)["workers"].values()
        threads: int = sum(worker["nthreads"] for worker in workers)
        return min(_MOST, max(1, 2 * threads))

    def survey(
        self, name: str, url: Secret | None, choice: Choice, timeout_ms: int, state: "State | None" = None
    ) -> Surveyed | None:
        """Return what a worker learnt of a database; None after an interrupt. One that could not be read is
        asked for once more. What is new to a `state` is written there as soon as it is here."""
        require_no_secret(name, url)
        found: Answer | None = None
        for attempt in (1, 2):
            key = f"validate-schema survey {attempt} {name} {self._run}"
            known = None if state is None else msgspec.json.encode(state.known(name))
            given = (name, _text(url), _encoded(choice), timeout_ms, known)
            found = self._answer(Answer, key, survey_there, *given)
            if found is not None and state is not None:
                state.take(found.new, found.recalls)
            if found is None or not found.surveyed.reason:
                break
        return None if found is None else found.surveyed

    def sample(
        self, url: Secret | None, reading: Reading, names: Sequence[str], timeout_ms: int
    ) -> Sample | None:
        """Return a member as a worker read it; None after an interrupt. Raises `ChangedError` as `sample`
        does, and `ConnectError` for what else came of it."""
        key = f"validate-schema sample {reading.member.name} {self._run}"
        given = (_text(url), _encoded(reading), tuple(names), timeout_ms)
        found = self._answer(Sampled, key, sample_there, *given)
        if found is None:
            return None
        if found.sample is not None:
            return found.sample
        if found.now is not None:
            raise ChangedError(reading.member.name, found.now)
        raise ConnectError(found.reason)

    def samples(
        self, url: Secret | None, readings: Sequence[Reading], names: Sequence[str], timeout_ms: int
    ) -> tuple[Sample, ...] | None:
        """Return those of several members that a worker read in one go, none where anything was in the way;
        None after an interrupt."""
        key = f"validate-schema samples {readings[0].member.name} {self._run}"
        given = (_text(url), msgspec.json.encode(readings), tuple(names), timeout_ms)
        found = self._answer(Together, key, samples_there, *given)
        return None if found is None else found.samples

    def _answer(self, kind: type[R], key: str, task: "Callable[..., bytes]", *given: Any) -> R | None:
        from distributed import CancelledError, KilledWorker

        future = self._client.submit(task, *given, key=key, pure=False)
        since = monotonic()
        while not stopped():
            try:
                return msgspec.json.decode(future.result(timeout=_STEP), type=kind)
            except TimeoutError:
                if self._client.scheduler_info(n_workers=-1)["workers"]:
                    since = monotonic()
                elif monotonic() - since > _ALONE:
                    future.cancel()
                    return _lost(kind, given, "no Dask worker is left to read it")
            except KilledWorker:
                return _lost(kind, given, "each Dask worker that read it died")
            except (CancelledError, OSError, RuntimeError) as error:
                return _lost(kind, given, f"the Dask cluster did not read it: {_brief(error)}")
        future.cancel()
        return None

    def close(self) -> None:
        """Leave the cluster: tasks of this run that still wait there are given up."""
        self._client.close(timeout=_STEP)


def _lost(kind: type[R], given: tuple[Any, ...], why: str) -> R:
    lost = {Answer: Answer(Surveyed(database=given[0], reason=why)), Sampled: Sampled(reason=why)}
    return msgspec.convert(lost.get(kind, Together()), kind, from_attributes=True)


def _brief(error: BaseException) -> str:
    return mask(first_line(error) or type(error).__name__)


def _text(url: Secret | None) -> str | None:
    return None if url is None else reveal(url)


def _encoded(record: msgspec.Struct) -> bytes:
    return msgspec.json.encode(record)


# What runs on the workers. None of it raises: what raises there is logged with what it was given.


def version_there() -> str:
    """Return the version of validate-schema on a worker."""
    return __version__


def survey_there(name: str, url: str | None, choice: bytes, timeout_ms: int, known: bytes | None) -> bytes:
    """Survey a database on a worker; see `survey`. The URL is a reference, or holds no secret; `known` is
    what a state knows of the database, where there is one."""
    notes = None if known is None else Notes(msgspec.json.decode(known, type=tuple[Remembered, ...]))
    try:
        where = resolved(None if url is None else Secret(url))
        wanted = msgspec.json.decode(choice, type=Choice)
        found = survey(name, where, wanted, timeout_ms=timeout_ms, state=notes)
    except ValidateSchemaError as error:
        found = Surveyed(database=name, reason=mask(str(error)))
    recalls = 0 if notes is None or found.reason else notes.recalls
    return msgspec.json.encode(Answer(found, tuple(notes.new) if notes else (), recalls))


def sample_there(url: str | None, reading: bytes, names: tuple[str, ...], timeout_ms: int) -> bytes:
    """Read a member in full on a worker; see `sample`."""
    try:
        where = resolved(None if url is None else Secret(url))
        wanted = msgspec.json.decode(reading, type=Reading)
        found = Sampled(sample(where, wanted, names, timeout_ms=timeout_ms))
    except ChangedError as error:
        found = Sampled(now=error.now)
    except (ValidateSchemaError, Error) as error:
        found = Sampled(reason=mask(first_line(error)))
    return msgspec.json.encode(found)


def samples_there(url: str | None, readings: bytes, names: tuple[str, ...], timeout_ms: int) -> bytes:
    """Read several members in full on a worker; see `samples`. Why one could not be read is told when it is
    read by itself."""
    try:
        where = resolved(None if url is None else Secret(url))
        wanted = msgspec.json.decode(readings, type=tuple[Reading, ...])
        found = Together(tuple(samples(where, wanted, names, timeout_ms=timeout_ms)))
    except (ValidateSchemaError, Error):
        found = Together()
    return msgspec.json.encode(found)
