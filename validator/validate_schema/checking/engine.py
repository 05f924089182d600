"""Run checks over the facts: iterate, count, suppress, and catch what breaks.

The engine is the only place that counts and sorts. It knows no check by name: what a check `needs` says
when its turn is. The checks on the proof come after those that explain its leaks, and the checks on the
suppressions after all others.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

import msgspec
from msgspec.structs import replace

from ..catalog.engines import ADVICE, engine_of
from ..facts.facts import Facts, NotExamined, SuppressionUse
from ..facts.subjects import ref_of
from ..facts.unread import reason_of, withheld_facts
from ..model.catalog import POSTGRESQL
from ..model.errors import UsageError
from ..model.finding import Finding, Flaw, ObjectRef, Remedy, Severity, Undecided, Unexamined
from ..model.report import CheckResult, CheckStatus, SubjectFacts, Suppressed
from ..model.wording import did_you_mean
from ..sql.ident import visible
from .basis import Bases
from .declare import PROOF, SUPPRESSIONS, Check, Verdict
from .suppress import Suppressions


class Outcome(msgspec.Struct, frozen=True):
    """What all checks said. Findings are sorted by severity (worst first), check and object.

    `subjects` lists, by check, what was examined and how it fared, where that was asked for. `checks` are
    those that the results are of. `undecided` counts, by check, what is open, not accepted, and told by no
    other check of the run. `unread` is what of the catalog could not be read, each with the reason.
    """

    results: tuple[CheckResult, ...]
    findings: tuple[Finding, ...]
    suppressed: tuple[Suppressed, ...]
    subjects: dict[str, tuple[SubjectFacts, ...]] = msgspec.field(default_factory=dict)
    checks: tuple[Check, ...] = ()
    undecided: Mapping[str, int] = msgspec.field(default_factory=dict)
    unread: tuple[str, ...] = ()

    @property
    def unexamined(self) -> tuple[str, ...]:
        """The checks that could not run, or not on everything that they select."""
        return tuple(r.id for r in self.results if not r.looked_at_all)

    @property
    def complete(self) -> bool:
        """Whether every selected, applicable check could run on everything it selects, and decide it."""
        return not (self.unexamined or self.undecided or self.unread)


class _Tally(msgspec.Struct):
    """The running count of one check."""

    check: Check
    severity: Severity
    flaws: list[tuple[ObjectRef, Flaw]] = msgspec.field(default_factory=list)
    errors: list[ObjectRef] = msgspec.field(default_factory=list)  # by the check's own severity
    examined: int = 0
    undecided: list[tuple[ObjectRef, Undecided]] = msgspec.field(default_factory=list)
    unexamined: list[str] = msgspec.field(default_factory=list)
    subjects: list[SubjectFacts] | None = None
    reason: str = ""
    broken: bool = False


def select_checks(checks: Sequence[Check], select: Iterable[str], ignore: Iterable[str]) -> tuple[Check, ...]:
    """Return the checks whose id starts with one of `select` (all when empty) and none of `ignore`.

    Raises `UsageError` for a prefix that matches no check, naming the nearest id.
    """
    wanted, unwanted = tuple(select), tuple(ignore)
    for prefix in (*wanted, *unwanted):
        require_known(checks, prefix)
    return tuple(
        c for c in checks if (not wanted or c.id.startswith(wanted)) and not c.id.startswith(unwanted)
    )


def require_known(checks: Sequence[Check], prefix: str) -> None:
    """Raise `UsageError` when no check's id starts with `prefix`, naming the nearest id."""
    if prefix and any(c.id.startswith(prefix) for c in checks):
        return
    ids = [c.id for c in checks] + sorted({c.family.id for c in checks})
    hint = did_you_mean(prefix.upper(), ids) or "; `validate-schema checks` lists them"
    raise UsageError(f'no check is called "{prefix}"{hint}')


