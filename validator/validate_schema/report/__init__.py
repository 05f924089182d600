"""The report: made by `build`, shown by `render`, kept by `write`, read back by `read_report`."""

from importlib import import_module

import msgspec

from ..model.errors import UsageError
from ..model.report import Report
from .files import FORMATS as FORMATS
from .files import format_of as format_of
from .files import read_report as read_report
from .files import write as write
from .text import render_text as render_text


def render(report: Report, format: str) -> str:
    """Return the report in one of `FORMATS`' values. Pure: the same report, the same text.

    Raises `UsageError` for another format.
    """
    if format == "json":
        return _json(report)
    if format == "txt":
        return render_text(report)
    if format in ("md", "html"):
        from . import pages

        return pages.markdown(report) if format == "md" else pages.html(report)
    if format in _EXCHANGE:
        module, function = _EXCHANGE[format]
        text: str = getattr(import_module(f".{module}", __package__), function)(report)
        return text
    raise UsageError(f'unknown format "{format}": {", ".join(NAMES)}')


# Formats for other programs; a run that writes none of them does not import them.
_EXCHANGE = {
    "sarif": ("sarif", "render_sarif"),
    "junit": ("junit", "render_junit"),
    "github": ("github", "render_annotations"),
    "gitlab": ("github", "render_gitlab"),
    "csv": ("matrix_csv", "render_csv"),
    "openmetrics": ("openmetrics", "render_openmetrics"),
}
NAMES = ("md", "html", "json", "txt", *_EXCHANGE)


def _json(report: Report) -> str:
    encoded = msgspec.json.encode(report, order="deterministic")
    return msgspec.json.format(encoded, indent=2).decode() + "\n"
