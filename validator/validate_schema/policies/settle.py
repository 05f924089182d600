"""Whether the conditions of a query keep its rows to the tenant of the session.

What is known spreads along equations: from the context to a column, from a relation that is tied to the
key of another. A relation of tenants is tied by its tenant column, by all columns of a foreign key to or
from a tied relation, or by all columns of one key of the same table; through a relation of no tenant nothing
is. Source: PostgreSQL documentation, "Joined Tables" (what the condition of an outer join holds for).
"""

from collections.abc import Callable, Iterator, Mapping
from enum import IntEnum
from typing import NamedTuple

import msgspec

from ..model.catalog import Constraint, QName, Table
from ..sql.parser import Unreadable
from .blocks import Called, Conditions, Item, Known, Place, Query, Union, origin
from .promises import keys_of

_MOST_CHOICES, _MOST_STEPS, _DEEPEST = 16, 4_000, 30


class Keeps(IntEnum):
    """Whether something keeps to the tenant of the session: the greater, the worse."""

    KEPT = 0
    UNCLEAR = 1
    OPEN = 2


class Settled(NamedTuple):
    """What a query comes to: whether it keeps to the tenant, what is known then, and the places, in its
    result, of columns that hold the tenant."""

    keeps: Keeps
    known: Known
    columns: frozenset[int] = frozenset()


# Of queries that name nothing of those around them: what they come to, and the tables of people's rows.
Alone = dict[tuple[int, frozenset[int]], tuple[Settled, frozenset[QName]]]


class Settler:
    """Settles the queries of one routine or view, whose relations are `items`. `judge_call` says what a
    function does that is called; `persons` collects the tables in which a row stood for what the person
    may see."""

    def __init__(
        self,
        items: Mapping[int, Item],
        judge_call: Callable[[Called, Known], Keeps],
        alone: Alone,
        depth: int = 0,
    ) -> None:
        self.items = items
        self._judge_call = judge_call
        self._alone = alone
        self._depth = depth
        self.persons: set[QName] = set()
        self.not_by_person = 0  # the number of a relation for which it is not enough that it names who asks
        self._steps = 0
        if depth > _DEEPEST:
            raise Unreadable("views over views, too deep")

    def query(self, query: Query, known: Known, given: frozenset[int] = frozenset()) -> Settled:
        """Settle a query; `given` are columns of its result that are asked to be the tenant of the session.
        Raises `Unreadable` where it is too large."""
        if isinstance(query, Union):
            left, right = (self.query(side, known, given) for side in (query.left, query.right))
            keeps = max(left.keeps, right.keeps)
            if query.recursive and not left.columns <= right.columns:
                keeps = max(keeps, Keeps.UNCLEAR)
            return Settled(keeps, known, left.columns & right.columns)
        outputs = [place for _, place in query.outputs or ()]
        asked = frozenset(p for n in given if n < len(outputs) and (p := outputs[n]) is not None)
        known = known._replace(tenant=known.tenant | (asked & query.divided if query.sealed else asked))
        keeps, after = self.conditions(query.conditions, known)
        if query.late is None:
            known = after
        else:
            late = msgspec.structs.replace(query.late, items=[*query.conditions.items, *query.late.items])
            tied = known._replace(tied=known.tied | after.tied)  # rows that it counted, if it found any
            keeps = max(keeps, self.conditions(late, tied)[0])
        columns = frozenset(n for n, place in enumerate(outputs) if place in known.tenant)
        return Settled(keeps, known, columns)

    def item(self, item: Item, query: Query, known: Known, given: frozenset[int]) -> Settled:
        """Settle the query of a relation in FROM."""
        if not item.alone:
            return self.query(query, known, given)
        key = (id(query), given)
        if key not in self._alone:
            inner = Settler(self.items, self._judge_call, self._alone, self._depth + 1)
            self._alone[key] = inner.query(query, Known(), given), frozenset(inner.persons)
        settled, persons = self._alone[key]
        self.persons |= persons
        return settled

    def conditions(self, conditions: Conditions, known: Known) -> tuple[Keeps, Known]:
        """Return whether everything keeps to the tenant where the conditions hold, and what is known then."""
        self._steps += 1
        if self._steps > _MOST_STEPS or len(conditions.choices) > _MOST_CHOICES:
            raise Unreadable("more alternatives than can be followed")
        if not conditions.choices:
            return self._together(conditions, known)
        found = [self.conditions(conditions.chosen(which), known) for which in conditions.choices[0]]
        both = found[0][1]
        for _, other in found[1:]:
            both = both.both(other)
        return max(keeps for keeps, _ in found), both

    def _together(self, conditions: Conditions, known: Known) -> tuple[Keeps, Known]:
        spread = _Spread(self, conditions, known)
        spread.run()
        loose = (i.number for i in conditions.items if i.owned and i.number not in spread.tied)
        keeps = max((spread.within.get(number, Keeps.OPEN) for number in loose), default=Keeps.KEPT)
        if keeps is Keeps.OPEN and (conditions.veiled or spread.asks_person()):
            keeps = Keeps.UNCLEAR
        if conditions.hasty:
            keeps = max(keeps, Keeps.UNCLEAR)
        for query in conditions.nested:
            keeps = max(keeps, self.query(query, spread.known).keeps)
        for called in conditions.calls:
            keeps = max(keeps, self._judge_call(called, spread.known))
        return keeps, spread.known


