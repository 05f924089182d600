"""Compare two declarations of a schema, of which one may be a catalog read as one."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple, TypeVar

from msgspec.structs import replace

from ...model.catalog import QName
from ...model.contract import Contract, ExpectedEnum, ExpectedTable, ExpectedView
from ...model.difference import Change
from ...model.finding import ObjectRef
from ...model.wording import some
from ..merge import settled
from .catalogs import in_order
from .changes import Property, added, changed, names, removed, renamed
from .expected import Side, columns, policies, privileges
from .expected_keys import keys, references
from .kinds import labels
from .pairs import Pairs, pair
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
    terms = Terms(default_schema, exact=False, maintain=False, renamed={})
    before, after = _settled(before, default_schema), _settled(after, default_schema)
    tables = _pair_tables(before, after, terms)
    moved = {_named(old, terms): _named(new, terms) for old, new in tables.renamed}
    terms = terms._replace(renamed=moved)
    return in_order(
        (
            *_tables(tables, before, after, terms),
            *_enums(before, after, terms),
            *_views(before, after, terms),
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
        + (t.primary_key is not None)
        for t in contract.tables
    )  # fmt: skip
    return on_tables + len(contract.enums) + len(contract.views)


def undeclared_tables(
    contract: Contract, other: Contract, default_schema: str = "public"
) -> tuple[QName, ...]:
    """Return the tables of `other` that `contract` does not speak of."""
    known = {QName(t.schema or default_schema, t.name) for t in contract.tables}
    there = (QName(t.schema or default_schema, t.name) for t in other.tables)
    return tuple(sorted(name for name in there if name not in known))


def _settled(declared: Declared, default_schema: str) -> Declared:
    return declared._replace(contract=settled(declared.contract, default_schema))


def _named(item: ExpectedTable | ExpectedEnum | ExpectedView, terms: Terms) -> QName:
    return QName(item.schema or terms.default_schema, item.name)


def _pair_tables(before: Declared, after: Declared, terms: Terms) -> Pairs[ExpectedTable]:
    def alike(old: ExpectedTable, new: ExpectedTable) -> bool:
        if not old.columns or [c.name for c in old.columns] != [c.name for c in new.columns]:
            return False
        moved = terms._replace(renamed={_named(old, terms): _named(new, terms)})
        return all(c.kind == "renamed" for c in _table(Side(old, before.full), Side(new, after.full), moved))

    return pair(
        before.contract.tables,
        after.contract.tables,
        lambda t: _named(t, terms),
        alike,
        shapes=lambda t: (tuple(c.name for c in t.columns),),
    )


def _tables(found: Pairs[ExpectedTable], before: Declared, after: Declared, terms: Terms) -> Iterator[Change]:
    for old, new in found.same:
        yield from _table(Side(old, before.full), Side(new, after.full), terms)
    for old, new in found.renamed:
        name = old.name if old.schema == new.schema else ".".join(_named(old, terms))
        yield renamed(ObjectRef.of_table(_named(new, terms)), name)
        yield from _table(Side(old, before.full), Side(new, after.full), terms)
    for old in found.removed if after.closed else ():
        yield removed(ObjectRef.of_table(_named(old, terms)), _described(old))
    for new in found.added if before.closed else ():
        yield added(ObjectRef.of_table(_named(new, terms)), _described(new))


def _table(before: Side, after: Side, terms: Terms) -> Iterator[Change]:
    on = _named(after.table, terms)
    yield from columns(on, before, after, terms)
    yield from keys(on, before, after, terms)
    yield from references(on, before, after, terms)
    yield from policies(on, before, after, terms)
    yield from privileges(on, before, after)


def _described(table: ExpectedTable) -> str:
    return some(len(table.columns), "column")


def _enums(before: Declared, after: Declared, terms: Terms) -> Iterator[Change]:
    found = pair(before.contract.enums, after.contract.enums, lambda e: _named(e, terms))
    for old, new in found.same:
        yield from labels(_enum(new, terms), old.labels, new.labels, ordered=old.ordered and new.ordered)
    for old in found.removed if after.closed else ():
        yield removed(_enum(old, terms), names(old.labels))
    for new in found.added if before.closed else ():
        yield added(_enum(new, terms), names(new.labels))


def _enum(enum: ExpectedEnum, terms: Terms) -> ObjectRef:
    return ObjectRef("enum", *_ref(enum, terms))


def _ref(item: ExpectedEnum | ExpectedView, terms: Terms) -> tuple[str, str, str]:
    schema, name = _named(item, terms)
    return schema, "", name


def _views(before: Declared, after: Declared, terms: Terms) -> Iterator[Change]:
    """Yield the changes of the views: a declaration need not give all columns of one."""
    found = pair(before.contract.views, after.contract.views, lambda v: _named(v, terms))
    for old, new in found.same:
        lost = after.full and set(old.columns) - set(new.columns)
        gained = before.full and set(new.columns) - set(old.columns)
        words = Property("columns", names(old.columns), names(new.columns), bool(lost or gained))
        yield from changed(ObjectRef("view", *_ref(new, terms)), [words])
    for old in found.removed if after.closed else ():
        yield removed(ObjectRef("view", *_ref(old, terms)), names(old.columns))
    for new in found.added if before.closed else ():
        yield added(ObjectRef("view", *_ref(new, terms)), names(new.columns))
