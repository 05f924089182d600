"""What a file would have the runner do, looked at before anything runs."""

import re
from dataclasses import dataclass
from typing import Literal

from ...model.errors import HistoryError, MigrationError
from ...model.wording import excerpt
from ...sql import ddl
from ...sql.ident import quote_ident
from ...sql.parser import Unreadable
from ...sql.reading import read_statements
from ...sql.script import Piece, line_at, outside_transaction, pieces
from ..records import MigrationFile

# What pg_dump writes for psql, and what changes only how psql goes on and what it shows.
_IDLE = re.compile(r"\\(?:(?:un)?restrict|echo|qecho|timing|pset|set\s+ON_ERROR_STOP)\b")
_CONTROL = re.compile(
    r"(?:begin(?!\s+atomic)|start\s+transaction|commit|end|abort|prepare\s+transaction"
    r"|rollback(?!(?:\s+(?:work|transaction))?\s+to\b))\b",
    re.IGNORECASE,
)
_COPY_OUT = re.compile(r"copy\b.*\bto\s+stdout\b", re.IGNORECASE | re.DOTALL)
_BEGIN = re.compile(r"(?:begin(?:\s+(?:work|transaction))?|start\s+transaction)\s*", re.IGNORECASE)
_COMMIT = re.compile(r"(?:commit|end)(?:\s+(?:work|transaction))?\s*", re.IGNORECASE)
_TILL_COMMIT = re.compile(
    r"\bset\s+(?:local|constraints|transaction)\b|\bon\s+commit\b|_xact_lock", re.IGNORECASE
)
_SETTING = re.compile(r"(?:set|reset)\b", re.IGNORECASE)
_AGAIN = re.compile(r"(?:vacuum|reindex)\b", re.IGNORECASE)
_INDEX = re.compile(r"(?:create|drop)\b.*?\bindex\s+concurrently\b", re.IGNORECASE | re.DOTALL)
_WORDS = 60


@dataclass(frozen=True)
class Lone:
    """A statement that PostgreSQL runs outside transactions alone, and how its outcome is told.

    `name` is the index that it makes or drops. `index` is a dropped one for `to_regclass`, `table` the
    table of a new one.
    "again": it may simply be run once more. `tolerant`: IF NOT EXISTS.
    """

    piece: Piece
    kind: Literal["create", "drop", "again"]
    name: str = ""
    index: str = ""
    table: str = ""
    tolerant: bool = False


@dataclass(frozen=True)
class Body:
    """A file that may run, `label` as people see it. `lone` is set where it cannot be a transaction."""

    file: MigrationFile
    label: str
    pieces: tuple[Piece, ...]
    lone: Lone | None = None

    def place(self, offset: int) -> str:
        """Return file:line of a character offset of the up section."""
        return place(self.file, offset)


def place(file: MigrationFile, offset: int) -> str:
    """Return file:line of a character offset of the up section."""
    return f"{file.path}:{file.first_line + line_at(file.sql, offset) - 1}"


def begins(statement: str) -> str:
    """Return the beginning of a statement on one line."""
    return excerpt(statement, _WORDS)


def screen(file: MigrationFile, label: str) -> Body:
    """Return what `file` holds, if it can be all or nothing. Raises `HistoryError`, or
    `MigrationError` for what no runner could do, with file and line."""
    found = tuple(p for p in pieces(file.sql) if not (p.kind == "psql" and _IDLE.match(p.text)))
    found = _without_blocks(found)
    for piece in found:
        if piece.kind == "psql":
            raise HistoryError(
                f"{place(file, piece.start)}: {piece.text.split()[0]} is a command of psql, not SQL; take it"
                " out, or write the SQL that it stands for"
            )
        if piece.kind == "sql" and _CONTROL.match(piece.text):
            raise HistoryError(
                f"{place(file, piece.start)}: {begins(piece.text)}: each migration gets one transaction from"
                " the runner, together with its row; take BEGIN and COMMIT out of the file"
            )
        if piece.kind == "sql" and _COPY_OUT.match(piece.text):
            raise MigrationError(
                f"{place(file, piece.start)}: {begins(piece.text)}: nobody reads what it writes; take it out"
            )
    alone = [p for p in found if outside_transaction(p)]
    if not alone:
        return Body(file, label, found)
    others = [p for p in found if p not in alone and not _SETTING.match(p.text)]
    if others or len(alone) > 1:
        second = (others or alone[1:])[0]
        raise HistoryError(
            f"{place(file, alone[0].start)}: {begins(alone[0].text)}: runs outside transactions only, so it"
            f" must be alone in its file; line {line_of(file, second)} has another statement"
        )
    return Body(file, label, found, _lone(file, alone[0]))


def _without_blocks(found: tuple[Piece, ...]) -> tuple[Piece, ...]:
    """Return the statements without the BEGIN and COMMIT of whole blocks, as Prisma writes them around a
    change of an enum: the runner's transaction around the file holds all that they hold.

    They stay, to be refused, where one lacks its other half or has options, and where something inside
    lasts until COMMIT while other statements follow or go before.
    """
    control = [p for p in found if p.kind == "sql" and _CONTROL.match(p.text)]
    pairs = list(zip(control[::2], control[1::2], strict=False))
    whole = len(control) == 2 * len(pairs) and all(
        _BEGIN.fullmatch(first.text) and _COMMIT.fullmatch(last.text) for first, last in pairs
    )
    rest = tuple(p for p in found if p not in control)
    around = len(pairs) > 1 or (whole and control and (found[0], found[-1]) != pairs[0])
    if not whole or (around and any(_TILL_COMMIT.search(p.text) for p in rest)):
        return found
    return rest


def line_of(file: MigrationFile, piece: Piece) -> int:
    """Return the line of the file on which a statement begins."""
    return file.first_line + line_at(file.sql, piece.start) - 1


def _lone(file: MigrationFile, piece: Piece) -> Lone:
    if _AGAIN.match(piece.text):
        return Lone(piece, "again")
    if not _INDEX.match(piece.text):
        raise HistoryError(
            f"{place(file, piece.start)}: {begins(piece.text)}: cannot be undone, nor told finished after a"
            " crash; run it by hand, outside the migrations"
        )
    try:
        (statement,) = read_statements(piece.text)
    except Unreadable as error:
        raise HistoryError(f"{place(file, piece.start)}: {begins(piece.text)}: {error}") from None
    if isinstance(statement, ddl.Drop):
        return _dropped(file, piece, statement)
    assert isinstance(statement, ddl.CreateIndex)
    return _created(file, piece, statement)


def _created(file: MigrationFile, piece: Piece, index: ddl.CreateIndex) -> Lone:
    if not index.name:
        raise HistoryError(
            f"{place(file, piece.start)}: {begins(piece.text)}: give the index a name, so that the"
            " runner can tell after a crash whether it is there"
        )
    table = _qualified(index.table.schema, index.table.name)
    return Lone(piece, "create", index.name, table=table, tolerant=index.if_not_exists)


def _dropped(file: MigrationFile, piece: Piece, drop: ddl.Drop) -> Lone:
    if len(drop.objects) != 1:
        raise HistoryError(f"{place(file, piece.start)}: {begins(piece.text)}: drop one index in a file")
    names = ddl.names_of(drop.objects[0])
    return Lone(piece, "drop", names[-1], index=".".join(map(quote_ident, names)))


def _qualified(schema: str, name: str) -> str:
    return f"{quote_ident(schema)}.{quote_ident(name)}" if schema else quote_ident(name)
