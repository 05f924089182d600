"""Graphile Migrate. Sources: graphile/migrate, src/migration.ts, src/hash.ts and src/header.ts."""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from ...catalog.ledgers import Shape
from ...model.history import LedgerEntry, ToolWords
from ..discovery import order
from ..discovery.files import filled_in
from ..discovery.folder import Folder
from ..records import MigrationFile, Mode
from ..rows import Row, recorded
from ..tool import Checksum, Layout, LedgerTable, Loaded, Tool
from ..versions import INTEGERS

_NAME = r"(\d{6,})(?:-(.*))?\.sql"
_HEADER = r"\A--! Previous: (?P<previous>[^\r\n]*)\r?\n--! Hash: [^\n]*\n(?:--![^\n]*\n)*\r?\n"
_NOT_YET = ("current.sql", "current", "fixtures")
_PLACEHOLDER = r"(?<![:\w]):[A-Z][A-Z0-9_]+\b"


def _load(folder: Folder, _: bool) -> Loaded | None:
    """``committed/<n>[-<message>].sql`` in the order of names, each in a transaction unless it opts out."""
    place = Path("committed") if "committed" in folder.directories else Path()
    inner = Folder(folder.path / place) if place.name else folder
    found = [
        (m, h)
        for n in sorted(inner.sql, key=order.locale)
        if (m := re.fullmatch(_NAME, n)) and (h := re.search(_HEADER, inner.text(n)))
    ]
    if not found:
        return None
    files = tuple(_file(inner, name, header) for name, header in found)
    beside = tuple(p for p in folder.tree if p.relative_to(folder.path).parts[0] in _NOT_YET)
    return filled_in(files, _PLACEHOLDER, "Graphile Migrate", beside=beside)


def _file(folder: Folder, name: re.Match[str], header: re.Match[str]) -> MigrationFile:
    text = folder.text(name[0])
    sql, first = text[header.end() :], text.count("\n", 0, header.end()) + 1
    mode: Mode = "statements" if re.match(r"--!\s*no-transaction\b", sql) else "transaction"
    version = str(int(name[1]))
    title = name[2] or version
    return MigrationFile(version, title, folder.path / name[0], sql, first, mode, raw=folder.raw(name[0]))


def _checksums(file: MigrationFile, _: Sequence[MigrationFile]) -> tuple[str, ...]:
    """Return the sum of the hash before and the text."""
    text = file.raw.decode("utf-8-sig", "replace")
    header = re.search(_HEADER, text)
    if header is None:
        return ()
    previous = "" if header["previous"] == "-" else header["previous"]
    body = f"{previous}\n{text[header.end() :]}".strip() + "\n"
    return ("sha1:" + hashlib.sha1(body.encode(), usedforsecurity=False).hexdigest(),)


_recorded = recorded("filename", checksum="hash", time="date", order="times")


def _read(rows: list[Row]) -> tuple[LedgerEntry, ...]:
    """The message is no part of the name that is recorded."""
    return _recorded([row | {"filename": (row["filename"] or "").removesuffix(".sql")} for row in rows])


TOOL = Tool(
    "graphile-migrate",
    "Graphile Migrate",
    proves="✓ | ✓ | – | ✓ SHA-1 | –",
    rank=32,
    layouts=(Layout(_load, "committed/<n>.sql with `--! Previous:`"),),
    ledgers=(
        LedgerTable(
            Shape(
                "previous_hash:text hash:text! filename:text! date:time!",
                key="hash",
                schemas="graphile_migrate",
            ),
            _read,
            ("date", "filename"),
        ),
    ),
    companions=(
        Shape(
            "content:text! filename:text! date:time!",
            key="filename",
            names="^current$",
            schemas="graphile_migrate",
        ),
    ),
    versions=INTEGERS,
    checksum=Checksum(_checksums),
    words=ToolWords(
        apply="npx graphile-migrate migrate",
        late="Graphile Migrate looks at the last one alone and will never run it: commit it again",
    ),
    passes_over=True,
)
