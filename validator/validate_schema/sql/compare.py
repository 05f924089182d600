"""Compare SQL expressions as trees, after undoing what PostgreSQL does to them when it stores them; and
statements that two versions of the server printed.

Source: PostgreSQL's ruleutils, by experiment: the tests write an expression into a table and compare
it with what ``pg_get_expr`` prints.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from . import syntax as s
from .constants import TEXTS, same_family, same_value
from .parser import Unreadable
from .reading import read_expression, read_statements
from .types import TypeName, parse_type
from .types import same_type as same_type

_SAME_CALLS = {
    "transaction_timestamp": "now",
    "current_timestamp": "now",
    "current_role": "current_user",
    "user": "current_user",
}
_ROWS = frozenset({"old", "new", "excluded"})
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
        return _Speller(default_schema).node(read_expression(text))
    except (Unreadable, RecursionError):
        return None


class _Speller:
    """Turns what was read into nodes in one spelling."""

    def __init__(self, default_schema: str) -> None:
        self.default_schema = default_schema
        self.scopes: list[dict[str, str]] = []

    def node(self, found: s.Node) -> Node:
        spell: Callable[[Any], Node] = getattr(self, f"_{type(found).__name__.lower()}", self._other)
        return spell(found)

    def nodes(self, found: Iterable[s.Node]) -> tuple[Node, ...]:
        return tuple(self.node(item) for item in found)

    def _other(self, found: s.Node) -> Node:
        said = [(name, getattr(found, name)) for name in s.parts(type(found)) if name != "rest"]
        said += getattr(found, "rest", ())
        return Call(type(found).__name__, tuple(Call(name, self._values(value)) for name, value in said))

    def _values(self, value: s.Value | None) -> tuple[Node, ...]:
        if isinstance(value, s.Node):
            return (self.node(value),)
        if isinstance(value, tuple):
            return tuple(
                Call("list", self._values(v)) if isinstance(v, tuple) else self._values(v)[0] for v in value
            )
        return () if value is None else (Const(str(value)),)

    def _const(self, found: s.Const) -> Node:
        match found.value:
            case None:
                return Const(None)
            case bool(value):
                return Const("true" if value else "false", parse_type("boolean"))
            case str(value) if found.kind == "bits":
                return Const(value[1:], parse_type("bit varying" if value[0] == "b" else "bytea"))
        return Const(str(found.value))

    def _cast(self, found: s.Cast) -> Node:
        arg, to = self.node(found.arg), self._type(found.type)
        if isinstance(arg, Call) and arg.name == "array" and not arg.args:
            arg = Const("{}")
        if to == parse_type("regclass") and isinstance(arg, Const) and arg.text is not None:
            return self._regclass(arg.text)
        if isinstance(arg, Const) and not (arg.type is not None and arg.type != to and arg.text is not None):
            return Const(arg.text, None if arg.text is None else to._replace(modifiers=()))
        return Cast(arg, to)

    def _regclass(self, text: str) -> Node:
        name = parse_type(text, self.default_schema)
        return Const(f"{name.schema}.{name.folded or name.name}", parse_type("regclass"))

    def _type(self, found: s.TypeRef) -> TypeName:
        names, given = found.names, self.nodes(found.modifiers)
        modifiers = f"({','.join(n.text or '' for n in given if isinstance(n, Const))})" if given else ""
        array = "[]" if found.dimensions else ""
        if len(names) == 2 and names[0] == "pg_catalog" and names[1] != "char":
            return parse_type(names[1] + modifiers + array)
        plain = names[-1]
        written = ".".join('"' + part.replace('"', '""') + '"' for part in names)
        if len(names) == 1 and re.fullmatch(r"[a-z_][a-z0-9_]*", plain) and plain != "char":
            written = plain
        return parse_type(written + modifiers + array, self.default_schema)

    def _column(self, found: s.Column) -> Node:
        return self._place(found.names)

    def _star(self, found: s.Star) -> Node:
        return self._place((*found.names, "*"))

    def _place(self, parts: tuple[str, ...]) -> Node:
        if len(parts) > 1:
            for scope in reversed(self.scopes):
                if parts[-2] in scope:
                    return Column((scope[parts[-2]], parts[-1]))
        return Column(parts)

    def _sessionvalue(self, found: s.SessionValue) -> Node:
        precision = () if found.precision is None else (Const(str(found.precision)),)
        return Call(f"call {_SAME_CALLS.get(found.name, found.name)}", precision)

    def _call(self, found: s.Call) -> Node:
        schema = "" if found.schema in ("pg_catalog", self.default_schema) else f"{found.schema}."
        name = f"{schema if found.schema else ''}{found.name}"
        args = list(self.nodes(found.args))
        if name == "current_setting" and args and isinstance(args[0], Const) and args[0].text:
            args[0] = Const(args[0].text.lower())
        if name in ("nextval", "currval", "setval") and args and isinstance(args[0], Const) and args[0].text:
            first = args[0]
            args[0] = first if first.type == parse_type("regclass") else self._regclass(args[0].text)
        more = (Call(key, self._values(value)) for key, value in found.rest)
        return Call(f"call {_SAME_CALLS.get(name, name)}", (*args, *more))

    def _and(self, found: s.And) -> Node:
        return self._joined("and", found.args)

    def _or(self, found: s.Or) -> Node:
        return self._joined("or", found.args)

    def _joined(self, name: str, args: tuple[s.Node, ...]) -> Node:
        return Call(name, tuple(inner for arg in self.nodes(args) for inner in flat(name, arg)))

    def _not(self, found: s.Not) -> Node:
        return _negated(self.node(found.arg))

    def _operation(self, found: s.Operation) -> Node:
        name = _operator(found)
        right = self.node(found.right)
        if found.left is not None:
            return Call(f"op {name}", (self.node(found.left), right))
        if name == "-" and isinstance(right, Const) and right.text and right.text[0].isdigit():
            return Const("-" + right.text, right.type)
        return Call(f"op {name}", (right,))

    def _in(self, found: s.In) -> Node:
        """Spell IN as the server keeps it: = ANY or <> ALL."""
        items = Call("array", self.nodes(found.items))
        return Call("all <>" if found.negated else "any =", (self.node(found.value), items))

    def _quantified(self, found: s.Quantified) -> Node:
        sides = self.node(found.left), self.node(found.array)
        return Call(f"{'all' if found.every else 'any'} {_operator(found)}", sides)

    def _distinct(self, found: s.Distinct) -> Node:
        distinct = Call("distinct =", (self.node(found.left), self.node(found.right)))
        return Call("not", (distinct,)) if found.negated else distinct

    def _nullif(self, found: s.NullIf) -> Node:
        return Call("call nullif", (self.node(found.value), self.node(found.other)))

    def _between(self, found: s.Between) -> Node:
        value, low, high = self.nodes((found.value, found.low, found.high))
        bounds = [(low, high), (high, low)] if found.symmetric else [(low, high)]
        if found.negated:
            outside = [Call("or", (Call("op <", (value, a)), Call("op >", (value, b)))) for a, b in bounds]
            return outside[0] if len(outside) == 1 else Call("and", tuple(outside))
        inside = [Call("and", (Call("op >=", (value, a)), Call("op <=", (value, b)))) for a, b in bounds]
        return inside[0] if len(inside) == 1 else Call("or", tuple(inside))

    def _array(self, found: s.Array) -> Node:
        return Call("array", self.nodes(found.items))

    def _target(self, found: s.Target) -> Node:
        return self.node(found.value) if found.value is not None else Const(None)

    def _table(self, found: s.Table) -> Node:
        return Call("table", (Const(self._relation(found)),))

    def _select(self, found: s.Select) -> Node:
        """Spell a sub-select with its tables known by what they are: the server renames aliases."""
        depth = len(self.scopes)
        tables = [table for item in found.sources for table in _tables(item)]
        named = {t.known_as: f"{self._relation(t)} {depth}.{n}" for n, t in enumerate(tables)}
        self.scopes.append(named)
        try:
            return self._other(found)
        finally:
            self.scopes.pop()

    def _relation(self, found: s.Table) -> str:
        return f"{found.schema or self.default_schema}.{found.name}"


def _operator(found: s.Operation | s.Quantified) -> str:
    schema = "" if found.schema in ("", "pg_catalog") else f"{found.schema}."
    return schema + found.operator


def _tables(item: s.Node) -> Iterator[s.Table]:
    if isinstance(item, s.Table):
        yield item
    elif isinstance(item, s.Join):
        yield from _tables(item.left)
        yield from _tables(item.right)


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


def same_statement(before: str, after: str) -> bool:
    """Tell whether both texts are the same statements but for layout, and for the table that the name
    of a column is written with: PostgreSQL 16 leaves out what 15 prints."""
    if before == after:
        return True
    try:
        first, second = (
            [s.changed(node, _unqualified) for node in read_statements(x)] for x in (before, after)
        )
    except Unreadable:
        return False
    return first == second


def _unqualified(node: s.Node) -> s.Node:
    """Leave of a column's name the last part, but for those of a rule's or trigger's own row."""
    if isinstance(node, s.Column) and node.names[0] not in _ROWS:
        return s.Column(node.names[-1:])
    return s.Star() if isinstance(node, s.Star) and node.names and node.names[0] not in _ROWS else node
