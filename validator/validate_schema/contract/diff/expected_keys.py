"""Keys, indexes and foreign keys of one table that two declarations speak of.

What they are called is compared last: a key of the same columns under another name is said to be renamed.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from msgspec.structs import replace

from ...model.catalog import QName
from ...model.contract import ExpectedForeignKey, ExpectedKey, ExpectedTable
from ...model.difference import Change
from ...sql.ident import display
from .changes import names, yes_no
from .loop import Attribute, Kind, as_declared, field, loses, same_content, told
from .pairs import Pairs
from .terms import Terms

_K = TypeVar("_K", ExpectedKey, ExpectedForeignKey)
Both = tuple[bool, bool]
Fits = Callable[[_K, _K, Terms], bool]


def _fitted(
    before: Sequence[_K],
    after: Sequence[_K],
    terms: Terms,
    passes: Sequence[Fits[_K]],
    rank: Callable[[_K, _K, Terms], Any],
) -> Pairs[_K]:
    """Pair what fits, the best of the candidates first, in passes that ask for less and less."""
    gone, come, same = list(before), list(after), []
    for fits in passes:
        for old in tuple(gone):
            found = [key for key in come if fits(old, key, terms)]
            if found:
                new = min(found, key=lambda key: rank(old, key, terms))
                gone.remove(old)
                come.remove(new)
                same.append((old, new))
    return Pairs(tuple(same), (), tuple(gone), tuple(come))


def keys(
    before: ExpectedTable, after: ExpectedTable, terms: Terms, *, full: Both, whole: Both
) -> Iterator[Change]:
    """Yield the changes of primary key, uniques and indexes. A declaration without a primary key does not
    speak of one, unless it is `full`; one that is not `whole` need not list all others."""
    plain = frozenset(c.name for c in (*before.columns, *after.columns))
    sides = [_keys_of(side, classes=known) for side, known in zip((before, after), full, strict=True)]
    for name, old, new in zip(("primary key", "unique", "index"), *sides, strict=True):
        kind = _kind(name, plain)
        found = kind.pair(old, new, terms)
        left = found._replace(
            removed=tuple(key for key in found.removed if not _served(key, name, after)),
            added=tuple(key for key in found.added if not _served(key, name, before)),
        )
        yield from told(kind, left, terms, on=(after, after), whole=full if name == "primary key" else whole)


def _keys_of(table: ExpectedTable, *, classes: bool) -> list[list[ExpectedKey]]:
    """Return primary key, uniques and indexes; if all operator `classes` are known, those that were not
    chosen are the default."""
    primary = [table.primary_key] if table.primary_key is not None else []
    return [
        [replace(key, opclasses=_classes(key, "default" if classes else "")) for key in group]
        for group in (primary, table.uniques, table.indexes)
    ]


def _classes(key: ExpectedKey, other: str) -> tuple[str, ...]:
    """Return each column's operator class where it was chosen: a B-tree's follows from the type, but for
    patterns. Source: PostgreSQL documentation, "Operator Classes and Operator Families"."""
    given = key.opclasses or ("",) * len(key.columns)
    tree = key.method in (None, "btree")
    chosen = ("" if tree and "pattern" not in name else name.rpartition(".")[2] for name in given)
    return tuple(name or other for name in chosen)


def _served(key: ExpectedKey, kind: str, other: ExpectedTable) -> bool:
    """Tell whether another key does what one without a name was declared for: a longer index where only
    columns were given, the primary key for a unique."""
    if key.predicate is not None or key.name is not None:
        return False
    primary = [other.primary_key] if other.primary_key is not None else []
    if kind == "unique":
        return any(key.columns == k.columns for k in primary)
    width = len(key.columns)
    all_rows = [k for k in (*primary, *other.uniques, *other.indexes) if k.predicate is None]
    return kind == "index" and any(k.columns[:width] == key.columns for k in all_rows)


def _kind(name: str, plain: frozenset[str]) -> Kind[ExpectedKey]:
    """Return how keys are compared. Their columns may be expressions: what is not among the `plain` names."""

    def on_same(old: ExpectedKey, new: ExpectedKey, terms: Terms) -> bool:
        return len(old.columns) == len(new.columns) and all(
            a == b or (a not in plain and b not in plain and terms.expression(a, b))
            for a, b in zip(old.columns, new.columns, strict=True)
        )

    attributes = (field("columns", "columns", names, same=on_same), *_DETAILS)
    attributes = (attributes[0], *_OF_CONSTRAINTS) if name == "primary key" else attributes
    same = same_content(attributes)
    passes: tuple[Fits[ExpectedKey], ...] = (
        same,
        lambda old, new, _: name == "primary key" or (old.name is not None and old.name == new.name),
        lambda old, new, terms: on_same(old, new, terms) and _same_predicate(old, new, terms),
    )
    return Kind(
        name,
        attributes,
        place="table",
        label=_label,
        described=lambda key, _: _described(key),
        pairs=lambda before, after, terms: _fitted(
            before, after, terms, passes, lambda old, new, _: old.name != new.name
        ),
    )


def _same_predicate(old: ExpectedKey, new: ExpectedKey, terms: Terms) -> bool:
    return terms.expression(old.predicate, new.predicate)


def _same_classes(old: ExpectedKey, new: ExpectedKey, _: Terms) -> bool:
    pairs = zip(old.opclasses, new.opclasses, strict=False)
    return all(a == b or not a or not b for a, b in pairs)


def _descending(key: ExpectedKey, _: Terms) -> str | None:
    return names(sorted(key.descending)) or "none" if key.ordered else None


def _yes_no(value: bool | None) -> str | None:
    return None if value is None else yes_no(value)


def _collations(key: ExpectedKey, _: Terms) -> str | None:
    found = key.collations
    return None if found is None else names([name or "default" for name in found])


def _carried(columns: tuple[str, ...] | None) -> str | None:
    return None if columns is None else names(sorted(columns)) or "none"


_OF_CONSTRAINTS: tuple[Attribute[Any], ...] = (
    field("deferrable", "deferral", as_declared),
    field("without overlaps", "temporal", _yes_no),
)
_DETAILS: tuple[Attribute[Any], ...] = (
    field("predicate", "predicate", same=_same_predicate),
    field("method", "method", as_declared),
    Attribute("descending", _descending),
    field(
        "operator classes",
        "opclasses",
        lambda classes: names([name or "default" for name in classes]),
        same=_same_classes,
    ),
    field("nulls distinct", "nulls_distinct", _yes_no),
    field("include", "include", _carried),
    field("nulls at the other end", "nulls", _carried),
    Attribute("collations", _collations),
    *_OF_CONSTRAINTS,
)


def _label(key: ExpectedKey | ExpectedForeignKey) -> str:
    return key.name or f"({names(key.columns)})"


def _described(key: ExpectedKey) -> str:
    method = f"{key.method} " if key.method not in (None, "btree") else ""
    where = f" where {key.predicate}" if key.predicate is not None else ""
    return f"{method}({names(key.columns)}){where}"


def references(before: ExpectedTable, after: ExpectedTable, terms: Terms, whole: Both) -> Iterator[Change]:
    """Yield the changes of the foreign keys; the order of their columns is none."""
    found = _FOREIGN_KEY.pair(before.foreign_keys, after.foreign_keys, terms)
    return told(_FOREIGN_KEY, found, terms, on=(after, after), whole=whole)


def _target(key: ExpectedForeignKey, terms: Terms) -> QName:
    return QName(key.references_schema or terms.default_schema, key.references)


def _same_target(old: ExpectedForeignKey, new: ExpectedForeignKey, terms: Terms) -> bool:
    pairs = dict(zip(old.columns, old.referenced_columns, strict=False))
    others = dict(zip(new.columns, new.referenced_columns, strict=False))
    if pairs and others and pairs != others:
        return False
    return terms.target(_target(old, terms)) == _target(new, terms)


def _reference(key: ExpectedForeignKey, terms: Terms) -> str:
    table = display(_target(key, terms), terms.default_schema)
    return f"{table} ({names(key.referenced_columns)})" if key.referenced_columns else table


_LINK: tuple[Attribute[Any], ...] = (
    Attribute("references", _reference, _same_target),
    field("on delete", "on_delete", as_declared),
    field("on update", "on_update", as_declared),
    field("match", "match", as_declared),
    field("deferrable", "deferral", as_declared),
    field("enforced", "enforced", _yes_no, widens=loses("enforced")),
)


_same_link = same_content(_LINK)


def _on_same_columns(old: ExpectedForeignKey, new: ExpectedForeignKey, _: Terms) -> bool:
    return set(old.columns) == set(new.columns)


def _fits_whole(old: ExpectedForeignKey, new: ExpectedForeignKey, terms: Terms) -> bool:
    return _on_same_columns(old, new, terms) and _same_link(old, new, terms)


def _distance(old: ExpectedForeignKey, new: ExpectedForeignKey, terms: Terms) -> tuple[bool, bool]:
    return _target(new, terms) != _target(old, terms), new.name != old.name


def _link_text(key: ExpectedForeignKey, terms: Terms) -> str:
    text = f"({names(key.columns)}) references {_reference(key, terms)}"
    text += f" on delete {key.on_delete}" if key.on_delete is not None else ""
    return text + (f" on update {key.on_update}" if key.on_update is not None else "")


_FOREIGN_KEY: Kind[ExpectedForeignKey] = Kind(
    "foreign key",
    _LINK,
    place="table",
    label=_label,
    described=_link_text,
    pairs=lambda before, after, terms: _fitted(
        before, after, terms, (_fits_whole, _on_same_columns), _distance
    ),
)
