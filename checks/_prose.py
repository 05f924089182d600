"""The text of a body or a view without what is no SQL: comments, strings, quoted names."""

import re

_COMMENT = re.compile(r"--[^\r\n]*|/\*.*?\*/", re.DOTALL)
_PROSE = re.compile(rf"{_COMMENT.pattern}|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"", re.DOTALL)


def without_comments(text: str) -> str:
    """Return the text with a space for each comment."""
    return _COMMENT.sub(" ", text)


def bare_words(text: str) -> str:
    """Return the text with a space for each comment, string and quoted name."""
    return _PROSE.sub(" ", text)
