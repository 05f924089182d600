"""What to run next: the commands that a summary proposes, for the target that this run looked at."""

import shlex
from collections.abc import Iterator

from ..model.catalog import POSTGRESQL
from ..model.report import Report
from ..model.wording import form
from .causes import Cause
from .promises import fleet_lines, without_schema

PROGRAM = "validate-schema"
_TARGETS = ("--migrations", "--snapshot", "--tool", "--config")
_SECRET = "--database-url"
_IDS = 3


def proposals(report: Report, found: tuple[Cause, ...]) -> Iterator[tuple[str, str]]:
    """Yield commands and what each is for; none for a report whose own command is not known."""
    target = target_of(report.provenance.command)
    if target is None:
        return
    if not report.tenancy.identified and not without_schema(report):
        if (fleet := fleet_lines(report)) is not None:
            yield fleet[1], "examines the schemas that are alike as a fleet"
        else:
            yield shlex.join([PROGRAM, "init", *target]), "writes a config to settle what was not identified"
    if any(cause.statements for cause in found) and report.target.product == POSTGRESQL:
        yield shlex.join([PROGRAM, "fix", *target]), "writes the migration that mends what can be mended"
    if any(cause.undecided for cause in found) and not report.isolation.attempted:
        yield shlex.join([PROGRAM, *target, "--prove"]), "decides with rows what reading left open"
    if ids := [*dict.fromkeys(cause.check for cause in found)][:_IDS]:
        yield (
            shlex.join([PROGRAM, "explain", *ids]),
            f"tells why {form(len(ids), 'it matters', 'they matter')}",
        )


def target_of(command: str) -> list[str] | None:
    """Return the options of a bare run that name what it looked at: a URL, which may hold a secret, stands as
    DATABASE_URL does, by not being named. None for another command."""
    try:
        words = shlex.split(command)
    except ValueError:
        return None
    if words[:1] != [PROGRAM] or (len(words) > 1 and not words[1].startswith("-")):
        return None
    kept: list[str] = []
    rest = iter(words[1:])
    for word in rest:
        option, sign, value = word.partition("=")
        if option in _TARGETS:
            kept += [option, value if sign else next(rest, "")]
        elif option == _SECRET and not sign:
            next(rest, "")
    return kept
