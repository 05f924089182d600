"""Where a unique lets equal rows in because NULLs are distinct."""

from collections.abc import Iterator

from validate_schema.api import (
    Facts,
    Remedy,
    TableUnique,
    keys_of,
    not_null_columns,
    null_columns,
    nullable_columns,
    replace_unique,
    strict_column,
    uniques_of,
)


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


def close_gap(unique: TableUnique, column: str, facts: Facts) -> Remedy:
    """Return the remedy: NULLS NOT DISTINCT.

    The tenant column `column` comes first where the unique is scoped through a parent that may be
    NULL: else rows of several tenants without a parent would collide.
    """
    if facts.catalog.server.version_num < 150000:
        return Remedy(
            note="PostgreSQL 15 brings NULLS NOT DISTINCT. Until then make the column NOT NULL, or add a "
            "unique index over the other columns WHERE it IS NULL."
        )
    first = () if column in unique.columns else (column,)
    return replace_unique(unique, facts, first=first, nulls_not_distinct=True)
