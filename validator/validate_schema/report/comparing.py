"""Two reports beside each other, and a row of them over time: as text, Markdown or JSON."""

from collections.abc import Sequence

import msgspec

from ..checking.baseline import Comparison
from ..model.finding import Finding
from ..model.report import Report
from ..sql.ident import visible
from .escape import md_code, md_text

_HEADINGS = (
    ("new", "New"),
    ("changed", "Changed"),
    ("resolved", "Resolved"),
    ("accepted", "Accepted since"),
    ("unjudged", "Not examined any more"),
)
_BARS = "▁▂▃▄▅▆▇█"


def render_comparison(found: Comparison, earlier: Report, later: Report, format: str) -> str:
    """Return the comparison as ``txt``, ``md`` or ``json``."""
    if format == "json":
        lists = {name: getattr(found, name) for name in (*dict(_HEADINGS), "existing")}
        document = {"earlier": _identity(earlier), "later": _identity(later), **lists}
        return msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n"
    markdown = format == "md"
    lines = [_title(found, earlier, later, markdown=markdown)]
    for name, heading in _HEADINGS:
        findings: tuple[Finding, ...] = getattr(found, name)
        if findings:
            report = later if name in ("new", "changed") else earlier
            lines += ["", f"{'## ' if markdown else ''}{heading} ({len(findings)})", ""]
            lines += [_line(f, report, markdown=markdown) for f in findings]
    return "\n".join(lines) + "\n"


def _identity(report: Report) -> dict[str, object]:
    return {
        "generated_at": report.generated_at,
        "verdict": report.verdict,
        "database": report.target.database,
        "fingerprint": report.target.fingerprint,
        "version": report.tool.version,
    }


def _title(found: Comparison, earlier: Report, later: Report, *, markdown: bool) -> str:
    changed = f"{len(found.changed)} changed, " if found.changed else ""
    counts = f"{len(found.new)} new, {changed}{len(found.resolved)} resolved, {len(found.existing)} unchanged"
    extra = f", {len(found.accepted)} accepted since" if found.accepted else ""
    extra += f", {len(found.unjudged)} not examined any more" if found.unjudged else ""
    since = f"{earlier.generated_at or 'earlier'} ({earlier.verdict})"
    now = f"{later.generated_at or 'later'} ({later.verdict})"
    text = f"{counts}{extra}: {since} against {now}"
    return f"# {md_text(text)}" if markdown else visible(text)


def _line(finding: Finding, report: Report, *, markdown: bool) -> str:
    label = finding.object.label(report.target.default_schema)
    if markdown:
        return f"- {finding.severity} {md_text(finding.check)} {md_code(label)}: {md_text(finding.message)}"
    return f"  {finding.severity} {visible(finding.check)} {visible(label)}: {visible(finding.message)}"


def render_trend(reports: Sequence[tuple[str, Report]], format: str) -> str:
    """Return a line per report, oldest first, as ``txt``, ``md`` or ``json``; `reports` holds names of
    files and what is in them."""
    rows = [_row(name, report) for name, report in reports]
    if format == "json":
        return msgspec.json.format(msgspec.json.encode(rows), indent=2).decode() + "\n"
    errors = [int(str(row["errors"])) for row in rows]
    return "\n".join((*table(rows, format), "", f"errors {sparkline(errors)}")) + "\n"


def table(rows: Sequence[dict[str, object]], format: str) -> list[str]:
    """Return rows of the same columns as the lines of a table, as ``txt`` or ``md``."""
    head = tuple(rows[0]) if rows else ()
    cells = [[visible(str(value)) for value in row.values()] for row in rows]
    if format == "md":
        return [_md_row(head), "|" + "---|" * len(head), *(_md_row(map(md_text, row)) for row in cells)]
    widths = [max(len(c) for c in column) for column in zip(head, *cells, strict=True)]
    return ["  ".join(c.ljust(w) for c, w in zip(r, widths, strict=True)).rstrip() for r in [head, *cells]]


def _md_row(cells: object) -> str:
    return "| " + " | ".join(map(str, cells)) + " |"  # type: ignore[call-overload]


def _row(name: str, report: Report) -> dict[str, object]:
    found = report.statistics.findings
    proof = report.isolation.coverage
    counts = report.counts
    return {
        "when": report.generated_at,
        "report": name,
        "verdict": report.verdict,
        "errors": found.get("error", 0),
        "warnings": found.get("warning", 0),
        "infos": found.get("info", 0),
        "accepted": report.statistics.suppressed,
        "tables": counts.tables,
        "protected": f"{counts.protected_tables}/{counts.tenant_tables}",
        "proven": f"{proof.proven + proof.tested}/{proof.tables}" if report.isolation.attempted else "–",
    }


def sparkline(values: Sequence[int]) -> str:
    """Return a bar for each value, from nothing (lowest bar) to the greatest."""
    top = max(values, default=0) or 1
    return "".join(_BARS[round(value / top * (len(_BARS) - 1))] for value in values)
