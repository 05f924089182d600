"""Two reports of one fleet beside each other, and a row of them over time: as text, Markdown or JSON."""

from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec

from ..model.fleet import FleetFinding, FleetReport, MemberRow, ShapeDiff
from ..model.wording import some
from ..sql.ident import visible
from .comparing import sparkline, table
from .escape import md_code, md_text

_LISTED = 50


class FleetComparison(msgspec.Struct, frozen=True):
    """What became of a fleet. Members by name: `added` and `gone` are in one report alone; `drifted` are
    otherwise than the reference and were not, or differ in something else than before; `mended` are like it
    again; `absent` are expected and not there any more; `behind` have a ledger that was not behind or failed;
    `unread` were examined before and are not now, and `read` the reverse. `shapes` are new.
    """

    added: tuple[str, ...]
    gone: tuple[str, ...]
    drifted: tuple[str, ...]
    mended: tuple[str, ...]
    absent: tuple[str, ...]
    behind: tuple[str, ...]
    unread: tuple[str, ...]
    read: tuple[str, ...]
    shapes: tuple[ShapeDiff, ...]
    new: tuple[FleetFinding, ...]
    resolved: tuple[FleetFinding, ...]

    @property
    def worse(self) -> bool:
        """Whether something is wrong that was not."""
        return bool(self.drifted or self.absent or self.behind or self.new)


def compare_fleets(earlier: FleetReport, later: FleetReport) -> FleetComparison:
    """Compare two reports of one fleet by the names of its members."""
    old, new = ({m.name: m for m in report.members} for report in (earlier, later))
    both = [(old[name], new[name]) for name in old if name in new]
    was, now = _differences(earlier), _differences(later)
    known = {print for shape in earlier.shapes for print in shape.fingerprints}
    findings = {f.finding.fingerprint for f in earlier.findings}
    found = {f.finding.fingerprint for f in later.findings}
    looked = not later.interrupted and {c.check for c in later.open_checks}
    first = {name: row for name, row in new.items() if name not in old}
    return FleetComparison(
        added=tuple(sorted(first)),
        gone=tuple(sorted(old.keys() - new.keys())),
        drifted=tuple(
            sorted(
                name
                for name, row in new.items()
                if row.state == "differs" and (name in first or now[name] != was.get(name))
            )
        ),
        mended=tuple(sorted(b.name for a, b in both if (a.state, b.state) == ("differs", "alike"))),
        absent=tuple(sorted(n for n, r in new.items() if r.state == "absent" and _state(old, n) != "absent")),
        behind=tuple(sorted(n for n, r in new.items() if _behind(r) and not (n in old and _behind(old[n])))),
        unread=tuple(sorted(n for n, r in new.items() if r.state == "unread" and _state(old, n) != "unread")),
        read=tuple(
            sorted(b.name for a, b in both if a.state == "unread" and b.state in ("alike", "differs"))
        ),
        shapes=tuple(s for s in later.shapes if known.isdisjoint(s.fingerprints)),
        new=tuple(f for f in later.findings if f.finding.fingerprint not in findings),
        resolved=tuple(
            f
            for f in earlier.findings
            if f.finding.fingerprint not in found and looked is not False and f.finding.check not in looked
        ),
    )


def _differences(report: FleetReport) -> dict[str, object]:
    """Return what sets each member apart, whatever the reference is called."""
    changes = {shape.id: shape.changes for shape in report.shapes}
    return {m.name: changes[m.shape] for m in report.members if m.state == "differs"}


def _state(rows: dict[str, MemberRow], name: str) -> str:
    return rows[name].state if name in rows else ""


def _behind(row: MemberRow) -> bool:
    return bool(row.ledger and (row.ledger.failed or row.ledger.gaps or row.ledger.pending))


_HEADINGS = (
    ("drifted", "Drifted"),
    ("absent", "Absent"),
    ("behind", "Behind or failed"),
    ("unread", "Not examined any more"),
    ("mended", "Like the reference again"),
    ("read", "Examined again"),
    ("added", "New members"),
    ("gone", "Members that are gone"),
)


def render_fleets(found: FleetComparison, earlier: FleetReport, later: FleetReport, format: str) -> str:
    """Return the comparison as ``txt``, ``md`` or ``json``."""
    if format == "json":
        document = {"earlier": _identity(earlier), "later": _identity(later)} | msgspec.structs.asdict(found)
        return msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n"
    return "\n".join(_lines(found, earlier, later, markdown=format == "md")) + "\n"


def _lines(
    found: FleetComparison, earlier: FleetReport, later: FleetReport, *, markdown: bool
) -> Iterator[str]:
    since = f"{earlier.generated_at or 'earlier'} ({earlier.verdict.status})"
    now = f"{later.generated_at or 'later'} ({later.verdict.status})"
    counts = (
        f"{len(found.drifted):,} drifted",
        f"{len(found.mended):,} mended",
        f"{len(found.added):,} new and {len(found.gone):,} gone of {some(len(later.members), 'member')}",
        some(len(found.shapes), "new shape"),
        f"{len(found.new):,} new and {len(found.resolved):,} resolved findings",
    )
    text = f"{', '.join(counts)}: {since} against {now}"
    yield f"# {md_text(text)}" if markdown else visible(text)
    mark = "## " if markdown else ""
    for name, heading in _HEADINGS:
        members: tuple[str, ...] = getattr(found, name)
        if members:
            yield from ("", f"{mark}{heading} ({len(members):,})", "")
            yield from (f"- {md_code(m)}" if markdown else f"  {visible(m)}" for m in members[:_LISTED])
        if len(members) > _LISTED:
            yield f"{'- ' if markdown else '  '}and {len(members) - _LISTED:,} more"
    for heading, findings in (("New findings", found.new), ("Resolved findings", found.resolved)):
        if findings:
            yield from ("", f"{mark}{heading} ({len(findings):,})", "")
            yield from (_finding(f, markdown=markdown) for f in findings)


def _finding(found: FleetFinding, *, markdown: bool) -> str:
    finding, members = found.finding, some(found.members, "member")
    if markdown:
        return f"- {found.level} {md_text(finding.check)}: {md_text(finding.message)} ({members})"
    return f"  {found.level} {visible(finding.check)}: {visible(finding.message)} ({members})"


def _identity(report: FleetReport) -> dict[str, object]:
    return {
        "generated_at": report.generated_at,
        "verdict": report.verdict.status,
        "members": len(report.members),
        "version": report.tool_version,
    }


def render_fleet_trend(reports: Sequence[tuple[str, FleetReport]], format: str) -> str:
    """Return a line per report of a fleet, oldest first, as ``txt``, ``md`` or ``json``; `reports` holds
    names of files and what is in them."""
    rows = [_row(name, report) for name, report in reports]
    if format == "json":
        return msgspec.json.format(msgspec.json.encode(rows), indent=2).decode() + "\n"
    differ = [int(str(row["differs"])) for row in rows]
    return "\n".join((*table(rows, format), "", f"differ {sparkline(differ)}")) + "\n"


def _row(name: str, report: FleetReport) -> dict[str, object]:
    states = Counter[str](m.state for m in report.members)
    levels = Counter(f.level for f in report.findings)
    return {
        "when": report.generated_at,
        "report": name,
        "verdict": report.verdict.status,
        "members": len(report.members),
        **{state: states[state] for state in ("alike", "differs", "absent", "unread")},
        "behind": sum(map(_behind, report.members)),
        "shapes": len(report.shapes),
        "errors": levels["error"],
        "warnings": levels["warning"],
    }
