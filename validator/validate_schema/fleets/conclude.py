"""From what was read to the report: shapes, what differs, who is missing. No database is asked."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from ..model.errors import ReadError, UsageError
from ..model.finding import Severity
from ..model.fleet import (
    FLEET_VERSION,
    FleetReport,
    FleetVerdict,
    HeadCount,
    LedgerRows,
    MemberLedger,
    MemberRow,
    Part,
    Reading,
    Reference,
    Sample,
    ShapeDiff,
    Surveyed,
)
from ..model.progress import Progress
from ..model.version import __version__
from ..model.wording import did_you_mean, some
from ..run.request import Request
from .judging import Judging, accepted, merged, opened, scene_of
from .request import reason_to_leave_out
from .shapes import Shapes, shape_id, shapes_of, told

_UNLISTED = "whether members are missing is not known, the tenants' table could not be looked for: {}"


def conclude(parts: Sequence[Part], run: Request, progress: Progress) -> FleetReport:
    """Return the report of a fleet from all its parts, in any order.

    Raises `UsageError` for parts of different fleets, and for a reference that is no member, or none that
    could be read; what a wrong config raises, it does as well.
    """
    whole, missing = joined(parts)
    samples = {s.fingerprint: s for s in whole.samples}
    readings = sorted((r for one in whole.surveyed for r in one.readings), key=lambda r: r.member.name)
    unread = {r.member.name: why for r in readings if (why := _why_unread(r, samples, whole))}
    read = [r for r in readings if r.member.name not in unread]
    written = home_of(whole.surveyed)
    counts = Counter(r.fingerprint for r in read)
    first = {r.fingerprint: r.member.name for r in reversed(read)}
    shapes, reference = None, None
    if read:
        _require_read(whole.reference, unread)
        outside = whole.yardstick
        chosen, why = (
            (outside.id, outside.why) if outside else _reference(whole.reference, read, counts, first)
        )
        with progress.step(f"comparing {some(len(first), 'shape')}"):
            shapes = shapes_of(chosen, samples, first, written, outside)
        name = outside.name if outside else samples[chosen].member.name
        reference = Reference(name=name, why=why, shape=shape_id(chosen), written=written)
    elif whole.reference and readings and not missing and not whole.interrupted:
        _require_read(whole.reference, unread)
        _named(whole.reference, readings)
    members = _rows(whole, readings, unread=unread, shapes=shapes)
    shown = told(shapes, {f: samples[f] for f in first}, members) if shapes else ()
    report = FleetReport(
        fleet_version=FLEET_VERSION,
        tool_version=__version__,
        generated_at=whole.generated_at,
        kind=whole.kind,
        members=members,
        shapes=shown,
        reference=reference,
        heads=_heads(members),
        excluded=whole.excluded,
        databases=tuple(one.facts for one in whole.surveyed if one.facts is not None),
        notes=(*missing, *([_UNLISTED.format(whole.unlisted)] if whole.unlisted else [])),
        control=whole.control,
        shared=_shared(shown, whole),
        proofs=whole.proofs,
        interrupted=whole.interrupted,
        fail_on=run.fail_on,
        verdict=FleetVerdict(status="pass", exit_status=0),
    )
    if run.checks:
        report = _judged(report, whole, run, progress)
    return msgspec.structs.replace(report, verdict=verdict_of(report, run.fail_on))


def _judged(report: FleetReport, whole: Part, run: Request, progress: Progress) -> FleetReport:
    """Return the report with what the checks say of each shape's sample."""
    samples = {s.member.name: s for s in whole.samples}
    names = {one.database: one.matched for one in whole.surveyed}
    roles = {one.database: one.roles for one in whole.surveyed}
    proofs = {proof.member: proof for proof in whole.proofs}
    judging, judged = Judging(run, progress), {}
    written = report.reference.written if report.reference else ""
    read = [shape for shape in report.shapes if shape.sample]
    for place, shape in enumerate(read):
        sample = samples[shape.sample]
        scene = scene_of(
            sample,
            names[sample.member.database],
            report.databases,
            roles,
            first=place == 0,
            proof=proofs.get(sample.member.name),
        )
        judged[shape.id] = judging.judge(sample, scene, written)
    order, members = [s.id for s in read], {s.id: s.members for s in read}
    return msgspec.structs.replace(
        report,
        findings=merged(judged, members, order),
        suppressed=accepted(judged, members, order),
        open_checks=opened(judged, order),
    )


