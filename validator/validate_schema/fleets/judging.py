"""The checks, once for each shape: on the facts of its sample, as they would be of a database of its own."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

from msgspec.structs import replace

from ..checking.engine import Outcome, fingerprint, judge
from ..facts.facts import NOT_IDENTIFIED, Facts
from ..model.contract import Contract
from ..model.crossing import MemberProof
from ..model.evidence import Evidence
from ..model.finding import Finding
from ..model.fleet import DatabaseFacts, FleetAccepted, FleetFinding, FleetScene, OpenCheck, Sample
from ..model.isolation import Isolation
from ..model.progress import Progress
from ..model.report import Suppressed
from ..model.wording import some
from ..run.examine import severities, understand
from ..run.request import Request
from ..sources import SourceContext
from ..sources.build import build_contract

NO_ROWS = "rows are not counted member by member"
NO_PROOF = "the proof is for one schema: name it with --database-url alone"


F = TypeVar("F", bound=Finding)


class Judged(NamedTuple):
    """What the checks say of one shape: `findings`, and those that the config has `accepted`, with the
    member's own name written as in differences; and `open` what they could not look at, as (check,
    reason)."""

    findings: tuple[Finding, ...]
    accepted: tuple[Suppressed, ...]
    open: tuple[tuple[str, str], ...]


class Judging:
    """Judges samples of one fleet."""

    def __init__(self, request: Request, progress: Progress) -> None:
        self._request, self._progress = request, progress
        context = SourceContext(request.source.scratch, progress)
        self._contract: Contract = build_contract(
            request.config.config, request.base, context, named=request.contracts
        )

    def judge(self, sample: Sample, scene: FleetScene, written: str) -> Judged:
        """Return what the checks say of a member. Of what stands in another schema, its own name is kept."""
        config = self._request.config.config
        facts = understand(sample.catalog, config, self._contract, self._request.now.date(), self._progress)
        facts = replace(
            facts, fleet=scene, evidence=Evidence(reason=NO_ROWS), isolation=Isolation(reason=NO_PROOF)
        )
        outcome = judge(self._request.checks, facts, severities=severities(config))
        own = sample.member.schema
        findings = (_renamed(f, own, written) for f in outcome.findings)
        accepted = (_renamed(f, own, written) for f in outcome.suppressed)
        return Judged(tuple(findings), tuple(accepted), tuple(_open(outcome, facts)))


def _renamed(finding: F, own: str, written: str) -> F:
    """Return a finding under the name that every member has in differences, so that it is one for all."""
    if not own or own not in (finding.object.schema, finding.object.name):
        return finding
    ref = finding.object
    ref = replace(
        ref,
        schema=written if ref.schema == own else ref.schema,
        name=written if ref.kind == "schema" and ref.name == own else ref.name,
    )
    return replace(finding, object=ref, fingerprint=fingerprint(finding.check, ref))


def _open(outcome: Outcome, facts: Facts) -> Iterator[tuple[str, str]]:
    """Yield the checks that could not look at everything or decide it, with why, and what of the catalog
    could not be read. Those that ask for a tenant inside of a member, or for its rows, are not meant where
    the members are the tenants."""
    meant = frozenset() if facts.tenancy.identified else {NOT_IDENTIFIED, *facts.missing.values()} - {""}
    yield from (("catalog", why) for why in outcome.unread)
    told = Counter(f.check for f in outcome.findings if f.undecided)
    for result in outcome.results:
        if not result.looked_at_all and (result.status == "error" or result.reason not in meant):
            yield result.id, result.reason or f"{some(result.skipped, 'object')} not looked at"
        elif outcome.undecided.get(result.id, 0) > told[result.id]:
            yield result.id, result.reason


def opened(judged: Mapping[str, Judged], order: Sequence[str]) -> tuple[OpenCheck, ...]:
    """Return what the checks could not look at, each once, with the shapes that it is of."""
    shapes: dict[tuple[str, str], list[str]] = defaultdict(list)
    for shape in order:
        for told in judged[shape].open:
            shapes[told].append(shape)
    return tuple(OpenCheck(check, reason, tuple(of)) for (check, reason), of in sorted(shapes.items()))


def merged(
    judged: Mapping[str, Judged], members: Mapping[str, int], order: Sequence[str]
) -> tuple[FleetFinding, ...]:
    """Return the findings of all shapes, each once: worst first, then those of most members."""
    found = _together({s: judged[s].findings for s in order if s in judged}, members)
    return tuple(FleetFinding(finding=f, shapes=of, members=n) for f, of, n in found)


def accepted(
    judged: Mapping[str, Judged], members: Mapping[str, int], order: Sequence[str]
) -> tuple[FleetAccepted, ...]:
    """Return the findings of all shapes that the config accepts, in the same order."""
    found = _together({s: judged[s].accepted for s in order if s in judged}, members)
    return tuple(FleetAccepted(finding=f, shapes=of, members=n) for f, of, n in found)


def _together(
    told: Mapping[str, Sequence[F]], members: Mapping[str, int]
) -> list[tuple[F, tuple[str, ...], int]]:
    """Return findings, each once, with the shapes that have it and the number of their members."""
    shapes: dict[str, list[str]] = defaultdict(list)
    first: dict[str, F] = {}
    for shape, findings in told.items():
        for finding in findings:
            if shape not in shapes[finding.fingerprint]:
                shapes[finding.fingerprint].append(shape)
            first.setdefault(finding.fingerprint, finding)
    found = [(first[key], tuple(of), sum(members[s] for s in of)) for key, of in shapes.items()]
    return sorted(found, key=lambda f: (-f[0].severity.rank, -f[2], f[0].check, f[0].object))


def scene_of(
    sample: Sample,
    names: Sequence[str],
    databases: Sequence[DatabaseFacts],
    roles: Mapping[str, tuple[tuple[str, tuple[str, ...]], ...]],
    *,
    first: bool,
    proof: MemberProof | None = None,
) -> FleetScene:
    """Return what fleet-level checks may look at: `names` are the members of the sample's database."""
    member = sample.member
    return FleetScene(
        kind="schema" if member.schema else "database",
        member=member,
        others=tuple(name for name in names if name != member.schema),
        roles=roles.get(member.database, ()),
        databases=tuple(databases),
        first=first,
        proof=proof,
    )
