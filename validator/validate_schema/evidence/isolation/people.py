"""The people of the two tenants: whose sessions are played, and who stands in the columns of people.

Two belong to each tenant. The first is who A's session works for; their keys are those of made-up rows of the
table of people, where there is one.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from functools import cached_property

from ...model.catalog import QName
from ...sql.ident import quote_ident, quote_qname
from ...sql.mentions import mentions
from ...sql.words import reads_as_person
from .ground import Ground
from .hints import literals
from .rows import NOBODY, A, B, Column, Rows, literal

Cells = Callable[[QName, Column, str], str | None]
"""Gives what stands in a column of the first row of a tenant."""

_MOST_STANDINGS = 40

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
        if label == A and self._user is not None:
            return self._user
        table, key = self._people
        column = self._column(table, key) if table is not None else None
        if table is not None and column is not None and table in self._facts.tables_by_name:
            return self._cell(table, column, label) or ""
        return self._made(self._type_of_all(), label, 0) or ""

    def standings(self, seeded: Mapping[QName, Rows]) -> list[str]:
        """Return UPDATEs that give the first person of A another standing, such as a rank as a member: each
        word of the policies that a column of a row which names that person takes."""
        me, words = self.session(A), self._words
        return [
            f"update {quote_qname(name)} set {quote_ident(column.name)} = {literal(word)}"
            f" where {quote_ident(person)} = {literal(me)}"
            for name, rows in seeded.items()
            for person in self._naming(rows, me)
            for column in rows.columns
            if not self._ground.binds(rows.table, column) and column.name != person
            for word in words
            if self._ground.types_of_words(column) and self._ground.takes(word, column)
        ][:_MOST_STANDINGS]

    def _naming(self, rows: Rows, key: str) -> list[str]:
        """Return the columns in which rows of A hold a person."""
        return list(dict.fromkeys(c for row in rows.of(A) for c, v in row.values.items() if v == key))

    @cached_property
    def _words(self) -> list[str]:
        texts = (self._ground.texts.own(t) for t in self._facts.tables if t.policies)
        return list(dict.fromkeys(word for text in texts for word in literals(text)))

    def key(self, table: QName, column: Column, label: str, number: int) -> str | None:
        """Return who stands in a column of people of a tenant's row; None where the column is none, or a
        further row needs someone of its own."""
        label = B if label == NOBODY else label
        if (table, column.name) == self._people:
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

    @cached_property
    def _people(self) -> tuple[QName | None, str]:
        """The table of people and its key: as policies tell, else what columns of people lead to most."""
        told = self._facts.principals
        if told.people is not None and told.people_key is not None:
            return told.people, told.people_key
        keys = (k for t in self._facts.tables for k in t.foreign_keys if len(k.columns) == 1)
        led = Counter(
            (k.references, k.referenced_columns[0])
            for k in keys
            if k.references is not None and reads_as_person(k.columns[0])
        )
        return max(sorted(led), key=led.__getitem__, default=(None, ""))

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
