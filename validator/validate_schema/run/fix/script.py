"""The text of a corrective migration: what it runs, why, and what it leaves to a person."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from textwrap import wrap

from ...checking.remedy.steps import SHARE_UPDATE_EXCLUSIVE
from ...migrations.writing import Part, Script, Way
from ...model.finding import Finding, Step
from ...model.wording import some
from ...report.escape import printable_sql, visible
from ...report.rollback import rollback
from .plan import Mended, Plan

LOCK_TIMEOUT = "5s"
STATEMENT_TIMEOUT = "15min"
_WIDTH = 110
_BLANK = Part("")


@dataclass(frozen=True)
class Heading:
    """What stands above the SQL: who wrote it and when, and what was found when it was tried."""

    version: str
    when: str
    verified: tuple[str, ...] = ()


def write_script(plan: Plan, way: Way, heading: Heading, default_schema: str) -> Script:
    """Return the migration for a tool that runs its files in this way.

    Inside a transaction CONCURRENTLY is refused, so it is left out there. The time-outs end a statement
    that waits for a lock or runs too long, instead of letting it block the application.
    """
    alone = way.mode == "statements"
    parts = [*_heading(plan, heading, alone=alone), *_limits(alone=alone), _BLANK]
    for finding, steps in _fresh(plan.mended):
        note = "" if steps else " (mended by the other statements)"
        parts.append(_comment(_said(finding, default_schema) + note))
        parts += [*(_statement(s, way) for s in steps), _BLANK]
    parts += _reset() if alone else ()
    parts += _left(plan, default_schema)
    return Script(tuple(parts), tuple(_down(plan, way, default_schema)))


def _fresh(mended: Iterable[Mended]) -> Iterator[tuple[Finding, tuple[Step, ...]]]:
    """Yield each finding with the steps that no earlier one has brought already."""
    seen: set[str] = set()
    for one in mended:
        fresh = tuple(s for s in one.steps if s.sql not in seen)
        seen.update(s.sql for s in fresh)
        yield one.finding, fresh


def _said(finding: Finding, default_schema: str) -> str:
    label = finding.object.label(default_schema)
    return f"{finding.check} {label}: {finding.message}"


def _heading(plan: Plan, heading: Heading, *, alone: bool) -> Iterator[Part]:
    mended = some(len(plan.mended), "finding")
    yield _comment(f"Mends {mended} of validate-schema {heading.version}, written {heading.when}.")
    for sentence in heading.verified:
        yield _comment(sentence)
    concurrent = any(_is_concurrent(s) for m in plan.mended for s in m.steps)
    if alone and concurrent:
        yield _comment(
            "Run it statement by statement, outside a transaction: CONCURRENTLY builds indexes without"
            " blocking writes. If it stops halfway, run what is left of it."
        )
    elif concurrent:
        yield _comment(
            "Indexes are built inside the transaction, which blocks writes to their tables meanwhile. On a"
            " large table build them first, by hand and CONCURRENTLY, and run this afterwards."
        )
    yield _BLANK


def _limits(*, alone: bool) -> tuple[Part, ...]:
    local = "" if alone else " LOCAL"
    return (
        Part(f"SET{local} lock_timeout = '{LOCK_TIMEOUT}';"),
        Part(f"SET{local} statement_timeout = '{STATEMENT_TIMEOUT}';"),
    )


def _reset() -> tuple[Part, ...]:
    return (Part("RESET lock_timeout;"), Part("RESET statement_timeout;"), _BLANK)


def _is_concurrent(step: Step) -> bool:
    """Tell whether the step lets writes go on, and what replaces it in a transaction does not."""
    return bool(step.in_transaction) and step.lock == SHARE_UPDATE_EXCLUSIVE


def _statement(step: Step, way: Way) -> Part:
    text = printable_sql(step.sql if way.mode == "statements" else step.in_transaction or step.sql)
    if way.marks and ";" in text.rstrip().removesuffix(";"):
        return Part(f"{way.marks[0]}\n{text}\n{way.marks[1]}")
    return Part(text)


def left_over(plan: Plan, *, decisions: bool = True) -> Iterator[str]:
    """Yield a line for each finding that stays, with what speaks against mending it, and for the checks that
    could not run; `decisions`: also for those that have no remedy to try."""
    for finding in plan.decisions if decisions else ():
        yield f"to decide: {_said(finding, 'public')}"
    for refused in plan.refused:
        yield f"not mended: {_said(refused.finding, 'public')} ({refused.reason})"
    by_reason: dict[str, list[str]] = defaultdict(list)
    for result in plan.blind:
        by_reason[result.reason or "not all could be examined"].append(result.id)
    for reason, ids in by_reason.items():
        yield f"could not run, so nothing of it is mended: {', '.join(ids)} ({reason})"


def _left(plan: Plan, default_schema: str) -> Iterator[Part]:
    """Yield, as comments, what a person has to decide and what could not be used."""
    if plan.decisions:
        yield _comment("To decide, since no rule says which is right:")
        for finding in plan.decisions:
            yield _comment(f"- {_said(finding, default_schema)}")
            if finding.remedy.note:
                yield _comment(f"  {finding.remedy.note}")
    for refused in plan.refused:
        yield _comment(f"Not mended: {_said(refused.finding, default_schema)} ({refused.reason})")


def _down(plan: Plan, way: Way, default_schema: str) -> Iterator[Part]:
    """Yield the inverse, last statement first; what has none is named."""
    undo = rollback((steps for _, steps in _fresh(plan.mended)), plan.undo)
    yield from (_statement(step, way) for step in undo.steps)
    for position in undo.by_hand:
        yield _comment(f"Not undone: {_said(plan.mended[position].finding, default_schema)}")


def _comment(text: str) -> Part:
    """Return `text` as comments, in lines of a bearable length; nothing in it can end them."""
    indent = "  " if text.startswith(("- ", "  ")) else ""
    lines = wrap(
        visible(text),
        _WIDTH - len("-- "),
        subsequent_indent=indent,
        break_on_hyphens=False,
        drop_whitespace=True,
    )
    return Part("\n".join(lines), comment=True)
