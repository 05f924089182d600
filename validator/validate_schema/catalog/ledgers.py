"""Tables that are not the user's: migration tools' own book-keeping, and templates of partitions.

A ledger is known by its shape first, by its name only where other tables could have that shape. Each tool
says in its record (`migrations/tools/`) what its tables look like; no tool is named here.

What is assumed: a table of exactly a tool's columns, types, NOT NULLs and key, without a foreign key to or
from any but that tool's own tables, was made by the tool and holds what the tool writes. Its rows are not
looked at. A table that merely looks like one (a text where the tool has a varchar(255), a tenant column
more) is the user's, and is examined like any other.
"""

import re
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib import import_module
from operator import itemgetter
from typing import NamedTuple

from ..model.catalog import Catalog, QName, Table

_RECORDS = "validate_schema.migrations.tools"
_TEXTS = ("text", "character varying", "character")
_NUMBERS = ("smallint", "integer", "bigint", "numeric")
_TIMES = ("timestamp without time zone", "timestamp with time zone")
# The words for types in shapes: what may be read as one, and what it is exactly, with its modifier.
_TYPES: dict[str, tuple[tuple[str, ...], str]] = {
    "any": ((), r".*"),
    "string": (_TEXTS, r"text|character varying(\(\d+\))?"),
    "text": (_TEXTS, r"text"),
    "varchar": (_TEXTS, r"character varying(\(\d+\))?"),
    "int": (_NUMBERS, r"integer|bigint"),
    "int2": (_NUMBERS, r"smallint"),
    "int4": (_NUMBERS, r"integer"),
    "int8": (_NUMBERS, r"bigint"),
    "numeric": (_NUMBERS, r"numeric(\(\d+,\d+\))?"),
    "name": (("name",), r"name"),
    "bool": (("boolean",), r"boolean"),
    "time": ((*_TIMES, *_TEXTS), r"timestamp(\(\d\))? with(out)? time zone"),
    "bytes": (("bytea", *_TEXTS), r"bytea|text|character varying(\(\d+\))?"),
    "texts": (("text[]", "character varying[]"), r"text\[\]"),
    "json": ((), r"jsonb?"),
}
_LENGTH = r"varchar(\(\d+\))"


class Kind(NamedTuple):
    """A column of a shape: the types that may be read as it (empty: any), and exactly what it is."""

    readable: tuple[str, ...]
    exact: str
    required: bool

    def admits(self, type_name: str) -> bool:
        """Tell whether a column of this type, without its modifier, may be read as this one."""
        return not self.readable or type_name in self.readable


@cache
def _kind(word: str) -> Kind:
    name = word.removesuffix("!")
    if length := re.fullmatch(_LENGTH, name):
        return Kind(_TEXTS, re.escape(f"character varying{length[1]}"), name != word)
    readable, exact = _TYPES[name]
    return Kind(readable, exact, name != word)


def _kinds(words: str) -> dict[str, Kind]:
    return {name: _kind(kind) for name, _, kind in (word.partition(":") for word in words.split())}


