"""The tree of an SQL text: frozen nodes, one class for each construct that is understood.

What is not understood is `Unknown`, with all that it holds below it, so that a search of the tree misses
nothing. Names are as PostgreSQL stores them. Source: `nodes/parsenodes.h` and `nodes/primnodes.h`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Node:
    """A part of a text. `at` is the character at which it stands, from 0, or its operator where it has
    one; -1 where the parser does not say. Two nodes are equal wherever they stand."""

    at: int = field(default=-1, kw_only=True, compare=False, repr=False)


Value = Node | str | int | float | bytes | tuple["Value", ...]
Rest = tuple[tuple[str, Value], ...]  # what else a construct says, by the parser's names


@dataclass(frozen=True, slots=True)
class Unknown(Node):
    """A construct that is not understood, under the parser's name for it."""

    kind: str
    rest: Rest = ()


# Expressions


@dataclass(frozen=True, slots=True)
class Const(Node):
    """A constant. A number that is no 32-bit integer is "numeric", its value the text; bits are too."""

    kind: Literal["null", "bool", "integer", "numeric", "string", "bits"]
    value: str | int | bool | None = None


@dataclass(frozen=True, slots=True)
class Column(Node):
    """A column by its names, the last its own. A variable or a parameter of a function looks the same."""

    names: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.names[-1]

    @property
    def qualifier(self) -> str | None:
        return self.names[-2] if len(self.names) > 1 else None


@dataclass(frozen=True, slots=True)
class Star(Node):
    """All columns: ``*``, or of what `names` name."""

    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Param(Node):
    """An argument by its number: ``$1``."""

    number: int


@dataclass(frozen=True, slots=True)
class Operation(Node):
    """An operator with its operands; LIKE and its kin are operators too (``~~``). `schema` is "" unless
    written: ``OPERATOR(s.=)``."""

    operator: str
    left: Node | None
    right: Node
    schema: str = ""


@dataclass(frozen=True, slots=True)
class Quantified(Node):
    """``left operator ANY (array)``, with `every` ALL."""

    operator: str
    left: Node
    array: Node
    every: bool = False
    schema: str = ""


