"""The upgrade paths on a terminal: a line for each start, what broke below it."""

import click

from ..model.history import HiddenRows, RowLoss, UpgradePaths
from ..model.wording import first_of, some
from ..sql.ident import visible

_LISTED = 8


def render_paths(paths: UpgradePaths, *, color: bool = False) -> str:
    """Return the outcome of a test with fixtures as text for a terminal."""
    lines = [line for start in paths.paths for line in _path(start, paths, color)]
    elsewhere = [loss for loss in paths.losses if not loss.direct]
    if paths.losses and not elsewhere:
        lines.append("· with the rows of every fixture: no other difference")
    else:
        lines.append(f"{_mark(not elsewhere, color)} with the rows of every fixture")
    lines += [_loss(loss, f"rows of {visible(loss.start)}: ") for loss in elsewhere]
    lines += [_hidden(hidden, color) for hidden in paths.hidden]
    lines += _notes("no fixture for", paths.bare)
    lines += _notes("nothing is expected of the rows of", paths.unasserted)
    if paths.forced:
        files = first_of([visible(f) for f in paths.forced], _LISTED)
        lines.append(f"· {files} forces row security, which filters no superuser: this test ran as one, and")
        lines.append("  a role without BYPASSRLS that changes rows in later migrations sees none of them:")
        lines.append("  name it as `role` in [migrations]")
    total = len(paths.losses) + sum(not h.reason for h in paths.hidden)
    counted = f"{some(len(paths.paths), 'upgrade path')}, {some(paths.rows, 'row')} compared"
    verdict = f"FAIL: {some(total, 'difference')} in" if total else "PASS:"
    return "\n".join([*lines, "", f"{verdict} {counted}", ""])


def _path(start: str, paths: UpgradePaths, color: bool) -> list[str]:
    losses = [loss for loss in paths.losses if loss.start == start and loss.direct]
    return [f"{_mark(not losses, color)} {visible(start)} → head", *(_loss(loss) for loss in losses)]


def _hidden(hidden: HiddenRows, color: bool) -> str:
    place = f"{visible(hidden.statement.file)}:{hidden.statement.line}"
    said = f"{hidden.changed} of {some(hidden.there, 'row')} of {visible(hidden.table.name)} changed"
    words = f"{said}: row security hides the rest from {visible(hidden.role)}"
    if hidden.reason:
        words = f"what row security hides from {visible(hidden.role)} is not known: {hidden.reason}"
    return f"{'·' if hidden.reason else _mark(False, color)} {place}: {words}"


def _loss(loss: RowLoss, prefix: str = "") -> str:
    table = f"{visible(loss.table)}: " if loss.table else ""
    by = f" (by {visible(loss.culprit)})" if loss.culprit else ""
    return f"    {prefix}{table}{visible(loss.difference)}{by}"


def _mark(good: bool, color: bool) -> str:
    mark = "✓" if good else "✗"
    return click.style(mark, fg="green" if good else "red") if color else mark


def _notes(words: str, versions: tuple[str, ...]) -> list[str]:
    if not versions:
        return []
    return [f"· {words} {first_of([visible(v) for v in versions], _LISTED)}"]
