"""Operators, casts, languages and the rest that decides what a statement means, on both sides."""

from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace

from ...model.catalog import (
    Cast,
    Catalog,
    Collation,
    Comment,
    Composite,
    Definition,
    Language,
    Operator,
    SystemPrivileges,
)
from ...model.difference import Change
from .changes import names, short
from .loop import OWNER, Attribute, Kind, compared, dotted, field, flag, gains
from .terms import Terms

_BUILT_IN = frozenset({"c", "internal", "sql"})


def _attributes(composite: Composite) -> str:
    return names([f"{a.name} {a.type}{_collated(a.collation)}" for a in composite.attributes]) or "none"


def _collated(collation: str | None) -> str:
    return f" collate {collation}" if collation else ""


def _same_attributes(old: Composite, new: Composite, terms: Terms) -> bool:
    if len(old.attributes) != len(new.attributes):
        return False
    pairs = zip(old.attributes, new.attributes, strict=True)
    return all(
        (a.name, a.collation) == (b.name, b.collation) and terms.type(a.type, b.type) for a, b in pairs
    )


COMPOSITE: Kind[Composite] = Kind(
    "composite type",
    (Attribute("attributes", lambda composite, _: _attributes(composite), _same_attributes), OWNER),
    described=lambda composite, _: _attributes(composite),
    key=lambda composite: composite.qname,
    since=2,
)
OPERATOR: Kind[Operator] = Kind(
    "operator",
    (
        field("result", "result"),
        field("function", "function", dotted),
        field("commutator", "commutator", dotted),
        field("negator", "negator", dotted),
        field("restrict", "restrict", dotted),
        field("join", "join", dotted),
        flag("hashes", "hashes"),
        flag("merges", "merges"),
        OWNER,
    ),
    label=lambda operator: f"{operator.name} ({operator.left or 'none'}, {operator.right or 'none'})",
    described=lambda operator, _: f"function {dotted(operator.function)}",
    key=lambda operator: (operator.qname, operator.left, operator.right),
    since=2,
)
CAST: Kind[Cast] = Kind(
    "cast",
    (field("context", "context"), field("method", "method"), field("function", "function", dotted)),
    place="database",
    described=lambda cast, _: f"{cast.context}, by {cast.method}",
    since=2,
)
COLLATION: Kind[Collation] = Kind(
    "collation",
    (
        field("provider", "provider"),
        flag("deterministic", "deterministic"),
        field("locale", "locale"),
        field("rules", "rules"),
        OWNER,
    ),
    described=lambda collation, _: f"{collation.provider}, {collation.locale}",
    key=lambda collation: collation.qname,
    since=2,
)


def _owner_of(language: Language, _: Terms) -> str | None:
    """Return the owner of a language that somebody made, and not the server or an extension."""
    brought = language.extension is not None or language.name in _BUILT_IN
    return None if brought else language.owner


LANGUAGE: Kind[Language] = Kind(
    "language",
    (
        flag("trusted", "trusted", widens=gains("trusted")),
        field("handler", "handler", dotted),
        field("inline", "inline", dotted),
        field("validator", "validator", dotted),
        Attribute("owner", _owner_of, widens=OWNER.widens),
    ),
    place="database",
    since=2,
)
DEFINITION: Kind[Definition] = Kind(
    None,
    (OWNER,),
    described=lambda definition, _: short(names([f"{word} {text}" for word, text in definition.details])),
    key=lambda definition: (definition.kind, definition.qname),
    since=2,
)
_OF_THE_SERVER = "parameter"  # of every database on it, so of none
_SYSTEM: Kind[SystemPrivileges] = Kind(
    "system object",
    label=lambda held: f"{held.kind} {'.'.join(part for part in (held.schema, held.name) if part)}",
    place="database",
    key=lambda held: (held.kind, held.schema, held.name),
    since=2,
)
_COMMENT: Kind[Comment] = Kind(
    "comment",
    (field("text", "text"),),
    label=lambda comment: f"on {comment.kind} {comment.name}",
    place="database",
    described=lambda comment, _: short(comment.text),
    key=lambda comment: (comment.kind, comment.name),
    since=2,
)


def system_privileges(before: Catalog, after: Catalog, terms: Terms) -> Iterator[Change]:
    """Yield what differs of the privileges on the server's own objects and those of extensions. What one
    side does not list is there as it came."""
    key: Any = _SYSTEM.key
    old, new = (
        {key(held): held for held in side.system_privileges if held.kind != _OF_THE_SERVER}
        for side in (before, after)
    )
    for name in old.keys() | new.keys():
        left, right = old.get(name) or _as_it_came(new[name]), new.get(name) or _as_it_came(old[name])
        yield from compared(_SYSTEM, [left], [right], terms)


def _as_it_came(held: SystemPrivileges) -> SystemPrivileges:
    return replace(held, grants=held.initial)


def comments(before: Catalog, after: Catalog, terms: Terms) -> Iterator[Change]:
    """Yield the comments that came, went or changed."""
    return compared(_COMMENT, before.comments, after.comments, terms)
