"""`validate-schema` from Python: the command line's jobs as functions, each of which takes a request.

Nothing is printed, and nothing is written to the target. What was started for a job is gone when it ends.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from ..model.errors import UsageError
from ..model.progress import Silence
from ..model.report import Report
from ..model.secret import Secret
from ..report import format_of, render
from ..report import write as write_text
from .arguments import Asked, StrPath, asked, connected
from .examine import examine
from .proof import proof_alone
from .request import Request

if TYPE_CHECKING:
    from ..model.difference import Difference
    from .fix import Correction


def validate(request: Request | None = None, /, **arguments: Unpack[Asked]) -> Report:
    """Examine one target and return its report; `arguments` are those of `Request.of`.

    Raises subclasses of `ValidateSchemaError`: `UsageError` for a wrong argument, config, contract,
    migration, pack or file, `ConnectError`, `ReadError` and `ScratchError` when it could not be completed.
    """
    with connected(_wanted(request, arguments)) as wanted:
        return examine(wanted, Silence())


def prove(request: Request | None = None, /, **arguments: Unpack[Asked]) -> Report:
    """Prove with two tenants' rows, as the app roles, that tenants are kept apart; return the report of the
    checks on the proof alone. With ``prove="live"`` other tenants' rows are counted among live ones.

    Raises the errors of `validate`.
    """
    with connected(proof_alone(_wanted(request, arguments))) as wanted:
        return examine(wanted, Silence())


def fix(
    request: Request | None = None,
    /,
    *,
    output: StrPath | None = None,
    into: StrPath | None = None,
    name: str = "",
    **arguments: Unpack[Asked],
) -> "Correction":
    """Return the migration that mends what the chosen checks find, tried on a copy of the schema.

    Nothing is written: `files` of the correction hold the texts by their paths, the one file `output`, or a
    migration called `name` as the tool of the folder `into` wants it (else of the request's migrations, or of
    the config's). `plan` says what is mended, what needs a decision and what could not be mended, `verified`
    what was seen when it ran. With a baseline only what is new since is mended.

    Raises the errors of `validate`, and `UsageError` for a target that cannot be copied.
    """
    from .fix import NAME, corrected

    with connected(_wanted(request, arguments)) as wanted:
        places = (None if place is None else Path(place) for place in (output, into))
        return corrected(wanted, *places, name=name or NAME, progress=Silence())


def diff(
    before: StrPath | Request,
    after: StrPath | Request,
    *,
    only: str | Sequence[str] = (),
    ignore: str | Sequence[str] = (),
    closed: bool = False,
    tool: str | None = None,
    scratch: str = "embedded",
    statement_timeout_ms: int = 30_000,
) -> "Difference":
    """Return what differs between two schemas, each what the command line takes or the target of a request.

    `only` and `ignore` choose kinds of objects. `closed`: a contract declares all that there shall be.
    `tool`, `scratch` and `statement_timeout_ms` are for sides that are no request. Raises `UsageError` for a
    side or a kind that cannot be used, `ReplayError` for migrations that fail, and the errors of `validate`.
    """
    from ..sources import SourceContext
    from .differ import differ, kinds_of
    from .sides import open_side, recognise, side_of

    progress = Silence()
    chosen, left_out = (kinds_of((k,) if isinstance(k, str) else k) for k in (only, ignore))
    named = [s if isinstance(s, Request) else recognise(os.fspath(s), tool) for s in (before, after)]
    sides = []
    with SourceContext(Secret(scratch), progress) as context:
        for side in named:
            if isinstance(side, Request):
                with connected(side) as wanted:
                    sides.append(side_of(wanted.source, progress))
            else:
                sides.append(open_side(side, context, progress, tool=tool, timeout_ms=statement_timeout_ms))
    return differ(*sides, only=chosen, ignored=left_out, closed=closed)


def write(report: Report, path: StrPath, format: str | None = None) -> None:
    """Write the report to `path`, whole or not at all, in the format that its suffix names.

    Raises `UsageError` for an unknown suffix or format, and where it cannot be written.
    """
    write_text(render(report, format or format_of(os.fspath(path))), Path(path))


def _wanted(request: Request | None, arguments: Asked) -> Request:
    if request is None:
        return asked(arguments)
    if arguments:
        raise UsageError(f"{', '.join(arguments)}: say it to Request.of, of which there is one already")
    return request
