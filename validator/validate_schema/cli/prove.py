"""`validate-schema prove`: the proof alone."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from . import options


@click.command("prove")
@options.target
@click.option(
    "--live", is_flag=True, help="Count other tenants' rows in the live database instead, read only."
)
@options.repro
@options.output_files
@click.option("--quiet", "-q", is_flag=True, help="Only the verdict line on standard output.")
def command(
    *,
    config_path: Path | None,
    live: bool,
    repro: Path | None,
    reports: Sequence[str],
    formats: Sequence[str],
    color: bool | None,
    quiet: bool,
    **target: Any,
) -> int:
    """Prove that tenants are kept apart, with real rows, as the app roles.

    Rows of two tenants are made on a copy of the schema, and what the one could do to the other is tried.
    Nothing is ever written to the database itself.

    Ends with 0 when every table is proven, 1 on a leak, 3 when something is inconclusive.
    """
    from ..checking.engine import select_checks
    from ..checking.packs import builtin_checks
    from ..config import load
    from ..model.progress import Progress
    from ..report.proof_text import render_proof
    from ..run.examine import Request, examine
    from ..run.provenance import run_time
    from .validate import (
        choose_proving,
        choose_source,
        deliver,
        pair_formats,
        require_folder,
        say_scripts,
        shown_command,
        use_color,
    )

    destinations = pair_formats(reports, formats)
    for destination, _ in destinations:
        require_folder(destination)
    proving = choose_proving(prove=not live, live=live, repro=repro)
    config = load(config_path, Path.cwd())
    request = Request(
        source=choose_source(config.config.migrations, **target),
        config=config,
        checks=select_checks(builtin_checks(), ("ISO",), ()),
        now=run_time(os.environ),
        rows=False,
        proving=proving,
        command=shown_command(sys.argv[1:]),
        environ=os.environ,
    )
    report = examine(request, Progress())
    colored = use_color(color)
    matrix = render_proof(report, color=colored, quiet=quiet)
    deliver(report, destinations, summary=matrix, quiet=quiet, color=color)
    if repro is not None:
        say_scripts(report, repro)
    return report.exit_code
