"""A query as what its conditions say: its relations, which values they equate, and the queries within it.

Every value has a place: a column of a relation by the relation's number, a variable of a routine under
number 0. What is not understood has none, so that nothing is tied by it.
"""

from typing import NamedTuple

import msgspec

from ..model.catalog import QName, Table
from ..sql import syntax as s

Place = tuple[int, str]
CONTEXT: Place = (-1, "tenant of the session")
PERSON: Place = (-1, "person of the session")
UNKNOWN: Place = (-2, "one of several")
_VARIABLES = 0


def variable(name: str) -> Place:
    """Return the place of a variable, a parameter or, as ``record.field``, a field of one."""
    return (_VARIABLES, name)


class Looked(NamedTuple):
    """A row that was looked up: in the table, the one whose `key` is what `row` holds is of the tenant that
    `owner` holds."""

    table: QName
    key: str
    row: Place
    owner: Place


class Known(NamedTuple):
    """The places that hold the tenant of the session, or a tenant of its person, wherever they hold anything;
    those that hold the person; the relations, by number, all of whose rows are of such a tenant; and the rows
    that were looked up."""

    tenant: frozenset[Place] = frozenset({CONTEXT})
    person: frozenset[Place] = frozenset({PERSON})
    tied: frozenset[int] = frozenset()
    looked: frozenset[Looked] = frozenset()

    def both(self, other: "Known") -> "Known":
        """Return what is known where this or the other is."""
        return Known(*(mine & theirs for mine, theirs in zip(self, other, strict=True)))  # type: ignore[arg-type]

    def learned(self, other: "Known") -> "Known":
        """Return it with what `other` knows of variables."""
        tenant, person = (frozenset(p for p in places if p[0] == _VARIABLES) for places in other[:2])
        return self._replace(tenant=self.tenant | tenant, person=self.person | person)

    def without(self, names: frozenset[str]) -> "Known":
        """Return what stays known when these variables, with their fields, are given other values."""
        tenant, person = (frozenset(p for p in places if not _is_of(p, names)) for places in self[:2])
        looked = (one for one in self.looked if not _is_of(one.owner, names))
        kept = frozenset(one._replace(row=UNKNOWN) if _is_of(one.row, names) else one for one in looked)
        return Known(tenant, person, self.tied, kept)


def _is_of(place: Place, names: frozenset[str]) -> bool:
    return place[0] == _VARIABLES and (place[1] in names or place[1].partition(".")[0] in names)


class Item(msgspec.Struct, frozen=True):
    """A relation in FROM. `columns` in their order, None where not known; `keys` are those that tell whose
    the row is, `persons` those that hold one of the people who ask. It has rows of a `table`, or those of a
    `query`; `owned`: of tenants. `held`: nothing is to be tied. `alone`: its query names nothing of those
    around it. `mixed`: rows of inheritance children are among them, to which no key of the table applies.
    `parents` are the tables of tenants to which its rows refer, but for the table itself.
    """

    number: int
    columns: tuple[str, ...] | None = None
    keys: frozenset[str] = frozenset()
    table: Table | None = None
    query: "Query | None" = None
    persons: frozenset[str] = frozenset()
    owned: bool = False
    held: bool = True
    alone: bool = False
    mixed: bool = False
    parents: frozenset[QName] = frozenset()

    def place(self, column: str) -> Place:
        return (self.number, column)


class Fact(NamedTuple):
    """Two places that hold one value. `confines`: the relations of which that is true wherever they have a
    row (an outer join's condition holds for one side alone); None: of all, and of variables."""

    left: Place
    right: Place
    confines: frozenset[int] | None = None

    def confined(self, within: frozenset[int]) -> "Fact":
        """Return it as one that is true of some relations alone."""
        return self._replace(confines=within if self.confines is None else self.confines & within)


class Called(NamedTuple):
    """A call of a function, with the places of its arguments."""

    call: s.Call
    args: tuple[Place | None, ...]