def run(
    checks: Sequence[Check],
    facts: Facts,
    *,
    severities: Mapping[str, Severity] | None = None,
    list_subjects: bool = False,
) -> Outcome:
    """Judge every subject of every check; `severities` overrides a check's own, `list_subjects` keeps
    the name of each.

    A check that raises is recorded as an error with its message: one broken rule does not lose the
    run, and the run is not complete.
    """
    overrides, facts = severities or {}, withheld_facts(facts)
    on_proof, on_suppressions = ([c for c in checks if c.needs == needs] for needs in (PROOF, SUPPRESSIONS))
    first = [c for c in checks if c.needs not in (PROOF, SUPPRESSIONS)]
    tallies = [_examine(c, facts, overrides, list_subjects) for c in first]
    if on_proof:
        judged = replace(facts, told=_told(tallies)) if facts.isolation.attempted else facts
        tallies += [_examine(c, judged, overrides, list_subjects) for c in on_proof]
    if on_suppressions:
        ran = {t.check.id for t in tallies if not t.broken and not t.reason}
        judged = replace(facts, suppressions=_matched(tallies, facts, ran))
        tallies += [_examine(c, judged, overrides, list_subjects) for c in on_suppressions]
    return _conclude(tallies, facts)


def _told(tallies: Iterable[_Tally]) -> dict[str, tuple[ObjectRef, ...]]:
    """Return the objects of the errors that were found, by what they explain of the proof."""
    told: dict[str, tuple[ObjectRef, ...]] = {}
    for tally in tallies:
        for what in tally.check.explains:
            told[what] = (*told.get(what, ()), *tally.errors)
    return told


def _examine(check: Check, facts: Facts, overrides: Mapping[str, Severity], listed: bool) -> _Tally:
    tally = _Tally(check, overrides.get(check.id, check.severity), subjects=[] if listed else None)
    if facts.no_catalog and check.on_catalog:
        tally.reason = facts.no_catalog
        return tally
    overridden = check.id in overrides
    try:
        for tally.examined, subject in enumerate(check.subjects(facts), 1):
            verdict = _verdict(check, subject, facts)
            if tally.subjects is not None:
                tally.subjects.append(_subject(subject, verdict))
            if verdict is None:
                continue
            if isinstance(verdict, Unexamined):
                tally.unexamined.append(verdict.reason)
                continue
            if isinstance(verdict, Undecided):
                tally.undecided.append((ref_of(subject), verdict))
                continue
            ref = verdict.ref or ref_of(subject)
            if (verdict.severity or check.severity) is Severity.ERROR and not verdict.undecided:
                tally.errors.append(ref)
            tally.flaws.append((ref, replace_severity(verdict, tally.severity) if overridden else verdict))
    except NotExamined as reason:
        tally.reason = str(reason)
    except Exception as error:  # noqa: BLE001 - one broken check must not lose the run
        tally.broken = True
        tally.reason = f"internal error in {check.id}: {type(error).__name__}: {error}"
    return tally


def _verdict(check: Check, subject: object, facts: Facts) -> Verdict:
    try:
        return check.judge(subject, facts)
    except NotExamined as reason:
        return Unexamined(str(reason))


def _subject(subject: object, verdict: Verdict) -> SubjectFacts:
    if isinstance(verdict, Unexamined):
        return SubjectFacts(object=ref_of(subject), status="skipped", reason=visible(verdict.reason))
    if isinstance(verdict, Undecided):
        return SubjectFacts(object=ref_of(subject), status="undecided", reason=visible(verdict.reason))
    if verdict is None:
        return SubjectFacts(object=ref_of(subject), status="passed")
    return SubjectFacts(
        object=verdict.ref or ref_of(subject),
        status="undecided" if verdict.undecided else "failed",
        reason=visible(verdict.message),
    )


def replace_severity(flaw: Flaw, severity: Severity) -> Flaw:
    """Return the flaw with the severity that the user set for its check."""
    return msgspec.structs.replace(flaw, severity=severity)


def fingerprint(check: str, ref: ObjectRef) -> str:
    """Return the identity of a finding: 16 hex digits of SHA-256 over check id and object.

    The words of the message are left out, so that rewording one never makes a finding new.
    """
    parts = (check, ref.kind, ref.schema, ref.table, ref.name)
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:16]


