"""Tables on both sides: which is which, and what differs on each."""

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from itertools import chain

from msgspec.structs import replace

from ...model.catalog import Column, Constraint, QName, Table, Trigger
from ...model.difference import Change
from ...model.finding import ObjectRef
from ...model.wording import some
from ...sql.types import caseless_type
from .changes import Property, added, changed, grants, names, on_off, removed, renamed, shown, yes_no
from .keys import constraints, free, index_outline, indexes, outline, own
from .pairs import Pairs, pair
from .policies import policies, switches
from .terms import Terms


def pair_tables(before: Sequence[Table], after: Sequence[Table], terms: Terms) -> Pairs[Table]:
    """Pair the tables by name; one that only has another name is said to be renamed."""

    def alike(old: Table, new: Table) -> bool:
        if not old.columns or len(old.columns) != len(new.columns) or old.parent or new.parent:
            return False
        if [c.name for c in old.columns] != [c.name for c in new.columns]:
            return False
        moved = terms._replace(renamed={**terms.renamed, old.qname: new.qname})
        return all(c.kind == "renamed" for c in table_changes(old, new, moved))

    return pair(before, after, lambda t: t.qname, alike, shapes=lambda t: (_outline(t, terms),))


def _outline(table: Table, terms: Terms) -> Hashable:
    """Return what tables that differ by their names alone have in common: most of what `table_changes`
    compares, but for the texts of expressions, which mean the same in many spellings."""
    return (
        *(getattr(table, name) for name in ("owner", "kind", "unlogged", "partition_key", "partition_bound")),
        (table.row_security, table.force_row_security, len(table.inherits), frozenset(table.options)),
        tuple(
            (c.name, caseless_type(c.type, terms.default_schema), c.not_null, c.identity, c.generated)
            for c in table.columns
        ),
        _counted((outline(c), _target(table, c)) for c in own(table)),
        _counted(map(index_outline, free(table))),
        _counted((p.command, p.permissive, frozenset(p.roles)) for p in table.policies),
    )


def _target(table: Table, key: Constraint) -> Hashable:
    """Return what a foreign key references; a key to its own table follows the table's name."""
    return "itself" if key.references == table.qname else key.references, key.referenced_columns


def _counted(outlines: Iterable[Hashable]) -> frozenset[tuple[Hashable, int]]:
    return frozenset(Counter(outlines).items())


def of_tables(found: Pairs[Table], terms: Terms) -> Iterator[Change]:
    """Yield the changes of all tables. `terms` know which were renamed."""
    schema = terms.default_schema
    for old, new in found.same:
        if old is not new and old != new:
            yield from table_changes(old, new, terms)
    for old, new in found.renamed:
        yield renamed(ObjectRef.of_table(new.qname), _old_name(old, new))
        yield from table_changes(old, new, terms)
    for old in found.removed:
        yield removed(ObjectRef.of_table(old.qname), described(old, schema))
    for new in found.added:
        yield added(ObjectRef.of_table(new.qname), described(new, schema))


def _old_name(old: Table, new: Table) -> str:
    return old.name if old.schema == new.schema else f"{old.schema}.{old.name}"


def table_changes(old: Table, new: Table, terms: Terms) -> Iterator[Change]:
    """Yield what differs between two sides of one table."""
    ref = ObjectRef.of_table(new.qname)
    yield from changed(ref, _properties(old, new, terms))
    yield from grants(ref, terms, old.grants, new.grants, (old.owner, new.owner))
    if old.columns != new.columns or old.owner != new.owner:
        yield from _columns(old, new, terms)
    if old.constraints != new.constraints or terms.renamed:
        yield from constraints(old, new, terms)
    if old.indexes != new.indexes:
        yield from indexes(old, new, terms)
    if (old.policies, old.row_security) != (new.policies, new.row_security):
        yield from policies(old, new, terms)
    if old.triggers != new.triggers:
        yield from triggers(new.qname, old.triggers, new.triggers)


def _properties(old: Table, new: Table, terms: Terms) -> list[Property]:
    schema = terms.default_schema
    return [
        *switches(old, new),
        Property("owner", old.owner, new.owner),
        Property("kind", old.kind, new.kind),
        Property("unlogged", yes_no(old.unlogged), yes_no(new.unlogged)),
        Property(
            "partition of",
            shown(old.parent, schema) if old.parent else "none",
            shown(new.parent, schema) if new.parent else "none",
            terms.target(old.parent) != new.parent,
        ),
        Property("partition key", old.partition_key or "none", new.partition_key or "none"),
        Property("partition bound", old.partition_bound or "none", new.partition_bound or "none"),
        Property(
            "inherits",
            ", ".join(shown(name, schema) for name in old.inherits) or "none",
            ", ".join(shown(name, schema) for name in new.inherits) or "none",
            tuple(map(terms.target, old.inherits)) != new.inherits,
        ),
        Property("options", names(sorted(old.options)) or "none", names(sorted(new.options)) or "none"),
    ]


