"""What the variables of a PL/pgSQL body may hold: types that make one of two keys, and rows by their columns.

Source: PostgreSQL documentation, "Declarations" (%TYPE, %ROWTYPE, RECORD).
"""

import re

from ..model.catalog import Table
from ..sql import plpgsql as pl
from ..sql import syntax as s
from .relations import NUMBERED, Relations

_RECORDS = ("new", "old")
_OF_VARIABLE = re.compile(r"(\w+)%type", re.IGNORECASE)
# Types that make one of two keys where these are texts.
_NUMBERS = frozenset({*NUMBERED, "numeric", "int2", "int4", "int8"})  # as PL/pgSQL calls some of them


class Variables:
    """The variables of one body."""

    def __init__(self, function: pl.Function, relations: Relations) -> None:
        self._function = function
        self._relations = relations

    def cuts(self, declared: pl.Declared) -> bool:
        """Tell whether a variable may hold one value for two keys."""
        type_, seen = declared.written or declared.type, {declared.name}
        while (found := _OF_VARIABLE.fullmatch(type_)) is not None:
            other = next((d for d in self._function.declared if d.name == found[1].lower()), None)
            if other is None or other.name in seen:
                return True
            declared, type_ = other, other.written or other.type
            seen.add(other.name)
        relations = self._relations
        if declared.of_column is not None:
            schema, table, name = declared.of_column
            meant = relations.sole(s.Table(table, schema))
            found_in = relations.facts.tables_by_name.get(meant) if meant is not None else None
            column = found_in.column(name) if found_in is not None else None
            if column is None:
                return True
            type_ = column.base_type
        return relations.cuts(type_) or (relations.spelt and type_ in _NUMBERS)

    def columns_of(self, name: str) -> tuple[str, ...] | None:
        """Return the columns of a variable that is a row, () where they are not known; None for a RECORD,
        which takes those of what it is given."""
        declared = next((d for d in self._function.declared if d.name == name), None)
        if declared is not None and declared.written.lower() == "record":
            return None
        table = self._table_of(declared)
        return tuple(column.name for column in table.columns) if table is not None else ()

    def _table_of(self, declared: pl.Declared | None) -> Table | None:
        """Return the table whose row a variable is."""
        written = declared.written.lower() if declared is not None else ""
        schema, _, table = written.removesuffix("%rowtype").strip().rpartition(".")
        relations = self._relations
        meant = relations.sole(s.Table(table, schema))
        return relations.facts.tables_by_name.get(meant) if meant is not None else None

    def cuts_field(self, name: str) -> bool:
        """Tell whether a field of a row may hold one value for two keys: RECORD takes what it is given, and
        the rows of a trigger are those of its table."""
        row, _, field = name.partition(".")
        if not field or row in _RECORDS or self.columns_of(row) is None:
            return False
        table = self._table_of(next((d for d in self._function.declared if d.name == row), None))
        column = table.column(field) if table is not None else None
        return column is None or self._relations.cuts(column.base_type)