class Conditions(msgspec.Struct):
    """What must be true of the rows: facts; choices, of each of which one must hold; and the relations, with
    those of EXISTS and IN that must have a row. `groups` are places that hold what one of others holds.
    `nested` are other queries within. `veiled`: something else is asked that may guard the rows. `hasty`: one
    of the conditions may tell of rows before others hide these."""

    items: list[Item] = msgspec.field(default_factory=list)
    facts: list[Fact] = msgspec.field(default_factory=list)
    choices: list[tuple["Conditions", ...]] = msgspec.field(default_factory=list)
    groups: dict[Place, tuple[Place, ...]] = msgspec.field(default_factory=dict)
    nested: list["Query"] = msgspec.field(default_factory=list)
    calls: list[Called] = msgspec.field(default_factory=list)
    veiled: bool = False
    hasty: bool = False

    def confined(self, within: frozenset[int]) -> "Conditions":
        """Return them as what is true of some relations alone."""
        facts = [fact.confined(within) for fact in self.facts]
        choices = [tuple(way.confined(within) for way in ways) for ways in self.choices]
        return msgspec.structs.replace(self, facts=facts, choices=choices)

    def chosen(self, which: "Conditions") -> "Conditions":
        """Return them with the first choice made."""
        return Conditions(
            self.items + which.items,
            self.facts + which.facts,
            self.choices[1:] + which.choices,
            {**self.groups, **which.groups},
            self.nested + which.nested,
            self.calls + which.calls,
            self.veiled or which.veiled,
            self.hasty or which.hasty,
        )


class Block(msgspec.Struct):
    """One SELECT: its conditions, and what it returns by place, None where that has none. `sealed`: a
    condition on its result comes too late, for it has counted or chosen among all rows by then; but for one
    on a place that is `divided`, where that was done for each value by itself. `late` is what a query works
    out that has a row of none: where its conditions find nothing, they say nothing of that row."""

    conditions: Conditions
    outputs: tuple[tuple[str, Place | None], ...] | None = ()
    sealed: bool = False
    divided: frozenset[Place] = frozenset()
    late: Conditions | None = None

    @property
    def columns(self) -> tuple[str, ...] | None:
        return tuple(name for name, _ in self.outputs) if self.outputs is not None else None


class Union(msgspec.Struct):
    """UNION, INTERSECT or EXCEPT of two queries; `recursive`: the right one goes on from rows of the
    result."""

    left: "Query"
    right: "Query"
    recursive: bool = False

    @property
    def columns(self) -> tuple[str, ...] | None:
        return self.left.columns


Query = Block | Union


class Scope(msgspec.Struct):
    """The names in sight: relations by alias, WITH queries, parameters of a function that is read in place
    of its call, and the scope around. `closed`: nothing else has a name here."""

    items: dict[str, Item] = msgspec.field(default_factory=dict)
    queries: dict[str, object] = msgspec.field(default_factory=dict)
    params: dict[str, Place | None] = msgspec.field(default_factory=dict)
    by_alias: bool = False  # no column is found here without its relation's name
    closed: bool = False
    outer: "Scope | None" = None

    def find(self, names: tuple[str, ...]) -> Place | None:
        """Return the place of a column; None where no relation in sight has it, `UNKNOWN` where several
        may."""
        column = names[-1]
        if len(names) > 1:
            item = self.items.get(names[-2])
            found = [item] if item is not None else []
        elif self.by_alias:
            found = []
        else:
            found = [i for i in self.items.values() if i.columns is not None and column in i.columns]
            found = found or [i for i in self.items.values() if i.columns is None]
        if found:
            return found[0].place(column) if len(found) == 1 else UNKNOWN
        if ".".join(names) in self.params:
            return self.params[".".join(names)] or UNKNOWN
        if self.closed:
            return UNKNOWN
        return self.outer.find(names) if self.outer is not None else None

    def query(self, name: str) -> object | None:
        if name in self.queries:
            return self.queries[name]
        return self.outer.query(name) if self.outer is not None else None


def origin(item: Item, column: str) -> "tuple[int, Table, str] | None":
    """Return the relation, its table and the column there whose value a column is, row for row."""
    columns = item.columns or ()
    if item.table is not None:
        return item.number, item.table, column
    if not isinstance(item.query, Block) or column not in columns:
        return None
    place = (item.query.outputs or ())[columns.index(column)][1]
    inner = next((i for i in item.query.conditions.items if place is not None and i.number == place[0]), None)
    return origin(inner, place[1]) if inner is not None and place is not None else None


def renamed(query: "Query", names: tuple[str, ...]) -> "Query":
    """Return the query with its first columns under other names."""
    if not names:
        return query
    if isinstance(query, Union):
        return Union(renamed(query.left, names), query.right, query.recursive)
    if query.outputs is None:
        return query
    outputs = tuple(
        (names[n] if n < len(names) else name, place) for n, (name, place) in enumerate(query.outputs)
    )
    return msgspec.structs.replace(query, outputs=outputs)
