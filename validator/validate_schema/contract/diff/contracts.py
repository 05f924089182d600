"""Compare two declarations of a schema, of which one may be a catalog read as one."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple, TypeVar

from msgspec.structs import replace

from ...model.catalog import QName
from ...model.contract import Contract, ExpectedEnum, ExpectedObject, ExpectedTable, ExpectedView
from ...model.difference import Change
from ...model.finding import ObjectRef
from ..merge import settled
from .catalogs import in_order
from .changes import names
from .expected import TABLE, Side
from .kinds import labels
from .loop import Kind, compared, field, qname, told
from .objects import objects
from .terms import Terms

_Item = TypeVar("_Item", ExpectedTable, ExpectedEnum, ExpectedView)


class Declared(NamedTuple):
    """One declaration. `full`: it was read from a catalog, so that whatever it does not hold is not there."""

    contract: Contract
    full: bool = False

    @property
    def closed(self) -> bool:
        """Whether there are no tables, enums and views but those that it names."""
        return self.full or self.contract.closed


def compare_contracts(
    before: Declared, after: Declared, default_schema: str = "public"
) -> tuple[Change, ...]:
    """Return what differs between two declarations, sorted by object.

    What a side leaves open is no difference: a property that it does not give; a column, key or index
    of a table that it does not list as a whole; a table, enum or view unless it is closed.
    """
    before, after = _settled(before, default_schema), _settled(after, default_schema)
    old, new = before.contract, after.contract
    whole = before.closed, after.closed
    terms = Terms(default_schema, exact=False, maintain=before.full and after.full, renamed={})
    tables = TABLE.pair(_sides(before), _sides(after), terms)
    moved = {qname(a, terms): qname(b, terms) for a, b in tables.renamed}
    terms = terms._replace(renamed=moved)
    return in_order(
        (
            *told(TABLE, tables, terms, whole=whole),
            *compared(_ENUM, old.enums, new.enums, terms, whole=whole),
            *compared(_VIEW, _views(before), _views(after), terms, whole=whole),
            *objects(old.objects, new.objects, terms, (old.lists, new.lists)),
        )
    )


def count_compared(before: Declared, after: Declared, default_schema: str = "public") -> int:
    """Return how many declared objects were compared: of what one side declares, that which the other,
    unless it is closed, names as well."""
    sides = ((before, after), (after, before))
    return max(
        count_declared(
            one.contract if other.closed else _shared(one.contract, other.contract, default_schema)
        )
        for one, other in sides
        if not one.full
    )


def _shared(contract: Contract, other: Contract, default_schema: str) -> Contract:
    def both(mine: Iterable[_Item], theirs: Iterable[_Item]) -> tuple[_Item, ...]:
        known = {(item.schema or default_schema, item.name) for item in theirs}
        return tuple(item for item in mine if (item.schema or default_schema, item.name) in known)

    return replace(
        contract,
        tables=both(contract.tables, other.tables),
        enums=both(contract.enums, other.enums),
        views=both(contract.views, other.views),
    )


def count_declared(contract: Contract) -> int:
    """Return how many objects a declaration speaks of."""
    on_tables = sum(
        1 + len(t.columns) + len(t.uniques) + len(t.indexes) + len(t.foreign_keys) + len(t.policies)
        + len(t.objects) + (t.primary_key is not None)
        for t in contract.tables
    )  # fmt: skip
    on_views = sum(1 + len(v.objects) for v in contract.views)
    return on_tables + on_views + len(contract.enums) + len(contract.objects)


def undeclared_tables(
    contract: Contract, other: Contract, default_schema: str = "public"
) -> tuple[QName, ...]:
    """Return the tables of `other` that `contract` does not speak of."""
    known = {QName(t.schema or default_schema, t.name) for t in contract.tables}
    there = (QName(t.schema or default_schema, t.name) for t in other.tables)
    return tuple(sorted(name for name in there if name not in known))


def _settled(declared: Declared, default_schema: str) -> Declared:
    return declared._replace(contract=settled(declared.contract, default_schema))


def _sides(declared: Declared) -> list[Side]:
    return [Side(table, declared.full) for table in declared.contract.tables]


_ENUM: Kind[ExpectedEnum] = Kind(
    "enum",
    described=lambda enum, _: names(enum.labels),
    key=lambda enum: (enum.schema, enum.name),
    parts=lambda old, new, ref, _: labels(ref, old.labels, new.labels, ordered=old.ordered and new.ordered),
)


class _View(NamedTuple):
    """A view; unless it is `full`, it may have other columns too. `lists` are the kinds of its objects of
    which it has all."""

    schema: str | None
    name: str
    columns: tuple[str, ...]
    full: bool
    objects: tuple[ExpectedObject, ...]
    lists: tuple[str, ...]


def _views(declared: Declared) -> list[_View]:
    return [
        _View(v.schema, v.name, v.columns, declared.full, v.objects, v.lists) for v in declared.contract.views
    ]


def _on_view(old: _View, new: _View, _: ObjectRef, terms: Terms) -> Iterator[Change]:
    return objects(old.objects, new.objects, terms, (old.lists, new.lists), (new, new))


def _same_columns(old: _View, new: _View, _: Terms) -> bool:
    lost, gained = set(old.columns) - set(new.columns), set(new.columns) - set(old.columns)
    return not (new.full and lost) and not (old.full and gained)


_VIEW: Kind[_View] = Kind(
    "view",
    (field("columns", "columns", names, same=_same_columns),),
    described=lambda view, _: names(view.columns),
    key=lambda view: (view.schema, view.name),
    parts=_on_view,
)
