"""The tenancy map as shapes: boxes, paths and captions with coordinates; a template prints the SVG.

Up to `FULL_TABLES` tables every key is drawn; beyond, tables are listed by distance from the root
and their keys are counted. Coordinates are in CSS pixels.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from ..model.report import Report
from ..model.wording import some
from .escape import visible
from .graph import Edge, Graph, graph
from .layout import Layout, Node, arrange, is_slot

FULL_TABLES = 60
_WIDTH, _GAP_X, _GAP_Y = 164, 50, 14
_HEAD, _KEY, _SLOT = 26, 16, 6
_CHIP, _CHIP_GAP = 24, 8
_LETTER = 6.7
_TOP, _MARGIN = 26, 8
_SMALL, _SMALL_HEIGHT, _SMALL_LETTER = 184, 20, 6.1
_CANVAS = 1130
_RELAXATIONS = 10


@dataclass(frozen=True)
class KeyRow:
    """A foreign key inside its table's box. `state` is safe, unsafe or plain; `y` is its baseline."""

    y: float
    text: str
    title: str
    state: str


@dataclass(frozen=True)
class Box:
    x: float
    y: float
    width: float
    height: float
    text: str
    title: str
    table_class: str
    href: str
    flag: str = ""
    keys: tuple[KeyRow, ...] = ()


@dataclass(frozen=True)
class Path:
    d: str
    state: str


@dataclass(frozen=True)
class Caption:
    x: float
    y: float
    text: str


@dataclass(frozen=True)
class Map:
    """`note` replaces the picture where there is nothing to draw."""

    width: float = 0
    height: float = 0
    boxes: tuple[Box, ...] = ()
    paths: tuple[Path, ...] = ()
    captions: tuple[Caption, ...] = ()
    description: str = ""
    note: str = ""
    full: bool = True


_STATES = {True: "safe", False: "unsafe", None: "plain"}
_SIGNS = {True: "✓", False: "✗", None: "·"}
_APART = {
    "global": "shared by design (global)",
    "exempt": "exempt, with a reason",
    "unclassified": "unclassified: nobody knows whose rows these are",
}


def tenancy_map(report: Report) -> Map:
    """Return the map of a report; the same report gives the same map."""
    if not report.tenancy.identified:
        return Map(note="Not drawn: the tenant root was not identified.")
    if not report.tables:
        return Map(note="Not drawn: there are no tables.")
    drawn = graph(report)
    full = len(drawn.layer) <= FULL_TABLES
    width, bottom, boxes, paths, captions = _picture(drawn) if full else _register(drawn)
    more, notes, bottom = _apart(drawn, max(width, 560), bottom)
    return Map(
        width=max(width, 560),
        height=bottom + _MARGIN,
        boxes=(*boxes, *more),
        paths=tuple(paths),
        captions=(*captions, *notes),
        description=_description(drawn),
        full=full,
    )


def _description(drawn: Graph) -> str:
    depth = max(drawn.layer.values(), default=0)
    return (
        f"{some(len(drawn.layer), 'owned table')} up to {some(depth, 'step')} from the tenant root. "
        f"{some(len(drawn.unsafe), 'foreign key')} may cross tenants."
    )


def _short(text: str, width: float, letter: float = _LETTER) -> str:
    shown, room = visible(text), int(width / letter)
    return shown if len(shown) <= room else shown[: room - 1] + "…"


def _flag(drawn: Graph, number: int) -> str:
    return "no root key" if number in drawn.untied else ""


def _title(drawn: Graph, number: int) -> str:
    table = drawn.tables[number]
    return f"{table.label}: {table.table_class}. {table.why}"


def _sorted_keys(drawn: Graph) -> dict[int, list[Edge]]:
    keys: dict[int, list[Edge]] = defaultdict(list)
    for edge in (*drawn.edges, *drawn.loops):
        keys[edge.child].append(edge)
    return keys


