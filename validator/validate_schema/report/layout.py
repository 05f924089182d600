"""Where each table of the map goes: columns by layer, ordered so that few edges cross.

The layered drawing of Sugiyama, Tagawa and Toda (1981): edges over several layers get a slot in
each layer between, and layers are sorted by the mean position of their neighbours.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from .graph import Graph

_SWEEPS = 12
Node = tuple[int, int]
"""A table is (number, -1); a slot is (parent's number, layer): keys to one parent share it."""


@dataclass(frozen=True)
class Layout:
    """`columns` lists nodes top to bottom by layer; `routes` the nodes from parent to child by edge."""

    columns: tuple[tuple[Node, ...], ...]
    routes: Mapping[tuple[int, int], tuple[Node, ...]]


def is_slot(node: Node) -> bool:
    return node[1] >= 0


def arrange(graph: Graph) -> Layout:
    """Return the order of all nodes. The same graph gives the same order."""
    depth = max(graph.layer.values(), default=-1) + 1
    columns: list[list[Node]] = [[] for _ in range(depth)]
    for number, layer in sorted(graph.layer.items()):
        columns[layer].append((number, -1))
    routes: dict[tuple[int, int], tuple[Node, ...]] = {}
    near: dict[Node, set[Node]] = defaultdict(set)
    for edge in graph.edges:
        route = _route(edge.parent, edge.child, graph.layer)
        routes[edge.parent, edge.child] = route
        for left, right in pairwise(route):
            near[left].add(right)
            near[right].add(left)
        for node in route[1:-1]:
            if node not in columns[node[1]]:
                columns[node[1]].append(node)
    _untangle(columns, near)
    return Layout(tuple(tuple(column) for column in columns), routes)


def _route(parent: int, child: int, layer: Mapping[int, int]) -> tuple[Node, ...]:
    between = range(layer[parent] + 1, layer[child])
    return ((parent, -1), *((parent, step) for step in between), (child, -1))


def _untangle(columns: list[list[Node]], near: Mapping[Node, set[Node]]) -> None:
    """Sort each column by the mean place of its neighbours, left to right, then back."""
    layer_of = {node: x for x, column in enumerate(columns) for node in column}
    for sweep in range(_SWEEPS):
        step = 1 if sweep % 2 == 0 else -1
        span = range(len(columns)) if step == 1 else range(len(columns) - 1, -1, -1)
        place = {node: (y + 0.5) / len(column) for column in columns for y, node in enumerate(column)}
        for x in span:
            column = columns[x]
            beside = {
                node: [place[o] for o in near.get(node, ()) if layer_of[o] == x - step] for node in column
            }
            column.sort(key=lambda node: (_mean(beside[node], place[node]), node))
            place.update({node: (y + 0.5) / len(column) for y, node in enumerate(column)})


def _mean(values: list[float], otherwise: float) -> float:
    return sum(sorted(values)) / len(values) if values else otherwise
