"""The people of the two tenants: whose sessions are played, and who stands in the columns of people.

Two belong to each tenant. The first is who A's session works for; their keys are those of made-up rows of the
table of people, where there is one. One more belongs to both, where the memberships allow it.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from functools import cached_property

from ...model.catalog import QName, Table
from ...model.principals import Kind
from ...model.tenancy import TableClass
from ...sql.ident import quote_ident, quote_qname
from ...sql.mentions import mentions
from ...sql.words import reads_as_person
from .context import ContextSetup
from .ground import Ground
from .hints import literals
from .rows import BOTH, MINE, NOBODY, OWNED, A, B, Column, Row, Rows, literal

Cells = Callable[[QName, Column, str, int], str | None]
"""Gives what stands in a column of a tenant's row of that number."""

_MOST_STANDINGS, _MOST_OWNERS = 40, 2  # columns of owners that are varied
_OF_TENANTS = (TableClass.ROOT, TableClass.TENANT, TableClass.INHERITED)

_KEYS = {  # of the first and the second person of a tenant, by the kind of type
    "uuid": {
        A: ("a1a1a1a1-a1a1-4a1a-8a1a-a1a1a1a1a1a1", "a2a2a2a2-a2a2-4a2a-8a2a-a2a2a2a2a2a2"),
        B: ("b1b1b1b1-b1b1-4b1b-8b1b-b1b1b1b1b1b1", "b2b2b2b2-b2b2-4b2b-8b2b-b2b2b2b2b2b2"),
    },
    "number": {A: ("7101", "7102"), B: ("7201", "7202")},
    "text": {A: ("person-a1", "person-a2"), B: ("person-b1", "person-b2")},
}
_KEY_OF_BOTH = ("ab0ab0ab-ab0a-4ab0-8ab0-ab0ab0ab0ab0", "7301", "person-of-both")