@dataclass(frozen=True, slots=True)
class In(Node):
    """``value IN (…)`` over a list."""

    value: Node
    items: tuple[Node, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Between(Node):
    value: Node
    low: Node
    high: Node
    negated: bool = False
    symmetric: bool = False


@dataclass(frozen=True, slots=True)
class Distinct(Node):
    """``left IS DISTINCT FROM right``."""

    left: Node
    right: Node
    negated: bool = False


@dataclass(frozen=True, slots=True)
class NullIf(Node):
    value: Node
    other: Node


@dataclass(frozen=True, slots=True)
class And(Node):
    args: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or(Node):
    args: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not(Node):
    arg: Node


@dataclass(frozen=True, slots=True)
class NullTest(Node):
    """``arg IS NULL``; `negated`: IS NOT NULL."""

    arg: Node
    negated: bool = False


@dataclass(frozen=True, slots=True)
class BooleanTest(Node):
    """``arg IS TRUE``, FALSE or, where `wanted` is None, UNKNOWN."""

    arg: Node
    wanted: bool | None
    negated: bool = False


@dataclass(frozen=True, slots=True)
class When(Node):
    condition: Node
    result: Node


@dataclass(frozen=True, slots=True)
class Case(Node):
    """CASE; with a `subject`, the conditions are what it is compared with."""

    subject: Node | None
    branches: tuple[When, ...]
    default: Node | None


@dataclass(frozen=True, slots=True)
class Coalesce(Node):
    args: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Extreme(Node):
    """GREATEST, or LEAST."""

    args: tuple[Node, ...]
    least: bool = False


@dataclass(frozen=True, slots=True)
class Call(Node):
    """A function with its arguments. In `rest` stands what only aggregates and windows have."""

    name: str
    args: tuple[Node, ...] = ()
    schema: str = ""
    rest: Rest = ()


@dataclass(frozen=True, slots=True)
class NamedArg(Node):
    name: str
    arg: Node


@dataclass(frozen=True, slots=True)
class SessionValue(Node):
    """A value that is written as a word: current_user, current_date; `precision` where it is given."""

    name: str
    precision: int | None = None


@dataclass(frozen=True, slots=True)
class TypeRef(Node):
    """A type as written; `dimensions` of an array."""

    names: tuple[str, ...]
    modifiers: tuple[Node, ...] = ()
    dimensions: int = 0
    rest: Rest = ()


@dataclass(frozen=True, slots=True)
class Cast(Node):
    arg: Node
    type: TypeRef


@dataclass(frozen=True, slots=True)
class Collate(Node):
    arg: Node
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Array(Node):
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Row(Node):
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Part(Node):
    """A field, an element or a slice of a value: ``(arg).field``, ``arg[1]``."""

    arg: Node
    path: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Exists(Node):
    query: "Query"


@dataclass(frozen=True, slots=True)
class ScalarSelect(Node):
    """The value of a sub-select of one row and one column."""

    query: "Query"


@dataclass(frozen=True, slots=True)
class ArraySelect(Node):
    query: "Query"


@dataclass(frozen=True, slots=True)
class AnySelect(Node):
    """``left IN (SELECT …)``, which is ``= ANY``, and every other operator with ANY or, with `every`, ALL."""

    operator: str
    left: Node
    query: "Query"
    every: bool = False
    schema: str = ""


# Queries and what changes rows


@dataclass(frozen=True, slots=True)
class Target(Node):
    """An entry of a list of results, or of what is set: its name where it has one, and its value."""

    name: str
    value: Node | None
    path: tuple[Value, ...] = ()


@dataclass(frozen=True, slots=True)
class Table(Node):
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


@dataclass(frozen=True, slots=True)
class FromSelect(Node):
    query: "Query"
    alias: str = ""
    columns: tuple[str, ...] = ()
    lateral: bool = False


@dataclass(frozen=True, slots=True)
class FromCall(Node):
    """Functions in FROM."""

    calls: tuple[Node, ...]
    alias: str = ""
    columns: tuple[str, ...] = ()
    lateral: bool = False
    rest: Rest = ()


@dataclass(frozen=True, slots=True)
class Join(Node):
    """A join; one without a condition, USING or NATURAL is a CROSS JOIN."""

    kind: Literal["inner", "left", "full", "right"]
    left: Node
    right: Node
    condition: Node | None = None
    using: tuple[str, ...] = ()
    natural: bool = False
    alias: str = ""


@dataclass(frozen=True, slots=True)
class Cte(Node):
    name: str
    query: Node
    rest: Rest = ()


@dataclass(frozen=True, slots=True)
class With(Node):
    queries: tuple[Cte, ...]
    recursive: bool = False


@dataclass(frozen=True, slots=True)
class Select(Node):
    """A block of a query: SELECT, or VALUES. Grouping, order, limits and locks stand in `rest`."""

    targets: tuple[Target, ...] = ()
    sources: tuple[Node, ...] = ()
    where: Node | None = None
    values: tuple[tuple[Node, ...], ...] = ()
    queries: With | None = None
    rest: Rest = ()


@dataclass(frozen=True, slots=True)
class Compound(Node):
    """UNION, INTERSECT or EXCEPT."""

    operator: Literal["union", "intersect", "except"]
    left: "Query"
    right: "Query"
    all: bool = False
    queries: With | None = None
    rest: Rest = ()


Query = Select | Compound


@dataclass(frozen=True, slots=True)
class Insert(Node):
    """INSERT; without a `source` DEFAULT VALUES. ON CONFLICT stands in `rest`."""

    table: Table
    columns: tuple[Target, ...]
    source: Query | None
    conflict: Node | None = None
    queries: With | None = None
    rest: Rest = ()


@dataclass(frozen=True, slots=True)
class Update(Node):
    table: Table
    sets: tuple[Target, ...]
    sources: tuple[Node, ...] = ()
    where: Node | None = None
    queries: With | None = None
    rest: Rest = ()


@dataclass(frozen=True, slots=True)
class Delete(Node):
    """DELETE; `sources` are what USING names."""

    table: Table
    sources: tuple[Node, ...] = ()
    where: Node | None = None
    queries: With | None = None
    rest: Rest = ()


@dataclass(frozen=True, slots=True)
class SetVariable(Node):
    """SET, and with no values RESET or SET TO DEFAULT."""

    name: str
    values: tuple[Node, ...] = ()
    local: bool = False


def children(node: Node) -> Iterator[Node]:
    """Yield the nodes right below a node, in the order of its fields."""
    names: tuple[str, ...] = node.__match_args__
    stack: list[object] = [getattr(node, name) for name in reversed(names)]
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
    names: tuple[str, ...] = node.__match_args__
    return change(replace(node, **{name: _changed(getattr(node, name), change) for name in names}))


def _changed(value: Any, change: Callable[[Node], Node]) -> Any:
    if isinstance(value, Node):
        return changed(value, change)
    return tuple(_changed(item, change) for item in value) if isinstance(value, tuple) else value
