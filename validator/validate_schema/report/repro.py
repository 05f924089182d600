"""Leaks as scripts: what psql runs to see one."""

import re
from collections.abc import Iterator

from ..model.isolation import psql_script
from ..model.report import IsolationFacts, ProofCell, Report
from ..sql.ident import visible
from .proof import object_label

_UNSAFE = re.compile(r"[^A-Za-z0-9]+")
_LONGEST = 40  # characters of each name: the whole stays below what file systems take


def scripts(report: Report) -> Iterator[tuple[str, str]]:
    """Yield a script for each leak after the name of its file; they are numbered as the cells are ordered."""
    leaks = [c for c in report.isolation.cells if c.outcome == "leak"]
    digits = len(str(len(leaks)))
    for number, cell in enumerate(leaks, 1):
        yield f"{number:0{digits}}-{file_stem(cell)}.sql", script(cell, report.isolation)


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
