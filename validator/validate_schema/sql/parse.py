"""Read an expression, as the server prints it, into the small tree; each distinct text once.

Source: PostgreSQL's parse tree (`nodes/parsenodes.h`), as libpg_query hands it out.
"""

from functools import lru_cache
from typing import Any

from .parser import Unreadable, deparse, parse_messages
from .tree import FALSE, TRUE, Node, Relation, Select, every, opaque

_TYPES = {
    **dict.fromkeys(("int2", "int4", "int8", "smallint", "integer", "bigint"), "int"),
    **dict.fromkeys(("text", "varchar", "bpchar", "name", "character varying"), "text"),
    **dict.fromkeys(("json", "jsonb"), "json"),
    "bool": "bool",
    "boolean": "bool",
    "uuid": "uuid",
}
_USERS = {10: "current_user", 11: "current_user", 12: "current_user", 13: "session_user"}
_CLOCKS = range(1, 10)
_BETWEEN = range(11, 15)
_COMPARISONS = frozenset({"=", "<>", "<", ">", "<=", ">="})
_LONG_ENOUGH = 36  # no key is longer than a uuid's text


@lru_cache(maxsize=8192)
def parse(text: str) -> Node:
    """Return the tree of an expression; an opaque node where it cannot be read."""
    try:
        statements = parse_messages(f"SELECT ({text}\n)")
        return read(statements[0].stmt.select_stmt.target_list[0].res_target.val)
    except (Unreadable, RecursionError) as error:
        return opaque(f"an expression that cannot be read ({error})")


def print_sql(node: Node) -> str:
    """Return the SQL of a node that came from the parser, on one line."""
    if node.source is None:
        return _joined(node)
    holder = parse_messages("SELECT 1")[0].stmt
    holder.select_stmt.target_list[0].res_target.val.CopyFrom(node.source)
    return " ".join(deparse(holder).removeprefix("SELECT ").split())


def _joined(node: Node) -> str:
    if node.op in ("and", "or"):
        return f" {node.op.upper()} ".join(f"({print_sql(arg)})" for arg in node.args)
    return "true" if node == TRUE else "false" if node == FALSE else node.op


def read(wrapped: Any) -> Node:
    """Turn one of the parser's messages into a node."""
    kind = wrapped.WhichOneof("node")
    reader = _READERS.get(kind)
    if reader is None:
        return opaque(f"the construct {str(kind or 'nothing').replace('_', ' ')}")
    node: Node = reader(getattr(wrapped, kind))
    return node._replace(source=wrapped) if node.source is None else node


def read_all(wrapped: Any) -> tuple[Node, ...]:
    return tuple(read(item) for item in wrapped)


def _constant(message: Any) -> Node:
    kind = message.WhichOneof("val")
    if kind is None:
        return Node("const")
    held = getattr(message, kind)
    if kind == "fval":
        return Node("const", value=int(held.fval)) if held.fval.isdigit() else opaque("a fraction")
    if kind == "bsval":
        return opaque("a bit string")
    return Node("const", value=getattr(held, kind))


def _type_of(message: Any) -> str:
    names = [item.string.sval for item in message.names]
    if names[0] == "pg_catalog":
        names = names[1:]
    found = _TYPES.get(names[0], names[0]) if len(names) == 1 else ".".join(names)
    if found == "text" and message.typmods:
        width = message.typmods[0].a_const.ival.ival
        found = "text" if width >= _LONG_ENOUGH else "short text"
    return found + "[]" if message.array_bounds else found


def _cast(message: Any) -> Node:
    return Node("cast", (read(message.arg),), _type_of(message.type_name))


def _column(message: Any) -> Node:
    names = [field.string.sval for field in message.fields if field.WhichOneof("node") == "string"]
    if len(names) != len(message.fields):
        return opaque("a whole row")
    return Node("column", value=(names[-2] if len(names) > 1 else None, names[-1]))


