"""The small tree that a policy's expression is read into."""

from collections.abc import Iterator
from typing import Any, NamedTuple


class Relation(NamedTuple):
    """A table in a FROM clause; `alias` is the name that columns are qualified with. `call` is set
    where the rows come from a function: then `name` is that of its one column. `rights` names the role
    that reads it, "" for the one that asks."""

    schema: str
    name: str
    alias: str
    call: "Node | None" = None
    rights: str = ""


class Select(NamedTuple):
    """A sub-select: what is compared (`target`), the tables joined, the condition on them, and what is
    `called` for its targets, by schema and name."""

    relations: tuple[Relation, ...]
    where: "Node | None"
    target: "Node | None"
    called: tuple[tuple[str | None, str], ...] = ()


class Node(NamedTuple):
    """One operation. `op` says which, `args` its operands, `value` what else it needs to know.

    `source` is the parser's own message for a truth value, from which its SQL can be printed.
    """

    op: str
    args: tuple["Node", ...] = ()
    value: Any = None
    source: Any = None


TRUE = Node("const", value=True)
FALSE = Node("const", value=False)
CONTEXT = Node("context")
ROW = "the row"  # qualifies the columns of the row that a condition is about
SELECTS = ("exists", "in", "scalar")


def opaque(what: str, args: tuple[Node, ...] = ()) -> Node:
    """Return a node of which nothing is known but what it is called."""
    return Node("opaque", args, what)


def walk(node: Node) -> Iterator[Node]:
    """Yield the node and all below it, those in sub-selects too."""
    stack = [node]
    while stack:
        found = stack.pop()
        yield found
        stack.extend(reversed(_below(found)))


def deeper(node: Node, levels: int) -> bool:
    """Tell whether anything below the node nests deeper than that."""
    row = [node]
    for _ in range(levels):
        row = [below for each in row for below in _below(each)]
        if not row:
            return False
    return True


def _below(node: Node) -> tuple[Node, ...]:
    parts = (node.value.where, node.value.target) if node.op in SELECTS else ()
    return (*node.args, *(part for part in parts if part is not None))


def conjuncts(node: Node | None) -> tuple[Node, ...]:
    """Split a condition at its outermost ANDs."""
    if node is None:
        return ()
    if node.op == "and":
        return tuple(part for arg in node.args for part in conjuncts(arg))
    return (node,)


def every(parts: tuple[Node, ...]) -> Node:
    """Join conditions by AND."""
    return parts[0] if len(parts) == 1 else Node("and", parts) if parts else TRUE


def some(parts: tuple[Node, ...]) -> Node:
    """Join conditions by OR."""
    return parts[0] if len(parts) == 1 else Node("or", parts) if parts else FALSE
