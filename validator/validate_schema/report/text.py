"""The terminal summary: verdict, the ✓/✗ lines, the findings in a few lines each, what to run next."""

from collections.abc import Callable, Iterator
from textwrap import wrap

from ..model.finding import Severity
from ..model.report import Report
from ..model.wording import first_of, some
from ..sql.ident import visible
from .cards import cards
from .causes import Cause, by_concern, causes
from .promises import fleet_lines, promises, tenancy_lines, without_schema
from .proposals import proposals

Paint = Callable[[str, str], str]

_SHOWN, _PLACED = 5, 3  # names on a line, and names with a place, a line each
_COLORS = {
    "PASS": "1;32", "FAIL": "1;31", "INCOMPLETE": "1;33",
    "ok": "32", "bad": "31", "none": "2",
    "error": "31", "warning": "33", "info": "36",
}  # fmt: skip


def render_text(
    report: Report,
    *,
    color: bool = False,
    width: int = 100,
    min_severity: str = "info",
    quiet: bool = False,
    verbose: bool = False,
) -> str:
    """Return the summary, wrapped at `width` columns.

    `min_severity` hides findings below it and says how many; `quiet` leaves only the verdict line; `verbose`
    names every object of a finding, each with the line that makes it.
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
        found = causes(cards(report))
        shown = tuple(c for c in found if Severity(c.severity).rank >= Severity(min_severity).rank)
        out += list(_findings(shown, paint, width, verbose=verbose))
        hidden = sum(c.number for c in found) - sum(c.number for c in shown)
        out += ["", f"{some(hidden, 'finding')} below {min_severity} not shown"] if hidden else []
        out += list(_unexamined(report, width))
        out += list(_next(report, shown))
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
    if (fleet := fleet_lines(report)) is not None:
        yield ""
        yield from _wrapped(fleet[0], width, "")
        yield f"  {fleet[1]}"
        return
    yield ""
    yield "Which table holds the tenants? Write these lines to validate-schema.toml:"
    yield from (f"  {visible(line)}" for line in tenancy_lines(report).split("\n"))
    for candidate in tenancy.candidates:
        words = (
            f"candidate: {candidate.root or 'outside this database'} by {candidate.column}, {candidate.why}"
        )
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


def _findings(found: tuple[Cause, ...], paint: Paint, width: int, *, verbose: bool) -> Iterator[str]:
    for heading, members in by_concern(found):
        yield ""
        yield heading
        for cause in members:
            kind = cause.severity + (", undecided" if cause.undecided else "")
            title = visible(f"{cause.check} {cause.title}")
            yield f"{paint(kind, cause.severity)} {title}{_times(cause)}"
            yield from _objects(cause, width, verbose=verbose)


def _times(cause: Cause) -> str:
    """Return how many objects a cause has, and how many of them an earlier report had too."""
    words = [str(cause.number)] if cause.number > 1 else []
    if cause.known:
        words.append(f"{cause.new} new" if cause.new else "known")
    return f" ({', '.join(words)})" if words else ""


def _objects(cause: Cause, width: int, *, verbose: bool) -> Iterator[str]:
    """Yield what is wrong, or the objects that it is wrong with, each with its file and line if known."""
    named = [visible(cause.message)] if cause.message else list(map(visible, cause.labels))
    if not verbose and not any(cause.places):
        yield from _wrapped(first_of(named, _SHOWN), width, "  ")
        return
    most = len(named) if verbose else _PLACED
    for name, place in list(zip(named, cause.places, strict=True))[:most]:
        if place and len(name) + len(visible(place)) + 4 <= width:
            yield f"  {name}  {visible(place)}"
        else:
            yield from _wrapped(name, width, "  ")
            yield from _wrapped(visible(place), width, "    ") if place else ()
    if len(named) > most:
        yield f"  and {len(named) - most} more (--verbose names them)"


def _next(report: Report, found: tuple[Cause, ...]) -> Iterator[str]:
    proposed = [(visible(command), why) for command, why in proposals(report, found)]
    if not proposed:
        return
    yield ""
    yield "next"
    for command, why in proposed:
        yield f"  {command}"
        yield f"    {why}"


def _wrapped(text: str, width: int, indent: str, first: str | None = None) -> list[str]:
    start = indent if first is None else first
    return wrap(
        text, max(width, 40), initial_indent=start, subsequent_indent=indent, break_on_hyphens=False
    ) or [""]