class _Spread:
    """What is known in one block, spread until nothing more follows."""

    def __init__(self, settler: Settler, conditions: Conditions, known: Known) -> None:
        self.settler = settler
        self.conditions = conditions
        self.tenant, self.person = set(known.tenant), set(known.person)
        self.tied = set(known.tied)
        self.looked = known.looked
        self.within: dict[int, Keeps] = {}  # what a query comes to by itself
        self.tied |= {item.number for item in conditions.items if item.held and item.owned}

    @property
    def known(self) -> Known:
        return Known(frozenset(self.tenant), frozenset(self.person), frozenset(self.tied), self.looked)

    def asks_person(self) -> bool:
        """Tell whether a condition compares something with the person of the session, but for a tenant
        column: a setting that says which tenant is anybody's to set."""
        keys = {item.place(key) for item in self.conditions.items for key in item.keys}
        return any(
            {fact.left, fact.right} & self.person and not {fact.left, fact.right} & keys
            for fact in self.conditions.facts
        )

    def run(self) -> None:
        before = -1
        while before != (before := len(self.tenant) + len(self.person) + len(self.tied)):
            for places in (self.tenant, self.person):
                self._equate(places)
            for item in self.conditions.items:
                if item.owned:
                    self._tie(item)

    def _equate(self, places: set[Place]) -> None:
        for left, right, confines in self.conditions.facts:
            for mine, other in ((left, right), (right, left)):
                if other in places and (confines is None or mine[0] in confines):
                    places.add(mine)
        for place, members in self.conditions.groups.items():
            if all(member in places for member in members):
                places.add(place)

    def _tie(self, item: Item) -> None:
        if item.query is not None:
            self._tie_query(item, item.query)
            return
        keyed = any(item.place(key) in self.tenant for key in item.keys) or self._was_looked_up(item)
        if item.number not in self.tied and (keyed or self._is_persons(item) or self._by_key(item)):
            self.tied.add(item.number)
        if item.number in self.tied and len(item.keys) == 1:
            self.tenant |= {item.place(key) for key in item.keys}

    def _was_looked_up(self, item: Item) -> bool:
        """Tell whether a relation's row is one that was looked up before and found to be the tenant's, or its
        rows belong to that one."""
        for one in self.looked:
            if item.table is not None and one.owner in self.tenant:
                same = {one.row}
                self._equate(same)
                led = (
                    k.columns[0]
                    for k in _single_keys(item.table)
                    if (k.references, k.referenced_columns[0]) == one[:2]
                )
                columns = (one.key,) if item.table.qname == one.table else () if item.keys else led
                if any(item.place(column) in same for column in columns):
                    return True
        return False

    def _tie_query(self, item: Item, query: Query) -> None:
        columns = item.columns or ()
        given = frozenset(n for n, name in enumerate(columns) if item.place(name) in self.tenant)
        settled = self.settler.item(item, query, self.known, given)
        self.within[item.number] = settled.keeps
        if settled.keeps is Keeps.KEPT:
            self.tied.add(item.number)
        self.tenant |= {item.place(columns[n]) for n in settled.columns if n < len(columns)}

    def _is_persons(self, item: Item) -> bool:
        """Tell whether a condition asks for the one row that ties the person of the session to a tenant: a
        key holds the person beside the tenant; or alone, where that is known to be one."""
        table = item.table
        if table is None or item.number == self.settler.not_by_person:
            return False
        held = {column.name for column in table.columns if item.place(column.name) in self.person}
        held |= {name for name in item.persons if item.place(name) in self.tenant}  # a setting may say both
        held -= item.keys | _like_tenants(table, item.keys)
        found = any(
            set(key) & held
            and set(key) <= held | item.keys
            and (set(key) & item.keys or set(key) <= item.persons)
            for key in keys_of(table)
        )
        if found:
            self.settler.persons.add(table.qname)
        return found

    def _by_key(self, item: Item) -> bool:
        """Tell whether all columns of a key lead to one row of a tied relation."""
        if item.table is None:
            return False
        near: dict[int, set[tuple[str, str]]] = {}
        for mine, (number, theirs) in self._equal_to(item):
            near.setdefault(number, set()).add((mine, theirs))
        return any(
            equal.issuperset(pairs)
            for number, equal in near.items()
            for pairs in _ways(item, self.settler.items[number])
        )

    def _equal_to(self, item: Item) -> Iterator[tuple[str, tuple[int, str]]]:
        """Yield the columns of a relation that equal a column of a tied one, with where that comes from."""
        for left, right, confines in self.conditions.facts:
            for mine, other in ((left, right), (right, left)):
                source = self.settler.items.get(other[0])
                usable = confines is None or item.number in confines
                if mine[0] == item.number and usable and source is not None and source.number in self.tied:
                    found = origin(source, other[1])
                    if found is not None:
                        yield mine[1], (found[0], found[2])


