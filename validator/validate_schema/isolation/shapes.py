"""Texts that a regular expression matches, for the plain expressions that CHECK constraints use."""

import re
from typing import Any

_SAMPLES = {"CATEGORY_DIGIT": "1", "CATEGORY_WORD": "a", "CATEGORY_SPACE": " ", "CATEGORY_NOT_SPACE": "a",
            "CATEGORY_NOT_DIGIT": "a", "CATEGORY_NOT_WORD": "-"}  # fmt: skip


def sample(pattern: str) -> list[str]:
    """Return a short and a longer text that match; none if the expression is not understood."""
    import warnings

    parser: Any = getattr(re, "_parser")  # noqa: B009 - the only parser of regular expressions at hand
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = parser.parse(pattern)
        return list(dict.fromkeys(_text(tree, extra) for extra in (0, 2)))
    except (re.error, RecursionError, OverflowError, ValueError, TypeError):
        return []


def _text(tree: Any, extra: int) -> str:
    return "".join(_one(str(code), argument, extra) for code, argument in tree)


def _one(code: str, argument: Any, extra: int) -> str:
    if code == "LITERAL":
        return chr(argument)
    if code in ("ANY", "NOT_LITERAL"):
        return "a"
    if code == "IN":
        return _of_set([(str(c), a) for c, a in argument])
    if code in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
        low, high, body = argument
        return _text(body, extra) * min(int(low) + extra, int(high), 80)
    if code == "SUBPATTERN":
        return _text(argument[-1], extra)
    if code == "BRANCH":
        return _text(argument[1][0], extra)
    return ""


def _of_set(items: list[tuple[str, Any]]) -> str:
    if items[0][0] == "NEGATE":
        taken = [c for c in "a0-_ZzB7" if not any(_holds(i, c) for i in items[1:])]
        return taken[0] if taken else "~"
    code, argument = items[0]
    if code == "LITERAL":
        return chr(argument)
    if code == "RANGE":
        return chr(argument[0])
    return _SAMPLES.get(str(argument), "a")


def _holds(item: tuple[str, Any], char: str) -> bool:
    code, argument = item
    if code == "LITERAL":
        return chr(argument) == char
    if code == "RANGE":
        return bool(argument[0] <= ord(char) <= argument[1])
    return _SAMPLES.get(str(argument)) == char