def _conclude(tallies: Sequence[_Tally], facts: Facts) -> Outcome:
    results, findings, suppressed = [], [], []
    suppressions = Suppressions(facts.suppressions, facts.default_schema, facts.today)
    bases = facts.once(Bases)
    found = {t.check.id: [_finding(t, ref, flaw, bases) for ref, flaw in t.flaws] for t in tallies}
    told = _Told(suppressions, {(f.check, f.object): f.basis for mine in found.values() for f in mine})
    undecided: dict[str, int] = {}
    for tally in tallies:
        kept = []
        for finding in found[tally.check.id]:
            accepted = suppressions.accepting(finding.check, finding.object, finding.basis)
            if accepted is None:
                kept.append(finding)
            else:
                suppressed.append(_suppress(finding, accepted, facts))
        findings += kept
        results.append(_result(tally, kept, facts))
        still_open = sum(f.undecided for f in kept) + sum(
            not told.settles(tally.check.id, ref, said) for ref, said in tally.undecided
        )
        if still_open:
            undecided[tally.check.id] = still_open
    return Outcome(
        tuple(sorted(results, key=lambda r: r.id)),
        tuple(sorted(findings, key=_order)),
        tuple(sorted(suppressed, key=_order)),
        {t.check.id: tuple(t.subjects) for t in sorted(tallies, key=lambda t: t.check.id) if t.subjects},
        tuple(t.check for t in tallies),
        dict(sorted(undecided.items())),
        tuple(visible(reason_of(unread)) for unread in facts.catalog.unreadable),
    )


class _Told(NamedTuple):
    """What findings tell of each object, and which of them are accepted."""

    suppressions: Suppressions
    flaws: Mapping[tuple[str, ObjectRef], str]  # with their bases

    def settles(self, check: str, ref: ObjectRef, said: Undecided) -> bool:
        """Tell whether a finding about the object stands for what is undecided, or somebody accepted that
        finding and, where there is more to it, this as well."""
        basis = self.flaws.get((said.told_by, ref), "")
        accepted = self.suppressions.accepting(said.told_by, ref, basis) is not None
        if (said.told_by, ref) in self.flaws and not (said.more and accepted):
            return True
        return said.more and self.suppressions.accepting(check, ref, basis) is not None


def _order(finding: Finding) -> tuple[int, str, ObjectRef, str]:
    return (-finding.severity.rank, finding.check, finding.object, finding.message)


def _finding(tally: _Tally, ref: ObjectRef, flaw: Flaw, bases: Bases) -> Finding:
    """Return the finding. Its words are safe to print anywhere: only the object's name and the SQL
    keep the control characters that names may hold."""
    mend = flaw.remedy
    return Finding(
        fingerprint=fingerprint(tally.check.id, ref),
        check=tally.check.id,
        severity=flaw.severity or tally.severity,
        object=ref,
        message=visible(flaw.message),
        expected=visible(flaw.expected),
        observed=visible(flaw.observed),
        evidence=visible(flaw.evidence),
        remedy=msgspec.structs.replace(mend, note=visible(mend.note), lock=visible(mend.lock)),
        location=visible(flaw.location) or None,
        undecided=flaw.undecided,
        basis=bases.of(tally.check, ref),
    )


def _result(tally: _Tally, kept: Sequence[Finding], facts: Facts) -> CheckResult:
    check, skipped = tally.check, len(tally.unexamined)
    undecided = len(tally.undecided) + sum(flaw.undecided for _, flaw in tally.flaws)
    failed = sum(not flaw.undecided for _, flaw in tally.flaws)
    missing = "" if tally.examined else facts.missing.get(check.needs, "")
    return CheckResult(
        id=check.id,
        name=check.name,
        title=check.title,
        family=check.family.id,
        severity=tally.severity,
        status=_status(tally, kept),
        examined=tally.examined,
        passed=max(0, tally.examined - failed - undecided - skipped) if not tally.broken else 0,
        failed=failed,
        undecided=undecided,
        skipped=skipped,
        suppressed=len(tally.flaws) - len(kept),
        findings=len(kept),
        why=check.why,
        reason=visible(tally.reason or _reasons(_open_reasons(tally)) or missing),
    )


