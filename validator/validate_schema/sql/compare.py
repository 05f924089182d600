"""Compare SQL expressions as trees, after undoing what PostgreSQL does to them when it stores them.

Source: PostgreSQL's ruleutils, by experiment: the tests write an expression into a table and compare
it with what ``pg_get_expr`` prints.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from .constants import TEXTS, same_family, same_value
from .parser import Unreadable, parse_messages
from .types import TypeName, parse_type
from .types import same_type as same_type

_PLACE = frozenset({"location", "rexpr_list_start", "rexpr_list_end", "list_start", "list_end", "stmt_len"})
_NOISE = _PLACE | {"funcformat", "coercionform", "inh", "relpersistence", "row_format", "limit_option"}
_SQL_VALUES = {
    1: "current_date",
    2: "current_time",
    3: "current_time",
    4: "now",
    5: "now",
    6: "localtime",
    7: "localtime",
    8: "localtimestamp",
    9: "localtimestamp",
    10: "current_role",
    11: "current_user",
    12: "current_user",
    13: "session_user",
    14: "current_catalog",
    15: "current_schema",
}
_SAME_CALLS = {"transaction_timestamp": "now", "current_role": "current_user"}
_WIDENING = TEXTS | {"numeric", "double precision", "regclass"}
_COMMUTES = frozenset({"op =", "op <>", "and", "or"})


class Const(NamedTuple):
    """A constant; `text` is None for NULL, `type` None where no cast says it."""

    text: str | None
    type: TypeName | None = None


class Cast(NamedTuple):
    arg: "Node"
    type: TypeName


class Column(NamedTuple):
    parts: tuple[str, ...]


class Call(NamedTuple):
    """Everything else: an operator, a function, a sub-select, by name and operands."""

    name: str
    args: tuple["Node", ...]


Node = Const | Cast | Column | Call


def same_expression(
    first: str | None, second: str | None, default_schema: str = "public", of_type: str | None = None
) -> bool:
    """Tell whether two expressions are the same to PostgreSQL; None is no expression, as is NULL.

    Constants are compared by value, without the casts that the server adds to them. Casts that it
    adds to columns (text to varchar, a number to numeric) do not count, nor do parentheses, the
    default schema, the order of AND and OR, and other spellings of one thing (IN and = ANY). Names
    in unquoted SQL fold to lower case, as they do there. `of_type` is the type of the column whose
    default it is, if known. Text that is not an expression is compared as text, but for spaces.
    """
    if first is None or second is None:
        return (first is None or _is_null(first)) and (second is None or _is_null(second))
    left, right = read_tree(first, default_schema), read_tree(second, default_schema)
    if left is None or right is None:
        return " ".join(first.split()) == " ".join(second.split())
    if of_type is not None:
        wanted = parse_type(of_type, default_schema)
        left, right = _without(left, wanted), _without(right, wanted)
        if isinstance(left, Const) and isinstance(right, Const) and left.text is not None:
            return right.text is not None and same_value(left.text, right.text, wanted)
    return same_tree(left, right)


def _is_null(text: str) -> bool:
    tree = read_tree(text, "public")
    return isinstance(tree, Const) and tree.text is None


def _without(node: Node, wanted: TypeName) -> Node:
    """Drop the outermost cast to the column's own type."""
    if isinstance(node, Cast) and node.type._replace(modifiers=()) == wanted._replace(modifiers=()):
        return node.arg
    return node


@lru_cache(maxsize=4096)
def read_tree(text: str, default_schema: str) -> Node | None:
    """Return an expression as a tree in one spelling; None where it cannot be read."""
    try:
        statements = parse_messages(f"SELECT ({text}\n)")
        if len(statements) != 1 or len(statements[0].stmt.select_stmt.target_list) != 1:
            return None
        return _Reader(default_schema).node(statements[0].stmt.select_stmt.target_list[0].res_target.val)
    except (Unreadable, RecursionError):
        return None


