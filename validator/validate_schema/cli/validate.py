"""The bare run: examine the target, write the reports, print the summary."""

from pathlib import Path

from msgspec.structs import replace

from ..config import load
from ..model.progress import Progress
from ..model.report import Report
from ..model.secret import Secret
from ..report import render, write
from ..run.examine import examine
from ..run.proof import Proving
from ..run.request import request_for
from ..run.source import EMBEDDED, Source
from .inputs import STDOUT
from .options import Options
from .output import (
    deliver,
    destinations_of,
    github_listens,
    make_script_folder,
    progress_of,
    tell_github,
    write_scripts,
)
from .request import config_of, request_of, settled


def validate(options: Options) -> int:
    """Run the main job; return the exit status."""
    config = config_of(options)
    options = settled(options, config)
    destinations = destinations_of(options, config)
    request = request_of(options, config)
    make_script_folder(options.repro)
    listed = any(format == "junit" for _, format in destinations)
    report = examine(replace(request, list_subjects=listed), progress_of(options))
    deliver(report, destinations, options)
    if options.baseline is not None and options.update_baseline:
        write(render(report, "json"), options.baseline)
    if github_listens(options.github):
        tell_github(report, stdout_taken=any(destination == STDOUT for destination, _ in destinations))
    write_scripts(report, options)
    return report.exit_code


def example_report(example: Path, migrations: str, scratch: Secret = EMBEDDED) -> Report:
    """Examine a bundled example, proof included: its config, and the folder of migrations below it."""
    config = load(example / "validate-schema.toml", example)
    request = replace(
        request_for(Source(migrations=example / migrations, scratch=scratch), config),
        proving=Proving.COPY,
        command="validate-schema demo",
        root=example,
    )
    return examine(request, Progress())
