"""What a test says of what came before it: a function looks a row up by its key, or does something, and asks
after that whether the caller may.

Of a row that was looked up nobody has learned anything as long as only whose it is was looked at, but for
what the look-up itself told (a cast of what is assigned, a generated column). What was done an exception
undoes, but for what it told meanwhile (the DETAIL of a CHECK that is not met shows the row). Neither is
decided; what is used before anybody asks is open.

Source: PostgreSQL documentation, "PL/pgSQL", "Trapping Errors" and
"Executing a Command with a Single-Row Result" (of what was changed, INTO takes one row alone).
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from ..facts.scoping import is_surrogate
from ..sql import plpgsql as pl
from ..sql import syntax as s
from .blocks import Block, Item, Known, Looked, Place, Query, variable
from .queries import Builder
from .statements import returning

_QUERIES = (s.Select, s.Update, s.Delete)


class LookUp(msgspec.Struct):
    """A row that was looked up: the variables that hold it, and what is known of it. `spoiled`: more of it
    was looked at before it was known to be the tenant's. `veiled`: something was asked before that."""

    names: frozenset[str]
    looked: frozenset[Looked]
    veiled: bool
    spoiled: bool = False

    def used(self, nodes: Iterable[s.Node], known: Known) -> None:
        """Note that a statement uses these expressions."""
        if not self.spoiled and not self._is_own(known):
            self.spoiled = any(map(self._names_it, s.walk(*nodes)))

    def asked(self, condition: s.Node, known: Known, builder: Builder) -> None:
        """Note a test, which may ask whose the row is and whether it is there."""
        if self.spoiled or self._is_own(known):
            return
        mentioned = [*self._mentioned(condition)]
        called = (f for n in s.walk(condition) if isinstance(n, s.Call) for f in builder.reads.named(n.name))
        told = {variable(".".join(n.names)) for n in mentioned}
        allowed = {place for one in self.looked for place in (one.owner, one.row)}
        self.spoiled = bool(mentioned) and (not told <= allowed or any(map(builder.reads.tells, called)))

    def _is_own(self, known: Known) -> bool:
        owners = {one.owner for one in self.looked & known.looked} & known.tenant
        return bool(owners)

    def _mentioned(self, node: s.Node) -> Iterator[s.Column | s.Star]:
        """Yield what names the row, but for the question whether there is one."""
        there = isinstance(node, s.NullTest) and isinstance(node.arg, s.Column) and len(node.arg.names) == 1
        if isinstance(node, (s.Column, s.Star)) and self._names_it(node):
            yield node
        for child in () if there else s.children(node):
            yield from self._mentioned(child)

    def _names_it(self, node: s.Node) -> bool:
        return isinstance(node, (s.Column, s.Star)) and not self.names.isdisjoint(node.names)


def look_up(query: s.Node, block: Query, into: tuple[pl.Names, ...], *, veiled: bool) -> LookUp | None:
    """Return the row that a query looks up by its surrogate key, for plain columns of it alone; None where it
    does anything else, or does not tell whose the row is."""
    if not into or not isinstance(query, s.Select) or not isinstance(block, Block):
        return None
    plain = all(isinstance(target.value, (s.Column, s.Star)) for target in query.targets)
    found = _row_of(block) if plain else None
    if found is None:
        return None
    item, key, row = found
    held = [*_held(item, block, into)]
    owners = [place for place, column in held if _tells_owner(item, column)]
    rows = [row, *(place for place, column in held if column == key)]
    if not owners or item.table is None:
        return None
    looked = frozenset(Looked(item.table.qname, key, r, owner) for r in rows for owner in owners)
    return LookUp(frozenset(target[0] for target in into), looked, veiled)


def _row_of(block: Block) -> tuple[Item, str, Place] | None:
    """Return the only relation of a query, its key, and the variable that the key is equal to."""
    asked = block.conditions
    more = asked.choices or asked.groups or asked.nested or asked.calls or asked.veiled or asked.hasty
    if more or len(asked.items) != 1 or len(asked.facts) != 1:
        return None
    item, fact = asked.items[0], asked.facts[0]
    key = item.table.primary_key if item.table is not None else None
    if item.table is None or key is None or len(key.columns) != 1 or not is_surrogate(item.table, key):
        return None  # another key tells, by two answers, that there is such a row
    own = item.place(key.columns[0])
    other = fact.right if fact.left == own else fact.left if fact.right == own else None
    return (item, key.columns[0], other) if other is not None and other[0] == 0 else None


def _held(item: Item, block: Block, into: tuple[pl.Names, ...]) -> Iterator[tuple[Place, str]]:
    """Yield the variables that get a column of the row."""
    outputs = block.outputs or ()
    record = len(into) == 1 and len(into[0]) == 1 and len(outputs) > 1
    for n, (name, place) in enumerate(outputs):
        target = (*into[0], name) if record else into[n] if n < len(into) else ()
        if target and place is not None and place[0] == item.number:
            yield variable(".".join(target)), place[1]


def _tells_owner(item: Item, column: str) -> bool:
    found = item.table.column(column) if item.table is not None else None
    return column in item.keys and found is not None and found.not_null


class Act(NamedTuple):
    """What was done, or read, before anybody asked: what was known then, the variables that got something of
    it, and how many ways out came before."""

    statement: s.Node
    known: Known
    names: frozenset[str]
    leaves: int

    @classmethod
    def of(cls, statement: s.Node, into: tuple[pl.Names, ...], known: Known, leaves: int) -> "Act":
        """Return it, its rows being those whose columns the variables hold."""
        told = [entry.value for entry in _told(statement)]
        pairs = [
            s.Operation("=", value, s.Column(target))
            for value, target in zip(told, into, strict=False)
            if isinstance(value, s.Column)
        ]
        if pairs and isinstance(statement, _QUERIES):
            where = (statement.where,) if statement.where is not None else ()
            statement = msgspec.structs.replace(statement, where=s.And((*where, *pairs)))
        return cls(statement, known, frozenset(target[0] for target in into), leaves)

    def once_asked(self, leave: Known, given: Counter[str]) -> Known:
        """Return what was known then, with what is known at a way out of variables that `given` counts no
        other value for."""
        stays = []
        for place in (p for p in leave.tenant if p[0] == 0):
            name = place[1].partition(".")[0]
            if sum(given[one] for one in {name, place[1]}) <= (name in self.names):
                stays.append(place)
        return self.known._replace(tenant=self.known.tenant.union(stays))


def _told(statement: s.Node) -> tuple[s.Target, ...]:
    return statement.targets if isinstance(statement, s.Select) else returning(statement)
