"""All that a condition can come to, over every choice of what its variables hold.

Parts that have nothing in common are worked out each by itself; what two parts have in common is settled
where they meet, and as a whole where it is met as a whole: the person who asks, not each of the settings
that he is read from.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import reduce
from itertools import product

from ..sql.tree import Node
from .evaluate import BRANCHING, World
from .values import Values, both, either, truths

Family = frozenset[Values]


class OutOfSteps(Exception):  # noqa: N818 - no error: the answer is "undecided"
    """More combinations would have to be looked at than are allowed."""


class Outcomes:
    """The outcomes of a condition. `mentions` are the variables that each of its nodes hangs on. Those of
    `names` are settled; the others keep all their values. `steps` is how many combinations may still be
    looked at."""

    def __init__(
        self, root: Node, mentions: Mapping[int, frozenset[str]], names: Iterable[str], steps: int
    ) -> None:
        self.root, self.steps = root, steps
        self._settles = frozenset(names)
        nodes = list(_upwards(root))
        self._names = {id(n): tuple(sorted(mentions[id(n)])) for n in nodes}
        self._common = _common(nodes, {id(n) for n in nodes if mentions[id(n)] & self._settles})
        self._terms = self._terms_below(nodes)
        self._known: dict[object, Family] = {}

    def of(self, world: World) -> Family:
        """Return every set of values that the condition comes to when its variables are settled within
        the world. Raises `OutOfSteps`."""
        return self._of(self.root, world, {})

    def _of(self, node: Node, world: World, settled: dict[int, Values]) -> Family:
        if id(node) in settled:
            return frozenset({settled[id(node)]})
        values = world.of(node)
        if len(values) == 1:
            return frozenset({values})
        held = tuple(map(world.values.__getitem__, self._names[id(node)]))
        key = (id(node), held, tuple(map(settled.get, self._terms[id(node)])))
        if key not in self._known:
            self._known[key] = self._settle(node, world, settled)
        return self._known[key]

    def _settle(self, node: Node, world: World, settled: dict[int, Values]) -> Family:
        """Return the outcomes of a node, once what its arguments have in common is settled."""
        ways = [settled]
        for common in self._common.get(id(node), ()):
            ways = [way | {id(common): v} for way in ways for v in self._of(common, world, way)]
            self._spend(len(ways))
        return frozenset().union(*(self._combined(node, world, way) for way in ways))

    def _combined(self, node: Node, world: World, settled: dict[int, Values]) -> Iterable[Values]:
        if not node.args:
            values = world.of(node)
            settles = node.op == "variable" and node.value[0] in self._settles
            return [frozenset({value}) for value in values] if settles else [values]
        families = [self._of(arg, world, settled) for arg in node.args]
        join = _JOINS.get(node.op)
        if join is not None:
            return reduce(lambda a, b: self._joined(join, a, b), families)
        return {self._applied(node, given, world, settled) for given in _ways(node.op, families)}

    def _joined(self, join: Callable[[Values, Values], Values], left: Family, right: Family) -> Family:
        self._spend(len(left) * len(right))
        return frozenset(join(a, b) for a, b in product(left, right))

    def _applied(
        self, node: Node, given: tuple[Values | None, ...], world: World, settled: dict[int, Values]
    ) -> Values:
        """Return what a node yields for these values of its arguments."""
        self._spend(1)
        pairs = zip(node.args, given, strict=False)
        known = settled | {id(arg): values for arg, values in pairs if values is not None}
        return World(world.values, world.literals, known).of(node)

    def _spend(self, steps: int) -> None:
        self.steps -= steps
        if self.steps < 0:
            raise OutOfSteps

    def _terms_below(self, nodes: list[Node]) -> dict[int, tuple[int, ...]]:
        """Return which common nodes are in each node: what it comes to hangs on those that are settled."""
        common = {id(n) for several in self._common.values() for n in several}
        found: dict[int, frozenset[int]] = {}
        for node in nodes:
            below = frozenset({id(node)} & common)
            found[id(node)] = below.union(*(found[id(arg)] for arg in node.args))
        return {node: tuple(sorted(terms)) for node, terms in found.items()}


def _met(condition: Values, check: Values) -> Values:
    """A CHECK forbids the row where it can be neither true nor NULL."""
    return condition if truths(check) & {True, None} else frozenset({False})


_JOINS: dict[str, Callable[[Values, Values], Values]] = {"and": both, "or": either, "met": _met}


def _ways(op: str, families: list[Family]) -> Iterator[tuple[Values | None, ...]]:
    """Yield what the arguments may be, as far as they are looked at; None for one that is passed over."""
    if op not in BRANCHING or len(families) == 1:
        yield from product(*families)
        return
    first, *others = families
    for values in first:
        if op == "coalesce":
            rest = _ways(op, others) if None in values else iter([()])
            yield from ((values, *more) for more in rest)
        else:
            truth = truths(values)
            results = others[0] if True in truth else (None,)
            rest = _ways(op, others[1:]) if truth & {False, None} else iter([()])
            yield from ((values, result, *more) for more in rest for result in results)


def _upwards(root: Node) -> Iterator[Node]:
    """Yield each node once, all below it before it."""
    seen: set[int] = set()

    def visit(node: Node) -> Iterator[Node]:
        if id(node) not in seen:
            seen.add(id(node))
            for arg in node.args:
                yield from visit(arg)
            yield node

    return visit(root)


def _common(nodes: list[Node], open_ones: set[int]) -> dict[int, tuple[Node, ...]]:
    """Return for each node what several of its arguments lead to, though nothing nearer does: the nodes of
    more than one use that it is the immediate dominator of. What is below stands before what is above."""
    place = {id(node): n for n, node in enumerate(nodes)}
    uses: dict[int, list[Node]] = {}
    for node in nodes:
        for arg in node.args:
            uses.setdefault(id(arg), []).append(node)
    above: dict[int, Node] = {}

    def meet(a: Node, b: Node) -> Node:
        while a is not b:
            if place[id(a)] < place[id(b)]:
                a = above[id(a)]
            else:
                b = above[id(b)]
        return a

    for node in reversed(nodes[:-1]):
        above[id(node)] = reduce(meet, uses[id(node)])
    found: dict[int, list[Node]] = {}
    for node in nodes[:-1]:
        if len(uses[id(node)]) > 1 and id(node) in open_ones:
            found.setdefault(id(above[id(node)]), []).append(node)
    return {node: tuple(common) for node, common in found.items()}
