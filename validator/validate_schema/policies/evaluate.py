"""What a condition can yield, given what each of its variables can be.

Source: PostgreSQL documentation, "Logical Operators", "Comparison Functions and Operators" and
"Conditional Expressions": three-valued logic, and which operands of CASE and COALESCE are evaluated.
"""

from collections.abc import Iterator, Mapping
from functools import reduce
from typing import NamedTuple

from ..sql.tree import Node, walk
from .values import (
    FAILS,
    SOME,
    UNKNOWN,
    Literals,
    Values,
    both,
    bounded,
    call,
    cast,
    compare,
    distinct,
    either,
    member,
    negated,
    one,
    rank,
    truths,
)


class World(NamedTuple):
    """The possible values of each variable, and the literals that tokens differ from. `known` holds what
    was worked out already, by node; nodes are compared by identity and outlive the world."""

    values: Mapping[str, Values]
    literals: Literals
    known: dict[int, Values]

    def truth(self, node: Node) -> Values:
        return truths(self.of(node))

    def of(self, node: Node) -> Values:
        found = self.known.get(id(node))
        if found is None:
            handler = _HANDLERS.get(node.op)
            found = handler(node, self) if handler is not None else UNKNOWN
            self.known[id(node)] = found
        return found

    def narrowed(self, name: str, value: object) -> "World":
        """Return the world in which a variable has one value."""
        return World({**self.values, name: frozenset({value})}, self.literals, {})


def in_play(node: Node, world: World) -> Iterator[str]:
    """Yield the variables that an open outcome may still hang on: none below what is decided."""
    if node.op == "variable":
        yield node.value[0]
    for arg in _reached(node, world) if node.op == "case" else node.args:
        values = world.of(arg)
        if len(values) > 1 or SOME in values:
            yield from in_play(arg, world)


def _reached(node: Node, world: World) -> Iterator[Node]:
    """Yield the conditions and results of a CASE that can be evaluated."""
    for i in range(0, len(node.args) - 1, 2):
        when = world.truth(node.args[i])
        yield node.args[i]
        if True in when:
            yield node.args[i + 1]
        if not when & {False, None}:
            return
    yield node.args[-1]


def _all(node: Node, world: World) -> Values:
    return reduce(both, (world.of(arg) for arg in node.args))


def _any(node: Node, world: World) -> Values:
    return reduce(either, (world.of(arg) for arg in node.args))


def _variable(node: Node, world: World) -> Values:
    name, null_fails = node.value[:2]
    values = world.values[name]
    return frozenset(FAILS if v is None else v for v in values) if null_fails and None in values else values


def _null(node: Node, world: World) -> Values:
    return frozenset(FAILS if v is FAILS else v is None for v in world.of(node.args[0]))


def _is(node: Node, world: World) -> Values:
    return frozenset(FAILS if v is FAILS else v is node.value for v in world.truth(node.args[0]))


def _case(node: Node, world: World) -> Values:
    found: set[object] = set()
    for i in range(0, len(node.args) - 1, 2):
        when = world.truth(node.args[i])
        if FAILS in when:
            found.add(FAILS)
        if True in when:
            found |= world.of(node.args[i + 1])
        if not when & {False, None}:
            return bounded(found | _planned(node.args[i + 2 :], world))
    return bounded(found | world.of(node.args[-1]))


def _coalesce(node: Node, world: World) -> Values:
    found: set[object] = set()
    for i, arg in enumerate(node.args):
        values = world.of(arg)
        found |= values - {None}
        if None not in values:
            return bounded(found | _planned(node.args[i + 1 :], world))
    return bounded(found | {None})


def _planned(unreached: tuple[Node, ...], world: World) -> Values:
    """Return the error that the planner may meet in what is not reached: it works out what a sub-select
    compares with, as far as that hangs on the session alone, to estimate how many rows there are
    (PostgreSQL documentation, "How the Planner Uses Statistics"; "Expression Evaluation Rules")."""
    conditions = (n.args[0] for node in unreached for n in walk(node) if n.op in SUB_SELECTS)
    casts = (n for condition in conditions for n in walk(condition) if n.op == "cast")
    fails = (world.of(n) == {FAILS} for n in casts if not any(map(_of_a_row, walk(n))))
    return frozenset({FAILS}) if any(fails) else frozenset()


