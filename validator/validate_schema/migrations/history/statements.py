"""Statements of a file as the Supabase CLI cuts them, which is how its ledger stores them."""

import re

_DOLLAR = re.compile(r"\$(?:[^\W\d]\w*)?\$")
_WORD = re.compile(r"\w+")
_PLAIN = re.compile(r"[^;'\"\-/$()\\\w]+")


def supabase_statements(text: str) -> tuple[str, ...]:
    """Return the pieces between semicolons, trimmed, without those that are empty.

    A semicolon in quotes, comments, dollar quotes, parentheses or BEGIN ATOMIC … END does not cut; a
    backslash takes the next character along. Source: supabase/cli, pkg/parser.
    """
    found, start, at, depth, atomic = [], 0, 0, 0, 0
    previous = ""
    while at < len(text):
        char = text[at]
        if word := _WORD.match(text, at):
            atomic += _nesting(previous, word[0].lower(), atomic)
            previous, at = word[0].lower(), word.end()
            continue
        if char == ";" and depth == 0 and atomic == 0:
            found.append(text[start:at])
            start = at + 1
        depth = max(0, depth + (char == "(") - (char == ")"))
        at = _past(text, at)
    found.append(text[start:])
    return tuple(piece for part in found if (piece := part.strip()))


def _nesting(previous: str, word: str, atomic: int) -> int:
    """Return how `word` changes the depth of BEGIN ATOMIC blocks; CASE inside one has its own END."""
    if (previous, word) == ("begin", "atomic"):
        return 1
    if atomic and word == "case":
        return 1
    return -1 if atomic and word == "end" else 0


def _past(text: str, at: int) -> int:
    """Return where whatever begins at `at`, and is no word, ends."""
    two = text[at : at + 2]
    if text[at] in "'\"":
        return _after(text, text[at], at + 1)
    if two == "--":
        return _after(text, "\n", at)
    if two == "/*":
        return _comment(text, at)
    if tag := _DOLLAR.match(text, at):
        return _after(text, tag[0], tag.end())
    if text[at] == "\\":
        return at + 2
    plain = _PLAIN.match(text, at)
    return plain.end() if plain else at + 1


def _after(text: str, mark: str, start: int) -> int:
    end = text.find(mark, start)
    return len(text) if end < 0 else end + len(mark)


def _comment(text: str, at: int) -> int:
    depth = 0
    for mark in re.finditer(r"/\*|\*/", text[at:]):
        depth += 1 if mark[0] == "/*" else -1
        if depth == 0:
            return at + mark.end()
    return len(text)
