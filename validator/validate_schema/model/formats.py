"""The formats of a report: who renders each, and which names of files mean it."""

from typing import NamedTuple


class Format(NamedTuple):
    """A function of a module of `report/` that returns the report as text, and the ends of file names that
    mean the format, the usual one first; the longest that fits decides."""

    module: str
    function: str
    endings: tuple[str, ...] = ()


FORMATS = {
    "md": Format("pages", "markdown", (".md", ".markdown")),
    "brief": Format("brief", "render_brief", ("brief.md",)),
    "pr-comment": Format("brief", "render_pr_comment", ("pr-comment.md",)),
    "html": Format("pages", "html", (".html", ".htm")),
    "json": Format("files", "json_text", (".json",)),
    "txt": Format("text", "render_text", (".txt",)),
    "sarif": Format("sarif", "render_sarif", (".sarif", ".sarif.json")),
    "junit": Format("junit", "render_junit", (".xml",)),
    "github": Format("github", "render_annotations"),
    "gitlab": Format("github", "render_gitlab", ("gl-code-quality-report.json",)),
    "csv": Format("matrix_csv", "render_csv", (".csv",)),
    "openmetrics": Format("openmetrics", "render_openmetrics", (".prom",)),
}