def _operator(message: Any) -> Node:
    name = message.name[-1].string.sval
    left = read(message.lexpr) if message.HasField("lexpr") else None
    known = int(message.kind) in (*_OPERATORS, 7, *_BETWEEN)
    if not known or (left is None and name != "-"):
        return opaque(f"the operator {name}")
    if left is None:
        inner = read(message.rexpr)
        number = inner.op == "const" and isinstance(inner.value, int)
        return Node("const", value=-inner.value) if number else opaque("the operator -", (inner,))
    kind = int(message.kind)
    if kind == 7:
        return _in(name, left, *read_all(message.rexpr.list.items))
    if kind in _BETWEEN:
        return _between(kind, left, read_all(message.rexpr.list.items))
    compared: Node = _OPERATORS[kind](name, left, read(message.rexpr))
    return compared


def _compare(name: str, left: Node, right: Node) -> Node:
    if left.op == "row" and right.op == "row":
        if name == "=" and len(left.args) == len(right.args):
            return every(tuple(_compare("=", a, b) for a, b in zip(left.args, right.args, strict=True)))
        if name == "<>" and len(left.args) == len(right.args):
            return Node("not", (_compare("=", left, right),))
        return opaque("a comparison of rows", (*left.args, *right.args))
    if name in _COMPARISONS or name in ("~~", "!~~", "~~*", "!~~*"):
        return Node("compare", (left, right), name)
    return Node("call", (left, right), (None, f"operator {name}"))


def _in(name: str, left: Node, *items: Node) -> Node:
    found = tuple(_compare("=", left, item) for item in items)
    either = found[0] if len(found) == 1 else Node("or", found)
    return either if name == "=" else Node("not", (either,))


def _between(kind: int, value: Node, bounds: tuple[Node, ...]) -> Node:
    low, high = bounds
    inside = Node("and", (Node("compare", (value, low), ">="), Node("compare", (value, high), "<=")))
    if kind in (13, 14):
        swapped = Node("and", (Node("compare", (value, high), ">="), Node("compare", (value, low), "<=")))
        inside = Node("or", (inside, swapped))
    return Node("not", (inside,)) if kind in (12, 14) else inside


def _distinct(_: str, left: Node, right: Node) -> Node:
    return Node("distinct", (left, right))


def _not_distinct(_: str, left: Node, right: Node) -> Node:
    return Node("not", (Node("distinct", (left, right)),))


_OPERATORS: dict[int, Any] = {
    1: _compare,
    2: lambda name, left, right: Node("any", (left, right), name),
    3: lambda name, left, right: Node("all", (left, right), name),
    4: _distinct,
    5: _not_distinct,
    6: lambda _, left, right: Node("nullif", (left, right)),
    8: _compare,
    9: _compare,
}


def _boolean(message: Any) -> Node:
    return Node({1: "and", 2: "or", 3: "not"}[int(message.boolop)], read_all(message.args))


def _null_test(message: Any) -> Node:
    test = Node("null", (read(message.arg),))
    return Node("not", (test,)) if int(message.nulltesttype) == 2 else test


def _boolean_test(message: Any) -> Node:
    kind = int(message.booltesttype)  # IS TRUE, NOT TRUE, FALSE, NOT FALSE, UNKNOWN, NOT UNKNOWN
    test = Node("is", (read(message.arg),), {1: True, 2: True, 3: False, 4: False}.get(kind))
    return Node("not", (test,)) if kind in (2, 4, 6) else test


def _case(message: Any) -> Node:
    subject = read(message.arg) if message.HasField("arg") else None
    parts: list[Node] = []
    for item in message.args:
        when = read(item.case_when.expr)
        parts.append(when if subject is None else Node("compare", (subject, when), "="))
        parts.append(read(item.case_when.result))
    parts.append(read(message.defresult) if message.HasField("defresult") else Node("const"))
    return Node("case", tuple(parts))


def _call(message: Any) -> Node:
    names = [item.string.sval for item in message.funcname]
    if names[0] == "pg_catalog":
        names = names[1:]
    args = read_all(message.args)
    plain = [a.args[0] if a.op == "cast" and a.args[0].op == "const" else a for a in args]
    if names == ["current_setting"] and plain and plain[0].op == "const":
        given = plain[1].value if len(plain) > 1 else False
        missing_ok = given is True or (isinstance(given, str) and given.startswith("t"))
        return Node("setting", value=(str(plain[0].value).lower(), missing_ok))
    if names in (["now"], ["clock_timestamp"], ["statement_timestamp"], ["transaction_timestamp"]):
        return Node("clock")
    return Node("call", args, (names[-2] if len(names) > 1 else None, names[-1]))


