"""Put two contracts together: the later one adds to the earlier and replaces what both name."""

from collections.abc import Callable, Hashable
from typing import TypeVar

import msgspec

from ..model.contract import Contract, ExpectedColumn, ExpectedTable

_Item = TypeVar("_Item")


def merged(first: Contract, second: Contract) -> Contract:
    """Return both contracts' tables and enums, sorted by name; `closed` and `sources` are left open."""
    tables = {(t.schema or "", t.name): t for t in first.tables}
    for table in second.tables:
        name = (table.schema or "", table.name)
        tables[name] = _table(tables[name], table) if name in tables else table
    enums = _replaced(first.enums, second.enums, lambda e: (e.schema or "", e.name))
    return Contract(
        tuple(tables[name] for name in sorted(tables)),
        tuple(sorted(enums, key=lambda e: (e.schema or "", e.name))),
    )


def _table(first: ExpectedTable, second: ExpectedTable) -> ExpectedTable:
    return ExpectedTable(
        name=second.name,
        schema=second.schema,
        columns=_columns(first.columns, second.columns),
        uniques=_replaced(first.uniques, second.uniques, lambda k: k.columns),
        indexes=_replaced(first.indexes, second.indexes, lambda k: k.columns),
        foreign_keys=_replaced(first.foreign_keys, second.foreign_keys, lambda k: k.columns),
        policies=_replaced(first.policies, second.policies, lambda p: p.name),
        grants=_replaced(first.grants, second.grants, lambda g: g.role),
        tenant=first.tenant if second.tenant is None else second.tenant,
        origin=second.origin,
    )


def _columns(
    first: tuple[ExpectedColumn, ...], second: tuple[ExpectedColumn, ...]
) -> tuple[ExpectedColumn, ...]:
    """Replace property by property: what the later says nothing about stays expected."""
    known = {column.name: column for column in first}
    for column in second:
        before = known.get(column.name)
        known[column.name] = column if before is None else _column(before, column)
    return tuple(known.values())


def _column(first: ExpectedColumn, second: ExpectedColumn) -> ExpectedColumn:
    default = second if second.default_declared else first
    return msgspec.structs.replace(
        second,
        type=first.type if second.type is None else second.type,
        nullable=first.nullable if second.nullable is None else second.nullable,
        default=default.default,
        default_declared=default.default_declared,
    )


def _replaced(
    first: tuple[_Item, ...], second: tuple[_Item, ...], key: Callable[[_Item], Hashable]
) -> tuple[_Item, ...]:
    found = {key(item): item for item in first}
    found |= {key(item): item for item in second}
    return tuple(found.values())
