"""An expression, as the server prints it, as the small tree that the policies are judged on; each distinct
text once."""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from msgspec.structs import replace

from . import syntax as s
from .parser import Unreadable
from .reading import print_expression, read_expression
from .settings import setting_of
from .tree import FALSE, TRUE, Node, Relation, Select, every, opaque, walk

_TYPES = {
    **dict.fromkeys(("int2", "int4", "int8", "smallint", "integer", "bigint"), "int"),
    **dict.fromkeys(("text", "varchar", "character varying"), "text"),
    "name": "text(63)",
    **dict.fromkeys(("json", "jsonb"), "json"),
    "bool": "bool",
    "boolean": "bool",
    "uuid": "uuid",
}
_USERS = dict.fromkeys(("current_role", "current_user", "user"), "current_user") | {
    "session_user": "session_user"
}
_OWN_SCHEMA = ("", "pg_catalog")
_NO_CLOCKS = ("current_catalog", "current_schema")
_COMPARISONS = frozenset({"=", "<>", "<", ">", "<=", ">=", "~~", "!~~", "~~*", "!~~*"})
_CONSTRUCTS = {s.Extreme: "MinMaxExpr", s.NamedArg: "NamedArgExpr", s.Part: "A_Indirection"}


@lru_cache(maxsize=8192)
def parse(text: str) -> Node:
    """Return the tree of an expression; an opaque node where it cannot be read."""
    try:
        return read(read_expression(text))
    except (Unreadable, RecursionError) as error:
        return opaque(f"an expression that cannot be read ({error})")


def print_sql(text: str, node: Node) -> str:
    """Return the SQL of a node that came from the expression `text`, on one line."""
    if node.source is not None:
        return print_expression(text, node.source)
    if node.op in ("and", "or"):
        return f" {node.op.upper()} ".join(f"({print_sql(text, arg)})" for arg in node.args)
    return "true" if node == TRUE else "false" if node == FALSE else node.op


def read(found: s.Node | None) -> Node:
    """Turn one of the parser's nodes into a node of the tree; None is NULL."""
    if found is None:
        return Node("const")
    reader: Callable[[Any], Node] = _READERS.get(type(found), _construct)
    node = reader(found)
    return node._replace(source=found) if node.source is None else node


def _construct(found: s.Node) -> Node:
    kind = found.kind if isinstance(found, s.Unknown) else _CONSTRUCTS.get(type(found), type(found).__name__)
    return opaque(f"the construct {re.sub('(?<=[a-z])(?=[A-Z])|_', ' ', kind).lower()}")


def read_all(found: tuple[s.Node, ...]) -> tuple[Node, ...]:
    return tuple(read(item) for item in found)


def _constant(found: s.Const) -> Node:
    if found.kind == "numeric":
        text = str(found.value)
        return Node("const", value=int(text)) if text.isdigit() else opaque("a fraction")
    return opaque("a bit string") if found.kind == "bits" else Node("const", value=found.value)


def kind_of(name: str) -> str:
    """Return the word that a cast to a type of the server's own has, by one of the type's names."""
    return _TYPES.get(name, name)


def _type_of(found: s.TypeRef) -> str:
    names = found.names[1:] if found.names[0] == "pg_catalog" else found.names
    name = kind_of(names[0]) if len(names) == 1 else ".".join(names)
    if name == "text" and found.modifiers:
        width = found.modifiers[0]
        name = f"text({width.value})" if isinstance(width, s.Const) else "short text"
    return name + "[]" if found.dimensions else name


def _cast(found: s.Cast) -> Node:
    return Node("cast", (read(found.arg),), _type_of(found.type))


def _column(found: s.Column) -> Node:
    return Node("column", value=(found.qualifier, found.name))


def _operation(found: s.Operation) -> Node:
    """The server prints a schema where the operator is not its own: what that does is not known."""
    if found.schema not in _OWN_SCHEMA:
        sides = tuple(read(side) for side in (found.left, found.right) if side is not None)
        return opaque(f"the operator {found.schema}.{found.operator}", sides)
    if found.left is not None:
        return _compare(found.operator, read(found.left), read(found.right))
    if found.operator != "-":
        return opaque(f"the operator {found.operator}")
    inner = read(found.right)
    number = inner.op == "const" and isinstance(inner.value, int)
    return Node("const", value=-inner.value) if number else opaque("the operator -", (inner,))


