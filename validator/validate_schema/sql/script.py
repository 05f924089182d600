"""Read an SQL script as psql would: statements, COPY data, psql's own commands."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

_TOKEN = re.compile(
    r"""--[^\r\n]*
    | /\*
    | (?<![\w$])[eE]'(?:[^'\\]|\\.|'')*'
    | '(?:[^']|'')*'
    | "(?:[^"]|"")*"
    | (?<![\w$])\$(?:[A-Za-z_\u0080-\uffff][\w]*)?\$
    | \b(?:begin|atomic|case|end)\b
    | [;()]
    | ^[ \t]*\\[^\n]*""",
    re.VERBOSE | re.DOTALL | re.IGNORECASE | re.MULTILINE,
)
DEEPEST_COMMENT = 5_000
_LONG_OPERATOR = re.compile(r"[-+*/<>=~!@#%^&|`?]{1000}")  # 63 characters are the longest that there is
_COMMENT_MARK = re.compile(r"/\*|\*/")
_COMMENT = re.compile(r"--[^\r\n]*|/\*")
_LEADING = re.compile(r"(?:\s+|--[^\r\n]*)*")
_COPY_IN = re.compile(r"copy\b.*\bfrom\s+stdin\b", re.DOTALL | re.IGNORECASE)
_COPY_END = re.compile(r"^\\\.[ \t]*\r?$", re.MULTILINE)
_TRANSACTION = re.compile(
    r"(?:begin(?!\s+atomic)|start\s+transaction|commit|end|rollback|abort|savepoint|prepare\s+transaction"
    r"|set\s+transaction)\b",
    re.IGNORECASE,
)
_OUTSIDE_TRANSACTION = re.compile(
    r"(?:create\s+(?:unique\s+)?index\s+concurrently|drop\s+index\s+concurrently|vacuum\b"
    r"|reindex\b.*\b(?:concurrently|schema|database|system)\b|alter\s+system\b|discard\s+all\b"
    r"|(?:create|drop)\s+(?:database|tablespace|subscription)\b"
    r"|alter\s+table\b.*\bdetach\s+partition\b.*\bconcurrently\b)",
    re.IGNORECASE | re.DOTALL,
)
_MAY_REFUSE = re.compile(
    r"\b(?:concurrently|vacuum|reindex|system|discard|database|tablespace|subscription)\b", re.IGNORECASE
)
_NEEDS_PSQL = re.compile(r"^[ \t]*\\|\bfrom\s+stdin\b", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True)
class Piece:
    """A statement without its leading comments and semicolon, a psql command, or a COPY with its data.

    `start` and `end` are character offsets in the script.
    """

    kind: Literal["sql", "copy", "psql"]
    text: str
    start: int
    end: int
    data: str = ""


def pieces(script: str) -> tuple[Piece, ...]:
    """Split `script` at the semicolons that end statements.

    Quotes, dollar quotes, nested comments, parentheses (CREATE RULE) and BEGIN ATOMIC bodies are
    kept whole. Source: PostgreSQL documentation, "Lexical Structure"; psql, "Meta-Commands".
    """
    return tuple(_pieces(script))


def _pieces(script: str) -> Iterator[Piece]:
    start = at = depth = atomic = 0
    previous = ""
    while match := _TOKEN.search(script, at):
        token, at = match[0].lower(), match.end()
        if token == "/*":
            at = _comment_end(script, at)
        elif token.startswith("$"):
            close = script.find(match[0], at)
            at = len(script) if close < 0 else close + len(token)
        elif token == "(":
            depth += 1
        elif token == ")":
            depth = max(depth - 1, 0)
        elif token in ("begin", "atomic", "case", "end"):
            atomic = _body_depth(atomic, previous, token)
        elif token.lstrip().startswith("\\"):
            yield from _statement(script, start, match.start())
            yield Piece("psql", match[0].strip(), match.start(), at)
            start = at
        elif token == ";" and not depth and not atomic:
            for piece in _statement(script, start, at):
                at = piece.end
                yield piece
            start = at
        previous = token
    yield from _statement(script, start, len(script))


def _body_depth(depth: int, previous: str, word: str) -> int:
    """Follow BEGIN ATOMIC … END, within which CASE … END nests."""
    if word == "atomic":
        return depth + (previous == "begin")
    if word == "end":
        return max(depth - 1, 0)
    return depth + (word == "case" and depth > 0)


def _comment_end(script: str, at: int) -> int:
    depth = 1
    while depth and (match := _COMMENT_MARK.search(script, at)):
        depth += 1 if match[0] == "/*" else -1
        at = match.end()
    return len(script) if depth else at


def _statement(script: str, start: int, end: int) -> Iterator[Piece]:
    """Yield the statement of `script[start:end]`, with the data that follows where it is a COPY."""
    begin = _first_word(script, start, end)
    text = script[begin:end].rstrip().removesuffix(";").rstrip()
    if not text:
        return
    if not _COPY_IN.match(text):
        yield Piece("sql", text, begin, end)
        return
    line_end = script.find("\n", end)
    data_start = len(script) if line_end < 0 else line_end + 1
    mark = _COPY_END.search(script, data_start)
    data_end = mark.start() if mark else len(script)
    data = script[data_start:data_end].replace("\r\n", "\n")
    yield Piece("copy", text, begin, mark.end() if mark else len(script), data)


def _first_word(script: str, start: int, end: int) -> int:
    """Return where the statement begins, past white space and comments."""
    while (skipped := _LEADING.match(script, start, end)) and script.startswith("/*", skipped.end(), end):
        start = min(_comment_end(script, skipped.end() + 2), end)
    return skipped.end() if skipped else start


def comments(script: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield where each comment begins and ends in a part of `script` that holds no statement."""
    while match := _COMMENT.search(script, start, end):
        start = match.end() if match[0] != "/*" else min(_comment_end(script, match.end()), end)
        yield match.start(), start


