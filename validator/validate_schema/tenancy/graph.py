"""The tables as a graph of foreign keys, built once for an identification."""

from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

from ..catalog.ledgers import ledger_tool, partition_templates
from ..model.catalog import Catalog, Column, Constraint, QName, Table

_Place = tuple[QName, str]


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
        self._known_leads: dict[str, dict[QName, frozenset[_Place]]] = {}
        self._known_onward: dict[_Place, frozenset[_Place]] = {}
        self._known_ends: dict[frozenset[_Place], frozenset[_Place]] = {}
        self.default_schema = catalog.server.default_schema
        self.ledgers: dict[QName, str] = {}
        self.partitions: dict[QName, QName] = {}
        self.tables: dict[QName, Table] = {}
        templates = partition_templates(catalog)
        for table in catalog.tables:
            name = table.qname
            if table.parent is not None:
                self.partitions[name] = table.parent
            elif (tool := ledger_tool(table) or templates.get(name)) is not None:
                self.ledgers[name] = tool
            else:
                self.tables[name] = table

    def whole(self, name: QName) -> QName:
        """Return the table that a partition is part of in the end; any other table is itself."""
        while name in self.partitions:
            name = self.partitions[name]
        return name

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
            yield Edge(name, target, key, strong, key.validated and key.enforced)

    @cached_property
    def required(self) -> dict[QName, frozenset[str]]:
        """The columns of each table that cannot be NULL."""
        return {name: _required(table) for name, table in self.tables.items()}

    def targets(self, table: QName, column: str) -> list[_Place]:
        """Return the (table, column) that a column references, by every foreign key it is part of."""
        found = []
        for edge in self.edges[table]:
            if column in edge.key.columns:
                position = edge.key.columns.index(column)
                found += [
                    (edge.target, name) for name in edge.key.referenced_columns[position : position + 1]
                ]
        return found

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

    def leads_to(self, table: QName, column: str) -> frozenset[_Place]:
        """Return every (table, column) that a column's value comes from, through foreign keys.

        A composite key ``(org_id, project_id)`` makes `org_id` lead to the project's `org_id`, and
        from there to the organization's `id`. Empty for a column without foreign key.
        """
        known = self._known_leads.setdefault(column, {})
        if table not in known:
            found = [self._onward(place) for place in self.targets(table, column)]
            known[table] = found[0] if len(found) == 1 else frozenset().union(*found)
        return known[table]

    def _onward(self, start: _Place) -> frozenset[_Place]:
        """Return `start` and every place that it leads to."""
        known = self._known_onward.get(start)
        if known is None:
            seen, queue = {start}, [start]
            while queue:
                onward = [place for place in self.targets(*queue.pop()) if place not in seen]
                seen.update(onward)
                queue += onward
            known = self._known_onward[start] = frozenset(seen)
        return known

    def ends(self, table: QName, column: str) -> frozenset[_Place]:
        """Return the last places of `leads_to`: those that reference nothing further."""
        places = self.leads_to(table, column)
        known = self._known_ends.get(places)
        if known is None:
            known = frozenset(place for place in places if not self.targets(*place))
            self._known_ends[places] = known
        return known


def _required(table: Table) -> frozenset[str]:
    names = {c.name for c in table.columns if c.not_null}
    for check in table.checks:
        if len(check.columns) == 1 and check.validated and check.enforced:
            column = check.columns[0]
            plain = (check.definition or "").replace('"', "").replace("(", "").replace(")", "")
            if plain.removesuffix(" NO INHERIT") == f"CHECK {column.replace(chr(34), '')} IS NOT NULL":
                names.add(column)
    return frozenset(names)
