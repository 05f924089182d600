"""What can only be taken from a statement that the server printed: pg_get_triggerdef, pg_get_ruledef.

The server prints keywords in capitals, unquoted names in small letters, and quotes every other name, so
that outside of quotes a word in capitals is the keyword.
"""

import re
from collections.abc import Iterator

_TOKEN = re.compile(r"""("(?:[^"]|"")*")|(E?'(?:[^']|'')*')|([()])|([A-Z]+)|.""", re.DOTALL)
_DOUBLED = re.compile(r"\\\\|''")


def when(trigger: str) -> str | None:
    """Return the condition of a trigger's WHEN, without the parentheses around it."""
    condition = _between(trigger, "WHEN", ("EXECUTE",))
    return None if condition is None else condition[1:-1]


def arguments(trigger: str) -> tuple[str, ...]:
    """Return the arguments that a trigger hands to its function: the last parentheses hold literals."""
    *_, opening = (match.start() for match in _TOKEN.finditer(trigger) if match[3] == "(")
    return tuple(_unquoted(match[2]) for match in _TOKEN.finditer(trigger, opening) if match[2])


def where(rule: str) -> str | None:
    """Return the condition of a rule."""
    return _between(rule, "WHERE", ("DO",))


def _between(statement: str, keyword: str, ends: tuple[str, ...]) -> str | None:
    """Return what stands between two keywords outside of all parentheses."""
    start = None
    for word, place in _words(statement):
        if start is None and word == keyword:
            start = place + len(word)
        elif word in ends:
            return None if start is None else statement[start:place].strip()
    return None


def _words(statement: str) -> Iterator[tuple[str, int]]:
    """Yield the keywords outside of quotes and parentheses, and where they are."""
    depth = 0
    for match in _TOKEN.finditer(statement):
        if match[3]:
            depth += 1 if match[3] == "(" else -1
        elif match[4] and not depth:
            yield match[4], match.start()


def _unquoted(literal: str) -> str:
    escaped = literal.startswith("E")
    body = literal[2:-1] if escaped else literal[1:-1]
    return _DOUBLED.sub(lambda m: m[0][0], body) if escaped else body.replace("''", "'")
