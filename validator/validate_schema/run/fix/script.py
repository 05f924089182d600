"""The text of a corrective migration: what it runs, why, and what it leaves to a person."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from textwrap import wrap

from ...migrations.writing import Script, Way
from ...model.finding import Finding
from ...model.wording import some
from ...report.escape import printable_sql, visible
from ...report.rollback import rollback
from .plan import Mended, Plan
from .undo import in_transaction, is_concurrent

LOCK_TIMEOUT = "5s"
STATEMENT_TIMEOUT = "15min"
_WIDTH = 110


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
    keep = str if alone else in_transaction
    steps = list(_steps(plan.mended, default_schema))
    lines = [*_heading(plan, heading, alone=alone), *_limits(alone=alone), ""]
    for comment, statements in steps:
        lines += [*_comment(comment), *(_statement(keep(s), way) for s in statements), ""]
    lines += _reset() if alone else ()
    lines += _left(plan, default_schema)
    return Script("\n".join(lines).rstrip() + "\n", _down(plan, way, default_schema))


def _steps(mended: Iterable[Mended], default_schema: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each finding with the statements that no earlier one has brought already."""
    seen: set[str] = set()
    for step in mended:
        fresh = [s for s in step.statements if s not in seen]
        seen.update(fresh)
        note = "" if fresh else " (mended by the other statements)"
        yield _said(step.finding, default_schema) + note, fresh


def _said(finding: Finding, default_schema: str) -> str:
    label = finding.object.label(default_schema)
    return f"{finding.check} {label}: {finding.message}"


def _heading(plan: Plan, heading: Heading, *, alone: bool) -> Iterator[str]:
    mended = some(len(plan.mended), "finding")
    yield from _comment(f"Mends {mended} of validate-schema {heading.version}, written {heading.when}.")
    for sentence in heading.verified:
        yield from _comment(sentence)
    concurrent = any(is_concurrent(s) for m in plan.mended for s in m.statements)
    if alone and concurrent:
        yield from _comment(
            "Run it statement by statement, outside a transaction: CONCURRENTLY builds indexes without"
            " blocking writes. If it stops halfway, run what is left of it."
        )
    elif concurrent:
        yield from _comment(
            "Indexes are built inside the transaction, which blocks writes to their tables meanwhile. On a"
            " large table build them first, by hand and CONCURRENTLY, and run this afterwards."
        )
    yield ""


def _limits(*, alone: bool) -> tuple[str, ...]:
    local = "" if alone else " LOCAL"
    return (
        f"SET{local} lock_timeout = '{LOCK_TIMEOUT}';",
        f"SET{local} statement_timeout = '{STATEMENT_TIMEOUT}';",
    )


def _reset() -> tuple[str, ...]:
    return ("RESET lock_timeout;", "RESET statement_timeout;", "")


def _statement(statement: str, way: Way) -> str:
    text = printable_sql(statement)
    if way.marks and ";" in text.rstrip().removesuffix(";"):
        return f"{way.marks[0]}\n{text}\n{way.marks[1]}"
    return text


def left_over(plan: Plan, *, decisions: bool = True) -> Iterator[str]:
    """Yield a line for each finding that stays, with what speaks against mending it; `decisions`: also
    those that have no remedy to try."""
    for finding in plan.decisions if decisions else ():
        yield f"to decide: {_said(finding, 'public')}"
    for refused in plan.refused:
        yield f"not mended: {_said(refused.finding, 'public')} ({refused.reason})"


def _left(plan: Plan, default_schema: str) -> Iterator[str]:
    """Yield, as comments, what a person has to decide and what could not be used."""
    if plan.decisions:
        yield from _comment("To decide, since no rule says which is right:")
        for finding in plan.decisions:
            yield from _comment(f"- {_said(finding, default_schema)}")
            if finding.remedy.note:
                yield from _comment(f"  {finding.remedy.note}")
    for refused in plan.refused:
        yield from _comment(f"Not mended: {_said(refused.finding, default_schema)} ({refused.reason})")


def _down(plan: Plan, way: Way, default_schema: str) -> str:
    """Return the inverse, last statement first; what has none is named."""
    seen: dict[str, None] = {}
    remedies = []
    for step in plan.mended:
        fresh = tuple(s for s in step.statements if s not in seen)
        seen.update(dict.fromkeys(fresh))
        remedies.append(fresh)
    undo = rollback(remedies, plan.inverses)
    keep = str if way.mode == "statements" else in_transaction
    lines = [_statement(keep(s), way) for s in undo.sql]
    for position in undo.by_hand:
        said = _said(plan.mended[position].finding, default_schema)
        lines += _comment(f"Not undone: {said}")
    return "\n".join(lines) + "\n" if lines else ""


def _comment(text: str) -> list[str]:
    """Return `text` as SQL comments; nothing in it can end them."""
    indent = "  " if text.startswith(("- ", "  ")) else ""
    shown = visible(text)
    return wrap(
        shown,
        _WIDTH,
        initial_indent="-- ",
        subsequent_indent=f"-- {indent}",
        break_on_hyphens=False,
        drop_whitespace=True,
    )
