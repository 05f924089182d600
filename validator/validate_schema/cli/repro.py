"""`--repro DIR`: one psql script for each leak."""

import re
from pathlib import Path

import click

from ..model.errors import UsageError
from ..model.isolation import psql_script
from ..model.report import IsolationFacts, ProofCell, Report
from ..model.wording import some
from ..report import write
from ..report.proof import object_label
from ..sql.ident import visible

_UNSAFE = re.compile(r"[^A-Za-z0-9]+")
_LONGEST = 40  # characters of each name: the whole stays below what file systems take


def require_repro_folder(folder: Path | None) -> None:
    """Make the folder, if one is named. Raises `UsageError`, before any work is done, when that cannot be."""
    if folder is None:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write scripts to {folder}: {error.strerror}") from None


def say_scripts(report: Report, folder: Path | None) -> None:
    """Write the scripts of the leaks to the folder, if one is named, and say so on standard error."""
    if folder is not None:
        written = write_scripts(report, folder)
        click.echo(f"{some(len(written), 'script')} of leaks in {folder}", err=True)


def write_scripts(report: Report, folder: Path) -> tuple[Path, ...]:
    """Write a script for each leak; return the files, numbered in the order of the report's cells."""
    leaks = [c for c in report.isolation.cells if c.outcome == "leak"]
    digits = len(str(len(leaks)))
    written = []
    for number, cell in enumerate(leaks, 1):
        path = folder / f"{number:0{digits}}-{file_stem(cell)}.sql"
        write(script(cell, report.isolation), path)
        written.append(path)
    return tuple(written)


def file_stem(cell: ProofCell) -> str:
    """Return a name that every file system takes, made of letters, digits, - and _."""
    parts = (cell.probe, cell.role, cell.label, cell.detail)
    return "-".join(kept for part in parts if (kept := _UNSAFE.sub("_", part)[:_LONGEST].strip("_")))


def script(cell: ProofCell, isolation: IsolationFacts) -> str:
    """Return what psql runs to see the leak; the heading says what to look at."""
    heading = [
        f"{cell.probe} as {cell.role}: {object_label(cell)}",
        cell.why,
        *([f"Observed: {cell.observed}"] if cell.observed else []),
        "Run it with psql as a superuser, on a copy of the schema: psql -X -d COPY -f FILE",
    ]
    told = [f"-- {visible(line)}" for line in heading]
    return "\n".join([*told, "", psql_script(isolation.script(cell))]) + "\n"