def _sql_value(message: Any) -> Node:
    if int(message.op) in _USERS:
        return Node("user", value=_USERS[int(message.op)])
    return Node("clock") if int(message.op) in _CLOCKS else opaque("a value of the session")


def _sub_link(message: Any) -> Node:
    select = read_select(message.subselect.select_stmt)
    kind, operator = int(message.sub_link_type), [item.string.sval for item in message.oper_name]
    if select is None:
        return opaque("a sub-select of this form")
    if kind == 1:
        return Node("exists", value=select)
    if kind == 5:
        return _wrapped(select) if _bare(select) else Node("scalar", value=select)
    if kind == 3 and operator in ([], ["="]):
        left = read(message.testexpr)
        if left.op == "row" or select.target is None:
            return opaque("a sub-select of several columns")
        return Node("in", (left,), select)
    return opaque("a sub-select with ALL")


def _wrapped(select: Select) -> Node:
    """A scalar sub-select over no table is its value, evaluated once for all rows."""
    return Node("wrapped", (select.target,)) if select.target is not None else opaque("a sub-select")


def _bare(select: Select) -> bool:
    return not select.relations and select.where is None


def read_select(message: Any) -> Select | None:
    """Return a plain sub-select: tables, inner joins and a condition. None for anything else."""
    unusual = ("group_clause", "values_lists", "limit_count", "limit_offset", "having_clause", "with_clause")
    set_fields = {field.name for field, _ in message.ListFields()}
    if set_fields & {*unusual, "larg", "window_clause"}:
        return None
    relations: list[Relation] = []
    conditions: list[Node] = []
    if not all(_from(item, relations, conditions) for item in message.from_clause):
        return None
    if message.HasField("where_clause"):
        conditions.append(read(message.where_clause))
    target = read(message.target_list[0].res_target.val) if len(message.target_list) == 1 else None
    return Select(tuple(relations), every(tuple(conditions)) if conditions else None, target)


def _from(item: Any, relations: list[Relation], conditions: list[Node]) -> bool:
    kind = item.WhichOneof("node")
    if kind == "range_function":
        return _set_returning(item.range_function, relations)
    if kind == "range_var":
        table = item.range_var
        relations.append(Relation(table.schemaname, table.relname, table.alias.aliasname or table.relname))
        return True
    if kind == "join_expr" and int(item.join_expr.jointype) == 1 and not item.join_expr.using_clause:
        join = item.join_expr
        if join.HasField("quals"):
            conditions.append(read(join.quals))
        return not join.is_natural and all(_from(x, relations, conditions) for x in (join.larg, join.rarg))
    return False


def _set_returning(message: Any, relations: list[Relation]) -> bool:
    """Take a function in FROM for a relation of one column; `call` says which function it is."""
    functions = [item.list.items[0] for item in message.functions]
    if len(functions) != 1 or functions[0].WhichOneof("node") != "func_call":
        return False
    call = read(functions[0])
    alias = message.alias.aliasname or (call.value[1] if call.op == "call" else "")
    relations.append(Relation("", "", alias, call))
    return True


_READERS: dict[str | None, Any] = {
    "a_const": _constant,
    "type_cast": _cast,
    "column_ref": _column,
    "a_expr": _operator,
    "bool_expr": _boolean,
    "null_test": _null_test,
    "boolean_test": _boolean_test,
    "case_expr": _case,
    "func_call": _call,
    "sqlvalue_function": _sql_value,
    "sub_link": _sub_link,
    "coalesce_expr": lambda m: Node("coalesce", read_all(m.args)),
    "a_array_expr": lambda m: Node("array", read_all(m.elements)),
    "row_expr": lambda m: Node("row", read_all(m.args)),
    "param_ref": lambda m: Node("param", value=m.number),
    "collate_clause": lambda m: read(m.arg),
}