def _of_a_row(node: Node) -> bool:
    return node.op == "variable" and not of_the_session(node.value[0])


def of_the_session(name: str) -> bool:
    """Tell whether a variable is the session's, not a row's."""
    return name == "context" or name.startswith(("setting ", "claim "))


def _nullif(node: Node, world: World) -> Values:
    found: set[object] = set()
    right = world.of(node.args[1])
    for value in world.of(node.args[0]):
        same = compare("=", frozenset({value}), right, world.literals)
        if True in same:
            found.add(None)
        if same - {True}:
            found.add(value)
        if FAILS in same:
            found.add(FAILS)
    return frozenset(found)


def _array(node: Node, world: World) -> Values:
    items = [world.of(arg) for arg in node.args]
    if any(FAILS in item for item in items) or any(len(item) > 1 for item in items):
        return UNKNOWN
    return frozenset({tuple(next(iter(item)) for item in items)})


def _quantified(node: Node, world: World) -> Values:
    left, array = node.args
    if array.op == "array":
        outcomes = [compare(node.value, world.of(left), world.of(a), world.literals) for a in array.args]
        start = one(node.op == "all")
        return reduce(both if node.op == "all" else either, outcomes, start)
    return member(node.value, node.op, world.of(left), world.of(array), world.literals)


def _rows(node: Node, world: World) -> Values:
    """EXISTS over rows of which one, as its variables describe it, stands for all that matter.

    `value` says what else may be: ``sure`` where that row is there and the only one; ``free`` where
    the table may as well be empty; ``crowded`` where other rows are known to be there, so that "no
    row fits" is not certain; ``data`` where rows decide that nobody can know.
    """
    where = world.truth(node.args[0])
    found: set[object] = {FAILS} if FAILS in where else set()
    if True in where:
        found.add(True)
        if node.value == "data":
            found.add(False)
    if where & {False, None}:
        found.add(False)
        if node.value == "crowded":
            found.add(FAILS)
    return frozenset(found)


def _row_in(node: Node, world: World) -> Values:
    """IN (sub-select): what is not found may be NULL where a NULL was compared."""
    found = _rows(node, world)
    if False in found and (node.value != "sure" or any(None in world.of(arg) for arg in node.args[1:])):
        return found | {None}
    return found


def _row_value(node: Node, world: World) -> Values:
    """The value of a scalar sub-select: NULL where no row fits, an error where several do.

    `value` as for `_rows`; ``looked up``: the root's row by its key, so at most one.
    """
    where, target = world.truth(node.args[0]), node.args[1]
    found: set[object] = {FAILS} if FAILS in where else set()
    if True in where:
        found |= world.of(target)
        if node.value == "data":
            found.add(None)
        if node.value in ("data", "crowded"):
            found.add(FAILS)
    if where & {False, None}:
        found.add(None)
        if node.value in ("crowded", "looked up"):
            found.add(FAILS)
    return bounded(found)


SUB_SELECTS = ("rows", "row in", "row value")
BRANCHING = ("case", "coalesce")
_HANDLERS = {
    "const": lambda node, _: one(node.value),
    "fails": lambda _, __: frozenset({FAILS}),
    "opaque": lambda _, __: frozenset({SOME, None}),  # it may raise, and may as well return
    "variable": _variable,
    "context": lambda _, world: world.values["context"] - {""} or frozenset({None}),
    "user": lambda node, world: world.values[f"user {node.value}"],
    "clock": lambda _, __: frozenset({SOME}),
    "and": _all,
    "or": _any,
    "not": lambda node, world: negated(world.of(node.args[0])),
    "compare": lambda node, world: compare(
        node.value, world.of(node.args[0]), world.of(node.args[1]), world.literals
    ),
    "distinct": lambda node, world: distinct(world.of(node.args[0]), world.of(node.args[1]), world.literals),
    "rank": lambda node, world: rank(world.of(node.args[0]), node.value),
    "null": _null,
    "is": _is,
    "cast": lambda node, world: cast(world.of(node.args[0]), node.value),
    "case": _case,
    "coalesce": _coalesce,
    "nullif": _nullif,
    "array": _array,
    "any": _quantified,
    "all": _quantified,
    "call": lambda node, world: call(node.value[1], [world.of(arg) for arg in node.args]),
    "rows": _rows,
    "row in": _row_in,
    "row value": _row_value,
}
