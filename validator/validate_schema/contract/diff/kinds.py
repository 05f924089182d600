"""Schemas, types, sequences and extensions on both sides."""

from collections.abc import Iterator

from ...model.catalog import (
    Domain,
    Enum,
    EventTrigger,
    Extension,
    Publication,
    Published,
    QName,
    Schema,
    Sequence,
)
from ...model.difference import Change
from ...model.finding import ObjectRef
from .changes import names
from .loop import ENABLED, OWNER, Attribute, Kind, differences, dotted, field, flag, listed
from .pairs import pair
from .policies import wider
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
    privileges_since=2,
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


def _names_of_checks(domain: Domain) -> str:
    return names(sorted(c.name for c in domain.checks if c.kind == "check")) or "none"


def _same_names(old: Domain, new: Domain, terms: Terms) -> bool:
    """The names are told apart from the checks themselves only where these are the same."""
    return _names_of_checks(old) == _names_of_checks(new) or not _same_checks(old, new, terms)


def _unproven(domain: Domain) -> str:
    return names(sorted(c.name for c in domain.checks if not c.validated)) or "none"


DOMAIN: Kind[Domain] = Kind(
    "domain",
    (
        field("type", "type", same=lambda o, n, terms: terms.type(o.type, n.type)),
        field("nullable", "not_null", lambda not_null: "no" if not_null else "yes"),
        field("default", "default", same=lambda o, n, terms: terms.expression(o.default, n.default, n.type)),
        Attribute("checks", lambda domain, _: _checks(domain), _same_checks),
        Attribute("names of checks", lambda domain, _: _names_of_checks(domain), _same_names),
        Attribute("checks not valid", lambda domain, _: _unproven(domain)),
        field("collation", "collation", lambda name: name or "default", since=2),
        OWNER,
    ),
    described=lambda domain, _: domain.type,
    key=lambda domain: domain.qname,
    privileges_since=2,
)


def _same_column(old: Sequence, new: Sequence, terms: Terms) -> bool:
    if old.owned_by is None or new.owned_by is None:
        return old.owned_by == new.owned_by
    return (terms.target(QName(*old.owned_by[:2])), old.owned_by[2]) == (new.owned_by[:2], new.owned_by[2])


SEQUENCE: Kind[Sequence] = Kind(
    "sequence",
    (
        field("type", "type"),
        field("owned by", "owned_by", dotted, same=_same_column),
        flag("identity", "identity", since=2),
        flag("unlogged", "unlogged", since=2),
        OWNER,
    ),
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
    (
        field("event", "event"),
        field("function", "function", dotted),
        listed("tags", "tags", since=2),
        ENABLED,
        OWNER._replace(since=2),
    ),
    place="database",
    described=lambda trigger, _: f"on {trigger.event}",
)


def _published(publication: Publication) -> str:
    if publication.all_tables:
        return "all tables"
    listed = [".".join(t) for t in sorted(publication.tables)]
    return names([*listed, *(f"all of {s}" for s in sorted(publication.schemas))]) or "none"


def _publishes_more(old: Publication, new: Publication, _: Terms) -> bool:
    """Tell whether rows leave the database that did not: of all tables, of a schema, of a table."""
    if old.all_tables or new.all_tables:
        return new.all_tables
    return not set(new.tables) <= set(old.tables) or not set(new.schemas) <= set(old.schemas)


def _more_rows(old: Published, new: Published, terms: Terms) -> bool:
    if old.condition is None or new.condition is None:
        return new.condition is None
    return wider(old.condition, new.condition, terms.default_schema)


def _more_columns(old: Published, new: Published, _: Terms) -> bool:
    return not new.columns or bool(old.columns and not set(new.columns) <= set(old.columns))


_PUBLISHED: Kind[Published] = Kind(
    None,
    (
        Attribute(
            "row filter",
            lambda table, _: f"{dotted(table.table)}: {table.condition or 'none'}",
            lambda o, n, terms: terms.expression(o.condition, n.condition),
            _more_rows,
        ),
        Attribute(
            "column list",
            lambda table, _: f"{dotted(table.table)}: {names(sorted(table.columns)) or 'all'}",
            widens=_more_columns,
        ),
    ),
    since=2,
)


def _narrowed(old: Publication, new: Publication, ref: ObjectRef, terms: Terms) -> Iterator[Change]:
    """Yield what differs of the parts that are published of the tables of both sides."""
    if terms.format < _PUBLISHED.since:
        return
    before, after = ({p.table: p for p in side.narrowed} for side in (old, new))
    for table in sorted(set(old.tables) & set(new.tables) & (before.keys() | after.keys())):
        whole = Published(table)
        yield from differences(_PUBLISHED, before.get(table, whole), after.get(table, whole), ref, terms)


PUBLICATION: Kind[Publication] = Kind(
    "publication",
    (
        listed("operations", "operations"),
        Attribute("tables", lambda publication, _: _published(publication), widens=_publishes_more),
        OWNER._replace(since=2),
    ),
    place="database",
    described=lambda publication, _: _published(publication),
    parts=_narrowed,
)
