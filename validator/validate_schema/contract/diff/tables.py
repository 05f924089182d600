"""Tables on both sides: which is which, and what differs on each."""

import re
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from itertools import chain

from msgspec.structs import replace

from ...model.catalog import Column, Constraint, QName, Table
from ...model.difference import Change
from ...model.finding import ObjectRef
from ...model.wording import some
from ...sql.types import caseless_type
from .changes import names, on_off, shown
from .keys import constraints, free, index_outline, indexes, outline, own
from .loop import OWNER, Attribute, Kind, compared, differences, field, flag, listed
from .pairs import Pairs
from .policies import POLICY, SWITCHES
from .programs import rules, triggers
from .terms import Terms

COLUMN: Kind[Column] = Kind(
    "column",
    (
        field("type", "type", same=lambda o, n, terms: terms.type(o.type, n.type)),
        field("nullable", "not_null", lambda not_null: "no" if not_null else "yes"),
        field("default", "default", same=lambda o, n, terms: _both_generated(o, n) or _filled(o, n, terms)),
        field(
            "expression",
            "default",
            same=lambda o, n, terms: not _both_generated(o, n) or _filled(o, n, terms),
        ),
        field("identity", "identity", lambda kind: kind or "no"),
        field("generated", "generated", lambda kind: kind or "no"),
        field("collation", "collation", lambda name: name or "default"),
    ),
    place="table",
    described=lambda column, _: described_column(column),
    privileges=lambda column, table: (column.grants, table.owner),
)


# Types of which one is made of the other without a thought.
_KIN = (
    {"smallint", "integer", "bigint", "numeric", "real", "double precision", "money"},
    {"date", "timestamp without time zone", "timestamp with time zone"},
    {"json", "jsonb"},
    {"text", "character varying", "character", "citext", "uuid"},
)


def _renamed(old: Table, new: Table) -> dict[str, str]:
    """Return, by their names, columns that are gone and may have got another name and another type, each with
    that name and the grounds: the only one that is gone and the only one that came between the same two
    neighbours, of kin types. ALTER TABLE … RENAME keeps a column's place; one that is added comes last, where
    the names must have a word in common as well."""
    gone, come = _gaps(old, new), _gaps(new, old)
    found = {}
    for gap in gone.keys() & come.keys():
        was, now = gone[gap], come[gap]
        if len(was) != 1 or len(now) != 1 or not _kin(was[0].type, now[0].type):
            continue
        if gap[1] is not None or _words(was[0].name) & _words(now[0].name):
            place = "the first" if gap[0] is None else f"after {gap[0]}"
            types = was[0].type if was[0].type == now[0].type else f"{was[0].type} → {now[0].type}"
            found[was[0].name] = f"renamed to {now[0].name}: in the same place, {place}, {types}"
    return found


def _gaps(table: Table, other: Table) -> dict[tuple[str | None, str | None], list[Column]]:
    """Return the columns that the other table lacks, by their neighbours that it has."""
    shared = {c.name for c in other.columns}
    found: dict[tuple[str | None, str | None], list[Column]] = {}
    before, lone = None, list[Column]()
    for name, column in (*((c.name, c) for c in table.columns), (None, None)):
        if column is not None and name not in shared:
            lone.append(column)
        else:
            found |= {(before, name): lone} if lone else {}
            before, lone = name, []
    return found


def _words(name: str) -> set[str]:
    return {word.lower() for word in re.findall(r"[A-Z]?[^\W_A-Z]+|[A-Z]+", name)}


def _kin(before: str, after: str) -> bool:
    plain = {before.partition("(")[0], after.partition("(")[0]}
    return len(plain) == 1 or any(plain <= family for family in _KIN)


def _both_generated(old: Column, new: Column) -> bool:
    return bool(old.generated and new.generated)


def _filled(old: Column, new: Column, terms: Terms) -> bool:
    """Tell whether both are filled with the same."""
    return terms.expression(old.default, new.default, new.type)


def _table_names(of: Iterable[QName], terms: Terms) -> str:
    return ", ".join(shown(name, terms.default_schema) for name in of) or "none"


def _same_parents(old: Table, new: Table, terms: Terms) -> bool:
    return tuple(map(terms.target, old.inherits)) == new.inherits


def _parts(old: Table, new: Table, _: ObjectRef, terms: Terms) -> Iterator[Change]:
    """Yield what differs of all that hangs on a table; most tables of two schemas hold the same tuples."""
    on = (old, new)
    if old.columns != new.columns or old.owner != new.owner:
        suspected = _renamed(old, new)
        for change in compared(COLUMN, old.columns, new.columns, terms, on=on):
            gone = change.kind == "removed"
            yield replace(change, perhaps=suspected.get(change.object.name, "")) if gone else change
    if old.constraints != new.constraints or terms.renamed:
        yield from constraints(old, new, terms)
    if old.indexes != new.indexes:
        yield from indexes(old, new, terms)
    if (old.policies, old.row_security) != (new.policies, new.row_security):
        guarded = terms._replace(guarded=old.row_security and new.row_security)
        yield from compared(POLICY, old.policies, new.policies, guarded, on=on)
    if old.triggers != new.triggers:
        yield from triggers(old, new, terms)
    if old.rules != new.rules:
        yield from rules(old, new, terms)


def _alike(old: Table, new: Table, terms: Terms) -> bool:
    """Tell whether two tables differ by their names alone, and those of what hangs on them."""
    if not old.columns or len(old.columns) != len(new.columns) or old.parent or new.parent:
        return False
    if [c.name for c in old.columns] != [c.name for c in new.columns]:
        return False
    moved = terms._replace(renamed={**terms.renamed, old.qname: new.qname})
    ref = ObjectRef.of_table(new.qname)
    return all(change.kind == "renamed" for change in differences(TABLE, old, new, ref, moved))


TABLE: Kind[Table] = Kind(
    "table",
    (
        *SWITCHES,
        OWNER,
        field("kind", "kind"),
        flag("unlogged", "unlogged"),
        Attribute(
            "partition of",
            lambda t, terms: _table_names([t.parent] if t.parent else (), terms),
            lambda o, n, terms: terms.target(o.parent) == n.parent,
        ),
        field("partition key", "partition_key"),
        field("partition bound", "partition_bound"),
        Attribute("inherits", lambda t, terms: _table_names(t.inherits, terms), _same_parents),
        listed("options", "options"),
    ),
    described=lambda table, terms: described(table, terms.default_schema),
    key=lambda table: table.qname,
    alike=_alike,
    shapes=lambda table, terms: (_outline(table, terms),),
    parts=_parts,
)


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


def moved(found: Pairs[Table]) -> dict[QName, QName]:
    """Return the new name of each renamed table."""
    return {old.qname: new.qname for old, new in found.renamed}


def all_constraints(tables: Sequence[Table]) -> Iterator[Constraint]:
    """Yield every constraint but NOT NULL, which PostgreSQL 18 alone has a record of."""
    return (c for c in chain.from_iterable(t.constraints for t in tables) if c.kind != "not null")
