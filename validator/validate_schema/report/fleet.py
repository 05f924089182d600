"""The report of a fleet, in every format: members that are alike are one line."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path

import msgspec

from ..model.difference import change_words
from ..model.errors import SnapshotError, UsageError
from ..model.fleet import FLEET_VERSION, Control, FleetReport, MemberRow, Part, ShapeDiff
from ..model.limits import require_size
from ..model.wording import form, some
from ..sql.ident import visible

_LISTED = 20
_HEADS = 10
_FEW = 5
_SIGNS = {"added": "+", "removed": "-", "changed": "~", "renamed": "~"}


def render_fleet(report: FleetReport, format: str) -> str:
    """Return the report in one of `FLEET_FORMATS`. Raises `UsageError` for another."""
    if format not in FLEET_FORMATS:
        raise UsageError(f"{format}: a fleet's report is {', '.join(FLEET_FORMATS)}")
    module, function = FLEET_FORMATS[format]
    rendered: str = getattr(import_module(f".{module}", __package__), function)(report)
    return rendered


def fleet_format_of(destination: str) -> str:
    """Return the format that the end of a path's name means. Raises `UsageError` where it means none."""
    ending = destination.rsplit(".", 1)[-1].lower()
    ending = _ENDINGS.get(ending, ending)
    if ending not in FLEET_FORMATS:
        known = " ".join(f".{name}" for name in FLEET_FORMATS)
        raise UsageError(f"{destination}: cannot tell the format; end it in {known}, or give --format")
    return ending


