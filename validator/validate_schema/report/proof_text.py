"""The isolation matrix on a terminal: signs by table and probe, then what leaked and what is in doubt."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from textwrap import wrap

from ..model.isolation import Outcome
from ..model.report import ProofCell, Report
from ..sql.ident import visible
from .promises import proven
from .proof import Line, Proof, Square, object_label

LEGEND = (
    "✓ isolated · ◦ denied by privilege · ✗ LEAK, or own rows blocked · ? inconclusive, no pass"
    " · – nothing to try"
)
_SIGNS = {
    Outcome.ISOLATED: "✓",
    Outcome.DENIED: "◦",
    Outcome.LEAK: "✗ LEAK",
    Outcome.BLOCKED: "✗ blocked",
    Outcome.INCONCLUSIVE: "?",
}
_ORDER = (Outcome.LEAK, Outcome.BLOCKED, Outcome.INCONCLUSIVE, Outcome.ISOLATED, Outcome.DENIED)
_COLORS = {
    "✓": "32",
    "◦": "32",
    "✗ LEAK": "31",
    "✗ blocked": "31",
    "?": "33",
    "PASS": "1;32",
    "FAIL": "1;31",
    "INCOMPLETE": "1;33",
}
_WIDEST = 40


def render_proof(report: Report, *, color: bool = False, width: int = 100, quiet: bool = False) -> str:
    """Return the verdict, the coverage, a matrix for each role, and what is behind each ✗ and ?.

    `width` in columns wraps the prose; a matrix is as wide as its names need. Colour is ANSI escapes,
    never the only sign. `quiet` leaves only the verdict line.
    """
    out = [f"{_paint(report.verdict, color)}  {visible(report.gate)}"]
    if not quiet:
        out += _body(Proof(report.isolation), report, color, width)
    return "\n".join(out) + "\n"


def _body(proof: Proof, report: Report, color: bool, width: int) -> Iterator[str]:
    line = proven(report)
    yield from (
        "",
        *_wrapped(f"{line.sign} {line.text}" + (f"  ({line.note})" if line.note else ""), width, "  "),
    )
    facts = report.isolation
    for role, lines in proof.tried:
        yield ""
        yield f"as {visible(role)}: {'; '.join(visible(r.how) for r in facts.roles if r.name == role)}"
        yield from _matrix(lines, proof, color)
    if facts.attempted:
        yield LEGEND
    if proof.leaks:
        yield ""
        yield f"{_paint('✗ LEAK', color)} ({len(proof.leaks)})"
        for leak in proof.leaks:
            cell = leak.cell
            yield from _wrapped(f"{cell.probe} as {cell.role}, {leak.what}: {cell.why}", width, "    ")
    yield from _doubts(proof.inconclusive, width)
    for one in facts.disagreements:
        yield from (
            "",
            *_wrapped(f"disagreement: {one.probe} of {one.table} as {one.role}: {one.why}", width, "  "),
        )
    notes = (*facts.notes, *(f"changed on the copy: {change}" for change in facts.relaxed))
    if notes:
        yield ""
        for note in notes:
            yield from _wrapped(f"note: {note}", width, "  ")


def _matrix(lines: Sequence[Line], proof: Proof, color: bool) -> Iterator[str]:
    heads = [probe.value for probe, _ in proof.columns]
    names = max([len(visible(line.table)) for line in lines] + [5])
    room = min(names, _WIDEST)
    yield "  ".join(["table".ljust(room), *heads]).rstrip()
    for line in lines:
        name = visible(line.table)
        if len(name) > room:
            yield name
            name = ""
        fields = [_field(s, len(h), color) for s, h in zip(line.squares, heads, strict=True)]
        yield "  ".join([name.ljust(room), *fields]).rstrip()


def _field(square: Square, width: int, color: bool) -> str:
    outcomes = {c.outcome for c in square.cells}
    sign = next((_SIGNS[o] for o in _ORDER if o in outcomes), "–")
    if len(sign) > width:
        sign = sign[:1]
    return _paint(sign, color) + " " * (width - len(sign))


def _doubts(cells: Sequence[ProofCell], width: int) -> Iterator[str]:
    """Yield what is inconclusive, by its reason."""
    by_reason: dict[str, list[str]] = defaultdict(list)
    for cell in cells:
        by_reason[cell.why].append(f"{cell.probe} of {object_label(cell)}")
    for reason, what in by_reason.items():
        yield ""
        yield from _wrapped(f"? inconclusive ({len(what)}): {reason}", width, "  ")
        yield from _wrapped(", ".join(what), width, "    ", "    ")


def _paint(text: str, color: bool) -> str:
    code = _COLORS.get(text) or _COLORS.get("✗ LEAK" if text == "✗" else "")
    return f"\x1b[{code}m{text}\x1b[0m" if color and code else text


def _wrapped(text: str, width: int, indent: str, first: str = "") -> list[str]:
    return wrap(
        visible(text),
        max(width, 40),
        initial_indent=first,
        subsequent_indent=indent,
        break_on_hyphens=False,
    )
