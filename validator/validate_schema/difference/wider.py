"""Whether a condition certainly lets more rows through than another."""

from ..contract.expressions import Const, Node, are_among, flat, read_tree, same_tree

_LONG = 40  # what is plainly false is short; parsing everything else costs time


def wider(before: str, after: str, default_schema: str) -> bool:
    """Tell whether `after` is true wherever `before` is, and for more: an OR branch was added, an AND
    term taken away, or it became plainly true. False where that cannot be seen."""
    first, second = read_tree(before, default_schema), read_tree(after, default_schema)
    if first is None or second is None or same_tree(first, second):
        return False
    if _is(second, "true") or _is(first, "false"):
        return True
    if _is(first, "true") or _is(second, "false"):
        return False
    return _within(flat("or", first), flat("or", second)) or _within(flat("and", second), flat("and", first))


def never(condition: str, default_schema: str) -> bool:
    """Tell whether the condition is plainly false."""
    if len(condition) > _LONG:
        return False
    tree = read_tree(condition, default_schema)
    return tree is not None and _is(tree, "false")


def _is(node: Node, value: str) -> bool:
    return isinstance(node, Const) and node.text is not None and node.text.lower() in (value, value[0])


def _within(few: tuple[Node, ...], many: tuple[Node, ...]) -> bool:
    """Tell whether all of `few` are among `many`, which has more."""
    return len(few) < len(many) and are_among(few, many)
