"""The short forms: a brief of one to three pages, and the comment on a pull request."""

import re
from collections import Counter
from collections.abc import Iterator

from ..model.report import Report
from . import pages
from .causes import Cause, by_concern, causes
from .claims import claims
from .matrix import CLASSES
from .view import View

MARKER = "<!-- validate-schema:"
CAUSES, RISKS, KNOWN = 24, 12, 12  # these are named, and how many more there are
_SHOWN = 3


def render_brief(report: Report) -> str:
    """Return one to three pages of Markdown: verdict, claims with their limits, causes, the matrix in
    figures, accepted risks, provenance."""
    view = View(report)
    found = causes(view.cards)
    return pages.fill(
        "brief.md.j2",
        report,
        view=view,
        claims=claims(report),
        sections=tuple(by_concern(found[:CAUSES])),
        left=len(found) - CAUSES,
        classes=_classes(report),
        promised=tuple(_promised(view)),
        risks=view.accepted[:RISKS],
        shown=_SHOWN,
    )


def render_pr_comment(report: Report) -> str:
    """Return a comment for a pull request: what is new first, what is known folded, at most sixty lines. Its
    first line is a marker by which the comment of an earlier run is found and replaced."""
    view = View(report)
    found = causes(view.cards)
    new = tuple(c for c in found if c.new)
    known = tuple(c for c in found if c.known)
    return pages.fill(
        "pr-comment.md.j2",
        report,
        view=view,
        marker=marker(report),
        new=new[:CAUSES],
        new_left=_left(new, CAUSES),
        known=known[:KNOWN],
        known_left=_left(known, KNOWN),
        numbers=(sum(c.new for c in new), sum(c.known for c in known)),
        shown=_SHOWN,
    )


def marker(report: Report) -> str:
    """Return the line that this comment is found by: one for each config of a repository."""
    named = re.sub(r"[^0-9A-Za-z._/-]|-(?=-)", "", report.provenance.config_path)
    return f"{MARKER} {named or 'report'} -->"


def _left(found: tuple[Cause, ...], most: int) -> int:
    return max(0, len(found) - most)


def _classes(report: Report) -> tuple[tuple[str, int], ...]:
    """Return how many tables there are of each class."""
    number = Counter(t.table_class for t in report.tables)
    return tuple((name, number[name]) for name in CLASSES if number[name])


def _promised(view: View) -> Iterator[tuple[str, int, int, int]]:
    """Yield each promise of the matrix: its meaning, and for how many tables it holds, fails, neither."""
    for place, (_, meaning) in enumerate(view.columns):
        marks = Counter(row.cells[place].mark for row in view.rows if row.cells[place].mark)
        if marks["ok"] or marks["bad"]:
            yield meaning, marks["ok"], marks["bad"], marks["none"]
