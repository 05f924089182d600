"""Checksums of migration files as their tools record them."""

from collections.abc import Callable, Collection, Sequence
from copy import copy
from dataclasses import replace
from typing import Any, Literal

from .. import tools
from ..records import MigrationFile

Match = Literal["same", "line_endings", "different"]
_BOM = b"\xef\xbb\xbf"


Change = Callable[[bytes], bytes]


class Ahead:
    """The files in front of one, which some tools sum up along with it. Those in front of the next share
    what was summed up of these."""

    def __init__(self, tool: str, files: Sequence[MigrationFile] = ()) -> None:
        self.files, self.count = files, len(files)
        known = tools.find(tool).checksum
        self._add: Callable[[Any, MigrationFile], Any] | None = known.add if known else None
        self._sums: dict[Change | None, list[Any]] = {}

    def first(self, count: int) -> "Ahead":
        """Return those of the files that are in front of the one at `count`."""
        found = copy(self)
        found.count = count
        return found

    def sum(self, change: Change | None = None) -> Any:
        """Return what a checksum continues from, with `change` made to the content of every file."""
        if self._add is None:
            return None
        sums = self._sums.setdefault(change, [None])
        for file in self.files[len(sums) - 1 : self.count]:
            sums.append(self._add(sums[-1], replace(file, raw=change(file.raw)) if change else file))
        return sums[self.count]


def checksum(tool: str, file: MigrationFile, before: Ahead | None = None) -> str:
    """Return the checksum of `file` as `tool` writes it into its ledger, as text; "" where it has none."""
    return next(iter(_spellings(tool, file, before.sum() if before else None)), "")


def matches(tool: str, file: MigrationFile, recorded: str, before: Ahead | None = None) -> Match:
    """Return how `file` compares with the `recorded` checksum.

    "line_endings": it is the same once line ends are made alike, or with or without a byte-order
    mark. A difference of that kind in a file `before` is none of this one. A tool without checksums
    gives "different".
    """
    wanted = normal(tool, recorded)
    if wanted in _spellings(tool, file, before.sum() if before else None):
        return "same"
    for change in _VARIANTS:
        varied = replace(file, raw=change(file.raw), sql=_as_text(change, file.sql))
        if wanted in _spellings(tool, varied, before.sum(change) if before else None):
            return "same" if before and before.count and varied.raw == file.raw else "line_endings"
    return "different"


def spelled(tool: str, file: MigrationFile) -> set[str]:
    """Return the checksums of `file`, line ends aside, by which an entry of another version or name has its
    content; of a tool that sums up no name along with it."""
    varied = [replace(file, raw=change(file.raw), sql=_as_text(change, file.sql)) for change in _VARIANTS]
    return {spelling for each in (file, *varied) for spelling in _spellings(tool, each, None)}


def records_content(tool: str) -> bool:
    """Return whether `tool` records a checksum of a file's content."""
    known = tools.find(tool).checksum
    return known is not None and known.content


def is_named(tool: str) -> bool:
    """Return whether its checksums cover a file's version and name too."""
    known = tools.find(tool).checksum
    return known is not None and known.named


def is_chained(tool: str) -> bool:
    """Return whether its checksums cover the files in front of each."""
    known = tools.find(tool).checksum
    return known is not None and known.chained


def _lf(raw: bytes) -> bytes:
    return raw.replace(b"\r\n", b"\n")


def _crlf(raw: bytes) -> bytes:
    return _lf(raw).replace(b"\n", b"\r\n")


def _bare(raw: bytes) -> bytes:
    return raw.removeprefix(_BOM)


_VARIANTS: tuple[Change, ...] = (
    _lf,
    _crlf,
    _bare,
    lambda raw: _lf(_bare(raw)),
    lambda raw: _crlf(_bare(raw)),
    lambda raw: _BOM + _bare(raw),
    lambda raw: _BOM + _lf(_bare(raw)),
    lambda raw: _BOM + _crlf(_bare(raw)),
)


def _as_text(change: Callable[[bytes], bytes], text: str) -> str:
    return change(text.encode()).decode("utf-8-sig")


def normal(tool: str, recorded: str) -> str:
    """Return a recorded checksum in the form that `checksum` has."""
    known = tools.find(tool).checksum
    return known.normal(recorded) if known else recorded


def _spellings(tool: str, file: MigrationFile, before: Any) -> Collection[str]:
    known = tools.find(tool).checksum
    return known.spellings(file, before) if known else ()