@dataclass(frozen=True)
class Shape:
    """What a tool's table looks like.

    `columns` are ``name:type`` with ! for NOT NULL, the most telling one first; `optional` are those of
    some versions of the tool. `key`: the column that a primary key or unique index must be on. `names` is
    searched for in the table's name and `schemas` must be the whole of its schema's, None where the columns
    tell enough; `certain` is for names too, where a table of another name may still be read as a ledger but
    is anybody's. `beside` is another table that must stand in the same schema.
    """

    columns: str
    optional: str = ""
    key: str = ""
    names: str | None = None
    schemas: str | None = None
    certain: str | None = None
    beside: str = ""
    required: Mapping[str, Kind] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "required", _kinds(self.columns))

    @cached_property
    def known(self) -> Mapping[str, Kind]:
        """Every column that it may have."""
        return {**self.required, **_kinds(self.optional)}

    @property
    def telling(self) -> str:
        """The column by which tables of this shape are found."""
        return next(iter(self.required))

    @property
    def strictness(self) -> int:
        """How much it asks for: of two shapes that fit, the stricter one is meant."""
        return 2 * bool(self.beside) + (self.names or "").startswith("^")

    def reads(self, name: QName, types: Mapping[str, str], tables: Container[QName]) -> bool:
        """Tell whether a table may be read as this tool's ledger: by its columns, their `types` without
        modifiers, its name, and the `tables` that there are."""
        return (
            self._named(name, tables)
            and self.required.keys() <= types.keys() <= self.known.keys()
            and all(self.known[column].admits(type_name) for column, type_name in types.items())
        )

    def resembles(self, name: QName, types: Mapping[str, str], tables: Container[QName]) -> bool:
        """Tell whether a table has the columns of this tool's ledger, but of other types or more of them, so
        that it cannot be read as one. Fewer than three columns are anybody's."""
        alike = len(self.required) > 2 and self.required.keys() <= types.keys()
        return alike and self._named(name, tables) and not self.reads(name, types, tables)

    def is_made_by(self, table: Table, tables: Container[QName]) -> bool:
        """Tell whether `table` is exactly what the tool makes; foreign keys aside."""
        columns = {c.name: c for c in table.columns}
        if not self.required.keys() <= columns.keys() <= self.known.keys():
            return False
        if not self._named(table.qname, tables) or not _found(self.certain, table.name):
            return False
        fits = all(
            re.fullmatch(kind.exact, columns[name].type) and columns[name].not_null >= kind.required
            for name, kind in self.known.items()
            if name in columns
        )
        return fits and table.kind == "table" and (not self.key or _is_key(table, self.key))

    def _named(self, name: QName, tables: Container[QName]) -> bool:
        return (
            _found(self.names, name.name)
            and (self.schemas is None or re.fullmatch(self.schemas, name.schema) is not None)
            and (not self.beside or QName(name.schema, self.beside) in tables)
        )


def _found(pattern: str | None, name: str) -> bool:
    return pattern is None or re.search(pattern, name, re.IGNORECASE) is not None


def _is_key(table: Table, column: str) -> bool:
    return any(i.unique and i.columns == (column,) and i.predicate is None for i in table.indexes)


@cache
def _shapes() -> Mapping[str, tuple[tuple[str, Shape], ...]]:
    """Return the shapes of all tools with whose they are, by their telling column.

    The records stand in a room above, as checks stand above the engine that runs them: they are loaded by
    the name of their folder.
    """
    found: dict[str, list[tuple[str, Shape]]] = {}
    declared: Iterable[tuple[str, Shape]] = import_module(_RECORDS).shapes()
    for keeper, shape in declared:
        found.setdefault(shape.telling, []).append((keeper, shape))
    return {column: tuple(shapes) for column, shapes in found.items()}


def ledgers(catalog: Catalog) -> dict[QName, str]:
    """Return the tables that are migration tools' own, with the tool's name for people."""
    tables = {t.qname: t for t in catalog.tables}
    found = {t.qname: keeper for t in catalog.tables if (keeper := _keeper(t, tables))}
    while tied := {name for name in _tied(catalog, found) if name in found}:
        found = {name: keeper for name, keeper in found.items() if name not in tied}
    return found


def _keeper(table: Table, tables: Container[QName]) -> str | None:
    shapes = _shapes()
    fitting = [
        (shape.strictness, keeper)
        for column in table.columns
        for keeper, shape in shapes.get(column.name, ())
        if shape.is_made_by(table, tables)
    ]
    return max(fitting, key=itemgetter(0))[1] if fitting else None


def _tied(catalog: Catalog, found: Mapping[QName, str]) -> Iterator[QName]:
    """Yield both ends of each foreign key that leads out of a tool's own tables, or into them."""
    if not found:
        return
    for table in catalog.tables:
        for key in table.foreign_keys:
            one, other = table.qname, key.references
            if other is None or found.get(one) != found.get(other) or one.schema != other.schema:
                yield from (name for name in (one, other) if name is not None)


def partition_templates(catalog: Catalog) -> dict[QName, str]:
    """Return the tables that hold no rows but lend their indexes to new partitions, with their tool.

    Known by name and columns together: ``template_<schema>_<table>`` beside the partitioned table, most
    of its columns there too; they drift apart, as changes of the table never reach its template.
    Source: pg_partman's documentation, "Template Tables".
    """
    parted = {f"template_{t.schema}_{t.name}": t for t in catalog.tables if t.kind == "partitioned"}
    named = [t for t in catalog.tables if t.name in parted] if parted else []
    return {t.qname: "pg_partman" for t in named if _mostly(t, parted[t.name])}


def _mostly(table: Table, other: Table) -> bool:
    shared = {c.name for c in table.columns} & {c.name for c in other.columns}
    return 2 * len(shared) > len(table.columns)