def _picture(drawn: Graph) -> tuple[float, float, list[Box], list[Path], list[Caption]]:
    arranged = arrange(drawn)
    keys = _sorted_keys(drawn)
    heights: dict[Node, float] = {
        node: _SLOT if is_slot(node) else _HEAD + _KEY * len(keys[node[0]]) + 4 * bool(keys[node[0]])
        for column in arranged.columns
        for node in column
    }
    tops = _tops(arranged, heights)
    lefts: dict[Node, float] = {
        node: x * (_WIDTH + _GAP_X) for x, column in enumerate(arranged.columns) for node in column
    }
    for edges in keys.values():
        edges.sort(key=lambda e: (e.child == e.parent, tops[e.parent, -1], e.name))
    boxes = [
        _box(drawn, node[0], (lefts[node], tops[node], heights[node]), keys[node[0]])
        for column in arranged.columns
        for node in column
        if not is_slot(node)
    ]
    paths = [
        _path(arranged.routes[edge.parent, edge.child], row, edge, lefts, tops)
        for edges in keys.values()
        for row, edge in enumerate(edges)
        if edge.parent != edge.child
    ]
    paths.sort(key=lambda p: (p.state == "unsafe", p.d))
    steps = [Caption(x * (_WIDTH + _GAP_X), 12, _step(x)) for x in range(len(arranged.columns))]
    width = max(len(arranged.columns) * (_WIDTH + _GAP_X) - _GAP_X, 0)
    return width, max((tops[n] + heights[n] for n in tops), default=_TOP), boxes, paths, steps


def _step(number: int) -> str:
    return f"{some(number, 'step')} away" if number else "tenant root"


def _tops(arranged: Layout, heights: dict[Node, float]) -> dict[Node, float]:
    """Return the top of every node: close to the mean of its neighbours, in order, without overlap."""
    near: dict[Node, list[Node]] = defaultdict(list)
    for route in arranged.routes.values():
        for left, right in pairwise(route):
            near[left].append(right)
            near[right].append(left)
    tops: dict[Node, float] = {}
    for column in arranged.columns:
        tops.update(_stacked(column, heights, 0))
    for _ in range(_RELAXATIONS):
        for column in arranged.columns:
            wanted = {n: _beside(n, near[n], tops, heights) for n in column}
            tops.update(_pushed(column, wanted, heights))
    lowest = min(tops.values(), default=0)
    return {node: top - lowest + _TOP for node, top in tops.items()}


def _stacked(column: Iterable[Node], heights: dict[Node, float], top: float) -> dict[Node, float]:
    out = {}
    for node in column:
        out[node] = top
        top += heights[node] + _GAP_Y
    return out


def _beside(node: Node, near: list[Node], tops: dict[Node, float], heights: dict[Node, float]) -> float:
    if not near:
        return tops[node]
    return sum(tops[n] + heights[n] / 2 for n in near) / len(near) - heights[node] / 2


def _pushed(
    column: tuple[Node, ...], wanted: dict[Node, float], heights: dict[Node, float]
) -> dict[Node, float]:
    out: dict[Node, float] = {}
    floor = float("-inf")
    for node in column:
        out[node] = max(wanted[node], floor)
        floor = out[node] + heights[node] + _GAP_Y
    shift = sum(wanted[n] - out[n] for n in column) / len(column) if column else 0.0
    return {node: top + shift for node, top in out.items()}


def _box(drawn: Graph, number: int, place: tuple[float, float, float], keys: list[Edge]) -> Box:
    """Return a table's box with a row for each key; `place` is left, top and height."""
    x, y, height = place
    table = drawn.tables[number]
    rows = tuple(
        KeyRow(
            y=_round(y + _HEAD + _KEY * n + 11),
            text=_short(
                f"{_SIGNS[e.safe]} {', '.join(e.columns)}{' ↺' if e.child == e.parent else ''}", _WIDTH - 14
            ),
            title=_key_title(drawn, e),
            state=_STATES[e.safe],
        )
        for n, e in enumerate(keys)
    )
    flag = _flag(drawn, number)
    room = _WIDTH - 20 - (18 if flag else 0)
    return Box(
        _round(x), _round(y), _WIDTH, _round(height), _short(table.label, room), _title(drawn, number),
        table.table_class, f"#t-{number + 1}", flag, rows,
    )  # fmt: skip


