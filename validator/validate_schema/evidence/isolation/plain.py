"""Functions that do nothing with what they are given but compare it: a few thousand keys tell all of them.

A white list of nodes: constants, settings, comparisons for equality, tests for NULL, conditions, assignments.
No table is read, nothing is hashed, cut, matched or counted, no clock and no chance is asked: whatever is not
on the list may treat two keys alike though they are not the same.
"""

from collections.abc import Iterable

from ...facts.facts import Facts
from ...model.catalog import Function
from ...sql import plpgsql as pl
from ...sql import syntax as s
from ...sql.parser import Unreadable
from ...sql.routines import read_body

_OPERATORS = frozenset({"=", "<>", "->", "->>"})
_TYPES = frozenset({"uuid", "text", "varchar", "bool", "boolean", "json", "jsonb"})
_NUMBERS = frozenset({"int2", "int4", "int8", "smallint", "integer", "bigint"})
_PLAIN = (
    *(s.Const, s.Column, s.Param, s.Distinct, s.NullIf, s.And, s.Or, s.Not, s.NullTest, s.BooleanTest),
    *(s.When, s.Case, s.Coalesce, s.In, s.ScalarSelect, s.Target, s.TypeRef),
    *(pl.Function, pl.Block, pl.Handler, pl.Assign, pl.Branch, pl.If, pl.Sql),
)


class Plain:
    """Tells which functions of a schema are as plain as that. `number`: keys are whole numbers."""

    def __init__(self, facts: Facts, *, number: bool) -> None:
        self._facts = facts
        self._types = _TYPES | _NUMBERS if number else _TYPES
        self._known: dict[str, bool] = {}

    def used(self, function: Function, names: Iterable[str]) -> list[int] | None:
        """Return the places of the parameters that a function looks at, from 0; None where it is not plain.
        `names` are those of its parameters, "" for one without."""
        if not self._is_plain(function):
            return None
        nodes = list(s.walk(*_tree(function)))
        columns = {n.names[-1] for n in nodes if isinstance(n, s.Column)}
        numbers = {n.number for n in nodes if isinstance(n, s.Param)}
        return [place for place, name in enumerate(names) if name in columns or place + 1 in numbers]

    def _is_plain(self, function: Function) -> bool:
        place = f"{function.schema}.{function.name}({function.arguments})"
        if place not in self._known:
            self._known[place] = False  # a function that calls itself is none
            try:
                tree = _tree(function)
                self._known[place] = bool(tree) and all(map(self._allowed, tree))
            except Unreadable:
                pass
        return self._known[place]

    def _allowed(self, root: s.Node) -> bool:
        waiting = [root]
        while waiting:
            node = waiting.pop()
            if isinstance(node, pl.Raise):
                continue  # what it tells is no answer
            if not self._node(node):
                return False
            waiting += s.children(node)
        return True

    def _node(self, node: s.Node) -> bool:
        match node:
            case s.Operation(operator=operator, schema=schema):
                return operator in _OPERATORS and schema in ("", "pg_catalog")
            case s.Cast(type=type):
                return type.names[-1] in self._types and not type.modifiers and not type.dimensions
            case s.Call(name="current_setting", schema="" | "pg_catalog"):
                return True
            case s.Call():
                return self._calls_plain(node)
            case s.Select():
                return not (node.sources or node.values or node.queries or node.rest)
            case pl.Declared():
                return node.type.rpartition(".")[2] in self._types and node.query is None
            case pl.Return():
                return not node.next
        return isinstance(node, _PLAIN)

    def _calls_plain(self, call: s.Call) -> bool:
        called = [
            f
            for f in self._facts.catalog.functions
            if f.name == call.name and call.schema in ("", f.schema) and not call.rest
        ]
        by_path = not call.schema and len({f.schema for f in called}) > 1  # the caller says which
        return bool(called) and not by_path and all(map(self._is_plain, called))


def _tree(function: Function) -> tuple[s.Node, ...]:
    body = read_body(function.language, function.body or "", function.arguments, function.returns or "")
    return (body.function,) if body.function is not None else body.statements