class _Reader:
    """Turns the parser's messages into nodes in one spelling."""

    def __init__(self, default_schema: str) -> None:
        self.default_schema = default_schema
        self.scopes: list[dict[str, str]] = []

    def node(self, wrapped: Any) -> Node:
        kind = wrapped.WhichOneof("node")
        if kind is None:
            return Call("nothing", ())
        message = getattr(wrapped, kind)
        read = getattr(self, f"_{kind}", None)
        return read(message) if read is not None else self._other(kind, message)

    def nodes(self, wrapped: Any) -> tuple[Node, ...]:
        return tuple(self.node(item) for item in wrapped)

    def _other(self, kind: str, message: Any) -> Node:
        args: list[Node] = []
        for spec, value in message.ListFields():
            if spec.name not in _NOISE:
                args.append(Call(spec.name, self._values(value)))
        return Call(kind, tuple(args))

    def _values(self, value: Any) -> tuple[Node, ...]:
        if hasattr(value, "WhichOneof"):
            wrapped = "node" in value.DESCRIPTOR.oneofs_by_name
            return (self.node(value) if wrapped else self._other(value.DESCRIPTOR.name, value),)
        if isinstance(value, (str, bytes, int, float)):
            return (Const(str(value)),)
        return tuple(node for item in value for node in self._values(item))

    def _a_const(self, message: Any) -> Node:
        kind = message.WhichOneof("val")
        if kind is None:
            return Const(None)
        value = getattr(message, kind)
        if kind == "bsval":
            return Const(value.bsval[1:], parse_type("bit varying" if value.bsval[0] == "b" else "bytea"))
        if kind == "boolval":
            return Const("true" if value.boolval else "false", parse_type("boolean"))
        return Const(str(getattr(value, kind)))

    def _type_cast(self, message: Any) -> Node:
        arg, to = self.node(message.arg), self._type(message.type_name)
        if isinstance(arg, Call) and arg.name == "a_array_expr" and not arg.args:
            arg = Const("{}")
        if to == parse_type("regclass") and isinstance(arg, Const) and arg.text is not None:
            return self._regclass(arg.text)
        if isinstance(arg, Const) and not (arg.type is not None and arg.type != to and arg.text is not None):
            return Const(arg.text, None if arg.text is None else to._replace(modifiers=()))
        return Cast(arg, to)

    def _regclass(self, text: str) -> Node:
        name = parse_type(text, self.default_schema)
        return Const(f"{name.schema}.{name.folded or name.name}", parse_type("regclass"))

    def _type(self, message: Any) -> TypeName:
        names = [part.string.sval for part in message.names]
        given = [self.node(modifier) for modifier in message.typmods]
        modifiers = f"({','.join(n.text or '' for n in given if isinstance(n, Const))})" if given else ""
        array = "[]" if message.array_bounds else ""
        if len(names) == 2 and names[0] == "pg_catalog" and names[1] != "char":
            return parse_type(names[1] + modifiers + array)
        plain = names[-1]
        written = ".".join('"' + part.replace('"', '""') + '"' for part in names)
        if len(names) == 1 and re.fullmatch(r"[a-z_][a-z0-9_]*", plain) and plain != "char":
            written = plain
        return parse_type(written + modifiers + array, self.default_schema)

    def _column_ref(self, message: Any) -> Node:
        parts = tuple(f.string.sval if f.WhichOneof("node") == "string" else "*" for f in message.fields)
        if len(parts) > 1:
            for scope in reversed(self.scopes):
                if parts[-2] in scope:
                    return Column((scope[parts[-2]], parts[-1]))
        return Column(parts)

    def _sqlvalue_function(self, message: Any) -> Node:
        name = _SQL_VALUES.get(message.op, str(message.op))
        name = _SAME_CALLS.get(name, name)
        precision = (Const(str(message.typmod)),) if message.typmod >= 0 else ()
        return Call(f"call {name}", precision)

    def _func_call(self, message: Any) -> Node:
        parts = [part.string.sval for part in message.funcname]
        if len(parts) == 2 and parts[0] in ("pg_catalog", self.default_schema):
            parts = parts[1:]
        name = ".".join(parts)
        args = list(self.nodes(message.args))
        if name == "current_setting" and args and isinstance(args[0], Const) and args[0].text:
            args[0] = Const(args[0].text.lower())
        if name in ("nextval", "currval", "setval") and args and isinstance(args[0], Const) and args[0].text:
            first = args[0]
            args[0] = first if first.type == parse_type("regclass") else self._regclass(args[0].text)
        more = [
            Call(spec.name, self._values(value))
            for spec, value in message.ListFields()
            if spec.name not in _NOISE | {"funcname", "args"}
        ]
        return Call(f"call {_SAME_CALLS.get(name, name)}", (*args, *more))

    def _bool_expr(self, message: Any) -> Node:
        args = self.nodes(message.args)
        if message.boolop == 3:
            return _negated(args[0])
        name = "and" if message.boolop == 1 else "or"
        return Call(name, tuple(inner for arg in args for inner in flat(name, arg)))

    def _a_expr(self, message: Any) -> Node:
        name = ".".join(part.string.sval for part in message.name if part.string.sval != "pg_catalog")
        left = self.node(message.lexpr) if message.HasField("lexpr") else None
        right = self.node(message.rexpr)
        match message.kind:
            case 7:  # IN: the server keeps it as = ANY or <> ALL
                items = Call("a_array_expr", self.nodes(message.rexpr.list.items))
                return Call("any =" if name == "=" else "all <>", (left or Const(None), items))
            case 2 | 3:
                return Call(f"{'any' if message.kind == 2 else 'all'} {name}", (left or Const(None), right))
            case 5:
                return Call("not", (Call("distinct =", (left or Const(None), right)),))
            case 4:
                return Call("distinct =", (left or Const(None), right))
            case 6:
                return Call("call nullif", (left or Const(None), right))
            case 11 | 12:
                return self._between(message, left or Const(None))
        if left is None:
            if name == "-" and isinstance(right, Const) and right.text and right.text[0].isdigit():
                return Const("-" + right.text, right.type)
            return Call(f"op {name}", (right,))
        return Call(f"op {name}", (left, right))

    def _between(self, message: Any, left: Node) -> Node:
        low, high = self.nodes(message.rexpr.list.items)
        if message.kind == 11:
            return Call("and", (Call("op >=", (left, low)), Call("op <=", (left, high))))
        return Call("or", (Call("op <", (left, low)), Call("op >", (left, high))))

    def _a_array_expr(self, message: Any) -> Node:
        return Call("a_array_expr", self.nodes(message.elements))

    def _res_target(self, message: Any) -> Node:
        return self.node(message.val)

    def _range_var(self, message: Any) -> Node:
        return Call("table", (Const(self._relation(message)),))

    def _select_stmt(self, message: Any) -> Node:
        """Read a sub-select with its tables known by what they are: the server renames aliases."""
        tables = [table for item in message.from_clause for table in _range_vars(item)]
        names = [t.alias.aliasname if t.HasField("alias") else t.relname for t in tables]
        depth = len(self.scopes)
        self.scopes.append(
            {
                name: f"{self._relation(table)} {depth}.{index}"
                for index, (name, table) in enumerate(zip(names, tables, strict=True))
            }
        )
        try:
            return self._other("select_stmt", message)
        finally:
            self.scopes.pop()

    def _relation(self, message: Any) -> str:
        return f"{message.schemaname or self.default_schema}.{message.relname}"


