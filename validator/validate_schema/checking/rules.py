"""A check without Python: a query whose rows are the findings (`[[checks.sql]]`)."""

import re
from collections.abc import Iterator
from inspect import cleandoc
from typing import NamedTuple

from ..config.shape import SqlCheckConfig
from ..facts.facts import Facts, NotExamined
from ..model.declared import Family
from ..model.errors import PackError
from ..model.evidence import RuleRow, RuleRows
from ..model.finding import Flaw, ObjectRef, Remedy, Severity, Unexamined
from .declare import Check, family_id


class Answer(NamedTuple):
    """What a rule examined as a whole: that its query was run, or that not all rows of it were read."""

    check: str
    more: bool = False

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef("rule", name=self.check)


def rule_check(rule: SqlCheckConfig, place: str) -> Check:
    """Return the check that a rule declares; `place` is its file, for messages.

    Its evidence is gathered before checks run: see `evidence.rules`. Without rows the rule itself was
    examined and passes; where it could not be run the check is skipped. Raises `PackError` for an id that
    is none.
    """
    try:
        kind = family_id(rule.id)
    except ValueError as error:
        raise PackError(f"{place}: {error}") from None

    def subjects(facts: Facts) -> Iterator[RuleRow | Answer]:
        return _subjects(rule.id, facts)

    def judge(subject: RuleRow | Answer, facts: Facts) -> Flaw | Unexamined | None:
        return _verdict(subject, rule, facts)

    return Check(
        id=rule.id,
        name=re.sub(r"[^a-z0-9]+", "-", rule.title.lower()).strip("-") or rule.id.lower(),
        title=rule.title,
        severity=Severity(rule.severity),
        subjects=subjects,
        judge=judge,
        doc=f"Every row that this query returns is a finding:\n\n```sql\n{cleandoc(rule.sql)}\n```",
        why=rule.why,
        bad=cleandoc(rule.bad),
        good=cleandoc(rule.good),
        family=Family(kind, kind),
        remediable=False,
        portable=True,  # it says of every database whether it could be run there
        sql=rule.sql,
    )


def _subjects(id: str, facts: Facts) -> Iterator[RuleRow | Answer]:
    found = next(
        (r for r in facts.evidence.rules if r.check == id), RuleRows(id, unreadable="it was not run")
    )
    if found.unreadable:
        raise NotExamined(found.unreadable)
    yield from found.rows or (Answer(id),)
    if found.more:
        yield Answer(id, more=True)


def _verdict(subject: RuleRow | Answer, rule: SqlCheckConfig, facts: Facts) -> Flaw | Unexamined | None:
    if isinstance(subject, Answer):
        return Unexamined("it returns more rows than are read") if subject.more else None
    return Flaw(
        message=subject.message or _sentence(subject.ref, rule, facts),
        expected=subject.expected or "no such row",
        observed=subject.observed or "a row of the rule's query",
        remedy=Remedy(note=subject.note),
    )


def _sentence(ref: ObjectRef, rule: SqlCheckConfig, facts: Facts) -> str:
    return rule.title if ref.kind == "rule" else f"{ref.label(facts.default_schema)}: {rule.title}"
