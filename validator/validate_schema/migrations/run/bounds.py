"""What a partition may hold, as a question about rows of the target: columns and constants alone."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ...model.catalog import QName, Table
from ...model.deploy import Asked
from ...model.wording import first_of
from ...sql.parser import Unreadable
from ...sql.reading import read_expression
from ...sql.syntax import (
    And,
    Array,
    Cast,
    Collate,
    Column,
    Const,
    Node,
    Not,
    NullTest,
    Operation,
    Or,
    Quantified,
    TypeRef,
    walk,
)
from .questions import Named, Raised, State, Step, exists, unasked

if TYPE_CHECKING:
    import psycopg

_BOUNDS = """
select c.oid, pg_catalog.pg_get_partition_constraintdef(c.oid) from pg_catalog.pg_class c
where c.relispartition and c.relkind in ('r', 'p')
"""
_PATH = "select pg_catalog.set_config('search_path', 'pg_catalog', true)"
_PLAIN = (And, Or, Not, NullTest, Column, Const, Array)
_MOST = 3
_ORDER = frozenset({"=", "<", "<=", ">", ">="})


def bounds(connection: "psycopg.Connection[Any]") -> dict[int, str]:
    """Return what the rows of each partition have to meet, by its oid, as the server prints it."""
    with connection.transaction():
        connection.execute(_PATH)
        return {oid: text for oid, text in connection.execute(_BOUNDS) if text}


def partitioned(file: str, target: Named, before: State, after: State) -> Iterator[Raised]:
    """Yield what a file that attaches a table of the target as a partition asks of its rows, and what new
    partitions ask of those of the default one beside them."""
    step = Step(file, target, before, after)
    old, new = ({t.qname: t for t in state.catalog.tables} for state in (before, after))
    for oid, name in sorted(target.tables.items(), key=lambda item: item[1]):
        bound, called, now = after.bounds.get(oid), before.named.tables.get(oid), after.named.tables.get(oid)
        if bound is None or bound == before.bounds.get(oid) or called not in old or now not in new:
            continue
        was, became = old[called], new[now]
        if became.parent is None:
            continue
        if was.parent is None or _place(was, before) != _place(became, after):
            detail = f"{_shown(became.parent)} {became.partition_bound}"
            asked = Asked(file=file, question="bound", table=name, detail=detail)
            yield _of_bound(step, oid, bound, asked)
        elif became.partition_bound == "DEFAULT":
            known = {t.qname for t in old.values() if t.parent == was.parent}
            made = [t for t in new.values() if t.parent == became.parent and t.qname not in known]
            if made:
                detail = first_of([f"{_shown(t.qname)} {t.partition_bound}" for t in made], _MOST)
                asked = Asked(file=file, question="sibling", table=name, detail=detail)
                yield _of_bound(step, oid, bound, asked)


def _place(table: Table, state: State) -> tuple[int | None, str | None]:
    parent = next((oid for oid, name in state.named.tables.items() if name == table.parent), None)
    return parent, table.partition_bound


def _shown(name: QName) -> str:
    return ".".join(name)


def _of_bound(step: Step, oid: int, bound: str, asked: Asked) -> Raised:
    columns = _columns(bound)
    if columns is None:
        return Raised(unasked(asked, "its bound is more than columns and constants"))
    if step.columns(oid, columns) != columns:
        return Raised(unasked(asked, "the columns of its bound are not those of the target"))
    return Raised(asked, exists(asked.table, f"({bound}) is false"))


def _columns(bound: str) -> tuple[str, ...] | None:
    """Return the columns that a bound names; None where it is more than these, constants of PostgreSQL's own
    types and PostgreSQL's own comparisons: a function, a type or an operator of somebody's."""
    try:
        nodes = [*walk(read_expression(bound))]
    except Unreadable:
        return None
    if not all(map(_is_plain, nodes)):
        return None
    return tuple(dict.fromkeys(_names(nodes)))


def _names(nodes: list[Node]) -> Iterator[str]:
    return (node.name for node in nodes if isinstance(node, Column))


def _is_plain(node: Node) -> bool:
    match node:
        case Operation() | Quantified():
            return node.operator in _ORDER and not node.schema
        case TypeRef(names=names) | Collate(names=names):
            return len(names) == 1 or names[0] == "pg_catalog"
        case Cast(arg=arg):
            return isinstance(arg, (Const, Column, Array))
    return isinstance(node, _PLAIN)
