"""Conditions that fail on some rows, and tell of them by the error, before another has hidden these rows: the
conditions of one query run in the order of their costs.

Source: `order_qual_clauses` in PostgreSQL's createplan.c, `cost_qual_eval` in costsize.c; PostgreSQL
documentation, CREATE FUNCTION (COST), "Rules and Privileges".
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

from ..model.catalog import Column, Function, Table
from ..sql import syntax as s
from ..sql.parser import Unreadable
from ..sql.reading import read_expression

TEXTS = ("text", "character", "citext", "name")
_TAKE_ALL = frozenset({"text", "varchar", "bpchar", "char", "name", "citext"})
_TEXT_OPERATORS = ("->>", "#>>", "||")
_TEXT_CALLS = frozenset({
    "btrim", "concat", "concat_ws", "json_extract_path_text", "jsonb_extract_path_text", "left", "lower",
    "ltrim", "overlay", "regexp_replace", "regexp_substr", "replace", "reverse", "right", "rtrim",
    "split_part", "substr", "substring", "translate", "upper",
})  # fmt: skip
_USUAL, _SUB_SELECT = 100.0, 1_000.0

Row = Callable[[s.Column], Column | None]
"""The column of a tenants' table that a name means; None for anything else."""
Named = Callable[[str], Iterable[Function]]
"""The functions of a name that somebody made."""


def outruns(
    parts: Sequence[s.Node],
    row: Row,
    own: Callable[[s.Column], bool],
    named: Named,
    tells: Callable[[Function], bool],
) -> bool:
    """Tell whether, of conditions joined by AND, one that may tell of a row is no dearer than all that
    look at whose it is. `own` says which columns do; what is asked of these alone tells nothing. False where
    none does: then another question is whether the rows are hidden at all."""
    told = [part for part in parts if _fails(part, row, own, named, tells)]
    binding = [part for part in parts if part not in told and any(own(c) for c in _columns(part))]
    if not (told and binding):
        return False
    return min(_cost(part, named) for part in told) <= min(_cost(part, named) for part in binding)


def policy_outruns(text: str, table: Table, own: frozenset[str], named: Named, *, written: bool) -> bool:
    """Tell the same of a policy's expression, but for functions that it calls. `written`: it is one of
    several, joined by OR, and runs as it is written."""
    try:
        parts = [*s.conjuncts(read_expression(text))]
    except Unreadable:
        return False
    if written:
        first = next((n for n, part in enumerate(parts) if any(c.name in own for c in _columns(part))), None)
        parts = parts[: first + 1] if first is not None else []
    return outruns(parts, lambda c: table.column(c.name), lambda c: c.name in own, named, lambda _: False)


def _columns(part: s.Node) -> Iterator[s.Column]:
    return (node for node in s.walk(part) if isinstance(node, s.Column))


def _outside(node: s.Node) -> Iterator[s.Node]:
    """Yield what an expression consists of, but for queries within, which have conditions of their own."""
    if not isinstance(node, (s.Select, s.Compound)):
        yield node
        for child in s.children(node):
            yield from _outside(child)


def _fails(
    part: s.Node, row: Row, own: Callable[[s.Column], bool], named: Named, tells: Callable[[Function], bool]
) -> bool:
    def of_row(node: s.Node) -> bool:
        columns = (n for n in _outside(node) if isinstance(n, s.Column))
        return any(row(c) is not None and not own(c) for c in columns)

    for node in _outside(part):
        match node:
            case s.Cast(arg=arg, type=wanted) if wanted.names[-1] not in _TAKE_ALL or wanted.dimensions:
                if of_row(arg) and _is_text(arg, row):
                    return True
            case s.Operation(operator="/" | "%", right=right) if of_row(right):
                return True
            case s.Call(name=name) if of_row(node) and any(map(tells, named(name))):
                return True
    return False


def _is_text(node: s.Node, row: Row) -> bool:
    match node:
        case s.Column():
            column = row(node)
            return column is not None and column.base_type.startswith(TEXTS)
        case s.Operation(operator=operator):
            return operator in _TEXT_OPERATORS
        case s.Cast(type=wanted):
            return wanted.names[-1] in _TAKE_ALL
        case s.Call(name=name):
            return name in _TEXT_CALLS
        case s.NullIf(value=value):
            return _is_text(value, row)
        case s.Coalesce(args=args):
            return any(_is_text(arg, row) for arg in args)
    return False


def _cost(node: s.Node, named: Named) -> float:
    """Return what an expression costs, in operators: a sub-select of one value runs once, before."""
    match node:
        case s.ScalarSelect() | s.Const():
            return 0
        case s.Cast(arg=s.Const()):
            return 0
        case s.AnySelect() | s.Exists() | s.ArraySelect():
            return _SUB_SELECT
    mine = 0.0
    match node:
        case s.Call(name=name):
            mine = max((_cost_of(f) for f in named(name)), default=1)
        case s.Cast():
            mine = 2
        case s.Operation() | s.In() | s.Quantified() | s.Distinct() | s.NullIf():
            mine = 1
    return mine + sum(_cost(child, named) for child in s.children(node))


def _cost_of(function: Function) -> float:
    if function.cost is not None:
        return float(function.cost)
    return 1 if function.language in ("c", "internal") else _USUAL