def beyond_lexer(script: str) -> str:
    """Return what of `script` a lexer of PostgreSQL's would take for ever to read, in words; "" for nothing.

    Its time grows with the square of the depth of nested comments, and of the length of an operator.
    """
    deep, long = script.count("/*") > DEEPEST_COMMENT, _LONG_OPERATOR.search(script) is not None
    if not deep and not long:
        return ""
    at = 0
    for match in _TOKEN.finditer(script):
        if match.start() < at:
            continue
        if long and _LONG_OPERATOR.search(script, at, match.start()):
            return "an operator that is longer than any"
        at = match.end()
        if match[0] == "/*":
            end = _comment_end(script, at)
            if deep and _comment_depth(script[at:end]) > DEEPEST_COMMENT:
                return f"comments that nest deeper than {DEEPEST_COMMENT}"
            at = end
        elif match[0].startswith("$"):
            close = script.find(match[0], at)
            at = len(script) if close < 0 else close + len(match[0])
    return "an operator that is longer than any" if long and _LONG_OPERATOR.search(script, at) else ""


def _comment_depth(text: str) -> int:
    depth = deepest = 1
    for match in _COMMENT_MARK.finditer(text):
        depth += 1 if match[0] == "/*" else -1
        deepest = max(deepest, depth)
    return deepest


def needs_psql(script: str) -> bool:
    """Return whether `script` may hold psql commands or COPY data (a cheap look, not a proof)."""
    return _NEEDS_PSQL.search(script) is not None


def controls_transactions(piece: Piece) -> bool:
    """Return whether the statement begins or ends a transaction, or must come first in it."""
    return piece.kind == "sql" and _TRANSACTION.match(piece.text) is not None


def outside_transaction(piece: Piece) -> bool:
    """Return whether PostgreSQL refuses the statement inside a transaction block."""
    return piece.kind == "sql" and _OUTSIDE_TRANSACTION.match(piece.text) is not None


def refuses_transaction(script: str) -> bool:
    """Return whether a statement of `script` cannot run inside a transaction block."""
    return _MAY_REFUSE.search(script) is not None and any(map(outside_transaction, pieces(script)))


def blank(script: str, piece: Piece) -> str:
    """Return `script` with `piece` overwritten by spaces, so that every position stays what it was."""
    gone = "".join("\n" if c == "\n" else " " for c in script[piece.start : piece.end])
    return script[: piece.start] + gone + script[piece.end :]


def line_at(script: str, offset: int) -> int:
    """Return the line, from 1, of a character offset."""
    return script.count("\n", 0, offset) + 1
