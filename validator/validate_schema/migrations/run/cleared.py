"""The tables that a statement takes all rows from by DELETE, told by its text: a copy without rows shows no
other sign of it."""

import re
from collections.abc import Iterator

from ...sql import plpgsql as pl
from ...sql.built import built_statements
from ...sql.parser import Unreadable
from ...sql.reading import read_statements
from ...sql.syntax import And, Const, Delete, Node, Not, Operation, Or, Unknown, walk

_DELETES = re.compile(r"\bdelete\b", re.IGNORECASE)


def cleared(text: str) -> frozenset[tuple[str, str]]:
    """Return the schema ("" where none is written) and the name of each table that the statement deletes from
    without a condition, or with one that is true of every row: also in WITH, in a DO block, and in the texts
    that a block runs, as far as they are known. Nothing for a text that cannot be read."""
    if not _DELETES.search(text):
        return frozenset()
    return frozenset(
        (node.table.schema, node.table.name)
        for node in _nodes(text)
        if isinstance(node, Delete) and (node.where is None or _is_true(node.where))
    )


def _nodes(text: str) -> Iterator[Node]:
    try:
        for statement in read_statements(text):
            body = _body(statement)
            for node in walk(pl.read_plpgsql(body, "", "void") if body else statement):
                yield node
                yield from _built(node)
    except Unreadable:
        return


def _body(statement: Node) -> str:
    """Return what a DO block in PL/pgSQL holds; "" for any other statement."""
    if not isinstance(statement, Unknown) or statement.kind != "DoStmt":
        return ""
    said = {}
    for part in walk(statement):
        if isinstance(part, Unknown) and part.kind == "DefElem":
            values = dict(part.rest)
            said[values.get("defname")] = str(values.get("arg", ""))
    return said.get("as", "") if said.get("language", "plpgsql") == "plpgsql" else ""


def _built(node: Node) -> Iterator[Node]:
    if isinstance(node, pl.Execute):
        try:
            yield from walk(*built_statements(node.built, node.params))
        except Unreadable:
            return


def _is_true(node: Node) -> bool:
    match node:
        case Const(kind="bool", value=value):
            return bool(value)
        case Not(arg=Const(kind="bool", value=value)):
            return not value
        case And(args=args):
            return all(map(_is_true, args))
        case Or(args=args):
            return any(map(_is_true, args))
        case Operation(operator="=", left=Const() as left, right=right):
            return left == right and left.kind != "null"
    return False
