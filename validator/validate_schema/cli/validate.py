"""The bare run: examine the target, write the reports, print the summary."""

from dataclasses import replace
from pathlib import Path

from ..config import load
from ..model.progress import Progress
from ..model.report import Report
from ..report import render, write
from ..run.examine import examine
from ..run.proof import Proving
from ..run.request import request_for
from ..run.source import Source
from .github import announce, detected
from .options import Options
from .output import STDOUT, deliver, destinations_of
from .repro import require_repro_folder, say_scripts
from .request import request_of


def validate(options: Options) -> int:
    """Run the main job; return the exit status."""
    destinations = destinations_of(options)
    request = request_of(options)
    require_repro_folder(options.repro)
    listed = any(format == "junit" for _, format in destinations)
    report = examine(replace(request, list_subjects=listed), Progress())
    deliver(report, destinations, options)
    if options.baseline is not None and options.update_baseline:
        write(render(report, "json"), options.baseline)
    if detected(options.github):
        announce(report, stdout_taken=any(destination == STDOUT for destination, _ in destinations))
    say_scripts(report, options.repro)
    return report.exit_code


def example_report(example: Path, migrations: str, scratch: str = "embedded") -> Report:
    """Examine a bundled example, proof included: its config, and the folder of migrations below it."""
    config = load(example / "validate-schema.toml", example)
    request = replace(
        request_for(Source(migrations=example / migrations, scratch=scratch), config),
        proving=Proving.COPY,
        command="validate-schema demo",
        root=example,
    )
    return examine(request, Progress())
