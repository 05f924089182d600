"""The report: made by `build`, shown by `render`, kept by `write`, read back by `read_report`."""

import msgspec

from ..errors import UsageError
from ..model.report import Report
from .files import FORMATS as FORMATS
from .files import format_of as format_of
from .files import read_report as read_report
from .files import write as write
from .text import render_text as render_text


def render(report: Report, format: str) -> str:
    """Return the report as ``md``, ``html``, ``json`` or ``txt``. Pure: the same report, the same text.

    Raises `UsageError` for another format.
    """
    if format == "json":
        return _json(report)
    if format == "txt":
        return render_text(report)
    if format in ("md", "html"):
        from . import pages

        return pages.markdown(report) if format == "md" else pages.html(report)
    raise UsageError(f'unknown format "{format}": md, html, json or txt')


def _json(report: Report) -> str:
    encoded = msgspec.json.encode(report, order="deterministic")
    return msgspec.json.format(encoded, indent=2).decode() + "\n"
