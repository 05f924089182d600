"""Examine a fleet: find its members, survey each database, read one member of each kind, conclude."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace
from psycopg import Error, conninfo

from ..catalog.connect import Connection, connect, first_line, parse_url
from ..model.crossing import MemberProof
from ..model.errors import UsageError, ValidateSchemaError
from ..model.fleet import FLEET_VERSION, Control, FleetReport, MemberKind, Part, Reading, Sample, Surveyed
from ..model.progress import Progress
from ..model.secret import Secret
from ..model.version import __version__
from ..model.wording import some
from .conclude import conclude
from .control import find_control
from .proving import proofs_of
from .reader import Reader, reader_of
from .request import FleetRequest, Target, distinct, reason_to_leave_out
from .sample import ChangedError
from .session import begin, connected, stop_all
from .survey import Choice, in_shard, pattern
from .whereabouts import COMMAND, resolved
from .yardstick import yardstick_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    A = TypeVar("A")
    B = TypeVar("B")

_ATTEMPTS = 10
_PATIENCE = 5  # seconds that a server has to cancel a query
_DATABASES = """
    select datname::text from pg_catalog.pg_database where datallowconn and not datistemplate
    order by datname collate "C"
"""


NONE = "none"  # in place of a query: what there should be is not asked
_INTERRUPTED = "the run was interrupted before it was read"


def examine_fleet(request: FleetRequest, progress: Progress) -> FleetReport:
    """Examine a fleet and return its report.

    A member that cannot be examined is told there. After an interrupt what is known is reported, as
    INCOMPLETE. Raises `UsageError` for bad input, and `ConnectError` and `ReadError` where the members cannot
    even be listed.
    """
    part = read_part(request, progress)
    return conclude([part], request.run, progress)


def read_part(request: FleetRequest, progress: Progress) -> Part:
    """Read the members of a fleet, or of the shard of it that was asked for. Raises what `examine_fleet`
    does."""
    with reader_of(request) as reader:
        return _read_by(reader, request, progress)


def _read_by(reader: Reader, request: FleetRequest, progress: Progress) -> Part:
    targets = databases_of(request)
    expected = _expected(request)
    kind: MemberKind = "schema" if request.of_schemas else "database"
    yardstick = request.outside and yardstick_of(request.outside, kind, request.run.source, progress)
    if not request.of_schemas:
        targets = tuple(t for t in targets if in_shard(t.name, request.shard))
    choice = Choice(request.schemas, request.schemas_query, request.shard)
    with progress.step(f"fingerprinting {some(len(targets), 'database')}"):
        ask = partial(reader.survey, choice=choice)
        answers, interrupted = spread(ask, targets, reader.parallel)
    surveyed = tuple(
        _without(request, answer or Surveyed(database=target.name, reason=_INTERRUPTED))
        for target, answer in zip(targets, answers, strict=True)
    )
    control, unlisted = None, ""
    if expected is None and request.expected != NONE and not interrupted:
        control, expected, unlisted = _listed(request, targets, surveyed)
    samples = _Samples([], {}, {}, True)
    if not interrupted:
        samples = _samples(reader, targets, surveyed, progress)
        surveyed = tuple(_moved(one, samples.moved) for one in surveyed)
    proofs: tuple[MemberProof, ...] = ()
    if request.prove and not samples.interrupted:
        urls = {target.name: target.url for target in targets}
        proofs = proofs_of(surveyed, samples.read, urls, run=request.run, control=control, progress=progress)
    return Part(
        part_version=FLEET_VERSION,
        tool_version=__version__,
        generated_at=request.run.now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        kind=kind,
        shard=request.shard,
        surveyed=surveyed,
        samples=tuple(sorted(samples.read, key=lambda s: s.member.name)),
        lost=samples.lost,
        expected=expected,
        excluded=request.excluded,
        reference=request.reference,
        yardstick=yardstick,
        control=control,
        unlisted=unlisted,
        proofs=proofs,
        interrupted=samples.interrupted,
    )


def _moved(surveyed: Surveyed, moved: Mapping[str, str]) -> Surveyed:
    """Return the survey with the fingerprints that members have since."""
    if not any(r.member.name in moved for r in surveyed.readings):
        return surveyed
    readings = (replace(r, fingerprint=moved.get(r.member.name, r.fingerprint)) for r in surveyed.readings)
    return replace(surveyed, readings=tuple(readings))


def databases_of(request: FleetRequest) -> tuple[Target, ...]:
    """Return the databases that hold the members."""
    url = request.run.source.database_url
    if request.targets:
        return request.targets
    if request.targets_query:
        rows = _asked(request, request.targets_query)
        if any(len(row) != 2 or not all(row) for row in rows):
            raise UsageError("--targets-query: it shall give two columns, a name and a URL, without NULL")
        if any(str(at).startswith(COMMAND) for _, at in rows):
            raise UsageError("--targets-query: a database does not say what is run here: no command: in it")
        return distinct([Target(str(name), Secret(str(at))) for name, at in rows], "--targets-query")
    if request.databases:
        fits = pattern(request.databases)
        names = [str(row[0]) for row in _asked(request, _DATABASES) if fits.fullmatch(str(row[0]))]
        base = parse_url(url).conninfo
        found = [Target(name, Secret(conninfo.make_conninfo(base, dbname=name))) for name in names]
        return distinct(found, f"--databases {request.databases}")
    return (Target("", url),)


def _asked(request: FleetRequest, sql: str) -> list[tuple[object, ...]]:
    """Return the rows of a query to the database that knows the fleet, which may read alone."""
    source = request.run.source
    with connect(source.database_url, statement_timeout_ms=source.statement_timeout_ms) as connection:
        return rows_of(connection, sql)


def rows_of(connection: Connection, sql: str) -> list[tuple[object, ...]]:
    """Return the rows of a query. Raises `UsageError` where it fails, or gives none at all."""
    try:
        with connection.transaction(force_rollback=True):
            connection.execute("set transaction read only")
            cursor = connection.execute(sql)
            if cursor.description is None:
                raise UsageError("the query of the fleet's members gives no rows: write a SELECT")
            return cursor.fetchall()
    except Error as error:
        raise UsageError(f"the query of the fleet's members fails: {first_line(error)}") from None


def spread(
    ask: "Callable[[A], B | None]", items: "Iterable[A]", parallel: int
) -> "tuple[list[B | None], bool]":
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


def _without(request: FleetRequest, surveyed: Surveyed) -> Surveyed:
    """Return the survey without the members that are left out on purpose."""
    kept = tuple(r for r in surveyed.readings if reason_to_leave_out(r.member.name, request.excluded) is None)
    return surveyed if len(kept) == len(surveyed.readings) else replace(surveyed, readings=kept)


class _Samples(NamedTuple):
    """What was read in full; the members that could not be read, with the reason; those that were changed
    meanwhile, with their fingerprints; and whether the user interrupted it."""

    read: list[Sample]
    lost: dict[str, str]
    moved: dict[str, str]
    interrupted: bool


def _samples(
    reader: Reader, targets: Sequence[Target], surveyed: Sequence[Surveyed], progress: Progress
) -> "_Samples":
    """Return one sample for each fingerprint. A member that is no longer what it was gets the fingerprint
    that it has now, and the next one of its old fingerprint is taken."""
    urls = {target.name: target.url for target in targets}
    names = {one.database: one.matched for one in surveyed}
    queues: dict[str, list[Reading]] = {}
    for reading in sorted((r for one in surveyed for r in one.readings), key=lambda r: r.member.name):
        if reading.fingerprint:
            queues.setdefault(reading.fingerprint, []).append(reading)
    lost: dict[str, str] = {}
    moved: dict[str, str] = {}

    def read(reading: Reading) -> Sample | None:
        """Read a member, again where it was changed since: that may have made it like others."""
        database = reading.member.database
        for _ in range(_ATTEMPTS):
            try:
                return reader.sample(urls[database], reading, names[database])
            except ChangedError as error:
                if not error.now:
                    lost[reading.member.name] = str(error)
                    return None
                moved[reading.member.name] = error.now
                if error.now in queues:
                    return None
                reading = replace(reading, fingerprint=error.now)
            except (ValidateSchemaError, Error) as error:
                lost[reading.member.name] = first_line(error)
                return None
        lost[reading.member.name] = f"{reading.member.name} is being changed all the time"
        return None

    def first(queue: list[Reading]) -> list[Sample]:
        """Read members until one is what it was: those before it have fingerprints of their own."""
        found = []
        for reading in queue:
            got = read(reading)
            found += [got] if got else []
            if got and got.fingerprint == reading.fingerprint:
                break
        return found

    with progress.step(f"reading one member of each of {some(len(queues), 'shape')}"):
        answers, interrupted = spread(first, queues.values(), reader.parallel)
    found = [sample for answer in answers for sample in answer or ()]
    return _Samples(found, lost, moved, interrupted)


def _expected(request: FleetRequest) -> tuple[str, ...] | None:
    if request.expected in ("", NONE):
        return None
    return tuple(str(row[0]) for row in _asked(request, request.expected))


def _listed(
    request: FleetRequest, targets: Sequence[Target], surveyed: Sequence[Surveyed]
) -> tuple[Control | None, tuple[str, ...] | None, str]:
    """Return the tenants' table beside the members, and the names in it, None where the members are not the
    schemas of one database or none is found; and why it could not be looked for."""
    if not request.of_schemas or len(targets) != 1 or targets[0].name or surveyed[0].reason:
        return None, None, ""
    timeout = request.run.source.statement_timeout_ms
    try:
        with connected(resolved(targets[0].url), timeout) as connection:
            found = find_control(connection, surveyed[0].matched, timeout_ms=timeout)
    except (ValidateSchemaError, Error) as error:
        return None, None, first_line(error)
    return (*(found or (None, None)), "")
