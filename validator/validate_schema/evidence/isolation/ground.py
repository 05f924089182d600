"""What is known of a schema before any row is made: its columns, their types, what ties them to tenants."""

import re
from typing import TYPE_CHECKING, Any

from ...catalog.asking import catalog_rows
from ...facts.facts import Facts
from ...model.catalog import Constraint, QName, Table
from ...model.tenancy import TableClass
from ...sql.ident import quote_literal
from .hints import UUID
from .rows import Column
from .seat import Seat
from .texts import Texts
from .values import Values

if TYPE_CHECKING:
    import psycopg

_COLUMNS = """
select n.nspname, c.relname, a.attname, a.atttypid::int8, a.atttypmod, a.attnotnull, a.attgenerated <> '',
       a.attidentity::text, pg_catalog.format_type(a.atttypid, a.atttypmod)
from pg_catalog.pg_attribute a join pg_catalog.pg_class c on c.oid = a.attrelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped
  and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
order by 1, 2, a.attnum
"""
Keys = dict[int, dict[str, str]]  # by level, then by whose they are


def brief(error: BaseException) -> str:
    """Return the first line of what the server said."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def casts(conn: "psycopg.Connection[Any]", text: str, type_text: str) -> bool:
    """Tell whether the server reads `text` as a value of the type, domain checks included."""
    import psycopg

    try:
        with conn.transaction():
            conn.execute(f"select {quote_literal(text)}::{type_text}".encode())
    except psycopg.Error:
        return False
    return True


class Ground:
    """The schema on the copy. `keys` holds each level's tenant keys by label; `patterns` are what was found
    to fit a column, `omitted` the columns that are given no value."""

    def __init__(self, conn: "psycopg.Connection[Any]", facts: Facts, seat: Seat) -> None:
        self.conn = conn
        self.seat = seat
        self.facts = facts
        self.values = Values.read(conn)
        self.texts = Texts(facts)
        self.patterns: dict[tuple[QName, str], str] = {}
        self.omitted: set[tuple[QName, str]] = set()
        self.keys: Keys = {}
        self._columns = self._read_columns()
        self._taken: set[tuple[str, str]] = set()
        self._keys_of: dict[QName, dict[str, tuple[Constraint, str]]] = {}

    def columns_of(self, table: QName) -> tuple[Column, ...]:
        return self._columns.get(table, ())

    def key_column(self, level: int) -> Column | None:
        """Return the column that holds the keys of a level's tenants."""
        root = self.facts.tenancy.levels[level]
        if root.root is not None:
            return next((c for c in self.columns_of(root.root) if c.name == root.key), None)
        for table, held in self.facts.held_levels.items():
            if level in held:
                return next((c for c in self.columns_of(table) if c.name == held[level]), None)
        return None

    def usable(self, table: QName) -> list[Column]:
        """Return the columns that are given a value."""
        columns = self._columns.get(table, ())
        return [c for c in columns if not c.generated and (table, c.name) not in self.omitted]

    def fits(self, text: str, column: Column) -> bool:
        """Tell whether the column takes the text as a value that stays what it is."""
        kind, _ = self.values.bottom(column.type, column.modifier)
        if kind.name == "uuid" and not UUID.fullmatch(text):
            return False
        if kind.category == "N" and not re.fullmatch(r"\d{1,9}", text):
            return False
        return self.takes(text, column)

    def types_of_words(self, column: Column) -> bool:
        """Tell whether the column holds a label, a short text or a flag."""
        kind, _ = self.values.bottom(column.type, column.modifier)
        return kind.kind == "e" or kind.category == "S"

    def types_of_times(self, column: Column) -> bool:
        """Tell whether the column holds a date or a time."""
        return self.values.bottom(column.type, column.modifier)[0].category == "D"

    def takes(self, text: str, column: Column) -> bool:
        """Tell whether the server reads the text as a value of the column's type."""
        asked = (text, column.type_text)
        if asked not in self._taken and casts(self.conn, *asked):
            self._taken.add(asked)
        return asked in self._taken  # what it does not take it may, once a CHECK of a domain is dropped

    def reference(self, table: QName, column: str) -> tuple[Constraint, str] | None:
        """Return the foreign key that the column stands in, and the column that it refers to."""
        if table not in self._keys_of:
            found: dict[str, tuple[Constraint, str]] = {}
            known = self.facts.tables_by_name.get(table)  # a platform's own tables are set apart
            keys = known.foreign_keys if known is not None else ()
            for key in sorted(keys, key=lambda k: -len(k.columns)):
                for own, target in zip(key.columns, key.referenced_columns, strict=False):
                    found.setdefault(own, (key, target))
            self._keys_of[table] = found
        return self._keys_of[table].get(column)

    def binds(self, table: Table, column: Column) -> bool:
        held = self.facts.held_levels.get(table.qname, {}).values()
        return column.name in held or self.reference(table.qname, column.name) is not None

    def tells_owner(self, table: QName, column: str) -> bool:
        """Tell whether the column says whose a row is, by itself or by the parent that it leads to."""
        held = self.facts.held_levels.get(table, {}).values()
        return column in held or column in self.owner_columns(table)

    def owner_columns(self, table: QName) -> set[str]:
        """Return the columns by which an inherited table hangs from its owner."""
        standing = self.facts.standings.get(table)
        if standing is None or standing.table_class is not TableClass.INHERITED or not standing.path:
            return set()
        keys = self.facts.tables_by_name[table].foreign_keys
        return {c for k in keys if k.references == standing.path[0] for c in k.columns}

    def _read_columns(self) -> dict[QName, tuple[Column, ...]]:
        found: dict[QName, list[Column]] = {}
        for schema, name, *rest in catalog_rows(self.conn, _COLUMNS):
            found.setdefault(QName(schema, name), []).append(Column(*rest))
        return {name: tuple(columns) for name, columns in found.items()}