class People:
    """The people of one schema. `setup` is how a session says who asks; it may name the key of A's first."""

    def __init__(self, ground: Ground, cell: Cells, setup: ContextSetup | None = None) -> None:
        self._ground = ground
        self._facts = ground.facts
        self._cell = cell
        self._asked = setup is not None and setup.names_person
        self._user = setup.person if setup is not None else None

    @cached_property
    def _members(self) -> set[tuple[QName, str]]:
        """The columns that say who is a member of a tenant, as policies or a key of both tell."""
        told = {(m.table, m.person) for m in self._facts.principals.memberships}
        return told | {
            (table.qname, key.columns[0])
            for table in self._facts.tables
            for key in table.foreign_keys
            if len(key.columns) == 1 and (key.references, key.referenced_columns[0]) == self._people
            if {key.columns[0], self._facts.held_levels.get(table.qname, {}).get(0)} in _keys(table)
        }

    def session(self, label: str) -> str:
        """Return the key of who a tenant's session works for, as text."""
        if label == A and self._user is not None:
            return self._user
        if self._are_tenants:
            return self._ground.keys[0][label]
        table, key = self._people
        column = self._column(table, key) if table is not None else None
        if table is not None and column is not None and table in self._facts.tables_by_name:
            return self._cell(table, column, label, 0) or ""
        return self._made(self._type_of_all(), label, 0) or ""

    @property
    def _are_tenants(self) -> bool:
        """Whether people, whose table is not in the catalog, are the tenants themselves."""
        outer = self._facts.tenancy.levels[0]
        told = self._facts.principals
        alone = outer.root is None and not told.memberships and not told.of_kind(Kind.TENANT)
        return (
            alone
            and told.people is None
            and 0 in self._ground.keys
            and all(map(reads_as_person, outer.columns))
        )

    @cached_property
    def of_both(self) -> str | None:
        """The key of a person who belongs to both tenants; None where no session says which person asks, no
        membership ties one to more than a tenant, or people are rows of a tenant's themselves."""
        table, key = self._people
        if (
            not self._asked
            or self._of_tenants(table)
            or not any(self._may_be_many(*m) for m in self._members)
        ):
            return None
        column = self._column(table, key) if table is not None else None
        if table is not None and column is not None and table in self._facts.tables_by_name:
            return self._cell(table, column, A, BOTH)
        wanted = self._type_of_all()
        return next((k for k in _KEY_OF_BOTH if wanted is None or self._ground.fits(k, wanted)), None)

    def _of_tenants(self, name: QName | None) -> bool:
        return name is not None and self._facts.class_of(name) in _OF_TENANTS

    def _may_be_many(self, name: QName, person: str) -> bool:
        """Tell whether a person may have several rows in a table of memberships."""
        table = self._facts.tables_by_name.get(name)
        return table is not None and {person} not in _keys(table)

    def naming_both(self, table: Table) -> list[str]:
        """Return whose rows of a table name the person of both; his own among people is one of A's."""
        if self.of_both is None:
            return []
        if table.qname == self._people[0]:
            return [A]
        columns = self._ground.columns_of(table.qname)
        named = [c.name for c in columns if self.both_in(table.qname, c)]
        many = all(self._may_be_many(table.qname, name) for name in named)
        return [label for label in ((A, B) if many else (A,)) if named]

    def is_membership(self, table: QName, column: str) -> bool:
        """Tell whether the column says who is a member of a tenant."""
        return (table, column) in self._members

    def is_key(self, table: QName, column: Column) -> bool:
        """Tell whether the column is the key of the table of people."""
        return (table, column.name) == self._people

    def both_in(self, table: QName, column: Column) -> str | None:
        """Return the person of both tenants where the column is one of people."""
        if table == self._people[0] or self._ground.tells_owner(table, column.name) or self.of_both is None:
            return None
        found = self._ground.reference(table, column.name)
        leads = found is not None and (found[0].references, found[1]) == self._people
        alone = found is None or len(found[0].columns) == 1
        return self.of_both if alone and (leads or self._holds(table, column)) else None

    def owners(self, table: Table) -> list[tuple[str, int, dict[str, str | None]]]:
        """Return further rows of a table, with other people in the columns of owners that its policies look
        at: whose, its number, what is varied. Who is a member of a tenant stays so, and no row leads to a
        person who is a row of another tenant's."""
        found: list[tuple[str, dict[str, str | None]]] = []
        name, asked = table.qname, self._asked
        for column in [c for c in self._ground.columns_of(name) if asked and self._owns(name, c)][
            :_MOST_OWNERS
        ]:
            found += [(MINE, {column.name: self.session(A)}), (A, {column.name: self.session(B)})]
            found += [] if column.not_null else [(label, {column.name: None}) for label in (A, B)]
        return [(label, OWNED + n, varied) for n, (label, varied) in enumerate(found)]

    def _owns(self, table: QName, column: Column) -> bool:
        key = self._ground.reference(table, column.name)
        if key is not None and (len(key[0].columns) > 1 or self._of_tenants(key[0].references)):
            return False
        plain = (table, column.name) not in self._members and table != self._people[0]
        told = self._ground.tells_owner(table, column.name)
        many = self._may_be_many(table, column.name)
        fits = self._holds(table, column) and self._ground.fits(self.session(A), column)
        return plain and many and fits and not told

    def memberships(self, rows: Rows) -> list[Row]:
        """Return the rows that tie the person of both to a tenant."""
        named = [c for t, c in sorted(self._members) if t == rows.name]
        return [r for r in rows.rows if r.tid and any(r.values.get(c) == self.of_both for c in named)]

    @property
    def told(self) -> str:
        """The people who may ask, in words; "" where no session says which."""
        if not self._asked:
            return ""
        return "two people of A, two of B" + (", one of both" if self.of_both else ", none of both")

    def standings(self, seeded: Mapping[QName, Rows], text: str | None = None) -> list[str]:
        """Return UPDATEs that give the first person of A another standing, such as a rank as a member: each
        word of the policies, or of a `text`, that a column of a row which names that person takes. What they
        ask to be NULL, such as when he left, is NULL then; a time that they look at is long past, or yet to
        come."""
        me, words = self.session(A), self._words if text is None else literals(text)
        asked = self._texts if text is None else text
        found = []
        for name, rows in seeded.items():
            for person in self._naming(rows, me):
                columns = [c for c in rows.columns if not self._ground.binds(rows.table, c)]
                columns = [c for c in columns if c.name != person]
                none = {c.name: None for c in columns if not c.not_null and _asked_for_none(c.name, asked)}
                given: list[dict[str, str]] = [{}] if none else []
                given += [{c.name: word} for c in columns for word in self._words_for(c, words, asked)]
                for values in given:
                    sets = (f"{quote_ident(c)} = {literal(v)}" for c, v in {**none, **values}.items())
                    whose = f"{quote_ident(person)} = {literal(me)}"
                    found.append(f"update {quote_qname(name)} set {', '.join(sets)} where {whose}")
        return found[:_MOST_STANDINGS]

    def _words_for(self, column: Column, words: list[str], asked: str) -> list[str]:
        """Return what a column may be given of these words, or of times."""
        if self._ground.types_of_times(column):
            words = ["infinity", "-infinity"] if mentions(asked, column.name) else []
        elif not self._ground.types_of_words(column):
            return []
        return [word for word in words if self._ground.takes(word, column)]

    def _naming(self, rows: Rows, key: str) -> list[str]:
        """Return the columns in which rows of A hold a person."""
        return list(dict.fromkeys(c for row in rows.of(A) for c, v in row.values.items() if v == key))

    @cached_property
    def _texts(self) -> str:
        return "\n".join(self._ground.texts.own(t) for t in self._facts.tables if t.policies)

    @cached_property
    def _words(self) -> list[str]:
        return list(dict.fromkeys(literals(self._texts)))

    def key(self, table: QName, column: Column, label: str, number: int) -> str | None:
        """Return who stands in a column of people of a tenant's row; None where the column is none, or a
        further row needs someone of its own."""
        label = B if label == NOBODY else label
        if number == BOTH:
            return self.both_in(table, column)
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


def _asked_for_none(column: str, asked: str) -> bool:
    """Tell whether a text asks that a column is NULL."""
    return re.search(rf"\b{re.escape(column)}\b\"?\)? is null\b", asked, re.IGNORECASE) is not None


def _keys(table: Table) -> list[set[str | None]]:
    """Return the columns of each unique key of a table."""
    keys = [k.columns for k in table.constraints if k.kind in ("primary key", "unique")]
    return [set(key) for key in (*keys, *(i.columns for i in table.indexes if i.unique))]