def _compare(name: str, left: Node, right: Node) -> Node:
    if left.op == "row" and right.op == "row":
        if name == "=" and len(left.args) == len(right.args):
            return every(tuple(_compare("=", a, b) for a, b in zip(left.args, right.args, strict=True)))
        if name == "<>" and len(left.args) == len(right.args):
            return Node("not", (_compare("=", left, right),))
        return opaque("a comparison of rows", (*left.args, *right.args))
    if name in _COMPARISONS:
        return Node("compare", (left, right), name)
    return Node("call", (left, right), (None, f"operator {name}"))


def _not(node: Node, negated: bool) -> Node:
    return Node("not", (node,)) if negated else node


def _in(found: s.In) -> Node:
    left = read(found.value)
    items = tuple(_compare("=", left, read(item)) for item in found.items)
    return _not(items[0] if len(items) == 1 else Node("or", items), found.negated)


def _between(found: s.Between) -> Node:
    value, low, high = read_all((found.value, found.low, found.high))
    inside = _within(value, low, high)
    if found.symmetric:
        inside = Node("or", (inside, _within(value, high, low)))
    return _not(inside, found.negated)


def _within(value: Node, low: Node, high: Node) -> Node:
    return Node("and", (Node("compare", (value, low), ">="), Node("compare", (value, high), "<=")))


def _quantified(found: s.Quantified) -> Node:
    sides = read(found.left), read(found.array)
    if found.schema not in _OWN_SCHEMA:
        return opaque(f"the operator {found.schema}.{found.operator}", sides)
    return Node("all" if found.every else "any", sides, found.operator)


def _case(found: s.Case) -> Node:
    subject = read(found.subject) if found.subject is not None else None
    parts: list[Node] = []
    for branch in found.branches:
        when = read(branch.condition)
        parts.append(when if subject is None else Node("compare", (subject, when), "="))
        parts.append(read(branch.result))
    return Node("case", (*parts, read(found.default)))


def _call(found: s.Call) -> Node:
    setting = setting_of(found)
    if setting is not None:
        return Node("setting", value=(setting.name.lower(), setting.missing_ok))
    schema = found.schema if found.schema != "pg_catalog" else ""
    if not schema and found.name in (
        "now",
        "clock_timestamp",
        "statement_timestamp",
        "transaction_timestamp",
    ):
        return Node("clock")
    return Node("call", read_all(found.args), (schema or None, found.name))


def _session_value(found: s.SessionValue) -> Node:
    if found.name in _USERS:
        return Node("user", value=_USERS[found.name])
    return opaque("a value of the session") if found.name in _NO_CLOCKS else Node("clock")


def _sub_select(found: s.Exists | s.ScalarSelect | s.AnySelect | s.ArraySelect) -> Node:
    select = read_select(found.query)
    if select is None:
        return opaque("a sub-select of this form")
    if isinstance(found, s.Exists):
        return Node("exists", value=select)
    if isinstance(found, s.ScalarSelect):
        return _wrapped(select) if _bare(select) else Node("scalar", value=select)
    if isinstance(found, s.ArraySelect) and select.target is not None:
        listed = Node("call", (select.target,), (None, "array_agg"))
        return Node("scalar", value=select._replace(target=listed))
    if isinstance(found, s.AnySelect) and (found.operator, found.schema, found.every) == ("=", "", False):
        left = read(found.left)
        if left.op == "row" or select.target is None:
            return opaque("a sub-select of several columns")
        return Node("in", (left,), select)
    return opaque("a sub-select with ALL")


def _tested(found: s.Exists | s.AnySelect) -> Node:
    """EXISTS, and IN, over a UNION: what holds over one of its halves."""
    query = found.query
    plain = isinstance(query, s.Compound) and query.queries is None and not query.rest
    if not (isinstance(query, s.Compound) and plain and query.operator == "union") or _of_all(found):
        return _sub_select(found)
    halves = (_tested(replace(found, query=half)) for half in (query.left, query.right))
    return Node("or", tuple(half._replace(source=found) for half in halves))


def _of_all(found: s.Node) -> bool:
    return isinstance(found, s.AnySelect) and found.every


