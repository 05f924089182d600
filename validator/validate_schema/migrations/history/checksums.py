"""Checksums of migration files as their tools record them."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Literal

from ...model.history import LedgerEntry
from .. import tools
from ..records import MigrationFile

Match = Literal["same", "line_endings", "different"]
_BOM = b"\xef\xbb\xbf"


def checksum(tool: str, file: MigrationFile, before: Sequence[MigrationFile] = ()) -> str:
    """Return the checksum of `file` as `tool` writes it into its ledger, as text; "" where it has none.

    `before` are the files in front of it, which some tools hash along.
    """
    return next(iter(_spellings(tool, file, before)), "")


def matches(tool: str, file: MigrationFile, recorded: str, before: Sequence[MigrationFile] = ()) -> Match:
    """Return how `file` compares with the `recorded` checksum.

    "line_endings": it is the same once line ends are made alike, or with or without a byte-order
    mark. A difference of that kind in a file `before` is none of this one. A tool without checksums
    gives "different".
    """
    wanted = _normal(tool, recorded)
    if wanted in _spellings(tool, file, before):
        return "same"
    for change in _VARIANTS:
        varied = replace(file, raw=change(file.raw), sql=_as_text(change, file.sql))
        ahead = [replace(f, raw=change(f.raw)) for f in before]
        if wanted in _spellings(tool, varied, ahead):
            return "same" if ahead and varied.raw == file.raw else "line_endings"
    return "different"


def finder(tool: str, file: MigrationFile) -> Callable[[LedgerEntry], bool]:
    """Return whether an entry under another version or name has the checksum of `file`, line ends aside."""
    known = tools.find(tool).checksum
    if known is not None and known.named:
        return lambda e: (
            matches(tool, replace(file, version=e.version, name=e.name), e.checksum) != "different"
        )
    varied = [replace(file, raw=change(file.raw), sql=_as_text(change, file.sql)) for change in _VARIANTS]
    spelled = {spelling for each in (file, *varied) for spelling in _spellings(tool, each, ())}
    return lambda e: _normal(tool, e.checksum) in spelled


def records_content(tool: str) -> bool:
    """Return whether `tool` records a checksum of a file's content."""
    known = tools.find(tool).checksum
    return known is not None and known.content


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


_VARIANTS: tuple[Callable[[bytes], bytes], ...] = (
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


def _normal(tool: str, recorded: str) -> str:
    """Return a recorded checksum in the form that `checksum` has."""
    known = tools.find(tool).checksum
    return known.normal(recorded) if known else recorded


def _spellings(tool: str, file: MigrationFile, before: Sequence[MigrationFile]) -> Collection[str]:
    known = tools.find(tool).checksum
    return known.spellings(file, before) if known else ()
