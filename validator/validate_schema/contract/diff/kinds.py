"""Schemas, types, sequences and extensions on both sides."""

from collections.abc import Iterator, Sequence

from ...model.catalog import Domain, Enum, EventTrigger, Extension, Publication, Schema
from ...model.catalog import Sequence as SequenceRecord
from ...model.difference import Change
from ...model.finding import ObjectRef
from .changes import Property, added, changed, grants, names, removed, renamed, yes_no
from .pairs import pair
from .terms import Terms


def schemas(before: Sequence[Schema], after: Sequence[Schema], terms: Terms) -> Iterator[Change]:
    found = pair(before, after, lambda s: s.name)
    for old, new in found.same:
        ref = ObjectRef("schema", name=new.name)
        yield from changed(ref, [Property("owner", old.owner, new.owner)])
        yield from grants(ref, terms, old.grants, new.grants, (old.owner, new.owner))
    for old in found.removed:
        yield removed(ObjectRef("schema", name=old.name))
    for new in found.added:
        yield added(ObjectRef("schema", name=new.name))


def enums(before: Sequence[Enum], after: Sequence[Enum]) -> Iterator[Change]:
    """Yield the changes of the enums, a change for each label that came or went."""
    found = pair(
        before,
        after,
        lambda e: e.qname,
        lambda old, new: old.labels == new.labels,
        shapes=lambda e: (e.labels,),
    )
    for old, new in found.same:
        if old != new:
            ref = ObjectRef("enum", new.schema, name=new.name)
            yield from labels(ref, old.labels, new.labels)
            yield from changed(ref, [Property("owner", old.owner, new.owner)])
    for old, new in found.renamed:
        yield renamed(ObjectRef("enum", new.schema, name=new.name), old.name)
    for old in found.removed:
        yield removed(ObjectRef("enum", old.schema, name=old.name), names(old.labels))
    for new in found.added:
        yield added(ObjectRef("enum", new.schema, name=new.name), names(new.labels))


def labels(
    ref: ObjectRef, before: tuple[str, ...], after: tuple[str, ...], *, ordered: bool = True
) -> Iterator[Change]:
    """Yield the labels of an enum that came or went, and another order where that counts."""
    for label in before:
        if label not in after:
            yield Change(kind="changed", object=ref, what="label", before=label)
    for label in after:
        if label not in before:
            yield Change(kind="changed", object=ref, what="label", after=label)
    left, right = [x for x in before if x in after], [x for x in after if x in before]
    if ordered:
        yield from changed(ref, [Property("order of labels", names(left), names(right))])


def domains(before: Sequence[Domain], after: Sequence[Domain], terms: Terms) -> Iterator[Change]:
    found = pair(before, after, lambda d: d.qname)
    for old, new in found.same:
        if old == new:
            continue
        same_default = terms.expression(old.default, new.default, new.type)
        properties = [
            Property("type", old.type, new.type, not terms.type(old.type, new.type)),
            Property("nullable", yes_no(not old.not_null), yes_no(not new.not_null)),
            Property("default", old.default or "none", new.default or "none", not same_default),
            Property("checks", _checks(old), _checks(new), not _same_checks(old, new, terms)),
            Property("owner", old.owner, new.owner),
        ]
        yield from changed(ObjectRef("domain", new.schema, name=new.name), properties)
    for old in found.removed:
        yield removed(ObjectRef("domain", old.schema, name=old.name), old.type)
    for new in found.added:
        yield added(ObjectRef("domain", new.schema, name=new.name), new.type)


def _checks(domain: Domain) -> str:
    return names([c.definition for c in domain.checks if c.kind == "check"]) or "none"


def _same_checks(old: Domain, new: Domain, terms: Terms) -> bool:
    found = pair(
        [c for c in old.checks if c.kind == "check"],
        [c for c in new.checks if c.kind == "check"],
        lambda c: c.definition,
        terms.definition,
        certain=False,
    )
    return not found.removed and not found.added


def sequences(
    before: Sequence[SequenceRecord],
    after: Sequence[SequenceRecord],
    terms: Terms,
    told: frozenset[tuple[str, str, str]],
) -> Iterator[Change]:
    """Yield the changes of the sequences, but of those whose column came or went: `told` holds its
    (schema, table, column), with an empty column where the whole table did."""

    def owner_told(sequence: SequenceRecord) -> bool:
        owner = sequence.owned_by
        return owner is not None and (owner in told or (*owner[:2], "") in told)

    found = pair(
        before,
        after,
        lambda s: (s.schema, s.name),
        lambda old, new: old.owned_by is not None and (old.owned_by, old.type) == (new.owned_by, new.type),
        shapes=lambda s: ((s.owned_by, s.type),),
    )
    for old, new in found.same:
        if old == new:
            continue
        ref = ObjectRef("sequence", new.schema, name=new.name)
        properties = [
            Property("type", old.type, new.type),
            Property("owned by", ".".join(old.owned_by or ("none",)), ".".join(new.owned_by or ("none",))),
            Property("owner", old.owner, new.owner),
        ]
        yield from changed(ref, properties)
        yield from grants(ref, terms, old.grants, new.grants, (old.owner, new.owner))
    for old, new in found.renamed:
        yield renamed(ObjectRef("sequence", new.schema, name=new.name), old.name)
    for old in found.removed:
        if not owner_told(old):
            yield removed(ObjectRef("sequence", old.schema, name=old.name), old.type)
    for new in found.added:
        if not owner_told(new):
            yield added(ObjectRef("sequence", new.schema, name=new.name), new.type)


def extensions(before: Sequence[Extension], after: Sequence[Extension]) -> Iterator[Change]:
    found = pair(before, after, lambda e: e.name)
    for old, new in found.same:
        if old != new:
            properties = [
                Property("version", old.version, new.version),
                Property("schema", old.schema, new.schema),
            ]
            yield from changed(ObjectRef("extension", name=new.name), properties)
    for old in found.removed:
        yield removed(ObjectRef("extension", name=old.name), old.version)
    for new in found.added:
        yield added(ObjectRef("extension", name=new.name), new.version)


def event_triggers(before: Sequence[EventTrigger], after: Sequence[EventTrigger]) -> Iterator[Change]:
    found = pair(before, after, lambda t: t.name)
    for old, new in found.same:
        properties = [
            Property("event", old.event, new.event),
            Property("function", ".".join(old.function), ".".join(new.function)),
            Property("enabled", old.enabled, new.enabled),
        ]
        yield from changed(ObjectRef("event trigger", name=new.name), properties)
    for old in found.removed:
        yield removed(ObjectRef("event trigger", name=old.name), f"on {old.event}")
    for new in found.added:
        yield added(ObjectRef("event trigger", name=new.name), f"on {new.event}")


def publications(before: Sequence[Publication], after: Sequence[Publication]) -> Iterator[Change]:
    found = pair(before, after, lambda p: p.name)
    for old, new in found.same:
        properties = [
            Property("operations", names(sorted(old.operations)), names(sorted(new.operations))),
            Property("tables", _published(old), _published(new)),
        ]
        yield from changed(ObjectRef("publication", name=new.name), properties)
    for old in found.removed:
        yield removed(ObjectRef("publication", name=old.name), _published(old))
    for new in found.added:
        yield added(ObjectRef("publication", name=new.name), _published(new))


def _published(publication: Publication) -> str:
    if publication.all_tables:
        return "all tables"
    listed = [".".join(t) for t in sorted(publication.tables)]
    return names([*listed, *(f"all of {s}" for s in sorted(publication.schemas))]) or "none"