def _shared(shapes: Sequence[ShapeDiff], whole: Part) -> tuple[str, ...]:
    """Return the tables beside the members that are schemas, as schema.table."""
    first = next((shape.sample for shape in shapes if shape.sample), None)
    if first is None or whole.kind == "database":
        return ()
    sample = next(s for s in whole.samples if s.member.name == first)
    members = {n for one in whole.surveyed if one.database == sample.member.database for n in one.matched}
    tables = (t.qname for t in sample.catalog.tables if t.schema not in members and t.parent is None)
    return tuple(sorted(f"{name.schema}.{name.name}" for name in tables))


def joined(parts: Sequence[Part]) -> tuple[Part, tuple[str, ...]]:
    """Return the parts as one, and what is missing. Raises `UsageError` where they are not of one fleet."""
    first = parts[0]
    same = {(p.kind, p.shard[1], p.reference, p.yardstick and p.yardstick.id, p.excluded) for p in parts}
    if len(same) > 1:
        raise UsageError("these are parts of different fleets: they have other members, shards or references")
    seen = Counter(p.shard[0] for p in parts)
    if twice := [k for k, n in seen.items() if n > 1]:
        raise UsageError(f"shard {twice[0]}/{first.shard[1]} is there twice")
    absent = sorted(set(range(1, first.shard[1] + 1)) - seen.keys())
    surveyed: dict[str, Surveyed] = {}
    for one in (one for part in parts for one in part.surveyed):
        surveyed[one.database] = _both(surveyed[one.database], one) if one.database in surveyed else one
    samples: dict[str, Sample] = {}
    for sample in sorted((s for part in parts for s in part.samples), key=lambda s: s.member.name):
        samples.setdefault(sample.fingerprint, sample)
    whole = Part(
        part_version=first.part_version,
        generated_at=max(p.generated_at for p in parts),
        kind=first.kind,
        surveyed=tuple(surveyed[name] for name in sorted(surveyed)),
        samples=tuple(samples.values()),
        lost={name: why for part in parts for name, why in part.lost.items()},
        expected=next((p.expected for p in parts if p.expected is not None), None),
        excluded=first.excluded,
        reference=first.reference,
        yardstick=first.yardstick,
        control=next((p.control for p in parts if p.control is not None), None),
        unlisted=next((p.unlisted for p in parts if p.unlisted), ""),
        proofs=tuple(proof for p in parts for proof in p.proofs),
        interrupted=any(p.interrupted for p in parts),
    )
    return whole, tuple(f"shard {k}/{first.shard[1]} is missing" for k in absent)


def _both(one: Surveyed, other: Surveyed) -> Surveyed:
    """Return what two shards learnt of one database."""
    roles: dict[str, set[str]] = defaultdict(set)
    for role, names in (*one.roles, *other.roles):
        roles[role].update(names)
    readings = sorted((*one.readings, *other.readings), key=lambda r: r.member.name)
    return msgspec.structs.replace(
        one if one.facts is not None else other,
        readings=tuple(readings),
        roles=tuple((role, tuple(sorted(roles[role]))) for role in sorted(roles)),
        reason=one.reason or other.reason,
    )


def _why_unread(reading: Reading, samples: Mapping[str, Sample], whole: Part) -> str:
    if reason := reading.reason or whole.lost.get(reading.member.name, ""):
        return reason
    if reading.fingerprint in samples:
        return ""
    return (
        "the run was interrupted before one like it was read"
        if whole.interrupted
        else "no member that is like it could be read"
    )


def home_of(surveyed: Iterable[Surveyed]) -> str:
    """Return what stands for a member's own name in differences: no schema of any database is called so."""
    taken = {name for one in surveyed if one.facts is not None for name in one.facts.schemas}
    name = "member"
    while name in taken:
        name += "_"
    return name


