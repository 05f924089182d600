"""Tables that nothing owns for certain: the shape in which they hang together with the tenants."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import islice

from ..model.catalog import QName, Table
from ..model.tenancy import Ownership, Path
from ..sql.ident import display
from ..sql.words import key_name, of_people, table_stem
from .graph import Edge, Graph

_Shape = tuple[Ownership, str, Sequence[QName]]


class Shapes:
    """Describes unowned tables. `owned` maps the tables with an owner to the path to it, `columns`
    those with a tenant column to that."""

    def __init__(self, graph: Graph, owned: Mapping[QName, Path], columns: Mapping[QName, str]) -> None:
        self.graph, self.owned, self.columns = graph, owned, columns

    def of(self, name: QName) -> _Shape:
        """Return (shape, the reason in words, path): the path only for a nullable one."""
        return (
            self._reverse(name)
            or self._nullable_path(name)
            or self._membership(name)
            or (Ownership.NONE, self._nothing(name), ())
        )

    def _nullable_path(self, name: QName) -> _Shape | None:
        path = self._loose.get(name)
        if path is None:
            return None
        edge, tables = path
        way = steps(self.graph, tables)
        why = f"reaches {way} only through {', '.join(edge.key.columns)}, which may be NULL"
        if edge.strong:
            why = f"reaches {way}, but a key on the way may be NULL"
        if unkeyed := self._unkeyed(name):
            why += f"; {unkeyed}"
        return Ownership.NULLABLE_PATH, why, tables

    @cached_property
    def _loose(self) -> dict[QName, tuple[Edge, Path]]:
        """Unowned tables that reach an owned one through keys of any kind, by the shortest way."""
        found: dict[QName, tuple[Edge, Path]] = {}
        layer = sorted(self.owned)
        while layer:
            reached = []
            for target in layer:
                onward = found[target][1] if target in found else self.owned[target]
                for edge in self._incoming.get(target, ()):
                    if edge.source not in self.owned and edge.source not in found:
                        found[edge.source] = (edge, Path(target, onward))
                        reached.append(edge.source)
            layer = reached
        return found

    @cached_property
    def _incoming(self) -> dict[QName, list[Edge]]:
        found: dict[QName, list[Edge]] = {}
        for edges in self.graph.edges.values():
            for edge in edges:
                found.setdefault(edge.target, []).append(edge)
        return found

    def _reverse(self, name: QName) -> _Shape | None:
        if of_people(name.name):
            return None
        for edge in self._incoming.get(name, ()):
            if edge.source in self.owned and _is_unique(self.graph.tables[edge.source], edge.key.columns):
                parent = self._show(edge.source)
                why = f"its key sits on {parent} ({', '.join(edge.key.columns)}), unique there"
                return Ownership.REVERSE, why, ()
        return None

    def _membership(self, name: QName) -> _Shape | None:
        through = self._people.get(name)
        if through is not None:
            why = f"its rows meet tenants in {self._show(through)}, and may meet several"
            return Ownership.MEMBERSHIP, why, ()
        for edge in self.graph.edges[name]:
            through = self._people.get(edge.target)
            if through is not None:
                person = self._show(edge.target)
                why = (
                    f"belongs to {person} through {', '.join(edge.key.columns)}, "
                    f"whose rows may be in several tenants ({self._show(through)})"
                )
                return Ownership.MEMBERSHIP, why, ()
        return None

    @cached_property
    def _people(self) -> dict[QName, QName]:
        """Unowned tables that a table of memberships (unique on tenant and key) ties to tenants."""
        found: dict[QName, QName] = {}
        for member, column in self.columns.items():
            table = self.graph.tables[member]
            for edge in self.graph.edges[member]:
                if edge.target in self.owned or edge.target in found or column in edge.key.columns:
                    continue
                if _is_unique(table, (column, *edge.key.columns), partial=True):
                    found[edge.target] = member
        return found

    def _nothing(self, name: QName) -> str:
        referencing = sorted({self._show(edge.source) for edge in self._incoming.get(name, ())})
        said = "carries no tenant column and no foreign key to a table that has one"
        if referencing:
            shown = ", ".join(referencing[:3]) + (" and others" if len(referencing) > 3 else "")
            said += f"; referenced by {shown}"
        unkeyed = self._unkeyed(name)
        if unkeyed:
            said += f"; {unkeyed}"
        return said

    def _unkeyed(self, name: QName) -> str:
        """Mention columns that look like keys of owned tables, and polymorphic owners."""
        columns = self.graph.columns[name]
        for column in columns:
            if column.endswith("_type") and f"{column[:-5]}_id" in columns:
                return f"{column} and {column[:-5]}_id may name an owner, which no foreign key can hold"
        found = [
            f"{column} reads like a key of {self._show(self._by_stem[key_name(column).stem])}"
            for column in columns
            if key_name(column).keyed
            and key_name(column).stem in self._by_stem
            and self._by_stem[key_name(column).stem] != name
            and not self.graph.is_key(name, column)
        ]
        return f"{', '.join(found[:3])} without a foreign key" if found else ""

    @cached_property
    def _by_stem(self) -> dict[str, QName]:
        return {table_stem(name.name): name for name in sorted(self.owned, reverse=True)}

    def _show(self, name: QName) -> str:
        return display(name, self.graph.default_schema)


def steps(graph: Graph, path: Sequence[QName]) -> str:
    """Return the tables of a path for people; of a long one the first and the last."""
    named = path if len(path) <= 5 else (*islice(path, 4), None, path[-1])
    return " → ".join("…" if name is None else display(name, graph.default_schema) for name in named)


def _is_unique(table: Table, columns: tuple[str, ...], *, partial: bool = False) -> bool:
    """Tell whether a valid unique index holds exactly these columns in any order: a whole one, or a
    `partial` one too, such as that of the memberships not yet revoked."""
    wanted = set(columns)
    return any(
        index.unique and index.valid and (partial or index.predicate is None) and set(index.columns) == wanted
        for index in table.indexes
    ) or any(
        key.kind in ("primary key", "unique") and set(key.columns) == wanted for key in table.constraints
    )
