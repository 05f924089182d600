"""Corrections of a fleet: for each shape that differs one script for psql, tried on a copy of that shape."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace
from psycopg import Error

from ..catalog.connect import parse_url
from ..catalog.reader import read_catalog
from ..catalog.snapshot import fingerprint
from ..contract.diff.catalogs import compare
from ..contract.diff.homes import only_schema
from ..facts.platforms import set_apart
from ..model.catalog import Catalog
from ..model.difference import Change
from ..model.errors import UsageError
from ..model.fleet import FleetReport, MemberRow, Part, Sample, ShapeDiff
from ..model.progress import Progress
from ..model.secret import Secret
from ..model.wording import some
from ..scratch import open_server
from ..scratch.copy import copy_schema
from .amend import Amendment, amendments
from .conclude import conclude
from .filled import HOME, filled
from .job import databases_of, read_part
from .printed import Printed, printed
from .request import FleetRequest
from .session import connected
from .whereabouts import resolved

if TYPE_CHECKING:
    import psycopg

    from ..scratch import Server

_ROUNDS = 20


class Refused(NamedTuple):
    """A change whose statement failed on the copy, and what the server said."""

    change: Change
    reason: str


class Mending(NamedTuple):
    """The correction of one shape in one database: `done` in the order in which it worked on the copy, what
    is to be decided, what failed there, and what still differed afterwards though it was mended."""

    shape: ShapeDiff
    database: str
    members: tuple[str, ...]
    done: tuple[Amendment, ...]
    open: tuple[Amendment, ...]
    refused: tuple[Refused, ...]
    left: tuple[Change, ...]
    schemas: bool = True

    @property
    def mended(self) -> tuple[Change, ...]:
        return tuple(c for a in self.done for c in a.changes)


def mendings(request: FleetRequest, progress: Progress) -> tuple[FleetReport, tuple[Mending, ...]]:
    """Return the report of the fleet, without checks, and the correction of each shape that differs.

    Nothing is written to a member: what is found is tried on copies. Raises what `examine_fleet` does,
    `UsageError` for a reference that is no member, `ReadError` where the reference cannot be read any more,
    and `ScratchError` where nothing can be copied.
    """
    if request.outside is not None:
        raise UsageError("fleet fix makes members like a member: name one with --reference")
    part = read_part(request, progress)
    report = conclude([part], replace(request.run, checks=()), progress)
    if report.reference is None:
        return report, ()
    urls = {target.name: resolved(target.url) for target in databases_of(request)}
    samples = {s.member.name: s for s in part.samples}
    reference = samples[report.reference.name]
    timeout = request.run.source.statement_timeout_ms
    with connected(urls[reference.member.database], timeout) as connection:
        texts = printed(connection, reference.member.schema, HOME, timeout_ms=timeout)
    differing = [shape for shape in report.shapes if not shape.reference]
    if not differing:
        return report, ()
    scratch = request.run.source.scratch
    key = fingerprint(reference.catalog)
    with open_server(scratch, key=key, progress=progress, superuser=False) as server:
        bench = _Bench(request, part, urls, _alone(reference), texts, server, progress)
        found = [
            m for shape in differing for m in bench.mendings(shape, samples[shape.sample], report.members)
        ]
    return report, tuple(found)


def _alone(sample: Sample) -> Catalog:
    schema = sample.member.schema
    return only_schema(sample.catalog, schema, HOME) if schema else sample.catalog


class _Bench(NamedTuple):
    request: FleetRequest
    part: Part
    urls: Mapping[str, Secret | None]
    reference: Catalog
    texts: Printed
    server: "Server"
    progress: Progress

    def mendings(self, shape: ShapeDiff, sample: Sample, rows: Sequence[MemberRow]) -> Iterator[Mending]:
        """Yield the correction of a shape, for each database that holds members of it."""
        with self.progress.step(f"trying the correction of {some(shape.members, 'member')} on a copy"):
            done, undecided, refused, left = self._tried(sample)
        homes: dict[str, list[str]] = {}
        for row in rows:
            if row.shape == shape.id:
                name = row.name.removeprefix(f"{row.database}/") if row.database else row.name
                homes.setdefault(row.database, []).append(name)
        for database, members in sorted(homes.items()):
            yield Mending(
                shape, database, tuple(members), done, undecided, refused, left, bool(sample.member.schema)
            )

    def _tried(
        self, sample: Sample
    ) -> tuple[tuple[Amendment, ...], tuple[Amendment, ...], tuple[Refused, ...], tuple[Change, ...]]:
        member = sample.member
        before = _alone(sample)
        found = amendments(compare(before, self.reference), before, self.reference, self.texts)
        undecided = tuple(a for a in found if not (a.steps or a.alone))
        todo = [a for a in found if a.steps or a.alone]
        if not todo:
            return (), undecided, (), ()
        names = next(one.matched for one in self.part.surveyed if one.database == member.database)
        url = self.urls[member.database]
        without = [n for n in names if n != member.schema]
        with (
            copy_schema(
                self.server, parse_url(url), sample.catalog, self.progress, without=without
            ) as copied,
            copied[0].connect(autocommit=True) as connection,
        ):
            done, refused = _applied(connection, todo, member.schema)
            catalog = set_apart(read_catalog(connection, default_schema=member.schema or None))
        after = only_schema(catalog, member.schema, HOME) if member.schema else catalog
        foreseen = {_told(c) for a in undecided for c in a.changes} | {_told(r.change) for r in refused}
        left = tuple(c for c in compare(after, self.reference) if _told(c) not in foreseen)
        return done, undecided, refused, left


def _told(change: Change) -> tuple[object, ...]:
    return change.object, change.kind, change.what


def _applied(
    connection: "psycopg.Connection", todo: Sequence[Amendment], schema: str
) -> tuple[tuple[Amendment, ...], tuple[Refused, ...]]:
    """Run what can be run, again and again, for some of it needs what another makes; return it in the order
    in which it worked, and what never did."""
    done: list[Amendment] = []
    failed: dict[int, str] = {}
    left = list(todo)
    for _ in range(_ROUNDS):
        waiting = []
        for amendment in left:
            said = _run(connection, amendment, schema)
            if said is None:
                done.append(amendment)
            else:
                failed[id(amendment)] = said
                waiting.append(amendment)
        if len(waiting) == len(left) or not waiting:
            left = waiting
            break
        left = waiting
    return tuple(done), tuple(Refused(c, failed[id(a)]) for a in left for c in a.changes)


def _run(connection: "psycopg.Connection", amendment: Amendment, schema: str) -> str | None:
    """Run an amendment as the script does; return what the server says against it. What runs alone is tried
    in the same transaction, or half of it might stay."""
    statements = (*amendment.steps, *(s.replace(" CONCURRENTLY", "", 1) for s in amendment.alone))
    try:
        with connection.transaction():
            for statement in statements:
                connection.execute(filled(statement, schema).encode())
    except Error as error:
        return error.diag.message_primary or str(error)
    return None
