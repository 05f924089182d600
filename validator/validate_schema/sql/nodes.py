"""Walks over the parser's messages."""

from collections.abc import Iterator
from typing import Any

AND = 1  # BoolExprType


def name_parts(message: Any) -> tuple[str, ...]:
    """Return the names that a column reference is written with."""
    return tuple(f.string.sval for f in message.fields if f.WhichOneof("node") == "string")


def uncast(node: Any) -> Any:
    """Return an expression without the casts around it."""
    while node.WhichOneof("node") == "type_cast":
        node = node.type_cast.arg
    return node


def conjuncts(node: Any) -> Iterator[Any]:
    """Yield the parts of an expression that are joined by AND."""
    if node.WhichOneof("node") == "bool_expr" and node.bool_expr.boolop == AND:
        for arg in node.bool_expr.args:
            yield from conjuncts(arg)
    else:
        yield node


def messages(value: Any) -> Iterator[Any]:
    """Yield a message, or those in a repeated field; nothing for plain values."""
    if hasattr(value, "ListFields"):
        yield value
    elif not isinstance(value, (str, bytes, int, float)):
        yield from (v for v in value if hasattr(v, "ListFields"))


def sublinks(value: Any) -> Iterator[Any]:
    """Yield the outermost sub-selects in expressions below."""
    for message in messages(value):
        for spec, inner in message.ListFields():
            if spec.name == "sub_link":
                yield inner
            else:
                yield from sublinks(inner)


def range_vars(value: Any) -> Iterator[Any]:
    """Yield the relations named below."""
    for message in messages(value):
        for spec, inner in message.ListFields():
            if spec.message_type is not None and spec.message_type.name == "RangeVar":
                yield from messages(inner)
            else:
                yield from range_vars(inner)
