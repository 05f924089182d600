"""In GitHub Actions: annotations in the log, the report in the step's summary."""

import os
from pathlib import Path

import click

from ..model.errors import UsageError
from ..model.report import Report
from ..report import render
from ..report.github import SUMMARY_BYTES, render_step_summary


def detected(wanted: bool | None) -> bool:
    """Return whether to speak to GitHub: as asked, else when its runner says that it runs this.

    Source: GitHub documentation, "Default environment variables".
    """
    return os.environ.get("GITHUB_ACTIONS") == "true" if wanted is None else wanted


def announce(report: Report, *, stdout_taken: bool) -> None:
    """Write the annotations (to standard error where standard output is a report's) and append the
    report to the file that the runner names for the step's summary, as far as there is room.

    Raises `UsageError` when that file cannot be written.
    """
    click.echo(render(report, "github"), nl=False, err=stdout_taken)
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