def read_part(path: Path) -> Part:
    """Return a part of a fleet that was saved as JSON. Raises `SnapshotError` where it is none."""
    try:
        require_size(path, path.stat().st_size, "report_bytes", SnapshotError)
        part = msgspec.json.decode(path.read_bytes(), type=Part)
    except OSError as error:
        raise SnapshotError(f"{path}: cannot read: {error.strerror or error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        said = visible(str(error))[:200]
        raise SnapshotError(f"{path}: not a part that `fleet --shard` wrote: {said}") from None
    if part.part_version != FLEET_VERSION:
        raise SnapshotError(f"{path}: part version {part.part_version}; this program reads {FLEET_VERSION}")
    return part


def is_fleet(path: Path) -> bool:
    """Tell whether a file holds the report of a fleet. What cannot be read is none."""
    try:
        require_size(path, path.stat().st_size, "report_bytes", SnapshotError)
        return msgspec.json.decode(path.read_bytes(), type=_Version).fleet_version is not None
    except (OSError, SnapshotError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False


def read_fleet(path: Path) -> FleetReport:
    """Return the report of a fleet that was saved as JSON. Raises `SnapshotError` where it is none."""
    try:
        require_size(path, path.stat().st_size, "report_bytes", SnapshotError)
        report = msgspec.json.decode(path.read_bytes(), type=FleetReport)
    except OSError as error:
        raise SnapshotError(f"{path}: cannot read: {error.strerror or error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SnapshotError(f"{path}: not a fleet's report: {visible(str(error))[:200]}") from None
    if report.fleet_version != FLEET_VERSION:
        raise SnapshotError(
            f"{path}: fleet version {report.fleet_version}; this program reads {FLEET_VERSION}"
        )
    return report


class _Version(msgspec.Struct):
    fleet_version: int | None = None


def json_text(report: FleetReport) -> str:
    """Return the report as JSON: the model itself."""
    return msgspec.json.format(msgspec.json.encode(report, order="deterministic"), indent=2).decode() + "\n"


def verdict_line(report: FleetReport) -> str:
    """Return the verdict on one line."""
    alike = len(report.of_state("alike"))
    total = len(report.members)
    said = f"{alike:,} of {total:,} members {form(alike, 'is', 'are')} as the reference"
    reasons = "; ".join(report.verdict.reasons)
    return f"{report.verdict.status.upper()}: {said}" + (f" ({reasons})" if reasons else "")


def text(report: FleetReport) -> str:
    """Return the report for a terminal."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: FleetReport) -> Iterator[str]:
    yield verdict_line(report)
    if report.reference:
        yield f"reference: {visible(report.reference.name)} ({report.reference.why})"
    for shape in report.shapes:
        yield from _shape(shape, report)
    yield from _told(report.of_state("unread"), "could not be examined")
    yield from _told(report.of_state("absent"), "expected and not there")
    unexpected = tuple(m for m in report.members if m.expected is False)
    yield from _told(unexpected, "there and not expected")
    yield from _ledgers(report)
    for line in proof_lines(report):
        yield visible(line)
    yield from _findings(report)
    if report.shared:
        named = ", ".join(report.shared[:_FEW])
        more = len(report.shared) - _FEW
        yield f"beside the members: {visible(named)}" + (f" and {more:,} more" if more > 0 else "")
    if report.control:
        yield f"tenants' table: {visible(control_name(report.control))}: its names are those expected"
    for left in report.excluded:
        yield f"left out: {visible(left.name)} ({visible(left.reason)})"
    for note in report.notes:
        yield f"note: {visible(note)}"


def _shape(shape: ShapeDiff, report: FleetReport) -> Iterator[str]:
    written = report.reference.written if report.reference else ""
    named = ", ".join(visible(name) for name in shape.first)
    more = shape.members - len(shape.first)
    yield ""
    yield (
        f"shape {shape.id}: {some(shape.members, 'member')}"
        + (", the reference" if shape.reference else f", {some(len(shape.changes), 'difference')}")
        + f": {named}"
        + (f" and {more:,} more" if more else "")
    )
    if apart := stands_apart(shape):
        yield f"  {visible(apart)}"
    for change in shape.changes[:_LISTED]:
        words = change_words(change, written)
        what = f" {words.what}" if words.what else ""
        line = f"{_SIGNS[change.kind]} {words.object}{what}: {words.before} -> {words.after}"
        yield f"  {visible(line)}"
    if len(shape.changes) > _LISTED:
        yield f"  and {len(shape.changes) - _LISTED:,} more (the JSON report has all)"


def stands_apart(shape: ShapeDiff) -> str:
    """Return since which migration a shape stands apart, in words; "" where no migration tells."""
    if shape.after:
        return f"stands apart since {shape.since}: it is as after {shape.after}"
    return f"stands apart since {shape.since}, or what it made was changed later" if shape.since else ""


def _told(members: tuple[MemberRow, ...], what: str) -> Iterator[str]:
    if not members:
        return
    yield ""
    yield f"{what}: {some(len(members), 'member')}"
    for member in members[:_LISTED]:
        yield f"  {visible(member.name)}" + (f": {visible(member.reason)}" if member.reason else "")
    if len(members) > _LISTED:
        yield f"  and {len(members) - _LISTED:,} more"


def _ledgers(report: FleetReport) -> Iterator[str]:
    if not any(m.ledger for m in report.members):
        return
    yield ""
    yield (
        "heads: "
        + ", ".join(f"{visible(h.head) or 'none'} ({h.members:,})" for h in report.heads[:_HEADS])
        + (f" and {len(report.heads) - _HEADS:,} more" if len(report.heads) > _HEADS else "")
    )
    dark = [m for m in report.members if m.ledger and m.ledger.reason]
    for member in dark[:_LISTED]:
        reason = member.ledger.reason if member.ledger else ""
        yield f"  not read: {visible(member.name)}: {visible(reason)}"
    for word in ("failed", "gaps", "pending"):
        behind = [m for m in report.members if m.ledger and getattr(m.ledger, word)]
        for member in behind[:_LISTED]:
            yield f"  {word}: {visible(member.name)}: {visible(', '.join(getattr(member.ledger, word)[:5]))}"
        if len(behind) > _LISTED:
            yield f"  {word}: and {len(behind) - _LISTED:,} more members"


def proof_lines(report: FleetReport) -> Iterator[str]:
    """Yield what was tried between members, a line for each pair, then what a reader must know of it."""
    notes: dict[str, None] = {}
    for proof in report.proofs:
        if proof.reason:
            yield f"proof: {proof.member}: not tried: {proof.reason}"
            continue
        yield (
            f"proof: as roles of {proof.member} on {proof.other}: {proof.count('reached'):,} reached,"
            f" {proof.count('held'):,} held, {proof.count('not tried'):,} not tried"
        )
        notes |= dict.fromkeys(proof.notes)
    yield from (f"proof: {note}" for note in notes)


def control_name(control: Control) -> str:
    """Return the tenants' table with the column that holds their names."""
    return f"{control.schema}.{control.table}.{control.column}"


def _findings(report: FleetReport) -> Iterator[str]:
    if report.findings or report.suppressed:
        yield ""
    for found in report.findings[:_LISTED]:
        finding = found.finding
        yield (f"{found.level} {finding.check}: {visible(finding.message)} ({some(found.members, 'member')})")
    if len(report.findings) > _LISTED:
        yield f"and {len(report.findings) - _LISTED:,} more findings"
    for accepted in report.suppressed[:_LISTED]:
        said = f"{accepted.finding.message} ({some(accepted.members, 'member')}): {accepted.terms}"
        yield f"accepted {accepted.finding.check}: {visible(said)}"
    if len(report.suppressed) > _LISTED:
        yield f"and {len(report.suppressed) - _LISTED:,} more that are accepted"
    for check in report.open_checks:
        yield f"not examined: {check.check}: {visible(check.reason)}"


FLEET_FORMATS: Mapping[str, tuple[str, str]] = {
    "txt": ("fleet", "text"),
    "json": ("fleet", "json_text"),
    "md": ("fleet_pages", "markdown"),
    "html": ("fleet_pages", "html"),
    "csv": ("fleet_files", "csv_text"),
    "junit": ("fleet_files", "junit"),
    "sarif": ("fleet_files", "sarif"),
    "openmetrics": ("fleet_files", "openmetrics"),
}
"""By name, the module of this room and the function in it that returns the report in a format."""
_ENDINGS = {"htm": "html", "xml": "junit", "prom": "openmetrics"}
