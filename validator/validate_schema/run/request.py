"""What one run is asked for, and how that is put together from options or arguments."""

import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from ..checking.baseline import Baseline
from ..checking.declare import Check
from ..checking.engine import require_known, select_checks
from ..checking.packs import checks_at_hand
from ..config import LoadedConfig
from ..model.errors import UsageError
from ..model.secret import Secret
from .proof import Proving
from .provenance import run_time
from .source import Source

if TYPE_CHECKING:
    from typing import Unpack

    from .arguments import Asked


class Request(msgspec.Struct, frozen=True):
    """One run, as the command line or a library caller asks for it.

    `checks` are those that are run, of those that are `known`. `now` is in UTC. `replay` None leaves it to
    the config whether its migrations are replayed. `list_subjects` keeps in the report what each check
    examined, by name. `baseline` is what the findings are measured against. `contracts` are sources of the
    contract besides the config's, relative to the working directory. `root` is the folder that the places of
    findings are relative to; None: that of the repository. `ignored` are the prefixes of the checks that
    nobody wants to hear of. `keys`: without `rows`, those that hold the tenants' keys are looked at still.
    `in_git`: git is asked for the commit.
    """

    source: Source
    config: LoadedConfig
    checks: tuple[Check, ...]
    known: tuple[Check, ...]
    now: datetime
    fail_on: str = "error"
    rows: bool = True
    keys: bool = False
    proving: Proving = Proving.NO
    replay: bool | None = None
    list_subjects: bool = False
    baseline: Baseline | None = None
    command: str = ""
    contracts: tuple[Secret, ...] = ()
    environ: Mapping[str, str] = msgspec.field(default_factory=dict)
    root: Path | None = None
    ignored: tuple[str, ...] = ()
    in_git: bool = False

    @classmethod
    def of(cls, **arguments: "Unpack[Asked]") -> "Request":
        """Return what the arguments ask for: see `Asked`. Raises `UsageError` for one that cannot be used."""
        from .arguments import asked

        return asked(arguments)

    @property
    def base(self) -> Path:
        """The folder that paths in the config are relative to."""
        return self.config.base


def request_for(
    source: Source,
    loaded: LoadedConfig,
    *,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    packs: Sequence[str] = (),
) -> Request:
    """Return the request for a run of the chosen checks; an argument wins over the config's `select`, and
    adds to its `ignore` and its `packs`. Raises `UsageError` for a check that there is not, and where none is
    left, and `PackError` for a pack that cannot be used."""
    known, chosen = checks_at_hand(loaded, packs), loaded.config.checks
    for id in chosen.severity:
        require_known(known, id)
    ignored = (*ignore, *chosen.ignore)
    checks = select_checks(known, select or chosen.select, ignored)
    if not checks:
        raise UsageError("select and ignore leave no check that would run: choose fewer to ignore")
    return Request(
        source=told(source, loaded),
        config=loaded,
        known=known,
        checks=checks,
        ignored=ignored,
        now=run_time(os.environ),
        environ=os.environ,
    )


def told(source: Source, loaded: LoadedConfig) -> Source:
    """Return the source with what the config says of migrations: their tool, their command, placeholders."""
    named = loaded.config.migrations
    return replace(
        source,
        tool=source.tool or named.tool,
        command=named.command,
        superuser=named.superuser,
        role=named.role,
        placeholders=named.placeholders,
        base=loaded.base,
    )


def named_target(given: Mapping[str, object]) -> str | None:
    """Return which of the targets is given, if any is. Raises `UsageError` for several."""
    named = [name for name, value in given.items() if value is not None]
    if len(named) > 1:
        raise UsageError(f"{' and '.join(named)} name different targets: give one")
    return named[0] if named else None


def split_ids(given: Sequence[str]) -> tuple[str, ...]:
    """Return ids from repeated and comma-separated words."""
    return tuple(part.strip() for text in given for part in text.split(",") if part.strip())
