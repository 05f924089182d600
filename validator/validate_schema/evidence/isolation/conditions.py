"""Values with which a row meets what a policy or the query of a view asks of its columns."""

from collections.abc import Iterator
from contextlib import suppress

from ...model.catalog import Table, View
from ...sql import syntax as s
from ...sql.parser import Unreadable
from ...sql.reading import read_expression, read_statements

Wanted = dict[str, str | None]  # by column; None is NULL

_MOST_WAYS = 24
_PAST, _FUTURE = "2001-01-01", "2999-01-01"
_CLOCKS = frozenset({"now", "clock_timestamp", "statement_timestamp", "transaction_timestamp"})
_MIRRORED = {">": "<", "<": ">", ">=": "<=", "<=": ">=", "=": "="}
_AFTER = (">", ">=")


def wanted_by_policies(table: Table) -> Wanted:
    """Return what the policies of a table ask, where each asks it of all rows."""
    texts = (text for p in table.policies for text in (p.using, p.check) if text)
    return _first(_read(text) for text in texts)


def ways_of_policies(table: Table) -> list[Wanted]:
    """Return what each branch of the policies of a table asks of its columns, as far as it is plain."""
    found: dict[tuple[tuple[str, str | None], ...], Wanted] = {}
    for text in (text for p in table.policies for text in (p.using, p.check) if text):
        with suppress(Unreadable):
            for wanted in _ways(read_expression(text)):
                found.setdefault(tuple(sorted(wanted.items(), key=str)), wanted)
    return [wanted for wanted in found.values() if wanted][:_MOST_WAYS]


def _ways(node: s.Node) -> list[Wanted]:
    """Return the branches of a condition, each with what it asks."""
    if isinstance(node, s.Or):
        return [way for arg in node.args for way in _ways(arg)][:_MOST_WAYS]
    if isinstance(node, s.And):
        ways: list[Wanted] = [{}]
        for arg in sorted(node.args, key=_is_exact):
            ways = [way | more for way in ways for more in _ways(arg)][:_MOST_WAYS]
        return ways
    return [_of(node)]


def _is_exact(node: s.Node) -> bool:
    """Tell whether a condition leaves one value of its column: it wins over those that leave several."""
    return not isinstance(node, s.In | s.Quantified) and not (
        isinstance(node, s.Operation) and node.operator != "="
    )


def wanted_by_view(view: View) -> Wanted:
    """Return what the query of a view asks of the columns of what it reads, by their names alone."""
    try:
        statements = read_statements(view.definition)
    except Unreadable:
        return {}
    return _first(map(_wanted, _conditions(statements)))


def _first(found: Iterator[Wanted]) -> Wanted:
    """Return the values that were asked for first: later ones may be of another branch."""
    merged: Wanted = {}
    for wanted in found:
        merged = wanted | merged
    return merged


def _read(text: str) -> Wanted:
    try:
        return _wanted(read_expression(text))
    except Unreadable:
        return {}


def _conditions(statements: tuple[s.Node, ...]) -> Iterator[s.Node]:
    for node in s.walk(*statements):
        condition = node.where if isinstance(node, s.Select) else None
        condition = node.condition if isinstance(node, s.Join) else condition
        if condition is not None:
            yield condition


def _wanted(condition: s.Node) -> Wanted:
    return _first(_of(conjunct) for conjunct in s.conjuncts(condition))


def _of(node: s.Node) -> Wanted:
    """Return what one condition asks of one column; nothing where it is not as plain as that."""
    match node:
        case s.Or(args):
            return _wanted(args[0])
        case s.Column():
            return {node.name: "true"}
        case s.Not(s.Column() as column) | s.BooleanTest(s.Column() as column, wanted=False, negated=False):
            return {column.name: "false"}
        case s.BooleanTest(s.Column() as column, wanted=True, negated=False):
            return {column.name: "true"}
        case s.NullTest(arg, negated=False) if isinstance(tested := s.uncast(arg), s.Column):
            return {tested.name: None}
        case s.In(value, items, negated=False):
            return _compared("=", value, items[0])
        case s.Quantified("=", left, s.Array(items)) if items:
            return _compared("=", left, items[0])
        case s.Operation(operator, left, right) if left is not None and operator in _MIRRORED:
            found = _compared(operator, left, right)
            return found or _compared(_MIRRORED[operator], right, left)
    return {}


def _compared(operator: str, left: s.Node, right: s.Node) -> Wanted:
    column, other = s.uncast(left), s.uncast(right)
    if not isinstance(column, s.Column):
        return {}
    if isinstance(other, s.Const):
        value = _beside(operator, other)
        return {} if value is None else {column.name: value}
    if operator != "=" and any(map(_tells_time, s.walk(other))):
        return {column.name: _FUTURE if operator in _AFTER else _PAST}
    return {}


def _beside(operator: str, constant: s.Const) -> str | None:
    """Return a value for which the comparison with the constant is true."""
    value = constant.value
    if isinstance(value, bool):
        return str(value).lower() if operator == "=" else None
    if isinstance(value, int):
        return str(value + (operator == ">") - (operator == "<"))
    return value if operator in ("=", ">=", "<=") else None


def _tells_time(node: s.Node) -> bool:
    if isinstance(node, s.SessionValue):
        return node.name.startswith(("current_d", "current_t", "local"))
    return isinstance(node, s.Call) and node.name in _CLOCKS
