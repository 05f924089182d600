"""Statements of a correction in which a member's name is left open: filled in here, or by format()."""

import re
from collections.abc import Callable, Iterator

from ..sql.ident import quote_ident, quote_literal

HOME = "vs_member_f1e37"
"""What stands for a member's name in such a statement. It is no name that anybody gives."""

_HOME = re.compile(rf'"?{HOME}"?')
_TAG = "fleet"


def filled(statement: str, name: str) -> str:
    """Return the statement for the member of that name."""
    return _with(
        statement,
        plain=lambda: quote_ident(name),
        inside=lambda: quote_ident(name).replace("'", "''"),
        whole=lambda: quote_literal(name).strip(),
        other=str,
    )


def pattern(statement: str) -> str:
    """Return the statement as format() takes it: argument 1 is the member's name, 2 its name as an identifier
    inside of a literal (`INSIDE`)."""
    return _with(
        statement,
        plain=lambda: "%1$I",
        inside=lambda: "%2$s",
        whole=lambda: "%1$L",
        other=lambda text: text.replace("%", "%%"),
    )


INSIDE = "replace(quote_ident(member), '''', '''''')"


def quoted(text: str) -> str:
    """Return a text between dollars that it does not hold itself, so that psql changes nothing in it."""
    tag = _TAG
    while f"${tag}" in text or text.endswith("$"):
        tag += "_"
        if len(tag) > len(_TAG) + 40:
            return quote_literal(text).strip()
    return f"${tag}${text}${tag}$"


def _with(
    statement: str,
    *,
    plain: Callable[[], str],
    inside: Callable[[], str],
    whole: Callable[[], str],
    other: Callable[[str], str],
) -> str:
    return "".join(
        other(text)
        if kind == "other"
        else plain()
        if kind == "plain"
        else inside()
        if kind == "inside"
        else whole()
        for kind, text in _parts(statement)
    )


def _parts(statement: str) -> Iterator[tuple[str, str]]:
    """Yield the statement in parts: its own text, and the places of the name. Inside of a literal the name is
    an identifier in a text, as in nextval('…'), unless it is all of it, as in a search_path."""
    last = 0
    for found in _HOME.finditer(statement):
        start, end = found.span()
        text = statement[last:start]
        if statement[:start].count("'") % 2 == 0:
            yield "other", text
            yield "plain", ""
        elif statement[start - 1] == "'" and statement[end : end + 1] == "'":
            yield "other", text[:-1]
            yield "whole", ""
            end += 1
        else:
            yield "other", text
            yield "inside", ""
        last = end
    yield "other", statement[last:]
