"""Where reports go: files, standard output, the terminal, a GitHub runner; and the scripts of leaks."""

import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TextIO

import click

from ..config import LoadedConfig
from ..model.errors import UsageError
from ..model.progress import Progress, Silence
from ..model.report import Report
from ..model.wording import some
from ..report import format_of, render, render_text, write
from .inputs import STDOUT, inputs_of, refuse_inputs
from .options import Options
from .runner import tell, unheard


def destinations_of(options: Options, config: LoadedConfig) -> list[tuple[str, str]]:
    """Return where each report goes and its format. Raises `UsageError`, before any work is done, for a
    format that cannot be told, a file that could not be written, and one that the run reads."""
    pairs = pair_formats(options.reports, options.formats)
    for destination, _ in pairs:
        require_folder(destination)
    refuse_inputs((destination for destination, _ in pairs), inputs_of(options, config))
    return pairs


def pair_formats(reports: Sequence[str], formats: Sequence[str]) -> list[tuple[str, str]]:
    """Return (destination, format) pairs: the n-th --format belongs to the n-th --report; without
    one the suffix decides. Formats beyond the reports go to standard output.

    Raises `UsageError` when a format cannot be told or standard output is named twice.
    """
    pairs = []
    for position, destination in enumerate(reports):
        given = formats[position] if position < len(formats) else None
        pairs.append((destination, given or ("md" if destination == STDOUT else format_of(destination))))
    pairs += [(STDOUT, extra) for extra in formats[len(reports) :]]
    if sum(destination == STDOUT for destination, _ in pairs) > 1:
        raise UsageError("standard output can hold one report: give the others a path")
    return pairs


def require_folder(destination: str) -> None:
    """Raise `UsageError` when a report could not be written there, before any work is done."""
    folder = Path(destination).parent
    if destination != STDOUT and not os.access(folder, os.W_OK | os.X_OK):
        why = "is not writable" if folder.is_dir() else "is not a folder"
        raise UsageError(f"cannot write {destination}: {folder} {why}")


def deliver(
    report: Report, destinations: Sequence[tuple[str, str]], options: Options, summary: str | None = None
) -> None:
    """Write every report, then the summary (the report's own unless another is given) on standard output,
    unless a report goes there."""
    rendered = {format: render(report, format) for _, format in destinations}
    for destination, format in destinations:
        if destination != STDOUT:
            write(rendered[format], Path(destination))
    to_stdout = [format for destination, format in destinations if destination == STDOUT]
    if to_stdout:
        out = tell if to_stdout[0] == "github" else partial(click.echo, nl=False)
        out(rendered[to_stdout[0]])
        return
    colored = use_color(options.color)
    text = summary or render_text(
        report,
        color=colored,
        min_severity=options.min_severity or "info",
        quiet=options.quiet,
        verbose=options.verbose,
    )
    with unheard() if github_listens(options.github) else nullcontext():
        click.echo(text, nl=False, color=colored)
        for destination, _ in destinations:
            if not options.quiet:
                click.echo(f"report: {destination}")


def use_color(wanted: bool | None, stream: TextIO | None = None) -> bool:
    """Return whether to colour a stream (standard output): as asked, never with NO_COLOR, else always with
    FORCE_COLOR, else on a terminal that is not dumb.

    Sources: no-color.org and force-color.org, which count a variable that is set and not empty.
    """
    if wanted is not None:
        return wanted
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return (stream or sys.stdout).isatty() and os.environ.get("TERM") != "dumb"


def progress_of(options: Options) -> Progress:
    """Return who is told of what a run is busy with: nobody, where it shall be quiet."""
    return Silence() if options.quiet else Progress()


def github_listens(wanted: bool | None) -> bool:
    """Return whether to speak to GitHub: as asked, else when its runner says that it runs this.

    Source: GitHub documentation, "Default environment variables".
    """
    return os.environ.get("GITHUB_ACTIONS") == "true" if wanted is None else wanted


def tell_github(report: Report, *, stdout_taken: bool) -> None:
    """Write the annotations (to standard error where standard output is a report's) and append the
    report to the file that the runner names for the step's summary, as far as there is room.

    Raises `UsageError` when that file cannot be written.
    """
    from ..report.github import SUMMARY_BYTES, render_step_summary

    tell(render(report, "github"), err=stdout_taken)
    named = os.environ.get("GITHUB_STEP_SUMMARY")
    if not named:
        return
    path = Path(named)
    try:
        used = path.stat().st_size if path.exists() else 0
        with path.open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(render_step_summary(report, SUMMARY_BYTES - used - 1) + "\n")
    except OSError as error:
        raise UsageError(f"GITHUB_STEP_SUMMARY: cannot write {named}: {error.strerror or error}") from None


def make_script_folder(folder: Path | None) -> None:
    """Make the folder of `--repro`, if there is one. Raises `UsageError` when that cannot be."""
    if folder is None:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write scripts to {folder}: {error.strerror}") from None


def write_scripts(report: Report, options: Options) -> None:
    """Write a script for each leak to the folder of `--repro`, if there is one, and say how many."""
    folder = options.repro
    if folder is None:
        return
    from ..report.repro import scripts

    made = dict(scripts(report))
    for name, text in made.items():
        write(text, folder / name)
    if not options.quiet:
        click.echo(f"{some(len(made), 'script')} of leaks in {folder}", err=True)
