"""Words of the Prisma schema language, each with its line.

Source: Prisma documentation, "Prisma Schema" and the grammar of its own parser, by experiment.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from ..model.errors import ConfigError

_TOKEN = re.compile(
    r"""
    (?P<space>[ \t\r\f\ufeff]+)
  | (?P<newline>\n)
  | (?P<comment>//[^\n]*)
  | (?P<block>/\*.*?\*/)
  | (?P<long>\"\"\"(?:\\.|[^\\])*?\"\"\")
  | (?P<text>"(?:\\.|[^"\\\n])*")
  | (?P<number>-?\d+(?:\.\d+)?(?![\w-]))
  | (?P<word>\w[\w-]*)
  | (?P<sign>@@|[@(){}\[\],:=?.!])
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_PLAIN = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}


class Place(NamedTuple):
    """A line of a file; `file` is the name for people, as in the config."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class Token(NamedTuple):
    """A word or sign. `kind` is newline, text, number, word or sign; texts are without their quotes."""

    kind: str
    text: str
    place: Place


def tokens(source: str, file: str) -> Iterator[Token]:
    """Yield the words of a schema, line ends included, comments left out.

    Raises `ConfigError` with file and line for a character that the language does not have.
    """
    position, line = 0, 1
    while position < len(source):
        found = _TOKEN.match(source, position)
        place = Place(file, line)
        if found is None:
            raise ConfigError(_stray(source, position, place))
        kind, text = found.lastgroup or "", found.group()
        if kind in ("text", "long"):
            yield Token("text", _unescaped(text.strip('"') if kind == "long" else text[1:-1]), place)
        elif kind not in ("space", "comment", "block"):
            yield Token(kind, text, place)
        position = found.end()
        line += text.count("\n")
    yield Token("newline", "", Place(file, line))
    yield Token("end", "", Place(file, line))


def _stray(source: str, position: int, place: Place) -> str:
    if source[position] == '"':
        return f"{place}: a text that is not closed on its line"
    if source.startswith("/*", position):
        return f"{place}: a comment that is not closed"
    return f"{place}: unexpected character {source[position]!r}"


def _unescaped(text: str) -> str:
    def plain(found: re.Match[str]) -> str:
        code = found[1]
        return chr(int(code[1:], 16)) if len(code) == 5 else _PLAIN.get(code, code)

    return _ESCAPE.sub(plain, text)
