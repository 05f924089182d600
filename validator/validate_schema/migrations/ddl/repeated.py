"""DDL that two migrations repeat, found by parsing: what IF NOT EXISTS hides when it runs shows here."""

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

from ...model.history import RepeatedDdl
from ...model.wording import first_of, some
from ...sql.ident import quote_ident
from ..discovery.folder import read_sql
from ..records import MigrationSet
from .created import DEFAULT_SCHEMA, Key, Made, Objects
from .reading import Reading

_IRRELEVANT = re.compile(
    r"create\s+(?:or\s+replace\s+)?(?:function|procedure|trigger|view|policy|role|extension)"
    r"|alter\s+(?:function|role|default|policy)",
    re.IGNORECASE,
)
_FEW = 3


class Ddl(NamedTuple):
    """What parsing the migrations found. `statements` is how many were looked at; not among them are
    `unseen` ones that run SQL from a string (DO blocks, CALL), and `unparsed` ones that the parser does not
    accept: what those create was not seen."""

    statements: int
    repeated: tuple[RepeatedDdl, ...]
    unseen: int = 0
    unparsed: int = 0

    @property
    def notes(self) -> tuple[str, ...]:
        """Return what limits the finding, in sentences."""
        found = []
        if self.unseen:
            found.append(
                f"repeated DDL: {some(self.unseen, 'statement')} with dynamic SQL (DO) not looked into"
            )
        if self.unparsed:
            found.append(f"repeated DDL: {some(self.unparsed, 'statement')} could not be parsed")
        return tuple(found)


def repeated_ddl(migrations: MigrationSet) -> tuple[int, tuple[RepeatedDdl, ...]]:
    """Return how many statements were looked at, and what `parse_ddl` finds repeated."""
    found = parse_ddl(migrations)
    return found.statements, found.repeated


def parse_ddl(migrations: MigrationSet) -> Ddl:
    """Parse all files in order and return what several of them create.

    Looked for are tables, types, indexes, constraints and columns that a file creates though an earlier
    one did and nothing dropped or renamed them since; primary keys that two migrations in a row replace;
    and tables and types that a stray file creates again. Names without a schema are those of the search
    path, which is ``public`` unless a file sets it. Raises `MigrationError` for a stray file that cannot
    be read.
    """
    found: dict[int, tuple[Key, Made]] = {}

    def again(key: Key, made: Made) -> None:
        if key.kind != "view":  # which comes again as CREATE OR REPLACE
            found.setdefault(id(made), (key, made))

    objects = Objects(again)
    reading = Reading(objects, _IRRELEVANT)
    for number, file in enumerate(migrations.files):
        reading.file(number, migrations.label(file.path), file.sql, file.first_line)
    repeated = [*(_repeat(key, made) for key, made in found.values()), *_rekeyed(objects)]
    found.clear()
    for number, path in enumerate(migrations.stray, len(migrations.files)):
        reading.file(number, migrations.label(path), read_sql(path), 1)
        repeated += _by_stray(number, found.values())
        found.clear()
    return Ddl(reading.statements, tuple(repeated), reading.unseen, reading.unparsed)


def _repeat(key: Key, made: Made) -> RepeatedDdl:
    return RepeatedDdl(
        object=described(key), statements=tuple(place for _, place in made.places), hidden=made.hidden
    )


def described(key: Key) -> str:
    """Return an object in words: ``column "Task"."orgId"``."""
    parts = (key.table,) if key.schema == DEFAULT_SCHEMA else (key.schema, key.table)
    table = ".".join(map(quote_ident, parts))
    match key.kind:
        case "column":
            return f"column {table}.{quote_ident(key.name)}"
        case "index" | "constraint":
            return f"{key.kind} {quote_ident(key.name)} on {table}"
    return f"{key.kind} {table}"


def _rekeyed(objects: Objects) -> Iterator[RepeatedDdl]:
    """Yield the primary keys that one migration replaced and the very next replaced again: two answers
    to one question, as from two branches."""
    for (schema, table), places in objects.rekeyed.items():
        for (first, one), (second, two) in pairwise(places):
            if second == first + 1:
                name = described(Key("table", schema, table)).removeprefix("table ")
                yield RepeatedDdl(object=f"primary key of {name}", statements=(one, two))


def _by_stray(number: int, found: Iterable[tuple[Key, Made]]) -> list[RepeatedDdl]:
    """Return what a stray file creates again, all of it in one: it is one file too many."""
    again = [
        (key, made) for key, made in found if key.kind in ("table", "type") and made.places[-1][0] == number
    ]
    if not again:
        return []
    names = [described(key) for key, _ in again]
    text = first_of(names, _FEW if len(names) <= _FEW else _FEW - 1)
    first, last = again[0][1].places[0][1], again[0][1].places[-1][1]
    return [RepeatedDdl(object=text, statements=(first, last), hidden=again[0][1].hidden)]
