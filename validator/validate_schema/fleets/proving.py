"""The proof between members of a fleet: for each shape, one member and its neighbour, on a copy of both."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from msgspec.structs import replace
from psycopg import Error

from ..catalog.connect import first_line, parse_url
from ..catalog.reader import read_catalog
from ..catalog.snapshot import fingerprint
from ..evidence.isolation.between import Control as Listed
from ..evidence.isolation.between import prove_between
from ..facts.facts import Facts
from ..facts.platforms import set_apart
from ..model.catalog import Catalog, QName
from ..model.contract import Contract
from ..model.crossing import MemberProof
from ..model.errors import ValidateSchemaError
from ..model.fleet import Control, Reading, Sample, Surveyed
from ..model.limits import limits
from ..model.progress import Progress
from ..model.secret import Secret
from ..model.tenancy import Tenancy
from ..run.examine import understand
from ..run.proof import context_of
from ..run.request import Request
from ..scratch import open_server
from ..scratch.copy import copy_schema
from ..sql.patterns import write_name
from .sample import sample
from .whereabouts import resolved

MOST = 20  # shapes that are proven: each takes a copy of two members
ALONE = "there is no other member in its database that could be read"
NOT_ALL = "not proven: only the {} shapes of most members are"


class _Pair(NamedTuple):
    """A member that was read in full, and the one whose rows are tried as its roles; the database of both,
    with all members in it."""

    sample: Sample
    other: Reading
    url: Secret | None
    members: tuple[str, ...]


def proofs_of(
    surveyed: Sequence[Surveyed],
    samples: Sequence[Sample],
    urls: Mapping[str, Secret | None],
    *,
    run: Request,
    control: Control | None,
    progress: Progress,
) -> tuple[MemberProof, ...]:
    """Return the proof of each sample: as the roles of it, every verb on the rows of a member of the most
    common shape in its database. What cannot be tried is said there."""
    readings = {one.database: [r for r in one.readings if r.fingerprint] for one in surveyed}
    matched = {one.database: one.matched for one in surveyed}
    counts: dict[str, int] = {}
    for reading in (r for of in readings.values() for r in of):
        counts[reading.fingerprint] = counts.get(reading.fingerprint, 0) + 1
    order = sorted(samples, key=lambda s: (-counts.get(s.fingerprint, 0), s.member.name))
    found = []
    for place, one in enumerate(order):
        name, near = one.member.name, readings.get(one.member.database, ())
        others = [r for r in near if r.member != one.member]
        if not others or place >= MOST:
            why = NOT_ALL.format(MOST) if others else ALONE
            found.append(MemberProof(member=name, reason=why))
            continue
        nearest = min(others, key=lambda r: (-counts[r.fingerprint], r.member.name))
        pair = _Pair(one, nearest, urls[one.member.database], matched[one.member.database])
        with progress.step(f"proving {name} against {nearest.member.name}"):
            found.append(_proof(pair, run, control, progress))
    return tuple(sorted(found, key=lambda p: p.member))


def _proof(pair: _Pair, run: Request, control: Control | None, progress: Progress) -> MemberProof:
    own, other, members = pair.sample.member, pair.other.member, pair.members
    try:
        url = resolved(pair.url)
        second = sample(url, pair.other, members, timeout_ms=run.source.statement_timeout_ms)
        whole = (pair.sample.catalog, second.catalog)
        without = [name for name in members if name not in (own.schema, other.schema)]
        with (
            open_server(
                run.source.scratch, key=fingerprint(whole[0]), progress=progress, superuser=False
            ) as server,
            copy_schema(server, parse_url(url), whole[0], progress, without=without) as (database, lacks),
        ):
            with database.admin(autocommit=True) as connection:
                catalog = set_apart(read_catalog(connection, default_schema=own.schema))
            facts = _facts(catalog, run, control, progress)
            proof = prove_between(
                database,
                facts,
                own.schema,
                other.schema,
                control=Listed(QName(control.schema, control.table), control.column) if control else None,
                context=context_of(run.config.config.prove, facts) if facts.tenancy.identified else None,
                whole=tuple(Facts(each, Tenancy()) for each in whole),
                lacks=lacks,
                seconds=limits().proof_seconds,
            )
    except (ValidateSchemaError, Error) as error:
        return MemberProof(member=own.name, other=other.name, reason=first_line(error))
    return replace(proof, member=own.name, other=other.name)


def _facts(catalog: Catalog, run: Request, control: Control | None, progress: Progress) -> Facts:
    """Return the facts of the copy: with the tenants' table as the root where it is known, so that rows of
    shared tables have an owner; else of a schema in which rows are nobody's."""
    if control is None:
        return Facts(catalog, Tenancy())
    config, root = run.config.config, write_name(QName(control.schema, control.table), "")
    config = replace(config, tenancy=replace(config.tenancy, root=root, column=None, levels=()))
    return understand(catalog, config, Contract(), run.now.date(), progress)