def _wrapped(select: Select) -> Node:
    """A scalar sub-select over no table is its value, evaluated once for all rows."""
    return Node("wrapped", (select.target,)) if select.target is not None else opaque("a sub-select")


def _bare(select: Select) -> bool:
    return not select.relations and select.where is None


_UNUSUAL = frozenset({"group_clause", "limit_offset", "having_clause", "window_clause"})


def read_select(found: s.Query) -> Select | None:
    """Return a plain sub-select: tables, inner joins and a condition. None for anything else."""
    if not isinstance(found, s.Select) or found.values or found.queries is not None:
        return None
    if not _UNUSUAL.isdisjoint(name for name, _ in found.rest) or not _some_rows(found):
        return None
    if s.may_aggregate(*s.ordered_by(found)):
        return None
    relations: list[Relation] = []
    conditions: list[Node] = []
    if not all(_from(item, relations, conditions) for item in found.sources):
        return None
    if found.where is not None:
        conditions.append(read(found.where))
    target = read(found.targets[0].value) if len(found.targets) == 1 else None
    where = every(tuple(conditions)) if conditions else None
    return Select(tuple(relations), where, target, _calls(found.targets))


def _calls(targets: tuple[s.Target, ...]) -> tuple[tuple[str | None, str], ...]:
    """Return what the targets call: an aggregate makes one row of none."""
    nodes = (n for t in targets if not isinstance(t.value, s.Star) for n in walk(read(t.value)))
    return tuple(n.value if n.op == "call" else (None, "") for n in nodes if n.op in ("call", "opaque"))


def _some_rows(found: s.Select) -> bool:
    """Tell whether a LIMIT, if there is one, leaves a row: any that fits, as nothing says which."""
    limit = dict(found.rest).get("limit_count")
    return limit is None or (isinstance(limit, s.Const) and isinstance(limit.value, int) and limit.value > 0)


def _from(item: s.Node, relations: list[Relation], conditions: list[Node]) -> bool:
    if isinstance(item, s.FromCall):
        return _set_returning(item, relations)
    if isinstance(item, s.Table):
        relations.append(Relation(item.schema, item.name, item.known_as))
        return True
    if isinstance(item, s.Join) and item.kind == "inner" and not item.using:
        if item.condition is not None:
            conditions.append(read(item.condition))
        return not item.natural and all(_from(x, relations, conditions) for x in (item.left, item.right))
    return False


def _set_returning(item: s.FromCall, relations: list[Relation]) -> bool:
    """Take a function in FROM for a relation of one column; `call` says which function it is."""
    if len(item.calls) != 1 or not isinstance(item.calls[0], s.Call) or len(item.columns) > 1 or item.rest:
        return False
    call = read(item.calls[0])
    alias = item.alias or (call.value[1] if call.op == "call" else "")
    relations.append(Relation("", (*item.columns, alias)[0], alias, call))
    return True


_READERS: dict[type[s.Node], Callable[[Any], Node]] = {
    s.AnySelect: _tested,
    s.And: lambda n: Node("and", read_all(n.args)),
    s.Array: lambda n: Node("array", read_all(n.items)),
    s.ArraySelect: _sub_select,
    s.Between: _between,
    s.BooleanTest: lambda n: _not(Node("is", (read(n.arg),), n.wanted), n.negated),
    s.Call: _call,
    s.Case: _case,
    s.Cast: _cast,
    s.Coalesce: lambda n: Node("coalesce", read_all(n.args)),
    s.Collate: lambda n: Node("collate", (read(n.arg),), n.names),
    s.Column: _column,
    s.Const: _constant,
    s.Distinct: lambda n: _not(Node("distinct", (read(n.left), read(n.right))), n.negated),
    s.Exists: _tested,
    s.In: _in,
    s.Not: lambda n: Node("not", (read(n.arg),)),
    s.NullIf: lambda n: Node("nullif", (read(n.value), read(n.other))),
    s.NullTest: lambda n: _not(Node("null", (read(n.arg),)), n.negated),
    s.Operation: _operation,
    s.Or: lambda n: Node("or", read_all(n.args)),
    s.Param: lambda n: Node("param", value=n.number),
    s.Quantified: _quantified,
    s.Row: lambda n: Node("row", read_all(n.items)),
    s.ScalarSelect: _sub_select,
    s.SessionValue: _session_value,
    s.Star: lambda _: opaque("a whole row"),
}
