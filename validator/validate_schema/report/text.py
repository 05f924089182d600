"""The terminal summary: verdict, the ✓/✗ lines, then the findings in a few lines each."""

from collections.abc import Callable, Iterator
from textwrap import wrap

from ..model.finding import Severity
from ..model.report import Report
from ..model.wording import first_of, some
from ..sql.ident import visible
from .cards import Card, cards
from .promises import promises, tenancy_lines, without_schema

Paint = Callable[[str, str], str]

_SHOWN = 5
_COLORS = {
    "PASS": "1;32", "FAIL": "1;31", "INCOMPLETE": "1;33",
    "ok": "32", "bad": "31", "none": "2",
    "error": "31", "warning": "33", "info": "36",
}  # fmt: skip


def render_text(
    report: Report, *, color: bool = False, width: int = 100, min_severity: str = "info", quiet: bool = False
) -> str:
    """Return the summary, wrapped at `width` columns.

    `min_severity` hides findings below it and says how many; `quiet` leaves only the verdict line.
    Colour is ANSI escapes, never the only sign.
    """

    def paint(text: str, kind: str) -> str:
        return f"\x1b[{_COLORS[kind]}m{text}\x1b[0m" if color else text

    out = [f"{paint(report.verdict, report.verdict)}  {visible(report.gate)}"]
    if not quiet:
        out += ["", *_wrapped(_subject(report), width, "")]
        asked = report.tenancy.asked.line
        out += [*(_wrapped(visible(f"asked: {asked}"), width, "  ", first="") if asked else ()), ""]
        for line in promises(report):
            note = f"  ({visible(line.note)})" if line.note else ""
            text = _wrapped(visible(line.text) + note, width, "  ", first="")
            out += [f"{paint(line.sign, line.mark)} {text[0]}", *text[1:]]
        out += list(_unidentified(report, width))
        out += list(_findings(report, paint, width, Severity(min_severity)))
        out += list(_unexamined(report, width))
    return "\n".join(out) + "\n"


def _subject(report: Report) -> str:
    target = report.target
    place = f" on {target.server}" if target.server != target.database else ""
    return visible(
        f"{target.database}{place}, {target.product} {target.server_version}"
        + (f", as {target.role.name}" if target.role.name else "")
    )


def _unidentified(report: Report, width: int) -> Iterator[str]:
    """What to write when nobody knows which table holds the tenants."""
    tenancy = report.tenancy
    if tenancy.identified or without_schema(report):
        return
    yield ""
    yield "Which table holds the tenants? Write these lines to validate-schema.toml:"
    yield from (f"  {visible(line)}" for line in tenancy_lines(report).split("\n"))
    for candidate in tenancy.candidates:
        words = f"candidate: {candidate.root} by {candidate.column}, {candidate.why}"
        yield from _wrapped(visible(words), width, "    ", first="  ")
    if not tenancy.candidates:
        yield "  No table looked like a tenant root: put your own names."


def _unexamined(report: Report, width: int) -> Iterator[str]:
    """What could not be looked at, by reason."""
    by_reason: dict[str, list[str]] = {}
    for result in report.checks:
        if not result.looked_at_all:
            by_reason.setdefault(result.reason, []).append(result.id)
    for reason, ids in by_reason.items():
        yield ""
        yield f"not examined ({some(len(ids), 'check')})"
        yield from _wrapped(visible(reason), width, "  ")
        yield from _wrapped(visible(", ".join(ids)), width, "  ")


def _findings(report: Report, paint: Paint, width: int, least: Severity) -> Iterator[str]:
    found = cards(report)
    shown = [c for c in found if Severity(c.severity).rank >= least.rank]
    hidden = sum(len(c.objects) for c in found) - sum(len(c.objects) for c in shown)
    for card in shown:
        yield ""
        title = visible(f"{card.check} {card.title}")
        yield f"{paint(card.severity, card.severity)} {title}{_times(card)}"
        yield from _wrapped(_what(card), width, "  ")
    if hidden:
        yield ""
        yield f"{some(hidden, 'finding')} below {least.value} not shown"


def _times(card: Card) -> str:
    """Return how many objects a card has, and how many of them an earlier report had too."""
    count, new = len(card.objects), sum(o.status == "new" for o in card.objects)
    words = [str(count)] if count > 1 else []
    if new < count:
        words.append(f"{new} new" if new else "known")
    return f" ({', '.join(words)})" if words else ""


def _what(card: Card) -> str:
    if card.message:
        return visible(card.message)
    new_first = sorted(card.objects, key=lambda o: o.status != "new")
    return first_of([visible(o.label) for o in new_first], _SHOWN)


def _wrapped(text: str, width: int, indent: str, first: str | None = None) -> list[str]:
    start = indent if first is None else first
    return wrap(
        text, max(width, 40), initial_indent=start, subsequent_indent=indent, break_on_hyphens=False
    ) or [""]
