"""Escaping for each place where a name or a message can end up: Markdown, SQL to copy, a terminal.

HTML is escaped by Jinja's autoescape; `visible` runs before it.
"""

import re
from contextlib import suppress
from datetime import datetime

from markupsafe import Markup, escape

from ..sql.ident import UNSEEN as _UNSEEN
from ..sql.ident import visible as visible

_QUOTED = re.compile(r"""(?<![eEbBxXnN&])(?:"(?:[^"]|"")*"|'(?:[^']|'')*')""")
_SPECIAL = re.compile(r"[\\`*\[\]<>|~$]|&(?=[#\w])|(?<![^\W_])_|_(?![^\W_])")
_BLOCK_START = re.compile(r"^(\s*)(?:([-+=#]|:(?=[-:]))|(\d+)([.)]))")
_INDENTED = re.compile(r"^ (?= {3})")  # four blanks would begin a block of code
# What GitHub would make a link of, notify somebody for, or show as something else: mentions and addresses,
# issues, URLs, commits, emoji, formulas. A comment in its midst shows as nothing and parts it.
# Source: GitHub documentation, "Autolinked references and URLs"; GFM specification, "Autolinks (extension)".
_PART = "<!-- -->"
_LINKED = re.compile(
    r"(?<=\$)|(?<=@)(?=[\w.-])|(?<=#)(?=\d)|(?<=\bgh-)(?=\d)|(?<=\bwww)(?=\.)|(?:(?<=https)|(?<=http)|(?<=ftp))(?=://)"
    r"|(?:(?<=mailto)|(?<=xmpp))(?=:)|(?<=(?<![\w-])[0-9a-f]{6})(?=[0-9a-f]{1,34}\b)|(?<=:)(?=[a-z+-][\w+-]*:)",
    re.IGNORECASE,
)


def printable_sql(sql: str) -> str:
    """Return the same SQL with unprintable characters inside quotes written as ``U&"\\000A"``.

    Source: PostgreSQL documentation, "Lexical Structure", identifiers and string constants with
    Unicode escapes. Text without such characters is returned as it is.
    """
    return _QUOTED.sub(_unicode_escaped, sql) if _UNSEEN.search(sql) else sql


def _unicode_escaped(match: re.Match[str]) -> str:
    quoted = match[0]
    if not _UNSEEN.search(quoted):
        return quoted
    mark, body = quoted[0], quoted[1:-1].replace("\\", "\\\\")
    return "U&" + mark + _UNSEEN.sub(_escape, body) + mark


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\{code:04X}" if code <= 0xFFFF else f"\\+{code:06X}"


def shown_sql(sql: str) -> str:
    """Return SQL for display: `printable_sql`, with anything still unseen but newlines and tabs
    made visible."""
    lines = printable_sql(sql).replace("\r\n", "\n").split("\n")
    return "\n".join("\t".join(visible(part) for part in line.split("\t")) for line in lines)


def one_line_sql(sql: str) -> str:
    """Return SQL for display on one line, as the server's indented expressions are."""
    return " ".join(line.strip() for line in shown_sql(sql).split("\n"))


def md_text(text: str) -> Markup:
    """Return `text` as one line of Markdown that shows exactly these characters, also in a table."""
    escaped = _SPECIAL.sub(lambda m: "\\" + m[0], visible(text))
    parted = _LINKED.sub(_PART, _BLOCK_START.sub(_escaped_start, escaped))
    return Markup(_INDENTED.sub("&#32;", parted))


def _escaped_start(match: re.Match[str]) -> str:
    space, sign, digits, stop = match.groups()
    return f"{space}\\{sign}" if sign else f"{space}{digits}\\{stop}"


def md_code(text: str) -> Markup:
    """Return `text` as a Markdown code span, fenced by more backticks than it holds.

    A pipe would end a table cell even inside a span: such a text becomes a ``<code>`` element of
    character references instead.
    """
    shown = visible(text)
    if not shown:
        return Markup()
    if "|" in shown:
        body = "".join(c if c.isalnum() or c == " " else f"&#{ord(c)};" for c in shown)
        return Markup(f"<code>{body.replace('&#64;', f'&#64;{_PART}')}</code>")
    fence = "`" * (_longest_run(shown) + 1)
    ends = (shown[:1], shown[-1:])
    pad = " " if shown.strip(" ") and ("`" in ends or " " in ends) else ""
    return Markup(f"{fence}{pad}{shown}{pad}{fence}")


def md_fence(code: str, language: str = "") -> Markup:
    """Return `code` as a fenced block; the fence is longer than any run of backticks inside."""
    fence = "`" * max(3, _longest_run(code) + 1)
    return Markup(f"{fence}{language}\n{code}\n{fence}")


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)


def moment(text: str) -> str:
    """Return the time that a report names, ISO 8601 without a zone; "" for what is no time of UTC."""
    found = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d{1,9})?Z", text, re.ASCII)
    with suppress(ValueError):
        return datetime.fromisoformat(found[1]).isoformat() if found else ""
    return ""


def html_content(text: str) -> Markup:
    """Return `text` for an HTML element, never for an attribute: quotes stay as they are, which makes a
    page full of SQL a tenth smaller.

    Source: HTML Standard, "Normal elements".
    """
    return Markup(str(escape(text)).replace("&#34;", '"').replace("&#39;", "'"))


def mermaid_text(text: str) -> str:
    """Return `text` for a quoted Mermaid label: all but letters, digits and a few signs as ``#35;``."""
    return "".join(c if c.isalnum() or c in " _.-→✗✓" else f"#{ord(c)};" for c in visible(text))
