"""The text of a config by its sections, so that one can be written anew and the others stay as they are
written."""

import re
from collections.abc import Collection, Iterator
from itertools import takewhile
from typing import NamedTuple

from ..model.errors import ConfigError

_BLANKS = re.compile(r"\n{3,}")
_HEADER = re.compile(r"\s*\[\[?\s*([A-Za-z0-9_-]+|\"[^\"\n]*\")")


class Section(NamedTuple):
    """A table of a config, its comments in front of it included; `name` is the first part of its name."""

    name: str
    text: str


def kept(old: str, path: str, *, without: Collection[str]) -> str:
    """Return the sections of the config `old` but for those named, as they are written there, "" for none.

    Raises `ConfigError`, with `path`, for a text that is no TOML.
    """
    import tomllib

    try:
        tomllib.loads(old)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: {error}") from None
    return "\n\n".join(s.text.strip("\n") for s in sections(old) if s.name and s.name not in without)


def head(old: str, section: str, *, without: Collection[str]) -> str:
    """Return the comments at the head of the config `old` and right above its `section`, but for the lines
    named; "" for none."""
    found = list(sections(old))
    blocks = [found[0].text]
    first = next((s.text for s in found if s.name == section), "")
    blocks.append("\n".join(takewhile(lambda line: line.lstrip().startswith("#"), first.splitlines())))
    lines = [line for block in blocks for line in (*block.splitlines(), "")]
    return _BLANKS.sub("\n\n", "\n".join(x for x in lines if not x.strip() or _is_kept(x, without))).strip(
        "\n"
    )


def _is_kept(line: str, without: Collection[str]) -> bool:
    return line.lstrip().startswith("#") and line.strip() not in without


def sections(text: str) -> Iterator[Section]:
    """Yield the sections of a TOML document, first what stands before them all, under the name ""."""
    name, lines = "", list[str]()
    for line in text.splitlines():
        header = _HEADER.match(line)
        if header and _is_whole(lines):
            above = _comments(lines)
            yield Section(name, "\n".join(lines[: len(lines) - above]))
            name, lines = header[1].strip('"'), lines[len(lines) - above :]
        lines.append(line)
    yield Section(name, "\n".join(lines))


def _is_whole(lines: list[str]) -> bool:
    """Tell whether a new section may begin after these lines: a bracket in a value of several is none."""
    import tomllib

    try:
        tomllib.loads("\n".join(lines))
    except tomllib.TOMLDecodeError:
        return False
    return True


def _comments(lines: list[str]) -> int:
    """Return how many lines at the end are the comment on what follows: not those before an empty one."""
    count = 0
    while count < len(lines) and lines[-1 - count].lstrip().startswith("#"):
        count += 1
    return count
