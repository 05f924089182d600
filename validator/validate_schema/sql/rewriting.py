"""Calls in an expression replaced where they stand, with the rest of the text as it was written."""

from collections.abc import Callable

from .parser import Token, Unreadable, tokens
from .reading import read_expression
from .syntax import Call, walk


def with_calls_replaced(text: str, replaced: Callable[[Call, str], str | None]) -> str:
    """Return the text with each call as `replaced` returns it, which is given how it is written; None leaves
    it as it is. A call within one that is replaced goes with it. What cannot be read comes back as it is."""
    try:
        calls = sorted((n for n in walk(read_expression(text)) if isinstance(n, Call)), key=lambda n: n.at)
        words = tokens(text) if calls else []
    except Unreadable:
        return text
    parts, done, encoded = [], 0, text.encode()
    for call in calls:
        start = len(text[: call.at].encode())
        end = _end(words, start)
        new = replaced(call, encoded[start:end].decode()) if start >= done else None
        if new is not None:
            parts += [encoded[done:start], new.encode()]
            done = end
    return b"".join([*parts, encoded[done:]]).decode()


def _end(words: list[Token], start: int) -> int:
    """Return where the call that begins at that byte ends: behind its parentheses."""
    depth = 0
    for word in words:
        if word.start >= start:
            depth += (word.kind == "ASCII_40") - (word.kind == "ASCII_41")
            if word.kind == "ASCII_41" and not depth:
                return word.end
    return words[-1].end
