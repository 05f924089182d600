"""Examine a fleet: find its members, survey each database, read one member of each kind, conclude."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from msgspec.structs import replace
from psycopg import Error, conninfo

from ..catalog.connect import Connection, connect, first_line, parse_url
from ..model.crossing import MemberProof
from ..model.errors import UsageError, ValidateSchemaError
from ..model.fleet import FLEET_VERSION, Control, FleetReport, MemberKind, Part, Surveyed
from ..model.progress import Progress
from ..model.secret import Secret
from ..model.version import __version__
from ..model.wording import some
from .conclude import conclude
from .control import find_control
from .proving import proofs_of
from .reader import Reader, reader_of
from .request import FleetRequest, Target, distinct, reason_to_leave_out
from .sampling import Samples, samples_of, spread
from .session import connected
from .survey import Choice, in_shard, pattern
from .whereabouts import COMMAND, resolved
from .yardstick import yardstick_of

if TYPE_CHECKING:
    from typing import TypeVar

    A = TypeVar("A")
    B = TypeVar("B")

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
    samples = Samples([], {}, {}, True)
    if not interrupted:
        samples = samples_of(reader, targets, surveyed, progress)
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


def _without(request: FleetRequest, surveyed: Surveyed) -> Surveyed:
    """Return the survey without the members that are left out on purpose."""
    kept = tuple(r for r in surveyed.readings if reason_to_leave_out(r.member.name, request.excluded) is None)
    return surveyed if len(kept) == len(surveyed.readings) else replace(surveyed, readings=kept)


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
