"""Keys, indexes and foreign keys of one table that two declarations speak of.

What they are called is compared last: a key of the same columns under another name is said to be renamed.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ...model.catalog import QName
from ...model.contract import ExpectedForeignKey, ExpectedKey, ExpectedTable
from ...model.difference import Change
from ...model.finding import ObjectRef
from ...sql.ident import display
from .changes import Property, added, changed, names, removed, renamed
from .expected import Side
from .terms import Terms


class _On(NamedTuple):
    """The table on both sides, and what the keys of one kind are called in a report."""

    qname: QName
    before: Side
    after: Side
    terms: Terms
    kind: str

    def lists_all(self, side: Side) -> bool:
        """Tell whether there is none on that side but those that it lists. A declaration without a primary
        key does not speak of one."""
        return side.full if self.kind == "primary key" else side.whole

    def ref(self, key: ExpectedKey | ExpectedForeignKey) -> ObjectRef:
        return ObjectRef.on_table(self.kind, self.qname, key.name or f"({names(key.columns)})")


def keys(on: QName, before: Side, after: Side, terms: Terms) -> Iterator[Change]:
    """Yield the changes of primary key, uniques and indexes."""
    old, new = before.table, after.table
    primary = [[t.primary_key] if t.primary_key is not None else [] for t in (old, new)]
    yield from _keys(_On(on, before, after, terms, "primary key"), primary[0], primary[1])
    yield from _keys(_On(on, before, after, terms, "unique"), old.uniques, new.uniques)
    yield from _keys(_On(on, before, after, terms, "index"), old.indexes, new.indexes)


def _keys(on: _On, before: Sequence[ExpectedKey], after: Sequence[ExpectedKey]) -> Iterator[Change]:
    gone, come = list(before), list(after)
    for fits in (_same_but_name, _namesakes, _same_columns):
        for old in tuple(gone):
            new = next(
                iter(sorted((k for k in come if fits(on, old, k)), key=lambda k: k.name != old.name)), None
            )
            if new is not None:
                gone.remove(old)
                come.remove(new)
                yield from changed(on.ref(new), _properties(on, old, new))
                if old.name and new.name and old.name != new.name:
                    yield renamed(on.ref(new), old.name)
    for old in gone:
        if on.lists_all(on.after) and not _served(on, old, on.after.table):
            yield removed(on.ref(old), _described(old))
    for new in come:
        if on.lists_all(on.before) and not _served(on, new, on.before.table):
            yield added(on.ref(new), _described(new))


def _same_but_name(on: _On, old: ExpectedKey, new: ExpectedKey) -> bool:
    return not any(changed(on.ref(new), _properties(on, old, new)))


def _namesakes(on: _On, old: ExpectedKey, new: ExpectedKey) -> bool:
    return on.kind == "primary key" or (old.name is not None and old.name == new.name)


def _same_columns(on: _On, old: ExpectedKey, new: ExpectedKey) -> bool:
    return _on_same(on, old, new) and on.terms.expression(old.predicate, new.predicate)


def _on_same(on: _On, old: ExpectedKey, new: ExpectedKey) -> bool:
    plain = {c.name for c in (*on.before.table.columns, *on.after.table.columns)}
    return len(old.columns) == len(new.columns) and all(
        a == b or (a not in plain and b not in plain and on.terms.expression(a, b))
        for a, b in zip(old.columns, new.columns, strict=True)
    )


def _properties(on: _On, old: ExpectedKey, new: ExpectedKey) -> list[Property]:
    found = [Property("columns", names(old.columns), names(new.columns), not _on_same(on, old, new))]
    if on.kind == "primary key":
        return found
    same = on.terms.expression(old.predicate, new.predicate)
    found.append(Property("predicate", old.predicate or "none", new.predicate or "none", not same))
    if old.method is not None and new.method is not None:
        found.append(Property("method", old.method, new.method))
    if old.ordered and new.ordered:
        found.append(Property("descending", _listed(old.descending), _listed(new.descending)))
    left, right = _classes(old), _classes(new)
    differ = any(
        a != b and (a or on.before.full) and (b or on.after.full) for a, b in zip(left, right, strict=False)
    )
    found.append(Property("operator classes", _shown(left), _shown(right), differ))
    return found


def _listed(columns: tuple[str, ...]) -> str:
    return names(sorted(columns)) or "none"


def _classes(key: ExpectedKey) -> tuple[str, ...]:
    """Return each column's operator class where it was chosen: a B-tree's follows from the type, but for
    patterns. Source: PostgreSQL documentation, "Operator Classes and Operator Families"."""
    given = key.opclasses or ("",) * len(key.columns)
    tree = key.method in (None, "btree")
    return tuple("" if tree and "pattern" not in name else name.rpartition(".")[2] for name in given)


def _shown(classes: tuple[str, ...]) -> str:
    return names([c or "default" for c in classes])


def _served(on: _On, key: ExpectedKey, other: ExpectedTable) -> bool:
    """Tell whether another key does what one without a name was declared for: a longer index where only
    columns were given, the primary key for a unique."""
    if key.predicate is not None or key.name is not None:
        return False
    primary = [other.primary_key] if other.primary_key is not None else []
    if on.kind == "unique":
        return any(_on_same(on, key, k) for k in primary)
    width = len(key.columns)
    full = [k for k in (*primary, *other.uniques, *other.indexes) if k.predicate is None]
    return on.kind == "index" and any(k.columns[:width] == key.columns for k in full)


def _described(key: ExpectedKey) -> str:
    method = f"{key.method} " if key.method not in (None, "btree") else ""
    where = f" where {key.predicate}" if key.predicate is not None else ""
    return f"{method}({names(key.columns)}){where}"


def references(qname: QName, before: Side, after: Side, terms: Terms) -> Iterator[Change]:
    """Yield the changes of the foreign keys; the order of their columns is none."""
    on = _On(qname, before, after, terms, "foreign key")
    gone, come = list(before.table.foreign_keys), list(after.table.foreign_keys)
    for strict in (True, False):
        for old in tuple(gone):
            found = [k for k in come if set(k.columns) == set(old.columns)]
            found = [k for k in found if not strict or not any(changed(on.ref(k), _link(on, old, k)))]
            if found:
                new = min(found, key=lambda k: (_target(on, k) != _target(on, old), k.name != old.name))
                gone.remove(old)
                come.remove(new)
                yield from changed(on.ref(new), _link(on, old, new))
                if old.name and new.name and old.name != new.name:
                    yield renamed(on.ref(new), old.name)
    for old in gone if after.whole else ():
        yield removed(on.ref(old), _link_text(on, old))
    for new in come if before.whole else ():
        yield added(on.ref(new), _link_text(on, new))


def _target(on: _On, key: ExpectedForeignKey) -> QName:
    return QName(key.references_schema or on.terms.default_schema, key.references)


def _link(on: _On, old: ExpectedForeignKey, new: ExpectedForeignKey) -> list[Property]:
    moved = on.terms.target(_target(on, old)) != _target(on, new)
    pairs = dict(zip(old.columns, old.referenced_columns, strict=False))
    others = dict(zip(new.columns, new.referenced_columns, strict=False))
    found = [
        Property(
            "references",
            _reference(on, old),
            _reference(on, new),
            moved or (pairs and others and pairs != others) or False,
        )
    ]
    if old.on_delete is not None and new.on_delete is not None:
        found.append(Property("on delete", old.on_delete, new.on_delete))
    if old.on_update is not None and new.on_update is not None:
        found.append(Property("on update", old.on_update, new.on_update))
    return found


def _reference(on: _On, key: ExpectedForeignKey) -> str:
    table = display(_target(on, key), on.terms.default_schema)
    return f"{table} ({names(key.referenced_columns)})" if key.referenced_columns else table


def _link_text(on: _On, key: ExpectedForeignKey) -> str:
    text = f"({names(key.columns)}) references {_reference(on, key)}"
    text += f" on delete {key.on_delete}" if key.on_delete is not None else ""
    return text + (f" on update {key.on_update}" if key.on_update is not None else "")
