"""The tree of an SQL text: frozen nodes, one class for each construct that is understood.

What is not understood is `Unknown`, with all that it holds below it, so that a search of the tree misses
nothing. Names are as PostgreSQL stores them. Source: `nodes/parsenodes.h` and `nodes/primnodes.h`.
"""

from collections.abc import Callable, Iterator
from functools import cache
from operator import attrgetter
from typing import Any, Literal

import msgspec
from msgspec.structs import replace


class Node(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A part of a text. `at` is the character at which it stands, from 0, or its operator where it has
    one; -1 where the parser does not say. Two nodes are equal wherever they stand: only what a class
    takes by position is compared, and shown."""

    at: int = -1

    def __eq__(self, other: object) -> bool:
        if self.__class__ is not other.__class__:
            return NotImplemented
        content = _content(self.__class__)
        return bool(content(self) == content(other))

    def __hash__(self) -> int:
        return hash(_content(self.__class__)(self))

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in parts(self.__class__))
        return f"{self.__class__.__qualname__}({shown})"


def parts(kind: type[Node]) -> tuple[str, ...]:
    """Return the names of what a kind of node holds."""
    names: tuple[str, ...] = kind.__match_args__
    return names


@cache
def _content(kind: type[Node]) -> Callable[[Node], object]:
    """Return what gets the content of a node of that kind: a value, or several as a tuple."""
    return attrgetter(*parts(kind))


Value = Node | str | int | float | bytes | tuple["Value", ...]
Rest = tuple[tuple[str, Value], ...]  # what else a construct says, by the parser's names


class Unknown(Node, frozen=True):
    """A construct that is not understood, under the parser's name for it."""

    kind: str
    rest: Rest = ()


# Expressions


class Const(Node, frozen=True):
    """A constant. A number that is no 32-bit integer is "numeric", its value the text; bits are too."""

    kind: Literal["null", "bool", "integer", "numeric", "string", "bits"]
    value: str | int | bool | None = None


class Column(Node, frozen=True):
    """A column by its names, the last its own. A variable or a parameter of a function looks the same."""

    names: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.names[-1]

    @property
    def qualifier(self) -> str | None:
        return self.names[-2] if len(self.names) > 1 else None


class Star(Node, frozen=True):
    """All columns: ``*``, or of what `names` name."""

    names: tuple[str, ...] = ()


class Param(Node, frozen=True):
    """An argument by its number: ``$1``."""

    number: int


class Operation(Node, frozen=True):
    """An operator with its operands; LIKE and its kin are operators too (``~~``). `schema` is "" unless
    written: ``OPERATOR(s.=)``."""

    operator: str
    left: Node | None
    right: Node
    schema: str = ""


class Quantified(Node, frozen=True):
    """``left operator ANY (array)``, with `every` ALL."""

    operator: str
    left: Node
    array: Node
    every: bool = False
    schema: str = ""


class In(Node, frozen=True):
    """``value IN (…)`` over a list."""

    value: Node
    items: tuple[Node, ...]
    negated: bool = False


class Between(Node, frozen=True):
    value: Node
    low: Node
    high: Node
    negated: bool = False
    symmetric: bool = False


class Distinct(Node, frozen=True):
    """``left IS DISTINCT FROM right``."""

    left: Node
    right: Node
    negated: bool = False


class NullIf(Node, frozen=True):
    value: Node
    other: Node


class And(Node, frozen=True):
    args: tuple[Node, ...]


class Or(Node, frozen=True):
    args: tuple[Node, ...]


class Not(Node, frozen=True):
    arg: Node


class NullTest(Node, frozen=True):
    """``arg IS NULL``; `negated`: IS NOT NULL."""

    arg: Node
    negated: bool = False


class BooleanTest(Node, frozen=True):
    """``arg IS TRUE``, FALSE or, where `wanted` is None, UNKNOWN."""

    arg: Node
    wanted: bool | None
    negated: bool = False


class When(Node, frozen=True):
    condition: Node
    result: Node


class Case(Node, frozen=True):
    """CASE; with a `subject`, the conditions are what it is compared with."""

    subject: Node | None
    branches: tuple[When, ...]
    default: Node | None


class Coalesce(Node, frozen=True):
    args: tuple[Node, ...]


class Extreme(Node, frozen=True):
    """GREATEST, or LEAST."""

    args: tuple[Node, ...]
    least: bool = False


class Call(Node, frozen=True):
    """A function with its arguments. In `rest` stands what only aggregates and windows have."""

    name: str
    args: tuple[Node, ...] = ()
    schema: str = ""
    rest: Rest = ()


class NamedArg(Node, frozen=True):
    name: str
    arg: Node


class SessionValue(Node, frozen=True):
    """A value that is written as a word: current_user, current_date; `precision` where it is given."""

    name: str
    precision: int | None = None


class TypeRef(Node, frozen=True):
    """A type as written; `dimensions` of an array."""

    names: tuple[str, ...]
    modifiers: tuple[Node, ...] = ()
    dimensions: int = 0
    rest: Rest = ()


class Cast(Node, frozen=True):
    arg: Node
    type: TypeRef


class Collate(Node, frozen=True):
    arg: Node
    names: tuple[str, ...]


class Array(Node, frozen=True):
    items: tuple[Node, ...]


class Row(Node, frozen=True):
    items: tuple[Node, ...]


class Part(Node, frozen=True):
    """A field, an element or a slice of a value: ``(arg).field``, ``arg[1]``."""

    arg: Node
    path: tuple[Value, ...]


class Exists(Node, frozen=True):
    query: "Query"


class ScalarSelect(Node, frozen=True):
    """The value of a sub-select of one row and one column."""

    query: "Query"


class ArraySelect(Node, frozen=True):
    query: "Query"


class AnySelect(Node, frozen=True):
    """``left IN (SELECT …)``, which is ``= ANY``, and every other operator with ANY or, with `every`, ALL."""

    operator: str
    left: Node
    query: "Query"
    every: bool = False
    schema: str = ""


# Queries and what changes rows


class Target(Node, frozen=True):
    """An entry of a list of results, or of what is set: its name where it has one, and its value."""

    name: str
    value: Node | None
    path: tuple[Value, ...] = ()


class Table(Node, frozen=True):
    """A relation where it is named. `alias` is "" where it has none; `only`: without its children."""

    name: str
    schema: str = ""
    alias: str = ""
    columns: tuple[str, ...] = ()
    only: bool = False
    temporary: bool = False

    @property
    def known_as(self) -> str:
        """The name that qualifies its columns."""
        return self.alias or self.name


class FromSelect(Node, frozen=True):
    query: "Query"
    alias: str = ""
    columns: tuple[str, ...] = ()
    lateral: bool = False


class Sampled(Node, frozen=True):
    """A relation of which TABLESAMPLE takes a part; `args` are how much, and of what seed."""

    source: Node
    args: tuple[Node, ...] = ()
    rest: Rest = ()


class FromCall(Node, frozen=True):
    """Functions in FROM."""

    calls: tuple[Node, ...]
    alias: str = ""
    columns: tuple[str, ...] = ()
    lateral: bool = False
    rest: Rest = ()


class Join(Node, frozen=True):
    """A join; one without a condition, USING or NATURAL is a CROSS JOIN."""

    kind: Literal["inner", "left", "full", "right"]
    left: Node
    right: Node
    condition: Node | None = None
    using: tuple[str, ...] = ()
    natural: bool = False
    alias: str = ""


class Cte(Node, frozen=True):
    name: str
    query: Node
    rest: Rest = ()


class With(Node, frozen=True):
    queries: tuple[Cte, ...]
    recursive: bool = False


class Select(Node, frozen=True):
    """A block of a query: SELECT, or VALUES. Grouping, order, limits and locks stand in `rest`."""

    targets: tuple[Target, ...] = ()
    sources: tuple[Node, ...] = ()
    where: Node | None = None
    values: tuple[tuple[Node, ...], ...] = ()
    queries: With | None = None
    rest: Rest = ()


class Compound(Node, frozen=True):
    """UNION, INTERSECT or EXCEPT."""

    operator: Literal["union", "intersect", "except"]
    left: "Query"
    right: "Query"
    all: bool = False
    queries: With | None = None
    rest: Rest = ()


Query = Select | Compound


class Insert(Node, frozen=True):
    """INSERT; without a `source` DEFAULT VALUES. ON CONFLICT stands in `rest`."""

    table: Table
    columns: tuple[Target, ...]
    source: Query | None
    conflict: Node | None = None
    queries: With | None = None
    rest: Rest = ()


class Update(Node, frozen=True):
    table: Table
    sets: tuple[Target, ...]
    sources: tuple[Node, ...] = ()
    where: Node | None = None
    queries: With | None = None
    rest: Rest = ()


class Delete(Node, frozen=True):
    """DELETE; `sources` are what USING names."""

    table: Table
    sources: tuple[Node, ...] = ()
    where: Node | None = None
    queries: With | None = None
    rest: Rest = ()


class SetVariable(Node, frozen=True):
    """SET, and with no values RESET or SET TO DEFAULT."""

    name: str
    values: tuple[Node, ...] = ()
    local: bool = False


def children(node: Node) -> Iterator[Node]:
    """Yield the nodes right below a node, in the order of its fields."""
    stack: list[object] = [getattr(node, name) for name in reversed(parts(type(node)))]
    while stack:
        value = stack.pop()
        if isinstance(value, Node):
            yield value
        elif type(value) is tuple:
            stack.extend(reversed(value))


def walk(*nodes: Node) -> Iterator[Node]:
    """Yield the nodes and all below them, each before what it holds."""
    stack = [*reversed(nodes)]
    while stack:
        found = stack.pop()
        yield found
        stack.extend(reversed([*children(found)]))


def uncast(node: Node) -> Node:
    """Return an expression without the casts around it."""
    while isinstance(node, Cast):
        node = node.arg
    return node


_NO_VALUES = ("SortBy", "nothing")  # what the parser puts around expressions, and none of its own


def may_aggregate(*nodes: Node) -> bool:
    """Tell whether expressions may hold an aggregate, by a call or by a construct of its own (JSON_ARRAYAGG):
    a query with one, in any of its clauses, makes a row of none. Source: PostgreSQL documentation,
    "Aggregate Expressions"."""
    return any(
        isinstance(n, Call) or (isinstance(n, Unknown) and n.kind not in _NO_VALUES) for n in walk(*nodes)
    )


def ordered_by(query: Select) -> Iterator[Node]:
    """Yield what a query sorts its rows by, or tells them apart by."""
    for name, held in query.rest:
        if name in ("sort_clause", "distinct_clause") and isinstance(held, tuple):
            yield from (n for n in held if isinstance(n, Node))


def conjuncts(node: Node | None) -> Iterator[Node]:
    """Yield the parts of a condition that are joined by AND; nothing for None."""
    stack = [] if node is None else [node]
    while stack:
        found = stack.pop()
        if isinstance(found, And):
            stack.extend(reversed(found.args))
        else:
            yield found


def subselects(*nodes: Node) -> Iterator[Node]:
    """Yield the queries of the outermost sub-selects in expressions."""
    stack = [*reversed(nodes)]
    while stack:
        found = stack.pop()
        if isinstance(found, (Exists, ScalarSelect, ArraySelect, AnySelect)):
            yield found.query
            stack += [found.left] if isinstance(found, AnySelect) else []
        else:
            stack.extend(reversed([*children(found)]))


def relations(*nodes: Node) -> Iterator[Table]:
    """Yield the relations that are named below, but for names of WITH queries in their scope."""
    stack = [(node, frozenset[str]()) for node in reversed(nodes)]
    while stack:
        found, hidden = stack.pop()
        if isinstance(found, Table):
            if found.schema or found.name not in hidden:
                yield found
            continue
        below = [*children(found)]
        scope = hidden
        for queries in (node for node in below if isinstance(node, With)):
            every = hidden | {query.name for query in queries.queries}
            for query in queries.queries:
                stack.append((query, every if queries.recursive else scope))
                scope |= {query.name}
        stack += [(node, scope) for node in reversed(below) if not isinstance(node, With)]


def changed(node: Node, change: Callable[[Node], Node]) -> Node:
    """Return the tree with each node as `change` returns it, those below a node before itself."""
    below = {name: _changed(getattr(node, name), change) for name in parts(type(node))}
    return change(replace(node, **below))


def _changed(value: Any, change: Callable[[Node], Node]) -> Any:
    if isinstance(value, Node):
        return changed(value, change)
    return tuple(_changed(item, change) for item in value) if isinstance(value, tuple) else value
