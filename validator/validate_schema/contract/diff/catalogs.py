"""Compare two catalogs."""

from collections.abc import Iterable, Iterator
from operator import attrgetter

from ...catalog.acl import Acls
from ...model.catalog import Catalog, Sequence
from ...model.difference import Change
from ...model.finding import ObjectRef
from . import definitions, kinds, programs
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
    (definitions.COMPOSITE, attrgetter("composites")),
    (programs.VIEW, attrgetter("views")),
    (programs.FUNCTION, attrgetter("functions")),
    (kinds.EVENT_TRIGGER, attrgetter("event_triggers")),
    (kinds.PUBLICATION, attrgetter("publications")),
    (definitions.OPERATOR, attrgetter("operators")),
    (definitions.CAST, attrgetter("casts")),
    (definitions.COLLATION, attrgetter("collations")),
    (definitions.DEFINITION, attrgetter("definitions")),
)


def compare(before: Catalog, after: Catalog, *, with_comments: bool = False) -> tuple[Change, ...]:
    """Return what differs between the schemas of two databases, sorted by object.

    Compared is what pg_dump prints of a schema, owners and privileges included; comments only
    `with_comments`. Not compared are roles, which belong to the server, the database's own properties,
    estimates, and what hangs on an object that is on one side alone. docs/diff.md lists the exceptions.
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
    found += compared(definitions.LANGUAGE, before.languages, after.languages, terms)
    found += definitions.system_privileges(before, after, terms)
    found += definitions.comments(before, after, terms) if with_comments else ()
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
    """Yield what differs of the default privileges. Where a role has none, the built-in ones hold, to which
    those in a schema are added."""
    builtin = Acls(170_000 if terms.maintain else 0)
    found = pair(
        before.default_privileges,
        after.default_privileges,
        lambda d: (d.role, d.schema, d.object_type),
    )
    sides = [
        *((old, old.grants, new.grants) for old, new in found.same),
        *((old, old.grants, None) for old in found.removed),
        *((new, None, new.grants) for new in found.added),
    ]
    for record, old_grants, new_grants in sides:
        kind = record.object_type.removesuffix("s")
        usual = builtin.grants(None, kind, record.role) if record.schema is None else ()
        left, right = (usual if given is None else given for given in (old_grants, new_grants))
        ref = ObjectRef(
            "default privileges", record.schema or "", name=f"{record.object_type} of {record.role}"
        )
        yield from grants(ref, terms, left, right, (record.role, record.role))


def count_objects(catalog: Catalog) -> int:
    """Return how many objects a comparison looks at: tables, what hangs on them, and everything else
    that has a name."""
    on_tables = sum(
        1
        + len(t.columns)
        + len(t.policies)
        + len(t.triggers)
        + len(t.rules)
        + sum(1 for i in t.indexes if not i.constraint)
        for t in catalog.tables
    )
    others = len(catalog.sequences) + sum(len(of(catalog)) for _, of in _STANDING)
    return on_tables + sum(1 for _ in all_constraints(catalog.tables)) + others