def _reference(
    named: str, read: Sequence[Reading], counts: Mapping[str, int], first: Mapping[str, str]
) -> tuple[str, str]:
    """Return the fingerprint that the members are measured against, and why that."""
    if named:
        return _named(named, read).fingerprint, "it was named"
    most = max(counts.values())
    chosen = min((f for f, n in counts.items() if n == most), key=lambda f: first[f])
    why = f"the most members are so: {most:,} of {len(read):,}"
    ties = sum(n == most for n in counts.values())
    return (
        chosen,
        why if ties == 1 else f"{why}, as many as of {some(ties - 1, 'other shape')}; it has the first name",
    )


def _require_read(name: str, unread: Mapping[str, str]) -> None:
    """Raise `ReadError` for a reference that is there and could not be read."""
    if name in unread:
        raise ReadError(f"the reference {name} could not be examined: {unread[name]}")


def _named(name: str, read: Sequence[Reading]) -> Reading:
    found = [r for r in read if r.member.name == name]
    if not found:
        hint = did_you_mean(name, (r.member.name for r in read))
        raise UsageError(f"--reference {name}: no member that could be read is called so{hint}")
    return found[0]


def _rows(
    whole: Part, readings: Sequence[Reading], *, unread: Mapping[str, str], shapes: Shapes | None
) -> tuple[MemberRow, ...]:
    """Return a row for each member. `unread` says by name why a member was not examined."""
    wanted = None if whole.expected is None else frozenset(whole.expected)
    ledgers = member_ledgers(readings)
    rows = []
    for reading in readings:
        name, reason = reading.member.name, unread.get(reading.member.name, "")
        shape = shapes.shape.get(reading.fingerprint, "") if shapes and not reason else ""
        alike = shapes is not None and shape == shapes.reference
        rows.append(
            MemberRow(
                name=name,
                database=reading.member.database,
                state="unread" if reason or not shape else "alike" if alike else "differs",
                shape=shape_id(shape),
                fingerprint=reading.fingerprint,
                expected=None if wanted is None else name in wanted,
                ledger=ledgers.get(name),
                reason=reason,
            )
        )
    for one in whole.surveyed:
        if one.reason:
            name = one.database or one.server
            rows.append(MemberRow(name=name, database=one.database, state="unread", reason=one.reason))
    rows += _absent(whole, wanted or frozenset(), rows)
    return tuple(sorted(rows, key=lambda row: row.name))


def _absent(whole: Part, wanted: frozenset[str], rows: Sequence[MemberRow]) -> Iterator[MemberRow]:
    """Yield those that are expected and not there. Whether a member of a database that could not be read is
    there is not known: it is unread."""
    known = {row.name for row in rows}
    lost = {row.database: row.reason for row in rows if row.state == "unread" and row.name == row.database}
    anywhere = next((row.reason for row in rows if row.state == "unread" and not row.database), "")
    for name in sorted(wanted - known):
        if reason_to_leave_out(name, whole.excluded) is not None:
            continue
        database = name.partition("/")[0]
        if reason := lost.get(database, anywhere):
            yield MemberRow(name=name, database=database, state="unread", expected=True, reason=reason)
        else:
            why = "it is expected, and is not there"
            yield MemberRow(name=name, database="", state="absent", expected=True, reason=why)


def member_ledgers(readings: Iterable[Reading]) -> dict[str, MemberLedger]:
    """Return what each member's ledger says, measured against those of all others with such a table."""
    read = list(readings)
    orders = _orders(rows for r in read for rows in r.versions)
    return {r.member.name: _ledger(r.versions, orders) for r in read if r.versions}


def _orders(ledgers: Iterable[LedgerRows]) -> dict[tuple[str, str], tuple[str, ...]]:
    """Return the versions that members have applied, in order, by tool and table."""
    versions: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    seen: set[tuple[str, str, tuple[tuple[str, str], ...]]] = set()
    for rows in ledgers:
        key = rows.tool, rows.table
        if (*key, rows.versions) in seen:
            continue
        seen.add((*key, rows.versions))
        for place, (version, state) in enumerate(rows.versions):
            if state in _APPLIED:
                versions[key][version] = max(place, versions[key].get(version, 0))
    return {key: tuple(sorted(of, key=lambda v: (of[v], v))) for key, of in versions.items()}


