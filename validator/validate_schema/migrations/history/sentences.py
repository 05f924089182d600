"""Why a version has its status, in a sentence without its full stop."""

from ...model.history import HistoryEntry, LedgerEntry, Status
from .. import tools
from .checksums import Match, records_content

PENDING = "on disk and not in the ledger; nothing after it was applied"
MISSING = "the ledger says that it was applied, and there is no file of it"
UNSURE = "the ledger stands at a version without a file, so that it may be applied or pending"
SUPERSEDED = "a later baseline holds it, so that it does not run any more"
UNNEEDED = "a baseline for new databases; this one began before it"
BELOW_BASELINE = "below the version at which the ledger began"
REPEAT = "changed since it ran last; it will run again"
PLACEHOLDERS = "its checksum is one of the text with placeholders replaced, which is not known here"


def dirty(tool: str, version: str) -> str:
    return (
        f"the ledger is dirty at version {version}: its file failed or the run died; {tool} refuses to go on"
    )


def below(tool: str, version: str) -> str:
    return f"not above version {version}; {tool} records that version alone, so nothing proves that it ran"


def standing(tool: str) -> str:
    return f"the version at which {tool} stands has no file"


def gap(tool: str, later: str) -> str:
    never = f"; {tool} will never run it" if tools.find(tool).passes_over else ""
    return f"on disk and not in the ledger, though {later} after it was applied{never}"


def shared(tool: str, count: int, version: str) -> str:
    return (
        f"{count} files have version {version}, which is applied; the ledger of {tool} does not say which ran"
    )


def other(version: str, file: str) -> str:
    return f"version {version} is in the ledger for {file}; this file was not applied"


def chained(broken: str) -> str:
    return f"applied; its checksum covers the files before it, and {broken}"


def renamed(recorded: str, name: str, content: Match | None) -> str:
    what = f"applied as {recorded}, the file is now {name}"
    if content is None:
        return f"{what}; no checksum tells whether the content is the same"
    if content == "different":
        return f"{what}, and its content is another"
    return f"{what}, with the same content"


def renumbered(recorded: str, version: str) -> str:
    return f"applied as version {recorded}: that checksum is the one of this file, which is now {version}"


def unverifiable(tool: str, entry: LedgerEntry) -> str:
    if records_content(tool):
        return "applied; the ledger has no checksum of it, so that an edit would not show"
    note = f" ({entry.message})" if entry.message else ""
    return f"applied{note}; {tool} records no checksum, so that an edit would not show"


def content(tool: str, found: Match, entry: HistoryEntry) -> tuple[Status, str]:
    """Return the status of an applied file by its content."""
    if found == "same":
        return "applied", "applied, and its checksum agrees"
    if found == "line_endings":
        known = tools.find(tool).checksum
        view = known.line_ends if known else ""
        return (
            "line_endings",
            f"applied; the file differs by line ends or a byte-order mark alone; {tool} {view}",
        )
    recorded, here = entry.recorded_checksum, entry.checksum
    return "edited", f"changed after it was applied: the ledger has checksum {recorded}, the file has {here}"


def state(tool: str, entry: LedgerEntry) -> tuple[Status, str]:
    """Return the status of an entry that is not simply applied."""
    message = f": {entry.message}" if entry.message else ""
    if entry.state == "failed":
        return "failed", f"the ledger says that it failed{message}"
    if entry.state == "running":
        return "failed", "the ledger says that it began and not that it ended: it failed, or it runs now"
    if entry.state == "rolled_back":
        said = tools.find(tool).words.rolled_back
        again = f"; {said}" if said else ""
        return "rolled_back", f"taken back after it had been applied, and not applied again{again}"
    if entry.state == "baseline":
        return "baseline", "the version at which the ledger began"
    return "applied", "applied"
