"""The tables as a graph of foreign keys, built once for an identification."""

from collections import Counter
from collections.abc import Collection, Container, Iterable, Iterator
from functools import cached_property
from typing import NamedTuple

from ..catalog.ledgers import ledgers, partition_templates
from ..facts.scoping import nullable_columns
from ..model.catalog import Catalog, Column, Constraint, QName, Table

Place = tuple[QName, str]
_OWNERS_IN_A_CIRCLE = 20  # tables that reference one another by their own keys, each as if it were the owner


class Edge(NamedTuple):
    """A foreign key from `source` to `target`. `strong`: every row of the source is owned by it,
    as no member may be NULL. `valid`: the server vouches for the rows that are there."""

    source: QName
    target: QName
    key: Constraint
    strong: bool
    valid: bool


class Graph:
    """Tables by name, without partitions and ledgers, and the foreign keys between them."""

    def __init__(self, catalog: Catalog) -> None:
        self._known_wholes: dict[QName, QName] = {}
        self._known_leading: dict[QName, frozenset[Place]] = {}
        self._known_spelled: dict[tuple[str, ...], frozenset[Place]] = {}
        self.default_schema = catalog.server.default_schema
        self.ledgers: dict[QName, str] = {}
        self.partitions: dict[QName, QName] = {}
        self.tables: dict[QName, Table] = {}
        kept = partition_templates(catalog) | ledgers(catalog)
        for table in catalog.tables:
            name = table.qname
            if table.parent is not None:
                self.partitions[name] = table.parent
            elif (tool := kept.get(name)) is not None:
                self.ledgers[name] = tool
            else:
                self.tables[name] = table

    def whole(self, name: QName) -> QName:
        """Return the table that a partition is part of in the end; any other table is itself."""
        passed = []
        while name in self.partitions and name not in self._known_wholes:
            passed.append(name)
            name = self.partitions[name]
        whole = self._known_wholes.get(name, name)
        self._known_wholes.update(dict.fromkeys(passed, whole))
        return whole

    @cached_property
    def columns(self) -> dict[QName, dict[str, Column]]:
        return {name: {c.name: c for c in table.columns} for name, table in self.tables.items()}

    @cached_property
    def carriers(self) -> dict[str, list[QName]]:
        """Tables by the names of their columns."""
        found: dict[str, list[QName]] = {}
        for name, columns in self.columns.items():
            for column in columns:
                found.setdefault(column, []).append(name)
        return found

    @cached_property
    def edges(self) -> dict[QName, tuple[Edge, ...]]:
        """The foreign keys of each table to other tables of the graph."""
        return {name: tuple(self._edges_of(name, table)) for name, table in self.tables.items()}

    def _edges_of(self, name: QName, table: Table) -> Iterator[Edge]:
        required = self.required[name]
        for key in table.foreign_keys:
            if key.references is None:
                continue
            target = self.whole(key.references)
            if target == name or target not in self.tables:
                continue
            strong = required.issuperset(key.columns)
            yield Edge(name, target, key, strong, key.holds)

    @cached_property
    def required(self) -> dict[QName, frozenset[str]]:
        """The columns of each table that cannot be NULL."""
        return {
            name: frozenset(c.name for c in table.columns) - nullable_columns(table)
            for name, table in self.tables.items()
        }

    def is_key(self, table: QName, column: str) -> bool:
        """Tell whether a column is part of a foreign key."""
        return (table, column) in self._onward

    @cached_property
    def required_edges(self) -> dict[QName, list[Edge]]:
        """The foreign keys that every row of a table has, by the table that they reference."""
        found: dict[QName, list[Edge]] = {}
        for edges in self.edges.values():
            for edge in edges:
                if edge.strong:
                    found.setdefault(edge.target, []).append(edge)
        return found

    def hanging_on(self, tables: set[QName]) -> set[QName]:
        """Return `tables` and all whose every row references one of them, directly or on the way."""
        seen, queue = set(tables), list(tables)
        while queue:
            for edge in self.required_edges.get(queue.pop(), ()):
                if edge.source not in seen:
                    seen.add(edge.source)
                    queue.append(edge.source)
        return seen

    @cached_property
    def _onward(self) -> dict[Place, list[Place]]:
        """The places that each column's value comes from, through one foreign key."""
        found: dict[Place, list[Place]] = {}
        for edges in self.edges.values():
            for edge in edges:
                pairs = zip(edge.key.columns, edge.key.referenced_columns, strict=False)
                for column, referenced in dict(reversed(list(pairs))).items():
                    found.setdefault((edge.source, column), []).append((edge.target, referenced))
        return found

    @cached_property
    def _backward(self) -> dict[Place, list[Place]]:
        found: dict[Place, list[Place]] = {}
        for place, targets in self._onward.items():
            for target in targets:
                found.setdefault(target, []).append(place)
        return found

    @cached_property
    def _referenced(self) -> dict[QName, list[Place]]:
        """The columns of each table that foreign keys reference."""
        found: dict[QName, list[Place]] = {}
        for place in self._backward:
            found.setdefault(place[0], []).append(place)
        return found

    def _before(self, starts: Iterable[Place], seen: Container[Place] = ()) -> Iterator[Place]:
        """Yield each place that leads to one of `starts`, by one foreign key or more, but not through what
        was `seen`. A place leads to itself only in a circle."""
        found: set[Place] = set()
        queue = list(starts)
        while queue:
            for place in self._backward.get(queue.pop(), ()):
                if place not in found and place not in seen:
                    found.add(place)
                    queue.append(place)
                    yield place

    def leading_to(self, table: QName) -> frozenset[Place]:
        """Return every (table, column) whose value comes from a column of `table`, through foreign keys.

        A composite key ``(org_id, project_id)`` makes `org_id` lead to the project's `org_id`, and from
        there to the organization's `id`.
        """
        known = self._known_leading.get(table)
        if known is None:
            known = self._known_leading[table] = frozenset(self._before(self._referenced.get(table, ())))
        return known

    def leading_to_any(self, columns: tuple[str, ...]) -> frozenset[Place]:
        """Return every (table, column) whose value comes from a column of one of these names."""
        known = self._known_spelled.get(columns)
        if known is None:
            spelled = [place for place in self._backward if place[1] in columns]
            known = self._known_spelled[columns] = frozenset(self._before(spelled))
        return known

    def keys_led_to(self, table: QName, columns: Collection[str]) -> Counter[str]:
        """Return the columns of `table` that columns of these names lead to, with how many tables'."""
        found: Counter[str] = Counter()
        for place in self._referenced.get(table, ()):
            found[place[1]] = sum(column in columns for _, column in self._before([place]))
        return +found

    def ends(self, table: QName, column: str) -> Collection[Place]:
        """Return the last places that a column leads to: those that reference nothing further. Empty for a
        column without foreign key."""
        return self._ends.get((table, column), ())

    @cached_property
    def keyed(self) -> dict[QName, dict[str, set[QName]]]:
        """The tables that name a row of another by a foreign key, by that other table and their column. A
        row of details, which is known by the key of what it details, names that for itself alone."""
        found: dict[QName, dict[str, set[QName]]] = {}
        for (source, column), ends in self._ends.items():
            if self._own(source) != column:
                for target in {table for table, _ in ends} - {source}:
                    found.setdefault(target, {}).setdefault(column, set()).add(source)
        return found

    def _own(self, table: QName) -> str | None:
        key = self.tables[table].primary_key
        return key.columns[0] if key is not None and len(key.columns) == 1 else None

    @cached_property
    def _ends(self) -> dict[Place, list[Place]]:
        """Where values come from in the end. Of places in a circle, such as a scope whose main login must be
        one of its own, those that are all of a primary key: a row is nowhere else before it is there. Where
        those are many, none of them is what the others belong to."""
        circling: set[Place] = set()
        for circle in self._circles():
            own = [place for place in circle if self._own(place[0]) == place[1]]
            circling.update(own if len(own) <= _OWNERS_IN_A_CIRCLE else ())
        found: dict[Place, list[Place]] = {}
        for end in self._backward:
            if end not in self._onward or end in circling:
                for place in self._before([end]):
                    found.setdefault(place, []).append(end)
        return found

    def _circles(self) -> Iterator[list[Place]]:
        """Yield the places that lead to one another, circle by circle (Kosaraju's algorithm)."""
        waiting = {*self._between_circles}
        for start in reversed(self._searched()):
            circle, queue = [], [start]
            while queue:
                place = queue.pop()
                if place in waiting:
                    waiting.discard(place)
                    circle.append(place)
                    queue += self._backward.get(place, ())
            if len(circle) > 1 or (circle and start in self._onward.get(start, ())):
                yield circle

    def _searched(self) -> list[Place]:
        """Return the places that are in circles or between them, each after those that it leads to, as far as
        they are in no circle with it."""
        seen, found = set(), []
        for start in self._between_circles:
            around = [(start, False)]
            while around:
                place, is_done = around.pop()
                if is_done:
                    found.append(place)
                elif place not in seen and place in self._between_circles:
                    seen.add(place)
                    around.append((place, True))
                    around += ((onward, False) for onward in self._onward.get(place, ()))
        return found

    @cached_property
    def _between_circles(self) -> set[Place]:
        """The places that stay when those that lead nowhere, or that nothing leads to, are taken away until
        there are none: chains however long are gone, circles and what lies between them are left."""
        left = {*self._onward, *self._backward}
        around: list[Place] = [*left]
        while around:
            place = around.pop()
            onward, backward = self._onward.get(place, ()), self._backward.get(place, ())
            if place in left and (left.isdisjoint(onward) or left.isdisjoint(backward)):
                left.discard(place)
                around += (near for near in (*onward, *backward) if near in left)
        return left

    def first_led_to(self, table: QName, column: str) -> Place | None:
        """Return the first by name of the places that a column leads to."""
        return self._firsts.get((table, column))

    @cached_property
    def _firsts(self) -> dict[Place, Place]:
        found: dict[Place, Place] = {}
        for place in sorted(self._backward):
            for before in self._before([place], found):
                found[before] = place
        return found