def _key_title(drawn: Graph, edge: Edge) -> str:
    words = {True: "carries the tenant", False: "may cross tenants", None: "ties the table to its owner"}
    child, parent = drawn.tables[edge.child].label, drawn.tables[edge.parent].label
    return f"{child} ({', '.join(edge.columns)}) → {parent}: {words[edge.safe]}"


def _path(
    route: tuple[Node, ...], row: int, edge: Edge, lefts: dict[Node, float], tops: dict[Node, float]
) -> Path:
    first, last = route[0], route[-1]
    x, y = lefts[first] + _WIDTH, tops[first] + _HEAD / 2
    parts = [f"M{_round(x)} {_round(y)}"]
    for node in route[1:-1]:
        parts.append(_curve(x, y, lefts[node], tops[node] + _SLOT / 2))
        x, y = lefts[node] + _WIDTH, tops[node] + _SLOT / 2
        parts.append(f"H{_round(x)}")
    parts.append(_curve(x, y, lefts[last], tops[last] + _HEAD + _KEY * row + 7))
    return Path("".join(parts), _STATES[edge.safe])


def _curve(x: float, y: float, to_x: float, to_y: float) -> str:
    bend = max(abs(to_x - x) / 2, 24)
    points = (x + bend, y, to_x - bend, to_y, to_x, to_y)
    return "C" + " ".join(str(_round(p)) for p in points)


def _round(value: float) -> float | int:
    rounded = round(value, 1)
    return int(rounded) if rounded == int(rounded) else rounded


def _register(drawn: Graph) -> tuple[float, float, list[Box], list[Path], list[Caption]]:
    """Return the tables of a large schema by distance, each with the number of its unsafe keys."""
    unsafe = Counter(edge.child for edge in drawn.unsafe)
    per_row = _CANVAS // (_SMALL + 4)
    y: float = 0
    boxes: list[Box] = []
    captions: list[Caption] = []
    layers: list[list[int]] = [[] for _ in range(max(drawn.layer.values(), default=-1) + 1)]
    for number, at in sorted(drawn.layer.items()):
        layers[at].append(number)
    for layer, members in enumerate(layers):
        crossing = sum(unsafe[n] for n in members)
        warning = f" · ✗ {some(crossing, 'key')} may cross tenants" if crossing else ""
        captions.append(Caption(0, y + 12, f"{_step(layer)} · {some(len(members), 'table')}{warning}"))
        y += 20
        for place, number in enumerate(members):
            row, column = divmod(place, per_row)
            boxes.append(
                _entry(drawn, number, column * (_SMALL + 4), y + row * (_SMALL_HEIGHT + 3), unsafe[number])
            )
        y += -(-len(members) // per_row) * (_SMALL_HEIGHT + 3) + 14
    return _CANVAS, y, boxes, [], captions


def _entry(drawn: Graph, number: int, x: float, y: float, unsafe: int) -> Box:
    table = drawn.tables[number]
    return Box(
        x=x,
        y=y,
        width=_SMALL,
        height=_SMALL_HEIGHT,
        text=_short(table.label, _SMALL - 14 - 26 * bool(unsafe), _SMALL_LETTER),
        title=_title(drawn, number),
        table_class=table.table_class,
        href=f"#t-{number + 1}",
        flag=f"✗ {unsafe}" if unsafe else "",
    )


def _apart(drawn: Graph, width: float, top: float) -> tuple[list[Box], list[Caption], float]:
    """Return the tables outside the tenancy, in rows below the picture."""
    boxes: list[Box] = []
    captions: list[Caption] = []
    for table_class, members in drawn.apart.items():
        if not members:
            continue
        top += 30
        captions.append(Caption(0, _round(top), _APART[table_class]))
        x: float = 0
        top += 10
        for number in members:
            label = _short(drawn.tables[number].label, 210)
            wide = _round(len(label) * _LETTER + 34)
            if x and x + wide > width:
                x, top = 0, top + _CHIP + _CHIP_GAP
            boxes.append(
                Box(
                    _round(x),
                    _round(top),
                    wide,
                    _CHIP,
                    label,
                    _title(drawn, number),
                    table_class,
                    f"#t-{number + 1}",
                )
            )
            x += wide + _CHIP_GAP
        top += _CHIP
    return boxes, captions, top