_APPLIED = frozenset({"applied", "baseline", "superseded"})
_FAILED = frozenset({"failed", "running"})


def _ledger(ledgers: Sequence[LedgerRows], orders: Mapping[tuple[str, str], tuple[str, ...]]) -> MemberLedger:
    rows = max(ledgers, key=lambda one: (not one.reason, len(one.versions), one.table))
    if rows.reason:
        return MemberLedger(table=rows.table, tool=rows.tool, reason=rows.reason)
    applied = [version for version, state in rows.versions if state in _APPLIED]
    held = frozenset(applied)
    order = orders.get((rows.tool, rows.table), ())
    last = max((place for place, version in enumerate(order) if version in held), default=-1)
    return MemberLedger(
        table=rows.table,
        tool=rows.tool,
        head=order[last] if last >= 0 else "",
        applied=len(applied),
        failed=tuple(version for version, state in rows.versions if state in _FAILED),
        gaps=tuple(v for v in order[: last + 1] if v not in held),
        pending=tuple(v for v in order[last + 1 :] if v not in held),
    )


def _heads(members: Iterable[MemberRow]) -> tuple[HeadCount, ...]:
    counted = Counter(m.ledger.head for m in members if m.ledger is not None and not m.ledger.reason)
    return tuple(HeadCount(head, n) for head, n in sorted(counted.items(), key=lambda i: (-i[1], i[0])))


def verdict_of(report: FleetReport, fail_on: str = "error") -> FleetVerdict:
    """Return the verdict; findings from the severity `fail_on` fail it. A fleet without a member that was
    read is never passed."""
    members, reasons = report.members, list(report.notes)
    unread, absent = len(report.of_state("unread")), len(report.of_state("absent"))
    read = len(report.of_state("alike")) + len(report.of_state("differs"))
    if report.interrupted:
        reasons.append("the run was interrupted")
    if unread:
        reasons.append(f"{some(unread, 'member')} could not be examined")
    if not read and not unread and not report.notes:
        reasons.append("no member was found")
    dark = sum(bool(m.ledger and m.ledger.reason) for m in members)
    if dark:
        reasons.append(f"{some(dark, 'ledger')} could not be read")
    if report.open_checks:
        reasons.append(f"{some(len(report.open_checks), 'check')} could not look at everything, or decide it")
    undecided = sum(f.finding.undecided for f in report.findings)
    if undecided:
        reasons.append(f"{some(undecided, 'finding')} could not be decided")
    if reasons:
        return FleetVerdict(status="incomplete", exit_status=3, reasons=tuple(reasons))
    differ = len(report.of_state("differs"))
    unexpected = sum(m.expected is False for m in members)
    behind = sum(bool(m.ledger and (m.ledger.failed or m.ledger.gaps or m.ledger.pending)) for m in members)
    told = (
        (differ, "differs from the reference", "differ from the reference"),
        (absent, "is expected and not there", "are expected and not there"),
        (unexpected, "is there and not expected", "are there and not expected"),
        (behind, "has a ledger that is behind or failed", "have a ledger that is behind or failed"),
    )
    reasons = [f"{some(n, 'member')} {one if n == 1 else many}" for n, one, many in told if n]
    failing = _failing(report, fail_on)
    if failing:
        reasons.append(f"{some(failing, 'finding')} of {fail_on} or worse")
    if reasons:
        drift = len(reasons) > bool(failing)
        return FleetVerdict(status="drift" if drift else "findings", exit_status=1, reasons=tuple(reasons))
    return FleetVerdict(status="pass", exit_status=0)


def _failing(report: FleetReport, fail_on: str) -> int:
    if fail_on == "never":
        return 0
    least = Severity(fail_on).rank
    return sum(f.finding.severity.rank >= least and not f.finding.undecided for f in report.findings)
