"""Where a unique lets equal rows in because NULLs are distinct."""

from collections.abc import Iterator

from ..sql.predicates import not_null_columns, null_columns, strict_column
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
    return tuple(c for c in keys if c in nullable and not any(_covering(unique, c)))


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
