"""Jinja environments whose output is safe by default, and the renderers that use them."""

import base64
import hashlib
from functools import cache
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ..checking.packs import resource_dir
from ..model.report import Report
from ..model.wording import form, some
from .escape import html_content, md_code, md_fence, md_text, shown_sql, visible
from .view import View


def markdown(report: Report) -> str:
    """Return the report as GitHub-flavoured Markdown."""
    return fill("report.md.j2", report, view=View(report))


def fill(template: str, report: Report, **values: Any) -> str:
    """Return a template of Markdown with these values, escaped for it."""
    return _tidy(markdown_environment().get_template(template).render(report=report, **values))


def html(report: Report) -> str:
    """Return the report as one HTML page that loads nothing and runs only its own script."""
    folder = resource_dir("templates")
    style = (folder / "report.css").read_text(encoding="utf-8").strip()
    script = (folder / "report.js").read_text(encoding="utf-8").strip()
    template = html_environment().get_template("report.html.j2")
    return template.render(
        view=View(report),
        report=report,
        style=Markup(style),
        script=Markup(script),
        style_hash=style_hash(style),
        script_hash=style_hash(script),
    )


def style_hash(text: str) -> str:
    """Return the CSP source expression of an inline style or script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _environment(**options: Any) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(resource_dir("templates"), encoding="utf-8"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        **options,
    )
    environment.globals |= {"some": some, "form": form}
    return environment


@cache
def markdown_environment() -> Environment:
    """Return an environment in which every value that is not marked as Markdown is escaped for it."""
    environment = _environment(finalize=lambda v: v if isinstance(v, Markup) else md_text(str(v)))
    environment.filters |= {"code": md_code, "codes": _md_codes, "fence": md_fence, "raw": _md_raw}
    return environment


def _md_codes(names: tuple[str, ...]) -> Markup:
    return Markup(", ").join(md_code(name) for name in names)


def _md_raw(sign: str | int) -> Markup:
    """Return one of our own signs or numbers, which means what it means at the start of a line."""
    return Markup(sign)


@cache
def html_environment() -> Environment:
    """Return an environment in which every value is made visible, then escaped."""
    environment = _environment(finalize=lambda v: v if isinstance(v, Markup) else visible(str(v)))
    environment.filters |= {"block": _html_block, "content": _html_content}
    return environment


def _html_content(text: str) -> Markup:
    return html_content(visible(text))


def _html_block(text: str) -> Markup:
    """Return SQL or TOML for a <pre>: line breaks stay, everything else unseen is made visible."""
    return html_content(shown_sql(text))


def _tidy(text: str) -> str:
    """Return the text with one newline at its end."""
    return text.rstrip("\n") + "\n"
