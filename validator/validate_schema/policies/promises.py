"""Which constraints every row of a table obeys, so that what they say may be believed.

Sources: PostgreSQL documentation, "Constraints", "Inheritance" (Caveats) and ALTER TABLE (NOT VALID).
"""

from collections.abc import Collection, Iterator, Mapping
from functools import cached_property

from ..facts.roles import closure
from ..model.catalog import Catalog, Column, Constraint, QName, Table


def keys_of(table: Table) -> Iterator[tuple[str, ...]]:
    """Yield the columns of each key of a table that names one row at any time: those of its unique indexes,
    the primary key's too, but for those of some rows or of expressions, and what is looked at later."""
    later = {c.name for c in table.constraints if c.deferrable}
    for index in table.indexes:
        columns = tuple(c for c in index.columns if c is not None)
        whole = index.valid and index.predicate is None and len(columns) == len(index.columns)
        if index.unique and whole and index.constraint not in later:
            yield columns


def is_unique(table: Table, columns: Collection[str]) -> bool:
    """Tell whether columns hold a whole key of a table, one that names one row at any time."""
    return any(set(columns).issuperset(key) for key in keys_of(table))


class Promises:
    """The constraints of a database, as far as every row that a query on a table finds obeys them."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def stands(self, table: Table, constraint: Constraint) -> bool:
        """Tell whether every row that a query on the table finds obeys its constraint: a foreign key, and
        what was said NO INHERIT, hold for no row of an inheritance child. A key whose triggers do not fire in
        a usual session (DISABLE TRIGGER ALL) holds for none."""
        own = constraint.no_inherit or constraint.kind == "foreign key"
        return constraint.holds and not (own and table.qname in self._children)

    def standing_keys(self, table: Table) -> tuple[Constraint, ...]:
        """Return the foreign keys that every row which a query on the table finds obeys."""
        return tuple(key for key in table.foreign_keys if self.stands(table, key))

    def has_heirs(self, name: QName | None) -> bool:
        """Tell whether a query on a table finds rows of inheritance children, to which no key leads."""
        return name in self._children

    def may_be_null(self, table: Table, column: Column) -> bool:
        """Tell whether a row that a query on the table finds can hold NULL there: NOT NULL may be NOT VALID
        (18), and before 18 inheritance children need not have it."""
        if not column.not_null or self._doubted(table, column.name):
            return True
        below = closure((table.qname,), lambda name: self._children.get(name, ()))
        found = ((self._tables[name], self._tables[name].column(column.name)) for name in below)
        return any(c is None or not c.not_null or self._doubted(t, c.name) for t, c in found)

    def _doubted(self, table: Table, column: str) -> bool:
        stated = [c for c in table.constraints if c.kind == "not null" and column in c.columns]
        return any(not self.stands(table, c) for c in stated)

    @cached_property
    def _tables(self) -> Mapping[QName, Table]:
        return {table.qname: table for table in self._catalog.tables}

    @cached_property
    def _children(self) -> Mapping[QName, list[QName]]:
        found: dict[QName, list[QName]] = {}
        for table in self._catalog.tables:
            for parent in table.inherits:
                found.setdefault(parent, []).append(table.qname)
        return found