def _ways(one: Item, two: Item) -> Iterator[tuple[tuple[str, str], ...]]:
    """Yield the pairs of columns that, all equal, make a row of one relation one of the same tenant as one of
    the other. A foreign key that references the columns which tell whose a row is by others than its own
    (``partner_id`` beside ``org_id``) leads to another tenant; none leads to or from rows of inheritance
    children. A row without a tenant column is of its parent's: it leads to no other row of its own table, nor
    on to a parent where it refers to several."""
    if one.table is None or two.table is None or one.mixed or two.mixed:
        return
    here, there = (one, one.table, one.keys), (two, two.table, two.keys)
    for (item, mine, own), (_, target, others), turned in ((here, there, False), (there, here, True)):
        up = [key for key in mine.foreign_keys if key.references in item.parents]
        for key in mine.foreign_keys:
            if key.references == target.qname and key.holds:
                pairs = tuple(zip(key.columns, key.referenced_columns, strict=True))
                parent = key.references in item.parents and (not turned or len(up) == 1)
                if all(a in own for a, b in pairs if b in others) if own else parent:
                    yield tuple((b, a) for a, b in pairs) if turned else pairs
    if one.table.qname == two.table.qname:
        yield from (tuple((c, c) for c in key) for key in keys_of(one.table))


def _single_keys(table: Table) -> Iterator[Constraint]:
    return (k for k in table.foreign_keys if len(k.columns) == 1 and k.holds)


def _like_tenants(table: Table, keys: frozenset[str]) -> frozenset[str]:
    """Return the columns whose foreign keys lead where those of the tenant columns do: they hold a tenant
    too, and no person."""
    roots = {key.references for key in table.foreign_keys if keys.intersection(key.columns)}
    return frozenset(c for key in table.foreign_keys if key.references in roots for c in key.columns)
