"""`validate-schema fleet merge`: the parts of a fleet as one report."""

from pathlib import Path
from typing import Any

import click

from . import options
from .fleet import conclude_to, destinations, output, run_of


@click.command("merge")
@click.argument("parts", nargs=-1, required=True, type=click.Path(path_type=Path))
@options.config
@options.selection_ids
@output
def command(*, parts: tuple[Path, ...], **given: Any) -> int:
    """Put PARTS, which `fleet --shard K/N --report PART.json` wrote, together.

    The report is that of one run over all members. A part that is missing makes it INCOMPLETE.
    """
    from ..report.fleet import read_part
    from ..run.source import Source
    from .inputs import refuse_inputs
    from .request import config_of

    pairs = destinations(given)
    refuse_inputs((path for path, _ in pairs), parts)
    names = ("config_path", "select", "ignore", "packs", "fail_on")
    told = options.Options(**{name: given[name] for name in names})
    config = config_of(told)
    run = run_of(Source(), told, config)
    return conclude_to([read_part(path) for path in parts], run, pairs, quiet=given["quiet"])
