"""Constraints and indexes of one table on both sides."""

import re
from collections.abc import Hashable, Iterator

from ...model.catalog import Constraint, Index, Table
from ...model.difference import Change
from ...model.finding import ObjectRef
from .changes import Property, added, changed, names, removed, renamed, shown, yes_no
from .pairs import pair
from .terms import Terms

_DESCENDING, _NULLS_FIRST = 1, 2
_USUAL = re.compile(r"([a-z0-9]+_ops)?")  # the classes that are a type's default are called after it


def constraints(before: Table, after: Table, terms: Terms) -> Iterator[Change]:
    """Yield the changes of the constraints but NOT NULL, which is a property of a column."""
    found = pair(
        own(before),
        own(after),
        lambda c: (c.kind, c.name),
        lambda old, new: old.kind == new.kind and not any(changed(_ref(after, new), _terms(old, new, terms))),
        shapes=lambda c: (outline(c),),
        certain=False,
    )
    for old, new in found.same:
        if old != new:
            yield from changed(_ref(after, new), _terms(old, new, terms))
    for old, new in found.renamed:
        yield renamed(_ref(after, new), old.name)
    for old in found.removed:
        yield removed(_ref(before, old), described(old, terms.default_schema))
    for new in found.added:
        yield added(_ref(after, new), described(new, terms.default_schema))
    yield from _not_null(before, after)


def outline(constraint: Constraint) -> Hashable:
    """Return what constraints that differ by their names alone have in common."""
    return constraint.kind, () if constraint.kind == "check" else constraint.columns


def index_outline(index: Index) -> Hashable:
    """Return what indexes that differ by their names alone have in common."""
    return index.columns, index.unique, index.method


def own(table: Table) -> list[Constraint]:
    """Return the constraints that are compared: NOT NULL belongs to its column, a copy to the parent."""
    return [c for c in table.constraints if c.kind != "not null" and not c.inherited]


def _ref(table: Table, constraint: Constraint) -> ObjectRef:
    return ObjectRef.on_table(constraint.kind, table.qname, constraint.name)


def _terms(old: Constraint, new: Constraint, terms: Terms) -> list[Property]:
    """Return the properties of a constraint; its name is none of them."""
    same_definition = terms.definition(old, new)
    properties = [
        Property("columns", names(old.columns), names(new.columns), _columns_differ(old, new)),
        Property("definition", old.definition or "", new.definition or "", not same_definition),
        Property("validated", yes_no(old.validated), yes_no(new.validated)),
        Property("enforced", yes_no(old.enforced), yes_no(new.enforced)),
        Property("deferrable", _deferral(old), _deferral(new)),
        Property("inherited by children", yes_no(not old.no_inherit), yes_no(not new.no_inherit)),
    ]
    if new.kind == "foreign key":
        schema = terms.default_schema
        properties += [
            Property(
                "references",
                _reference(old, schema),
                _reference(new, schema),
                (terms.target(old.references), old.referenced_columns)
                != (new.references, new.referenced_columns),
            ),
            Property("on delete", _deletion(old), _deletion(new)),
            Property("on update", old.on_update, new.on_update),
            Property("match", old.match, new.match),
            Property("period", yes_no(old.temporal), yes_no(new.temporal)),
        ]
    return properties


def _columns_differ(old: Constraint, new: Constraint) -> bool:
    """The order of a key's columns matters; a CHECK lists those that it happens to mention."""
    if new.kind == "check":
        return False
    return old.columns != new.columns


def _not_null(before: Table, after: Table) -> Iterator[Change]:
    """PostgreSQL 18 can hold a NOT NULL that was never validated."""
    old = {c.columns: c for c in before.constraints if c.kind == "not null"}
    for new in after.constraints:
        if new.kind == "not null" and new.columns in old and len(new.columns) == 1:
            ref = ObjectRef.on_table("column", after.qname, new.columns[0])
            was = old[new.columns]
            yield from changed(
                ref, [Property("not null validated", yes_no(was.validated), yes_no(new.validated))]
            )


