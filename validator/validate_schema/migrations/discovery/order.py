"""The orders in which migration tools run their files."""

import re
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from ...model.errors import MigrationError
from ..records import MigrationFile

# Punctuation before symbols before digits before letters: the root collation of the CLDR, which
# JavaScript's localeCompare uses.
_MARKS = "_-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$"
_RUN = r"\d+|\D"


def ends(files: Sequence[MigrationFile]) -> list[MigrationFile]:
    """Return the files that no other follows, where files name what they come after. One that a squash among
    them replaces is none, nor does it follow any: the squash stands for it."""
    gone = {version for file in files for version in file.replaces}
    kept = [file for file in files if file.version not in gone]
    followed = {version for file in kept for version in file.requires}
    return [file for file in kept if followed.isdisjoint((file.version, *file.replaces))]


def bytewise(name: str) -> bytes:
    """Order by the bytes of the UTF-8 name, as a directory listing does."""
    return name.encode()


def locale(name: str) -> tuple[object, ...]:
    """Order as `localeCompare` does: base letters first, then accents, then lower before upper case."""
    plain = unicodedata.normalize("NFD", name)
    base = [c for c in plain if not unicodedata.combining(c)]
    return ([_weight(c) for c in base], plain.casefold(), [c.isupper() for c in base], name)


def numeric_locale(name: str) -> tuple[object, ...]:
    """Order as `localeCompare` with `numeric` and `ignorePunctuation`."""
    runs = re.findall(_RUN, "".join(c for c in name if c.isalnum()))
    return ([(2, int(r), "") if r.isdecimal() else (*_weight(r)[:1], 0, r.casefold()) for r in runs], name)


def _weight(char: str) -> tuple[int, int, str]:
    if char.isspace():
        return (0, 0, char)
    if char in _MARKS:
        return (1, _MARKS.index(char), "")
    if char.isdecimal():
        return (2, int(char), "")
    return (3, 0, char.casefold())


def timestamp_prefix(digits: str) -> int:
    """Return node-pg-migrate's sort value: 17 digits are a UTC date, anything else a number."""
    if len(digits) != 17:
        return int(digits)
    try:
        second = datetime.strptime(digits[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return int(digits)
    return int(second.timestamp()) * 1000 + int(digits[14:])


def topological(folder: Path, files: Sequence[MigrationFile]) -> tuple[MigrationFile, ...]:
    """Return `files` with each after those that it requires, otherwise in the order given.

    Raises `MigrationError` for a requirement that is not there, and for a circle.
    """
    by_version = {file.version: file for file in files}
    replaced = {version for file in files for version in file.replaces}
    for file in files:
        for version in file.requires:
            if version not in by_version and version not in replaced:
                raise MigrationError(f"{file.path}: comes after {version}, of which there is no file")
    placed: dict[str, MigrationFile] = {}
    waiting = list(files)
    while waiting:
        ready = next(
            (f for f in waiting if all(v in placed or v not in by_version for v in f.requires)), None
        )
        if ready is None:
            listed = ", ".join(f.version for f in waiting)
            raise MigrationError(f"{folder}: these come after each other in a circle: {listed}")
        waiting.remove(ready)
        placed[ready.version] = ready
    return tuple(placed.values())
