"""Running the checks on whatever database it is: all of them on PostgreSQL, elsewhere those that apply."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import msgspec

from .declare import Check
from .engine import Outcome, run
from .facts import Facts
from .model.catalog import POSTGRESQL
from .model.finding import Finding, Remedy, Severity
from .model.report import CheckResult

_ADVICE = (
    "Mend it with a migration of your tool. {product} adds tables, columns and indexes in place, and takes"
    " any other change by making the table anew."
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
    others = [_not_applicable(c, severities.get(c.id, c.severity), product) for c in checks if not c.portable]
    advice = _ADVICE.format(product=product)
    return replace(
        outcome,
        results=tuple(sorted((*outcome.results, *others), key=lambda result: result.id)),
        findings=tuple(_without_sql(f, advice) for f in outcome.findings),
        suppressed=tuple(_without_sql(f, advice) for f in outcome.suppressed),
    )


def _not_applicable(check: Check, severity: Severity, product: str) -> CheckResult:
    return CheckResult(
        id=check.id,
        name=check.name,
        title=check.title,
        family=check.family,
        severity=severity,
        status="not_applicable",
        examined=0,
        passed=0,
        failed=0,
        findings=0,
        why=check.why,
        reason=f"{product} has nothing that it could examine",
    )


def _without_sql(finding: _Found, advice: str) -> _Found:
    return msgspec.structs.replace(finding, remedy=Remedy(note=advice))
