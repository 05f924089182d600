"""Where a unique lets equal rows in because NULLs are distinct."""

from collections.abc import Iterator

from ..model.catalog import Table
from ..sql import syntax as s
from ..sql.parser import Unreadable
from ..sql.predicates import check_expression, not_null_columns, null_columns, strict_column
from ..sql.reading import read_expression
from .scoping import nullable_columns
from .subjects import TableUnique, keys_of, uniques_of


def key_columns(unique: TableUnique) -> tuple[str | None, ...]:
    """Return for each key the column without which it is NULL; None where that cannot be seen."""
    if None not in unique.columns:
        return unique.columns
    return tuple(
        column if column is not None else strict_column(key)
        for column, key in zip(unique.columns, keys_of(unique.idx), strict=True)
    )


def open_columns(unique: TableUnique) -> tuple[str, ...]:
    """Return the columns of a unique with distinct NULLs whose NULL lets a duplicate in."""
    keys = dict.fromkeys(c for c in key_columns(unique) if c is not None)
    nullable = nullable_columns(unique.table).intersection(keys)
    if nullable and unique.predicate:
        nullable -= not_null_columns(unique.predicate)
        nullable -= _not_null_of_the_kind(unique.table, unique.predicate) if nullable else set()
    return tuple(c for c in keys if c in nullable and not any(_covering(unique, c)))


def _not_null_of_the_kind(table: Table, predicate: str) -> set[str]:
    """Return the columns that a valid CHECK keeps from NULL in the rows of a predicate: it lists, kind by
    kind, what is set (``kind = 'app' AND app_id IS NOT NULL OR kind = 'org' AND …``), and the predicate asks
    for one kind. Two are different where they are written so, as constants or calls without arguments."""
    kinds = dict(_kinds(_read(predicate)))
    found: set[str] = set()
    for constraint in table.checks if kinds else ():
        if not constraint.holds:
            continue
        either = _read(check_expression(constraint.definition or ""))
        branches = either.args if isinstance(either, s.Or) else ()
        fitting = [b for b in branches if all(kinds.get(c, v) == v for c, v in _kinds(b))]
        if fitting and len(fitting) < len(branches):
            found |= set.intersection(*(_set_columns(branch) for branch in fitting))
    return found


def _read(text: str) -> s.Node | None:
    try:
        return read_expression(text)
    except Unreadable:
        return None


def _parts(node: s.Node | None) -> tuple[s.Node, ...]:
    return node.args if isinstance(node, s.And) else (node,) if node is not None else ()


def _kinds(node: s.Node | None) -> Iterator[tuple[str, tuple[object, ...]]]:
    """Yield the columns that a conjunction compares with a constant or a call without arguments, and that."""
    for part in _parts(node):
        if isinstance(part, s.Operation) and part.operator == "=" and part.left is not None:
            sides = s.uncast(part.left), s.uncast(part.right)
            for mine, other in (sides, sides[::-1]):
                if isinstance(mine, s.Column) and isinstance(other, s.Const):
                    yield mine.name, ("constant", other.value)
                elif isinstance(mine, s.Column) and isinstance(other, s.Call) and not other.args:
                    yield mine.name, ("call", other.schema, other.name)


def _set_columns(node: s.Node) -> set[str]:
    tests = (part for part in _parts(node) if isinstance(part, s.NullTest) and part.negated)
    return {test.arg.name for test in tests if isinstance(test.arg, s.Column)}


def _covering(unique: TableUnique, column: str) -> Iterator[bool]:
    """Tell of each other unique whether it keeps the rows apart in which `column` is NULL."""
    for other in uniques_of(unique.table):
        if other.idx is not unique.idx and other.valid:
            yield _covers(other, unique, column)


def _covers(other: TableUnique, unique: TableUnique, column: str) -> bool:
    rest = set(unique.columns) - {column, None}
    if None in other.columns or not rest.issuperset(other.columns):
        return False
    nullable = nullable_columns(unique.table).intersection(c for c in other.columns if c is not None)
    if nullable and not other.nulls_not_distinct:
        return False
    if other.predicate is None:
        return True
    return null_columns(other.predicate) == {column} and " AND " not in other.predicate


def is_optional(unique: TableUnique, column: str) -> bool:
    """Tell whether the value itself may be absent: beside the one column that may be NULL the unique
    holds no more than the tenant column and one reference, so that a row without a value repeats nothing."""
    found = open_columns(unique)
    rest = [c for c in key_columns(unique) if c != column and c not in found]
    references = {c for key in unique.table.foreign_keys for c in key.columns}
    return len(found) == 1 and column not in found and len(rest) <= 1 and references.issuperset(rest)


def one_is_set(table: Table, first: str, second: str) -> bool:
    """Tell whether a valid CHECK keeps two columns from both being NULL: ``num_nonnulls(a, b) = 1``,
    ``(a IS NULL) <> (b IS NULL)``, or ORs of which each branch says that one of them is not."""
    return any(
        _one_is_set(check_expression(c.definition or ""), {first, second}) for c in table.checks if c.holds
    )


def _one_is_set(text: str, columns: set[str]) -> bool:
    node = _read(text)
    return node is not None and _says_one(node, columns)


def _says_one(node: s.Node, columns: set[str]) -> bool:
    match node:
        case s.Or(args=args):
            return all(_says_one(branch, columns) for branch in args)
        case s.And(args=args):
            return any(_says_one(part, columns) for part in args)
        case s.NullTest(arg=s.Column(name=name), negated=True):
            return name in columns
        case s.Operation(
            operator="=" | ">=", left=s.Call(name="num_nonnulls", args=args), right=s.Const(value=1)
        ):
            return {a.name for a in args if isinstance(a, s.Column)} <= columns and len(args) == 2
        case s.Operation(
            operator="<>",
            left=s.NullTest(arg=s.Column(name=one), negated=how),
            right=s.NullTest(arg=s.Column(name=other), negated=same),
        ):
            return {one, other} == columns and how == same
    return False
