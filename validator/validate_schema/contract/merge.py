"""Put two contracts together: the later one adds to the earlier and replaces what both name."""

from collections.abc import Callable, Hashable
from typing import TypeVar

from msgspec.structs import replace

from ..model.contract import (
    Contract,
    ExpectedColumn,
    ExpectedEnum,
    ExpectedForeignKey,
    ExpectedKey,
    ExpectedObject,
    ExpectedTable,
    ExpectedView,
)

_Item = TypeVar("_Item")
_MAY_BE_EMPTY = ("nulls_distinct", "include", "deferral", "nulls", "collations", "temporal")
_DETAILS = ("name", "method", "opclasses", "ordered", "descending", "expressions", "where")


def merged(first: Contract, second: Contract) -> Contract:
    """Return both contracts' objects, sorted by name; `closed` and `sources` are left open."""
    tables = {_name(t): t for t in first.tables}
    for table in second.tables:
        name = _name(table)
        tables[name] = _table(tables[name], table) if name in tables else table
    return Contract(
        tuple(tables[name] for name in sorted(tables)),
        tuple(sorted(_replaced(first.enums, second.enums, _name), key=_name)),
        views=_views(first.views, second.views),
        objects=_replaced(first.objects, second.objects, _object),
        lists=_both(first.lists, second.lists),
    )


def _object(item: ExpectedObject) -> tuple[str, ...]:
    return item.kind, item.schema, item.label


def _both(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*first, *second)))


def settled(contract: Contract, default_schema: str) -> Contract:
    """Return the contract as it reads where `default_schema` is the default: what was declared with
    that schema and what was declared without one are the same object."""
    home = Contract(
        tuple(replace(t, schema=None) for t in contract.tables if t.schema == default_schema),
        tuple(replace(e, schema=None) for e in contract.enums if e.schema == default_schema),
        views=tuple(replace(v, schema=None) for v in contract.views if v.schema == default_schema),
    )
    if home == Contract():
        return contract
    others = Contract(
        tuple(t for t in contract.tables if t.schema != default_schema),
        tuple(e for e in contract.enums if e.schema != default_schema),
        views=tuple(v for v in contract.views if v.schema != default_schema),
    )
    return replace(
        merged(home, others),
        closed=contract.closed,
        sources=contract.sources,
        objects=contract.objects,
        lists=contract.lists,
    )


def _name(item: ExpectedTable | ExpectedEnum | ExpectedView) -> tuple[str, str]:
    return (item.schema or "", item.name)


def _table(first: ExpectedTable, second: ExpectedTable) -> ExpectedTable:
    return ExpectedTable(
        name=second.name,
        schema=second.schema,
        columns=_columns(first.columns, second.columns),
        uniques=_keys(first.uniques, second.uniques),
        indexes=_keys(first.indexes, second.indexes),
        foreign_keys=_foreign_keys(first.foreign_keys, second.foreign_keys),
        policies=_replaced(first.policies, second.policies, lambda p: p.name),
        grants=_replaced(first.grants, second.grants, lambda g: g.role),
        tenant=first.tenant if second.tenant is None else second.tenant,
        primary_key=second.primary_key or first.primary_key,
        complete=first.complete or second.complete,
        objects=_replaced(first.objects, second.objects, _object),
        lists=_both(first.lists, second.lists),
        owner=second.owner or first.owner,
        origin=second.origin,
        where=second.where or first.where,
    )


def _views(first: tuple[ExpectedView, ...], second: tuple[ExpectedView, ...]) -> tuple[ExpectedView, ...]:
    views = {_name(v): v for v in first}
    for view in second:
        name = _name(view)
        views[name] = _view(views[name], view) if name in views else view
    return tuple(views[name] for name in sorted(views))


def _view(first: ExpectedView, second: ExpectedView) -> ExpectedView:
    return replace(
        second,
        columns=second.columns or first.columns,
        objects=_replaced(first.objects, second.objects, _object),
        lists=_both(first.lists, second.lists),
        where=second.where or first.where,
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
    return replace(
        second,
        type=first.type if second.type is None else second.type,
        nullable=first.nullable if second.nullable is None else second.nullable,
        default=default.default,
        default_declared=default.default_declared,
        counter=default.counter,
    )


def _keys(first: tuple[ExpectedKey, ...], second: tuple[ExpectedKey, ...]) -> tuple[ExpectedKey, ...]:
    """Add keys on other columns. What the later leaves open of one that both declare stays expected."""
    known = {(key.columns, key.predicate): key for key in first}
    for key in second:
        before = known.get((key.columns, key.predicate), key)
        kept = {field: getattr(key, field) or getattr(before, field) for field in _DETAILS}
        for field in _MAY_BE_EMPTY:
            given = getattr(key, field)
            kept[field] = getattr(before, field) if given is None else given
        known[(key.columns, key.predicate)] = replace(key, **kept)
    return tuple(known.values())


def _foreign_keys(
    first: tuple[ExpectedForeignKey, ...], second: tuple[ExpectedForeignKey, ...]
) -> tuple[ExpectedForeignKey, ...]:
    """The later one replaces, and takes over the name. A source may declare several keys on the same
    columns: to different tables."""
    replaced = {key.columns for key in second}
    names = {(key.columns, key.references): key.name for key in first}
    return (
        *(key for key in first if key.columns not in replaced),
        *(replace(key, name=key.name or names.get((key.columns, key.references))) for key in second),
    )


def _replaced(
    first: tuple[_Item, ...], second: tuple[_Item, ...], key: Callable[[_Item], Hashable]
) -> tuple[_Item, ...]:
    found = {key(item): item for item in first}
    found |= {key(item): item for item in second}
    return tuple(found.values())
