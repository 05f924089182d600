"""Constraints and indexes of one table on both sides."""

import re
from collections.abc import Hashable, Iterator
from typing import Any

from ...model.catalog import Constraint, Index, Table, View
from ...model.difference import Change
from ...model.finding import ObjectRef
from .changes import names, shown, yes_no
from .loop import ENABLED, Attribute, Kind, compared, differences, field, flag, loses, same_content
from .terms import Terms

_DESCENDING, _NULLS_FIRST = 1, 2
_USUAL = re.compile(r"([a-z0-9]+_ops)?")  # the classes that are a type's default are called after it


def _same_columns(old: Constraint, new: Constraint, _: Terms) -> bool:
    """The order of a key's columns matters, but for one that references another table; a CHECK lists those
    that it happens to mention."""
    if new.kind == "foreign key":
        return set(old.columns) == set(new.columns)
    return new.kind == "check" or old.columns == new.columns


def _same_target(old: Constraint, new: Constraint, terms: Terms) -> bool:
    pairs = (dict(zip(c.columns, c.referenced_columns, strict=False)) for c in (old, new))
    return terms.target(old.references) == new.references and next(pairs) == next(pairs)


_CONSTRAINT: tuple[Attribute[Any], ...] = (
    field("columns", "columns", names, same=_same_columns),
    field(
        "definition", "definition", lambda text: text or "", same=lambda o, n, terms: terms.definition(o, n)
    ),
    flag("validated", "validated"),
    flag("enforced", "enforced", widens=loses("enforced")),
    field("deferrable", "deferral"),
    field("inherited by children", "no_inherit", lambda no_inherit: yes_no(not no_inherit)),
    Attribute("references", lambda c, terms: _reference(c, terms.default_schema), _same_target),
    Attribute("on delete", lambda c, _: _deletion(c)),
    field("on update", "on_update"),
    field("match", "match"),
    Attribute("period", lambda c, _: yes_no(c.temporal) if c.kind == "foreign key" else None),
    ENABLED._replace(since=2),
)
CONSTRAINT: Kind[Constraint] = Kind(
    None,
    _CONSTRAINT,
    place="table",
    described=lambda constraint, terms: described(constraint, terms.default_schema),
    key=lambda constraint: (constraint.kind, constraint.name),
    alike=same_content(_CONSTRAINT),
    shapes=lambda constraint, _: (outline(constraint),),
    certain=False,
)


def constraints(before: Table, after: Table, terms: Terms) -> Iterator[Change]:
    """Yield the changes of the constraints but NOT NULL, which is a property of a column."""
    yield from compared(CONSTRAINT, own(before), own(after), terms, on=(before, after))
    yield from _not_null(before, after, terms)


def outline(constraint: Constraint) -> Hashable:
    """Return what constraints that differ by their names alone have in common."""
    if constraint.kind == "foreign key":
        return constraint.kind, frozenset(constraint.columns)
    return constraint.kind, () if constraint.kind == "check" else constraint.columns


def index_outline(index: Index) -> Hashable:
    """Return what indexes that differ by their names alone have in common."""
    return index.columns, index.unique, index.method


def own(table: Table) -> list[Constraint]:
    """Return the constraints that are compared: NOT NULL belongs to its column, a copy to the parent."""
    return [c for c in table.constraints if c.kind != "not null" and not c.inherited]


_NOT_NULL: Kind[Constraint] = Kind(
    "column",
    (
        flag("not null validated", "validated"),
        field("not null inherited by children", "no_inherit", lambda no_inherit: yes_no(not no_inherit)),
    ),
)


def _not_null(before: Table, after: Table, terms: Terms) -> Iterator[Change]:
    """PostgreSQL 18 can hold a NOT NULL that was never validated, or that children do not inherit."""
    stated = {c.columns for t in (before, after) for c in t.constraints if c.kind == "not null"}
    for columns in sorted(stated):
        old, new = _forbidding_null(before, columns), _forbidding_null(after, columns)
        if len(columns) != 1 or None in (before.column(columns[0]), after.column(columns[0])):
            continue
        ref = ObjectRef.on_table("column", after.qname, columns[0])
        if old is not None and new is not None:
            yield from differences(_NOT_NULL, old, new, ref, terms)
        elif not all(key is None or key.validated for key in (old, new)):
            held, missing = "not valid", "none"  # to the column itself, both are nullable
            left, right = (missing if key is None else held for key in (old, new))
            yield Change(kind="changed", object=ref, what="not null", before=left, after=right)


def _forbidding_null(table: Table, columns: tuple[str, ...]) -> Constraint | None:
    """Return the NOT NULL of a column; one that says nothing unusual may have no record."""
    recorded = (c for c in table.constraints if c.kind == "not null" and c.columns == columns)
    usual = Constraint("", "not null", columns)
    held = all((column := table.column(name)) is not None and column.not_null for name in columns)
    return next(recorded, usual if held else None)


