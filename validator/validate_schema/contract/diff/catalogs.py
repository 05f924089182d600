"""Compare two catalogs."""

from collections.abc import Iterable, Iterator
from operator import attrgetter

from ...model.catalog import Catalog, Sequence
from ...model.difference import Change
from ...model.finding import ObjectRef
from . import kinds, programs
from .changes import grants
from .loop import compared, told
from .pairs import pair
from .tables import TABLE, all_constraints, moved
from .terms import Terms

_KINDS = ("removed", "renamed", "changed", "added")
# What stands by itself in a catalog, but for tables and sequences, which are compared with each other.
_STANDING = (
    (kinds.EXTENSION, attrgetter("extensions")),
    (kinds.SCHEMA, attrgetter("schemas")),
    (kinds.ENUM, attrgetter("enums")),
    (kinds.DOMAIN, attrgetter("domains")),
    (programs.VIEW, attrgetter("views")),
    (programs.FUNCTION, attrgetter("functions")),
    (kinds.EVENT_TRIGGER, attrgetter("event_triggers")),
    (kinds.PUBLICATION, attrgetter("publications")),
)


def compare(before: Catalog, after: Catalog) -> tuple[Change, ...]:
    """Return what differs between the schemas of two databases, sorted by object.

    Compared are schemas, tables with all that hangs on them, views, functions, types, sequences,
    extensions, event triggers, publications, owners and privileges. Not compared are roles, which
    belong to the server, comments, estimates, and what hangs on an object that is on one side alone.
    """
    terms = Terms.of(before, after)
    tables = TABLE.pair(before.tables, after.tables, terms)
    terms = terms._replace(renamed=moved(tables))
    on_tables = list(told(TABLE, tables, terms))
    gone = frozenset(
        (c.object.schema, c.object.table, c.object.name)
        for c in on_tables
        if (c.kind in ("added", "removed") or c.what == "identity") and c.object.kind in ("table", "column")
    )
    found: list[Change] = [*on_tables, *_default_privileges(before, after, terms)]
    for kind, of in _STANDING:
        found += compared(kind, of(before), of(after), terms)
    found += _sequences(before, after, terms, gone)
    return in_order(found)


def _sequences(
    before: Catalog, after: Catalog, terms: Terms, gone: frozenset[tuple[str, str, str]]
) -> Iterator[Change]:
    """Yield the changes of the sequences, but of those whose column came or went: `gone` holds its
    (schema, table, column), with an empty column where the whole table did."""

    def stays(sequence: Sequence) -> bool:
        owner = sequence.owned_by
        return owner is None or (owner not in gone and (*owner[:2], "") not in gone)

    found = kinds.SEQUENCE.pair(before.sequences, after.sequences, terms)
    left = found._replace(
        removed=tuple(filter(stays, found.removed)), added=tuple(filter(stays, found.added))
    )
    return told(kinds.SEQUENCE, left, terms)


def in_order(changes: Iterable[Change]) -> tuple[Change, ...]:
    """Return changes by object: a table before what hangs on it."""
    return tuple(sorted(changes, key=_order))


def _order(change: Change) -> tuple[object, ...]:
    ref = change.object
    on_table = 0 if ref.table else 1
    return (
        ref.schema,
        on_table,
        ref.table,
        bool(ref.name),
        ref.kind,
        ref.name,
        _KINDS.index(change.kind),
        change.what,
        change.before,
        change.after,
    )


def _default_privileges(before: Catalog, after: Catalog, terms: Terms) -> Iterator[Change]:
    found = pair(
        before.default_privileges,
        after.default_privileges,
        lambda d: (d.role, d.schema, d.object_type),
    )
    sides = [
        *((old, old.grants, new.grants) for old, new in found.same),
        *((old, old.grants, ()) for old in found.removed),
        *((new, (), new.grants) for new in found.added),
    ]
    for record, old_grants, new_grants in sides:
        ref = ObjectRef(
            "default privileges", record.schema or "", name=f"{record.object_type} of {record.role}"
        )
        yield from grants(ref, terms, old_grants, new_grants, (record.role, record.role))


def count_objects(catalog: Catalog) -> int:
    """Return how many objects a comparison looks at: tables, what hangs on them, and everything else
    that has a name."""
    on_tables = sum(
        1 + len(t.columns) + len(t.policies) + len(t.triggers) + sum(1 for i in t.indexes if not i.constraint)
        for t in catalog.tables
    )
    others = len(catalog.sequences) + sum(len(of(catalog)) for _, of in _STANDING)
    return on_tables + sum(1 for _ in all_constraints(catalog.tables)) + others
