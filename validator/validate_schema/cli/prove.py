"""`validate-schema prove`: the proof alone."""

from typing import Any

import click

from . import options
from .headings import Headed


@click.command("prove", cls=Headed)
@options.target
@click.option(
    "--live", is_flag=True, help="Count other tenants' rows in the live database instead, read only."
)
@options.pack
@options.repro
@options.output_files
@options.quiet
def command(*, live: bool, **given: Any) -> int:
    """Prove that tenants are kept apart, with real rows, as the app roles.

    Rows of two tenants are made on a copy of the schema, and what the one could do to the other is tried.
    Nothing is ever written to the database itself.

    Ends with 0 when every table is proven, 1 on a leak, 3 when something is inconclusive.
    """
    from ..report.proof_text import render_proof
    from ..run.examine import examine
    from ..run.proof import proof_alone
    from .output import deliver, destinations_of, make_script_folder, progress_of, use_color, write_scripts
    from .request import config_of, request_of

    told = options.Options(**given, prove=not live, prove_live=live)
    config = config_of(told)
    destinations = destinations_of(told, config)
    request = request_of(told, config)
    make_script_folder(told.repro)
    report = examine(proof_alone(request), progress_of(told))
    matrix = render_proof(report, color=use_color(told.color), quiet=told.quiet)
    deliver(report, destinations, told, summary=matrix)
    write_scripts(report, told)
    return report.exit_code
