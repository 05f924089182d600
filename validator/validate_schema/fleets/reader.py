"""Who reads the databases of a fleet: threads of this process, or the workers of a Dask cluster."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from ..model.errors import ConnectError
from ..model.fleet import Reading, Sample, Surveyed
from ..model.secret import Secret
from .request import FleetRequest, Target
from .sample import sample, samples
from .survey import Choice, survey
from .whereabouts import resolved

if TYPE_CHECKING:
    from .farm import Farm


class Reader(Protocol):
    """Reads a database. Both return None after an interrupt."""

    parallel: int

    def survey(self, target: Target, choice: Choice) -> Surveyed | None:
        """Return what there is to know of a database; see `survey`."""

    def sample(self, url: Secret | None, reading: Reading, names: Sequence[str]) -> Sample | None:
        """Return a member in full; see `sample`."""

    def samples(
        self, url: Secret | None, readings: Sequence[Reading], names: Sequence[str]
    ) -> Sequence[Sample] | None:
        """Return those of several schemas of one database that could be read in one go; see `samples`."""


class Here:
    """Reads in this process."""

    def __init__(self, request: FleetRequest) -> None:
        self.parallel = request.parallel
        self._timeout_ms = request.run.source.statement_timeout_ms
        self._state = request.state

    def survey(self, target: Target, choice: Choice) -> Surveyed:
        try:
            url = resolved(target.url)
        except ConnectError as error:
            return Surveyed(database=target.name, reason=str(error))
        return survey(target.name, url, choice, timeout_ms=self._timeout_ms, state=self._state)

    def sample(self, url: Secret | None, reading: Reading, names: Sequence[str]) -> Sample:
        return sample(resolved(url), reading, names, timeout_ms=self._timeout_ms)

    def samples(
        self, url: Secret | None, readings: Sequence[Reading], names: Sequence[str]
    ) -> Sequence[Sample]:
        return samples(resolved(url), readings, names, timeout_ms=self._timeout_ms)


class There:
    """Has workers read."""

    def __init__(self, farm: "Farm", request: FleetRequest) -> None:
        self.parallel = max(request.parallel, farm.slots)
        self._farm, self._state = farm, request.state
        self._timeout_ms = request.run.source.statement_timeout_ms

    def survey(self, target: Target, choice: Choice) -> Surveyed | None:
        return self._farm.survey(target.name, target.url, choice, self._timeout_ms, self._state)

    def sample(self, url: Secret | None, reading: Reading, names: Sequence[str]) -> Sample | None:
        return self._farm.sample(url, reading, names, self._timeout_ms)

    def samples(
        self, url: Secret | None, readings: Sequence[Reading], names: Sequence[str]
    ) -> Sequence[Sample] | None:
        return self._farm.samples(url, readings, names, self._timeout_ms)


@contextmanager
def reader_of(request: FleetRequest) -> Iterator[Reader]:
    """Hold who reads what the request asks for. Raises what `Farm` does."""
    if not request.scheduler:
        yield Here(request)
        return
    from .farm import Farm

    farm = Farm(request.scheduler)
    try:
        yield There(farm, request)
    finally:
        farm.close()