def _reference(key: Constraint, default_schema: str) -> str:
    table = shown(key.references, default_schema) if key.references else ""
    return f"{table} ({names(key.referenced_columns)})"


def _deletion(key: Constraint) -> str:
    return f"{key.on_delete} ({names(key.set_columns)})" if key.set_columns else key.on_delete


def described(constraint: Constraint, default_schema: str) -> str:
    """Return the whole of a constraint in words."""
    if constraint.definition is not None:
        return constraint.definition
    text = f"({names(constraint.columns)})"
    if constraint.kind == "foreign key":
        text += f" references {_reference(constraint, default_schema)}"
        text += f" on delete {_deletion(constraint)} on update {constraint.on_update}"
    if constraint.deferrable:
        text += f" deferrable {constraint.deferral}"
    return text if constraint.validated else f"{text} not valid"


def _same_keys(old: Index, new: Index, terms: Terms) -> bool:
    if (old.columns, old.options) != (new.columns, new.options):
        return False
    classes = (old.opclasses, _collations(old)), (new.opclasses, _collations(new))
    if old.opclasses and new.opclasses and classes[0] != classes[1]:  # SQL of other engines has neither
        return False
    if len(old.expressions) != len(new.expressions):
        return False
    return all(map(terms.expression, old.expressions, new.expressions))


def _collations(index: Index) -> tuple[str, ...]:
    """Return the collation of each key, empty where it is the default."""
    return index.collations or ("",) * len(index.columns)


def _keys(index: Index) -> str:
    """Return the keys in order with what is not the default about each."""
    expressions = iter(index.expressions)
    parts = []
    for position, column in enumerate(index.columns):
        part = column if column is not None else next(expressions, "an expression")
        collation = _collations(index)[position]
        part += f" collate {collation}" if collation else ""
        bits = index.options[position] if position < len(index.options) else 0
        part += " desc" if bits & _DESCENDING else ""
        if bool(bits & _NULLS_FIRST) != bool(bits & _DESCENDING):
            part += " nulls first" if bits & _NULLS_FIRST else " nulls last"
        opclass = index.opclasses[position] if position < len(index.opclasses) else ""
        part += f" {opclass}" if not _USUAL.fullmatch(opclass) else ""
        parts.append(part)
    return ", ".join(parts)


# What a constraint does not say of its index.
_EXTRAS: tuple[Attribute[Any], ...] = (
    field("include", "include", lambda columns: names(sorted(columns))),
    field("nulls distinct", "nulls_not_distinct", lambda not_distinct: yes_no(not not_distinct)),
    flag("valid", "valid"),
)
_INDEX: tuple[Attribute[Any], ...] = (
    Attribute("columns", lambda index, _: _keys(index), _same_keys),
    flag("unique", "unique"),
    field("method", "method"),
    field("predicate", "predicate", same=lambda o, n, terms: terms.expression(o.predicate, n.predicate)),
    *_EXTRAS,
)
INDEX: Kind[Index] = Kind(
    "index",
    _INDEX,
    place="table",
    described=lambda index, _: described_index(index),
    alike=same_content(_INDEX),
    shapes=lambda index, _: (index_outline(index),),
    certain=False,
)
_OF_A_KEY: Kind[Index] = Kind(None, _EXTRAS)


def indexes(before: Table | View, after: Table | View, terms: Terms) -> Iterator[Change]:
    """Yield the changes of the indexes; of those that implement a constraint, what it does not say."""
    yield from compared(INDEX, free(before), free(after), terms, on=(before, after))
    if isinstance(before, Table) and isinstance(after, Table):
        yield from _implementing(before, after, terms)


def free(table: Table | View) -> list[Index]:
    """Return the indexes that are compared by themselves, not with what they implement."""
    return [i for i in table.indexes if i.constraint is None and not i.primary and not i.inherited]


def _implementing(before: Table, after: Table, terms: Terms) -> Iterator[Change]:
    """Yield what a constraint does not say of its index."""
    old = {i.constraint: i for i in before.indexes if i.constraint is not None and not i.inherited}
    kinds = {c.index: c.kind for c in after.constraints}
    for new in after.indexes:
        was = None if new.constraint is None or new.inherited else old.get(new.constraint)
        if was is not None and was != new:
            ref = ObjectRef.on_table(kinds.get(new.name, "unique"), after.qname, new.constraint or "")
            yield from differences(_OF_A_KEY, was, new, ref, terms)


def described_index(index: Index) -> str:
    """Return the whole of an index in words."""
    text = f"{'unique ' if index.unique else ''}{index.method} ({_keys(index)})"
    text += f" include ({names(index.include)})" if index.include else ""
    text += " nulls not distinct" if index.nulls_not_distinct else ""
    text += f" where {index.predicate}" if index.predicate else ""
    return text if index.valid else f"{text}, not valid"
