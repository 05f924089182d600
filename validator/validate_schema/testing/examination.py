"""The checks of a project, run on a database of its tests."""

import os
from collections.abc import Sequence

from ..checking.declare import Check
from ..config import Config, LoadedConfig
from ..model.report import Report
from .database import MigratedDatabase


def chosen_checks(
    config: Config, select: Sequence[str] = (), ignore: Sequence[str] = ()
) -> tuple[Check, ...]:
    """Return the checks that are meant. Raises `UsageError` for an id that is none."""
    from ..checking.engine import select_checks
    from ..checking.packs import builtin_checks

    checks = config.checks
    wanted = tuple(select) or checks.select
    return select_checks(builtin_checks(), wanted, (*ignore, *checks.ignore))


def examined(
    database: MigratedDatabase,
    config: LoadedConfig,
    *,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    rows: bool = False,
) -> Report:
    """Examine a database as the command line does."""
    from ..model.progress import Progress
    from ..run.examine import Request, examine
    from ..run.provenance import run_time
    from ..run.source import Source

    request = Request(
        source=Source(database_url=database.url),
        config=config,
        checks=chosen_checks(config.config, select, ignore),
        now=run_time(os.environ),
        rows=rows,
        environ=os.environ,
    )
    return examine(request, Progress())