def _range_vars(item: Any) -> Iterator[Any]:
    kind = item.WhichOneof("node")
    if kind == "range_var":
        yield item.range_var
    elif kind == "join_expr":
        yield from _range_vars(item.join_expr.larg)
        yield from _range_vars(item.join_expr.rarg)


def flat(name: str, node: Node) -> tuple[Node, ...]:
    """Return what a call of `name` joins (``and``, ``or``), or the node itself where it is no such call."""
    return node.args if isinstance(node, Call) and node.name == name else (node,)


def _negated(node: Node) -> Node:
    return node.args[0] if isinstance(node, Call) and node.name == "not" else Call("not", (node,))


def same_tree(first: Node, second: Node) -> bool:
    """Tell whether two trees are the same to PostgreSQL."""
    if isinstance(first, Cast) != isinstance(second, Cast):
        cast, other = (first, second) if isinstance(first, Cast) else (second, first)
        assert isinstance(cast, Cast)
        widens = not cast.type.schema and cast.type.name in _WIDENING and not cast.type.modifiers
        return widens and same_tree(cast.arg, other)
    match first, second:
        case Const(), Const():
            return _same_constant(first, second)
        case Cast(), Cast():
            types = first.type == second.type or same_family(first.type, second.type)
            return types and same_tree(first.arg, second.arg)
        case Column(), Column():
            shared = min(len(first.parts), len(second.parts))
            return first.parts[-shared:] == second.parts[-shared:]
        case Call(), Call():
            if first.name != second.name or len(first.args) != len(second.args):
                return False
            if first.name in _COMMUTES:
                return are_among(first.args, second.args)
            return all(map(same_tree, first.args, second.args))
    return False


def _same_constant(first: Const, second: Const) -> bool:
    if first.text is None or second.text is None:
        return first.text is second.text
    if not same_family(first.type, second.type):
        return False
    return same_value(first.text, second.text, first.type or second.type)


def are_among(few: tuple[Node, ...], many: tuple[Node, ...]) -> bool:
    """Tell whether each of `few` has one of `many` that means the same, in any order and none twice."""
    rest = list(many)
    for node in few:
        found = next((index for index, other in enumerate(rest) if same_tree(node, other)), None)
        if found is None:
            return False
        del rest[found]
    return True