def _status(tally: _Tally, kept: Sequence[Finding]) -> CheckStatus:
    if tally.broken:
        return "error"
    if any(not finding.undecided for finding in kept):
        return "failed"
    if kept or tally.undecided:
        return "undecided"
    if tally.reason or tally.unexamined:
        return "skipped"
    return "passed" if tally.examined else "not_applicable"


def _open_reasons(tally: _Tally) -> list[str]:
    return [*tally.unexamined, *(u.reason for _, u in tally.undecided)]


def _reasons(reasons: Sequence[str]) -> str:
    """Return the distinct reasons in a line, the first three spelled out."""
    distinct = sorted(set(reasons))
    more = f" (and {len(distinct) - 3} more)" if len(distinct) > 3 else ""
    return "; ".join(distinct[:3]) + more


def _matched(tallies: Sequence[_Tally], facts: Facts, ran: set[str]) -> tuple[SuppressionUse, ...]:
    """Return the suppressions with what they matched, lapsed ones included."""
    uses, bases = facts.suppressions, facts.once(Bases)
    suppressions = Suppressions(uses, facts.default_schema, facts.today)
    matched: dict[int, list[str]] = defaultdict(list)
    for tally in tallies:
        for ref in (*(ref for ref, _ in tally.flaws), *(ref for ref, said in tally.undecided if said.more)):
            for place in suppressions.fitting(tally.check.id, ref):
                matched[place].append(bases.of(tally.check, ref) if uses[place].basis else "")
    known = {id[:end] for id in ran for end in range(len(id) + 1)}
    return tuple(
        replace(
            use,
            matched=len(matched[place]),
            judged=use.check in known,
            bases=frozenset(matched[place]),
        )
        for place, use in enumerate(uses)
    )


def _suppress(finding: Finding, use: SuppressionUse, facts: Facts) -> Suppressed:
    return Suppressed(
        **{name: getattr(finding, name) for name in Finding.__struct_fields__},
        reason=use.reason,
        owner=use.owner,
        expires=use.expires.isoformat() if use.expires else "",
        days_left=(use.expires - facts.today).days if use.expires else None,
    )


_Found = TypeVar("_Found", bound=Finding)


def judge(
    checks: Sequence[Check],
    facts: Facts,
    *,
    severities: Mapping[str, Severity],
    list_subjects: bool = False,
) -> Outcome:
    """Run the checks that apply to the database; the others are not applicable, never passed.

    What a remedy says is for PostgreSQL: for another database it is left out.
    """
    product = facts.catalog.server.product
    if product == POSTGRESQL:
        return run(checks, facts, severities=severities, list_subjects=list_subjects)
    chosen = [c for c in checks if c.portable]
    outcome = run(chosen, facts, severities=severities, list_subjects=list_subjects)
    others = [_not_applicable(c, severities.get(c.id, c.severity), facts) for c in checks if not c.portable]
    engine = engine_of(facts.catalog)
    advice = engine.advice if engine else ADVICE
    return replace(
        outcome,
        results=tuple(sorted((*outcome.results, *others), key=lambda result: result.id)),
        findings=tuple(_without_sql(f, advice) for f in outcome.findings),
        checks=tuple(checks),
        suppressed=tuple(_without_sql(f, advice) for f in outcome.suppressed),
    )


def _not_applicable(check: Check, severity: Severity, facts: Facts) -> CheckResult:
    product = facts.catalog.server.product
    result = _result(
        _Tally(check, severity, reason=f"{product} has nothing that it could examine"), (), facts
    )
    return msgspec.structs.replace(result, status="not_applicable")


def _without_sql(finding: _Found, advice: str) -> _Found:
    return msgspec.structs.replace(finding, remedy=Remedy(note=advice))
