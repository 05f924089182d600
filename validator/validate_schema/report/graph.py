"""The tenancy as a layered graph: which tables are drawn, in which column, with which edges."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from ..model.report import Report, TableFacts, TableKeyFacts

OWNED = ("root", "tenant", "inherited")
APART = ("global", "exempt", "unclassified")


@dataclass(frozen=True)
class Edge:
    """A foreign key from table number `child` to `parent`; `safe` is None where no tenant can differ."""

    child: int
    parent: int
    columns: tuple[str, ...]
    name: str
    safe: bool | None


@dataclass(frozen=True)
class Graph:
    """Tables by their place in `Report.tables`.

    `layer` maps the owned tables to their distance from the root. `edges` join owned tables; a key
    to a root is among them only where nothing else ties the table. `untied` are tenant tables
    without a key to their root. `apart` are the other tables by class.
    """

    tables: tuple[TableFacts, ...]
    layer: Mapping[int, int]
    edges: tuple[Edge, ...]
    loops: tuple[Edge, ...]
    untied: frozenset[int]
    apart: Mapping[str, tuple[int, ...]]

    @property
    def unsafe(self) -> tuple[Edge, ...]:
        return tuple(e for e in (*self.edges, *self.loops) if e.safe is False)


def graph(report: Report) -> Graph:
    """Return the graph. A table's layer is one more than the deepest table that it points at;
    a key that closes a circle does not count."""
    tables = report.tables
    number = {t.label: n for n, t in enumerate(tables)}
    owned = [n for n, t in enumerate(tables) if t.table_class in OWNED]
    roots = {n for n in owned if tables[n].table_class == "root"}
    keys: dict[int, list[Edge]] = defaultdict(list)
    loops = []
    for n in owned:
        for key in tables[n].fks:
            target = number.get(key.references)
            if target is None or tables[target].table_class not in OWNED:
                continue
            edge = _edge(n, target, key)
            if n == target:
                loops.append(edge)
            else:
                keys[n].append(edge)
    drawn = {n: _drawn(keys[n], roots) for n in owned}
    return Graph(
        tables=tables,
        layer=_layers(owned, roots, drawn),
        edges=tuple(e for n in owned for e in drawn[n]),
        loops=tuple(loops),
        untied=frozenset(
            n for n in owned if tables[n].table_class == "tenant" and tables[n].root_fk is False
        ),
        apart={c: tuple(n for n, t in enumerate(tables) if t.table_class == c) for c in APART},
    )


def _edge(child: int, parent: int, key: TableKeyFacts) -> Edge:
    return Edge(child, parent, key.columns, key.name, key.safe)


def _drawn(edges: list[Edge], roots: set[int]) -> list[Edge]:
    """Return the edges worth drawing: every tenant table points at the root, so that goes without
    saying where it also points elsewhere."""
    others = [e for e in edges if e.parent not in roots]
    return others or edges[:1]


def _layers(owned: list[int], roots: set[int], drawn: Mapping[int, list[Edge]]) -> dict[int, int]:
    layer: dict[int, int] = {}
    for start in owned:
        _place(start, roots, drawn, layer)
    return layer


def _place(start: int, roots: set[int], drawn: Mapping[int, list[Edge]], layer: dict[int, int]) -> None:
    """Set the layer of `start` and of what it points at, without recursion: chains may be long."""
    open_: set[int] = set()
    stack = [start]
    while stack:
        n = stack[-1]
        if n in layer:
            stack.pop()
            continue
        open_.add(n)
        waiting = [e.parent for e in drawn[n] if e.parent not in layer and e.parent not in open_]
        if waiting:
            stack.append(waiting[0])
            continue
        floor = 0 if n in roots else 1
        above = [layer[e.parent] + 1 for e in drawn[n] if e.parent in layer]
        layer[n] = max([floor, *above])
        stack.pop()
