"""Checksums of migration files as their tools record them.

Sources: each tool's own implementation (Prisma `checksum.rs`, Flyway `ChecksumCalculator`, sqlx
`migrate/source.rs`, refinery `util.rs` with Rust's SipHash-1-3, Atlas `migrate/dir.go`, sqitch
`Plan/Change.pm`, Supabase `parser/token.go`, Drizzle `migrator.ts`, yoyo `migrations.py`).
"""

import base64
import hashlib
import json
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Literal

from ...model.history import LedgerEntry
from ..records import MigrationFile
from .siphash import siphash13
from .statements import supabase_statements

Match = Literal["same", "line_endings", "different"]
_BOM = b"\xef\xbb\xbf"


def checksum(tool: str, file: MigrationFile, before: Sequence[MigrationFile] = ()) -> str:
    """Return the checksum of `file` as `tool` writes it into its ledger, as text; "" where it has none.

    `before` are the files in front of it, which Atlas hashes along.
    """
    return next(_spellings(tool, file, before), "")


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
    if tool == "refinery":  # the name and the version are hashed along
        return lambda e: (
            matches(tool, replace(file, version=e.version, name=e.name), e.checksum) != "different"
        )
    varied = [replace(file, raw=change(file.raw), sql=_as_text(change, file.sql)) for change in _VARIANTS]
    known = {spelling for each in (file, *varied) for spelling in _spellings(tool, each, ())}
    return lambda e: _normal(tool, e.checksum) in known


def records_content(tool: str) -> bool:
    """Return whether `tool` records a checksum of a file's content."""
    return tool in _ALGORITHMS and tool != "yoyo"


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
    if tool == "applied-set":
        return recorded.strip().removeprefix("sha256:").removeprefix("\\x").lower()
    return recorded.removeprefix("h1:") if tool == "atlas" else recorded


def _spellings(tool: str, file: MigrationFile, before: Sequence[MigrationFile]) -> Iterator[str]:
    """Yield the checksums that the tool's versions and settings give, the usual one first."""
    if tool in _ALGORITHMS:
        yield from _ALGORITHMS[tool](file, before)


def _sha256(file: MigrationFile, _: Sequence[MigrationFile]) -> Iterator[str]:
    yield hashlib.sha256(file.raw).hexdigest()


def _prisma(file: MigrationFile, _: Sequence[MigrationFile]) -> Iterator[str]:
    digest = hashlib.sha256(file.raw).digest()
    yield digest.hex()
    yield "".join(f"{byte:x}" for byte in digest)  # the first releases forgot the leading zeros


def _flyway(file: MigrationFile, _: Sequence[MigrationFile]) -> Iterator[str]:
    crc = 0
    for line in re.split(b"\r\n|\n|\r", file.raw.removeprefix(_BOM)):
        crc = zlib.crc32(line, crc)
    yield str(crc - (1 << 32) if crc >= 1 << 31 else crc)


def _sqlx(file: MigrationFile, _: Sequence[MigrationFile]) -> Iterator[str]:
    yield hashlib.sha384(file.raw).hexdigest()


def _refinery(file: MigrationFile, _: Sequence[MigrationFile]) -> Iterator[str]:
    for width in (4, 8):  # int8-versions widens the version
        number = int(file.version).to_bytes(width, "little", signed=True)
        yield str(siphash13(file.name.encode() + b"\xff" + number + file.raw + b"\xff"))


def _atlas(file: MigrationFile, before: Sequence[MigrationFile]) -> Iterator[str]:
    state = hashlib.sha256()
    for each in (*before, file):
        state.update(each.path.name.encode())
        if not each.raw.startswith(b"-- atlas:sum ignore"):
            state.update(each.raw)
    yield base64.b64encode(state.digest()).decode()


def _sqitch(file: MigrationFile, _: Sequence[MigrationFile]) -> Iterator[str]:
    yield hashlib.sha1(file.raw, usedforsecurity=False).hexdigest()


def statements_digest(statements: Sequence[str]) -> str:
    """Return one text for Supabase's array of statements, whose content the ledger keeps in full."""
    return hashlib.sha256(json.dumps(list(statements), ensure_ascii=False).encode()).hexdigest()


def _supabase(file: MigrationFile, _: Sequence[MigrationFile]) -> Iterator[str]:
    yield statements_digest(supabase_statements(file.sql))


def _yoyo(file: MigrationFile, _: Sequence[MigrationFile]) -> Iterator[str]:
    yield hashlib.sha256(file.version.encode()).hexdigest()


_ALGORITHMS: dict[str, Callable[[MigrationFile, Sequence[MigrationFile]], Iterator[str]]] = {
    "applied-set": _sha256,
    "atlas": _atlas,
    "drizzle": _sha256,
    "flyway": _flyway,
    "prisma": _prisma,
    "refinery": _refinery,
    "sqitch": _sqitch,
    "sqlx": _sqlx,
    "supabase": _supabase,
    "yoyo": _yoyo,
}