def _deferral(constraint: Constraint) -> str:
    if not constraint.deferrable:
        return "no"
    return "initially deferred" if constraint.deferred else "initially immediate"


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
        text += f" deferrable {_deferral(constraint)}"
    return text if constraint.validated else f"{text} not valid"


def indexes(before: Table, after: Table, terms: Terms) -> Iterator[Change]:
    """Yield the changes of the indexes, but those that implement a constraint."""
    found = pair(
        free(before),
        free(after),
        lambda i: i.name,
        lambda old, new: not any(changed(_index(after, new), _shape(old, new, terms))),
        shapes=lambda i: (index_outline(i),),
        certain=False,
    )
    for old, new in found.same:
        if old != new:
            yield from changed(_index(after, new), _shape(old, new, terms))
    for old, new in found.renamed:
        yield renamed(_index(after, new), old.name)
    for old in found.removed:
        yield removed(_index(before, old), described_index(old))
    for new in found.added:
        yield added(_index(after, new), described_index(new))
    yield from _implementing(before, after)


def free(table: Table) -> list[Index]:
    """Return the indexes that are compared by themselves, not with what they implement."""
    return [i for i in table.indexes if i.constraint is None and not i.primary and not i.inherited]


def _index(table: Table, index: Index) -> ObjectRef:
    return ObjectRef.on_table("index", table.qname, index.name)


def _implementing(before: Table, after: Table) -> Iterator[Change]:
    """Yield what a constraint does not say of its index: INCLUDE, NULLS NOT DISTINCT, validity."""
    old = {i.constraint: i for i in before.indexes if i.constraint is not None and not i.inherited}
    for new in after.indexes:
        if new.constraint is None or new.inherited:
            continue
        was = old.get(new.constraint)
        if was is not None and was != new:
            ref = ObjectRef.on_table("primary key" if new.primary else "unique", after.qname, new.constraint)
            yield from changed(ref, _extras(was, new))


def _extras(old: Index, new: Index) -> list[Property]:
    return [
        Property("include", names(sorted(old.include)), names(sorted(new.include))),
        Property("nulls distinct", yes_no(not old.nulls_not_distinct), yes_no(not new.nulls_not_distinct)),
        Property("valid", yes_no(old.valid), yes_no(new.valid)),
    ]


def _shape(old: Index, new: Index, terms: Terms) -> list[Property]:
    return [
        Property("columns", _keys(old), _keys(new), not _same_keys(old, new, terms)),
        Property("unique", yes_no(old.unique), yes_no(new.unique)),
        Property("method", old.method, new.method),
        Property(
            "predicate",
            old.predicate or "none",
            new.predicate or "none",
            not terms.expression(old.predicate, new.predicate),
        ),
        *_extras(old, new),
    ]


def _same_keys(old: Index, new: Index, terms: Terms) -> bool:
    if (old.columns, old.options) != (new.columns, new.options):
        return False
    for left, right in ((old.opclasses, new.opclasses), (old.collations, new.collations)):
        if left and right and left != right:
            return False
    if len(old.expressions) != len(new.expressions):
        return False
    return all(map(terms.expression, old.expressions, new.expressions))


def _keys(index: Index) -> str:
    """Return the keys in order with what is not the default about each."""
    expressions = iter(index.expressions)
    parts = []
    for position, column in enumerate(index.columns):
        part = column if column is not None else next(expressions, "an expression")
        bits = index.options[position] if position < len(index.options) else 0
        part += " desc" if bits & _DESCENDING else ""
        if bool(bits & _NULLS_FIRST) != bool(bits & _DESCENDING):
            part += " nulls first" if bits & _NULLS_FIRST else " nulls last"
        opclass = index.opclasses[position] if position < len(index.opclasses) else ""
        part += f" {opclass}" if not _USUAL.fullmatch(opclass) else ""
        parts.append(part)
    return ", ".join(parts)


def described_index(index: Index) -> str:
    """Return the whole of an index in words."""
    text = f"{'unique ' if index.unique else ''}{index.method} ({_keys(index)})"
    text += f" include ({names(index.include)})" if index.include else ""
    text += " nulls not distinct" if index.nulls_not_distinct else ""
    text += f" where {index.predicate}" if index.predicate else ""
    return text if index.valid else f"{text}, not valid"
