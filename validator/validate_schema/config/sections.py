"""The text of a config by its sections, so that one can be written anew and the others stay as they are
written."""

import re
from collections.abc import Collection, Iterator
from typing import NamedTuple

from ..model.errors import ConfigError

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
