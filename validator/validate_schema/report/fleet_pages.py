"""The report of a fleet for people: Markdown, and one HTML page that works with ten thousand members."""

from collections import defaultdict

from markupsafe import Markup

from ..checking.packs import resource_dir
from ..model.fleet import FleetReport, MemberRow
from .fleet import control_name, proof_lines, verdict_line
from .fleet_files import what_differs
from .pages import html_environment, markdown_environment, style_hash

_CHANGES = 200


def markdown(report: FleetReport) -> str:
    """Return the report as GitHub-flavoured Markdown."""
    page = markdown_environment().get_template("fleet.md.j2").render(_given(report, 20))
    return page.rstrip("\n") + "\n"


def html(report: FleetReport) -> str:
    """Return the report as one HTML page that loads nothing and runs nothing."""
    style = (resource_dir("templates") / "fleet.css").read_text(encoding="utf-8").strip()
    given = _given(report, _CHANGES) | {"style": Markup(style), "style_hash": style_hash(style)}
    return html_environment().get_template("fleet.html.j2").render(given)


def _given(report: FleetReport, changes: int) -> dict[str, object]:
    members: dict[str, list[MemberRow]] = defaultdict(list)
    for member in report.members:
        members[member.shape].append(member)
    most = max((h.members for h in report.heads), default=1)
    behind = [
        m for m in report.members if m.ledger and (m.ledger.failed or m.ledger.gaps or m.ledger.pending)
    ]
    return {
        "report": report,
        "verdict": verdict_line(report),
        "changes": {s.id: what_differs(s, report, changes) for s in report.shapes},
        "members": members,
        "shares": [(h, round(100 * h.members / most, 1)) for h in report.heads],
        "behind": behind,
        "unread": report.of_state("unread"),
        "proofs": list(proof_lines(report)),
        "control": control_name(report.control) if report.control else "",
        "absent": report.of_state("absent"),
        "unexpected": [m for m in report.members if m.expected is False],
    }
