"""The people of the two tenants: whose sessions are played, and who stands in the columns of people.

Two belong to each tenant. The first is who A's session works for; their keys are those of made-up rows of the
table of people, where there is one.
"""

from collections.abc import Callable

from ...model.catalog import QName
from ...sql.mentions import mentions
from ...sql.words import reads_as_person
from .ground import Ground
from .rows import NOBODY, A, B, Column

Cells = Callable[[QName, Column, str], str | None]
"""Gives what stands in a column of the first row of a tenant."""

_KEYS = {  # of the first and the second person of a tenant, by the kind of type
    "uuid": {
        A: ("a1a1a1a1-a1a1-4a1a-8a1a-a1a1a1a1a1a1", "a2a2a2a2-a2a2-4a2a-8a2a-a2a2a2a2a2a2"),
        B: ("b1b1b1b1-b1b1-4b1b-8b1b-b1b1b1b1b1b1", "b2b2b2b2-b2b2-4b2b-8b2b-b2b2b2b2b2b2"),
    },
    "number": {A: ("7101", "7102"), B: ("7201", "7202")},
    "text": {A: ("person-a1", "person-a2"), B: ("person-b1", "person-b2")},
}


class People:
    """The people of one schema. `user` is the key of A's first one, where the config names it."""

    def __init__(self, ground: Ground, cell: Cells, user: str | None = None) -> None:
        self._ground = ground
        self._facts = ground.facts
        self._cell = cell
        self._user = user
        self._members = {(m.table, m.person) for m in self._facts.principals.memberships}

    def session(self, label: str) -> str:
        """Return the key of who a tenant's session works for, as text."""
        table, key = self._facts.principals.people, self._facts.principals.people_key
        column = self._column(table, key) if table is not None and key is not None else None
        if label == A and self._user is not None:
            return self._user
        if table is not None and column is not None:
            return self._cell(table, column, label) or ""
        return self._made(self._type_of_all(), label, 0) or ""

    def key(self, table: QName, column: Column, label: str, number: int) -> str | None:
        """Return who stands in a column of people of a tenant's row; None where the column is none, or a
        further row needs someone of its own."""
        label = B if label == NOBODY else label
        principals = self._facts.principals
        if (table, column.name) == (principals.people, principals.people_key):
            named = label == A and number == 0 and self._user is not None
            return self._user if named and self._ground.fits(self._user or "", column) else None
        if label not in (A, B) or not self._holds(table, column):
            return None
        if (table, column.name) in self._members and number > 1:
            return None  # a person is a member once
        first = self.session(label)
        if number % 2 == 0 and self._ground.fits(first, column):
            return first
        return self._made(column, label, number % 2)

    def _holds(self, table: QName, column: Column) -> bool:
        if (table, column.name) in self._members:
            return True
        text = self._ground.texts.own(self._facts.tables_by_name[table])
        return reads_as_person(column.name) and mentions(text, column.name)

    def _made(self, column: Column | None, label: str, number: int) -> str | None:
        for keys in _KEYS.values():
            key = keys.get(label, keys[B])[number]
            if column is None or self._ground.fits(key, column):
                return key
        return None

    def _type_of_all(self) -> Column | None:
        """Return the first column of people: all are taken to hold the same kind of key."""
        for table in self._facts.tables:
            for column in self._ground.columns_of(table.qname):
                if self._holds(table.qname, column):
                    return column
        return None

    def _column(self, table: QName, name: str) -> Column | None:
        return next((c for c in self._ground.columns_of(table) if c.name == name), None)