def _columns(before: Table, after: Table, terms: Terms) -> Iterator[Change]:
    found = pair(before.columns, after.columns, lambda c: c.name)
    for old, new in found.same:
        if old != new:
            yield from changed(_ref(after, new), _column(old, new, terms))
        yield from grants(_ref(after, new), terms, old.grants, new.grants, (before.owner, after.owner))
    for old in found.removed:
        yield removed(_ref(before, old), described_column(old))
    for new in found.added:
        yield added(_ref(after, new), described_column(new))


def _ref(table: Table, column: Column) -> ObjectRef:
    return ObjectRef.on_table("column", table.qname, column.name)


def _column(old: Column, new: Column, terms: Terms) -> list[Property]:
    filled = terms.expression(old.default, new.default, new.type)
    return [
        Property("type", old.type, new.type, not terms.type(old.type, new.type)),
        Property("nullable", yes_no(not old.not_null), yes_no(not new.not_null)),
        Property(
            "expression" if old.generated and new.generated else "default",
            old.default or "none",
            new.default or "none",
            not filled,
        ),
        Property("identity", old.identity or "no", new.identity or "no"),
        Property("generated", old.generated or "no", new.generated or "no"),
        Property("collation", old.collation or "default", new.collation or "default"),
    ]


def described_column(column: Column) -> str:
    """Return the whole of a column in words."""
    text = column.type + (" not null" if column.not_null else "")
    if column.identity:
        return f"{text} generated {column.identity} as identity"
    if column.generated:
        return f"{text} generated always as ({column.default}) {column.generated}"
    return f"{text} default {column.default}" if column.default is not None else text


def described(table: Table, default_schema: str) -> str:
    """Return the whole of a table in words."""
    words = [some(len(table.columns), "column")]
    key = table.primary_key
    words.append(f"primary key ({names(key.columns)})" if key else "no primary key")
    kinds = [c.kind for c in table.constraints]
    for kind, word in (("foreign key", "foreign key"), ("unique", "unique key"), ("check", "check")):
        if kind in kinds:
            words.append(some(kinds.count(kind), word))
    own = sum(1 for i in table.indexes if i.constraint is None and not i.primary)
    words += [some(own, "index")] if own else []
    words += [f"row-level security {on_off(True)}"] if table.row_security else []
    words += [some(len(table.policies), "policy")] if table.policies else []
    words += [f"partition of {shown(table.parent, default_schema)}"] if table.parent else []
    return ", ".join(words)


def triggers(on: QName, before: Sequence[Trigger], after: Sequence[Trigger]) -> Iterator[Change]:
    """Yield the changes of the triggers of one table or view."""

    def ref(trigger: Trigger) -> ObjectRef:
        return ObjectRef.on_table("trigger", on, trigger.name)

    found = pair(
        [t for t in before if not t.inherited],
        [t for t in after if not t.inherited],
        lambda t: t.name,
        lambda old, new: replace(old, name=new.name) == new,
        shapes=lambda t: (replace(t, name=""),),
    )
    for old, new in found.same:
        yield from changed(ref(new), _trigger(old, new))
    for old, new in found.renamed:
        yield renamed(ref(new), old.name)
    for old in found.removed:
        yield removed(ref(old), _trigger_text(old))
    for new in found.added:
        yield added(ref(new), _trigger_text(new))


def _trigger(old: Trigger, new: Trigger) -> list[Property]:
    return [
        Property("fires", _firing(old), _firing(new)),
        Property("function", ".".join(old.function), ".".join(new.function)),
        Property("enabled", old.enabled, new.enabled),
    ]


def _firing(trigger: Trigger) -> str:
    return f"{trigger.timing} {' or '.join(trigger.events)} for each {trigger.level}"


def _trigger_text(trigger: Trigger) -> str:
    return f"{_firing(trigger)} execute {'.'.join(trigger.function)}"


def moved(found: Pairs[Table]) -> dict[QName, QName]:
    """Return the new name of each renamed table."""
    return {old.qname: new.qname for old, new in found.renamed}


def all_constraints(tables: Sequence[Table]) -> Iterator[Constraint]:
    """Yield every constraint but NOT NULL, which PostgreSQL 18 alone has a record of."""
    return (c for c in chain.from_iterable(t.constraints for t in tables) if c.kind != "not null")
