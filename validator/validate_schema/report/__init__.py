"""The report: made by `build`, shown by `render`, kept by `write`, read back by `read_report`."""

from importlib import import_module

from ..model.errors import UsageError
from ..model.formats import FORMATS
from ..model.report import Report
from .files import format_of as format_of
from .files import read_report as read_report
from .files import write as write
from .text import render_text as render_text


def render(report: Report, format: str) -> str:
    """Return the report in one of `FORMATS`. Pure: the same report, the same text.

    Raises `UsageError` for another format.
    """
    if format not in FORMATS:
        raise UsageError(f'unknown format "{format}": {", ".join(FORMATS)}')
    chosen = FORMATS[format]  # a run that does not write the others does not import them
    text: str = getattr(import_module(f".{chosen.module}", __package__), chosen.function)(report)
    return text
