"""Statements whose text is put together when they run, as far as the text is known all the same.

It is where every part is a constant, or a value that cannot be anything but a literal: ``$1`` of USING,
``%L`` of format(), quote_literal(). What PostgreSQL's own functions are given to run is a statement too.
Source: PostgreSQL documentation, "Executing Dynamic Commands", "String Functions" (format), "XML
Functions", "Text Search Functions" (ts_stat).
"""

import re
from collections.abc import Callable, Iterator

from .ident import quote_ident
from .parser import Unreadable
from .reading import read_statements
from .syntax import (
    Call,
    Cast,
    Column,
    Const,
    Node,
    Operation,
    Param,
    Select,
    Star,
    Table,
    Target,
    changed,
    uncast,
)  # fmt: skip

_FIRST_VALUE = 1_000  # numbers of parameters from here on stand for values in the text
_FORMAT = re.compile(r"%(?:(\d+)\$)?-?\d*([sIL%])")
ANY_NAME = " any_name_at_all "
_ONE_WORD = frozenset({"regclass", "int2", "int4", "int8", "integer", "bigint", "smallint"})
_LITERALS = ("quote_literal", "quote_nullable")
_RUN_QUERY = frozenset({
    "query_to_xml", "query_to_xmlschema", "query_to_xml_and_xmlschema", "ts_stat", "crosstab", "crosstab2",
    "crosstab3", "crosstab4", "crosstabn",
})  # fmt: skip
_RUN_TABLE = frozenset({"table_to_xml", "table_to_xmlschema", "table_to_xml_and_xmlschema"})
_RUN_ANYTHING = re.compile(
    r"dblink.*|(?:schema|database|cursor)_to_xml.*|connectby|xpath_table|schedule(?:_in_database)?|"
    r"pg_background_launch|ts_rewrite"
)


def built_statements(text: Node, params: tuple[Node, ...]) -> tuple[Node, ...]:
    """Return the statements of a text that an expression puts together, `params` in the place of $1 and on.
    Raises `Unreadable` where it may say something else."""
    parts = _Parts()
    written = parts.text(text)
    values = [*params, *parts.values]

    def put(node: Node) -> Node:
        if not isinstance(node, Param):
            return node
        place = node.number - 1 if node.number < _FIRST_VALUE else len(params) + node.number - _FIRST_VALUE
        if not 0 <= place < len(values):
            raise Unreadable("a parameter without a value")
        return _of_function(values[place])

    return tuple(changed(statement, put) for statement in read_statements(written))


def patterned(text: Node) -> tuple[Node, ...]:
    """Return the statements of a text that an expression puts together, whatever names and literals are put
    in: any name stands there as `ANY_NAME`. Raises `Unreadable` where more than that may be put in."""
    return read_statements(_Pattern().text(text))


def run_by(call: Call) -> tuple[Node, ...]:
    """Return the statements that a call of PostgreSQL's own function runs, given as text; nothing for one
    that runs none. Raises `Unreadable` where the text is worked out, or nobody knows where it runs."""
    first = uncast(call.args[0]) if call.args else None
    if call.name in _RUN_QUERY:
        return built_statements(first, ()) if first is not None else ()
    if call.name in _RUN_TABLE:
        if not isinstance(first, Const) or not isinstance(first.value, str):
            raise Unreadable("a relation whose name is worked out")
        schema, _, name = first.value.replace('"', "").rpartition(".")
        return (Select((Target("", Star()),), (Table(name, schema),)),)
    texts = any(isinstance(n, Const) and isinstance(n.value, str) for n in map(uncast, call.args))
    if call.name == "ts_rewrite" and len(call.args) != 2:
        return ()
    if _RUN_ANYTHING.fullmatch(call.name) and (texts or call.name != "ts_rewrite"):
        raise Unreadable("a statement given as text")
    return ()


class _Parts:
    """A text in the making. `values` are the expressions whose literals stand in it, as parameters."""

    def __init__(self) -> None:
        self.values: list[Node] = []

    def text(self, node: Node) -> str:
        bare = uncast(node) if isinstance(node, Cast) else node
        match bare:
            case Const(value=str() as value):
                return value
            case Operation(operator="||", left=Node() as left, right=right):
                return self.text(left) + self.text(right)
            case Call(name=name, args=(value,)) if name in _LITERALS:
                return self._value(value)
            case Call(name="quote_ident", args=(Const(value=str() as name),)):
                return quote_ident(name)
            case Call(name="format", args=(template, *args)):
                return self._format(self.text(template), args)
            case Call(name="concat", args=args):
                return "".join(self.text(arg) for arg in args)
        raise Unreadable("a statement built at run time")

    def _value(self, node: Node) -> str:
        self.values.append(node)
        return f" ${_FIRST_VALUE + len(self.values) - 1} "

    def _format(self, template: str, args: list[Node]) -> str:
        rest = iter(args)
        return _FORMAT.sub(lambda found: self._formatted(found, rest, args), template)

    def _formatted(self, found: re.Match[str], rest: Iterator[Node], args: list[Node]) -> str:
        number, kind = found[1], found[2]
        if kind == "%":
            return "%"
        arg = args[int(number) - 1] if number and 0 < int(number) <= len(args) else next(rest, None)
        if arg is None:
            raise Unreadable("a format without a value")
        if kind == "L":
            return self._value(arg)
        known = uncast(arg)
        if not isinstance(known, Const) or not isinstance(known.value, str):
            raise Unreadable("a statement built at run time")
        return quote_ident(known.value) if kind == "I" else known.value


class _Pattern(_Parts):
    """A text in the making, of which a name or a number may be worked out: neither says more than itself."""

    def text(self, node: Node) -> str:
        match node:
            case Cast(type=wanted) if wanted.names[-1] in _ONE_WORD and not wanted.dimensions:
                return ANY_NAME if wanted.names[-1] == "regclass" else " NULL "
            case Call(name="quote_ident"):
                return ANY_NAME
        return super().text(node)

    def _formatted(self, found: re.Match[str], rest: Iterator[Node], args: list[Node]) -> str:
        number, kind = found[1], found[2]
        if kind in ("%", "L"):
            return "%" if kind == "%" else super()._formatted(found, rest, args)
        arg = args[int(number) - 1] if number and 0 < int(number) <= len(args) else next(rest, None)
        if arg is None:
            raise Unreadable("a format without a value")
        return ANY_NAME if kind == "I" else self.text(arg)


def _of_function(value: Node) -> Node:
    """Return a value of the function around a text: its names are not those of relations in there."""
    mark: Callable[[Node], Node] = lambda n: Column(("", *n.names)) if isinstance(n, Column) else n  # noqa: E731
    return changed(value, mark)
