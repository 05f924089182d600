"""Compare two catalogs."""

from collections.abc import Iterable, Iterator

from ...model.catalog import Catalog
from ...model.difference import Change
from ...model.finding import ObjectRef
from . import kinds, programs
from .changes import grants
from .pairs import pair
from .tables import all_constraints, moved, of_tables, pair_tables
from .terms import Terms

_KINDS = ("removed", "renamed", "changed", "added")


def compare(before: Catalog, after: Catalog) -> tuple[Change, ...]:
    """Return what differs between the schemas of two databases, sorted by object.

    Compared are schemas, tables with all that hangs on them, views, functions, types, sequences,
    extensions, event triggers, publications, owners and privileges. Not compared are roles, which
    belong to the server, comments, estimates, and what hangs on an object that is on one side alone.
    """
    terms = Terms.of(before, after)
    tables = pair_tables(before.tables, after.tables, terms)
    terms = terms._replace(renamed=moved(tables))
    on_tables = list(of_tables(tables, terms))
    told = frozenset(
        (c.object.schema, c.object.table, c.object.name)
        for c in on_tables
        if (c.kind in ("added", "removed") or c.what == "identity") and c.object.kind in ("table", "column")
    )
    found: Iterable[Change] = (
        *kinds.extensions(before.extensions, after.extensions),
        *kinds.schemas(before.schemas, after.schemas, terms),
        *kinds.enums(before.enums, after.enums),
        *kinds.domains(before.domains, after.domains, terms),
        *on_tables,
        *kinds.sequences(before.sequences, after.sequences, terms, told),
        *programs.views(before.views, after.views, terms),
        *programs.functions(before.functions, after.functions, terms),
        *kinds.event_triggers(before.event_triggers, after.event_triggers),
        *kinds.publications(before.publications, after.publications),
        *_default_privileges(before, after, terms),
    )
    return in_order(found)


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
    others = (
        catalog.schemas,
        catalog.views,
        catalog.enums,
        catalog.domains,
        catalog.functions,
        catalog.sequences,
        catalog.extensions,
        catalog.event_triggers,
        catalog.publications,
    )
    return on_tables + sum(1 for _ in all_constraints(catalog.tables)) + sum(map(len, others))
