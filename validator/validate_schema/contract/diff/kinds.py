"""Schemas, types, sequences and extensions on both sides."""

from collections.abc import Iterator

from ...model.catalog import Domain, Enum, EventTrigger, Extension, Publication, Schema, Sequence
from ...model.difference import Change
from ...model.finding import ObjectRef
from .changes import names
from .loop import ENABLED, OWNER, Attribute, Kind, dotted, field, listed
from .pairs import pair
from .terms import Terms

SCHEMA: Kind[Schema] = Kind("schema", (OWNER,), place="database")


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
    if ordered and left != right:
        yield Change(
            kind="changed", object=ref, what="order of labels", before=names(left), after=names(right)
        )


ENUM: Kind[Enum] = Kind(
    "enum",
    (OWNER,),
    described=lambda enum, _: names(enum.labels),
    key=lambda enum: enum.qname,
    alike=lambda old, new, _: old.labels == new.labels,
    shapes=lambda enum, _: (enum.labels,),
    parts=lambda old, new, ref, _: labels(ref, old.labels, new.labels),
    privileges=lambda *_: None,
)


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


DOMAIN: Kind[Domain] = Kind(
    "domain",
    (
        field("type", "type", same=lambda o, n, terms: terms.type(o.type, n.type)),
        field("nullable", "not_null", lambda not_null: "no" if not_null else "yes"),
        field("default", "default", same=lambda o, n, terms: terms.expression(o.default, n.default, n.type)),
        Attribute("checks", lambda domain, _: _checks(domain), _same_checks),
        OWNER,
    ),
    described=lambda domain, _: domain.type,
    key=lambda domain: domain.qname,
    privileges=lambda *_: None,
)
SEQUENCE: Kind[Sequence] = Kind(
    "sequence",
    (field("type", "type"), field("owned by", "owned_by", dotted), OWNER),
    described=lambda sequence, _: sequence.type,
    key=lambda sequence: (sequence.schema, sequence.name),
    alike=lambda old, new, _: (
        old.owned_by is not None and (old.owned_by, old.type) == (new.owned_by, new.type)
    ),
    shapes=lambda sequence, _: ((sequence.owned_by, sequence.type),),
)
EXTENSION: Kind[Extension] = Kind(
    "extension",
    (field("version", "version"), field("schema", "schema")),
    place="database",
    described=lambda extension, _: extension.version,
)
EVENT_TRIGGER: Kind[EventTrigger] = Kind(
    "event trigger",
    (field("event", "event"), field("function", "function", dotted), ENABLED),
    place="database",
    described=lambda trigger, _: f"on {trigger.event}",
)


def _published(publication: Publication) -> str:
    if publication.all_tables:
        return "all tables"
    listed = [".".join(t) for t in sorted(publication.tables)]
    return names([*listed, *(f"all of {s}" for s in sorted(publication.schemas))]) or "none"


PUBLICATION: Kind[Publication] = Kind(
    "publication",
    (listed("operations", "operations"), Attribute("tables", lambda publication, _: _published(publication))),
    place="database",
    described=lambda publication, _: _published(publication),
)
