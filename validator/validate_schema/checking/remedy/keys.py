"""SQL that replaces uniques, primary keys and indexes, safe on a live table.

The new one is built beside the old one, and only then is the old one dropped, so that the rows are
guarded throughout. Sources: PostgreSQL documentation, CREATE INDEX ("Building Indexes Concurrently",
INCLUDE, NULLS NOT DISTINCT), ALTER TABLE (ADD table_constraint_using_index; not for partitioned
tables) and CREATE TABLE (SET NULL with a column list: ON DELETE only, from PostgreSQL 15 on).
"""

from itertools import count

from ...facts.facts import Facts
from ...facts.scoping import is_full
from ...facts.subjects import TableUnique, keys_of
from ...model.catalog import Constraint, Index, QName, Table
from ...model.finding import Remedy, Step
from ...sql.ident import derived_name, quote_ident, quote_idents
from .online import add_foreign_key
from .steps import (
    add_constraint,
    create_index,
    drop_constraint,
    drop_index,
    exchange_constraint,
    rename_constraint,
)

ONLINE = (
    "SHARE UPDATE EXCLUSIVE while the index is built: reads and writes go on; "
    "then ACCESS EXCLUSIVE for a moment"
)
_ROOM = 60  # bytes: beyond it the columns of a name are cut, and it tells nothing apart
BLOCKING = "ACCESS EXCLUSIVE while the index is built: a partitioned table cannot build one CONCURRENTLY"


def free_name(facts: Facts, schema: str, *parts: str) -> str:
    """Return a derived name that no relation or constraint of the schema has yet."""
    taken = facts.taken_names.get(schema, frozenset())
    name = derived_name(*parts)
    numbers = count(1)
    while name in taken:
        name = derived_name(*parts[:-1], f"{parts[-1]}{next(numbers)}")
    return name


def key_sql(index: Index, first: tuple[str, ...] = ()) -> str:
    """Return the key list of an index as SQL, led by the columns `first`."""
    expressions = iter(index.expressions)
    rest = []
    for position, column in enumerate(index.columns):
        key = quote_ident(column) if column is not None else f"({next(expressions)})"
        if column is None or column not in first:
            rest.append(key + _suffix(index, position))
    return ", ".join([*map(quote_ident, first), *rest])


def _suffix(index: Index, position: int) -> str:
    """Return collation, operator class and order of one key, where they are not the usual ones."""
    parts = []
    collation = _at(index.collations, position)
    if collation and collation.rpartition(".")[2] != "default":
        parts.append(f"COLLATE {_qualified(collation)}")
    opclass = _at(index.opclasses, position)
    if opclass and (index.method != "btree" or "." in opclass or "pattern" in opclass or "image" in opclass):
        parts.append(_qualified(opclass))
    option = index.options[position] if position < len(index.options) else 0
    descending, nulls_first = bool(option & 1), bool(option & 2)
    if descending:
        parts.append("DESC")
    if descending != nulls_first:
        parts.append("NULLS FIRST" if nulls_first else "NULLS LAST")
    return "".join(f" {part}" for part in parts)


def _at(names: tuple[str, ...], position: int) -> str:
    return names[position] if position < len(names) else ""


def _qualified(name: str) -> str:
    return ".".join(quote_ident(part) for part in name.split("."))


def new_index(table: Table, columns: tuple[str, ...], facts: Facts) -> Step:
    """Return CREATE INDEX on plain columns, under a name that is free."""
    name = free_name(facts, table.schema, table.name, *columns, "idx")
    return create_index(table, name, f"({quote_idents(columns)})")


def index_like(
    table: Table,
    index: Index,
    name: str,
    *,
    first: tuple[str, ...] = (),
    nulls_not_distinct: bool | None = None,
) -> Step:
    """Return CREATE INDEX for an index like this one, called `name`."""
    apart = index.nulls_not_distinct if nulls_not_distinct is None else nulls_not_distinct
    rest = (
        f"USING {index.method} ({key_sql(index, first)})"
        + _include(index)
        + (" NULLS NOT DISTINCT" if apart else "")
        + (f" WHERE {index.predicate}" if index.predicate else "")
    )
    return create_index(table, name, rest, unique=index.unique)


def _include(index: Index) -> str:
    return f" INCLUDE ({quote_idents(index.include)})" if index.include else ""


def replace_unique(
    unique: TableUnique, facts: Facts, *, first: tuple[str, ...], nulls_not_distinct: bool = False
) -> Remedy:
    """Return the steps that put a unique led by the columns `first` in the place of this one.

    The old one stays where foreign keys reference it: dropping it would fail.
    """
    table, index, constraint = unique.table, unique.idx, unique.constraint
    if constraint is not None and constraint.temporal:
        return Remedy(note="Recreate the temporal constraint with these columns; it cannot be built online.")
    apart = nulls_not_distinct or index.nulls_not_distinct
    keys = (*first, *(k for k in keys_of(index) if k not in first))
    steps = [] if _exists(table, index, keys, apart) else _create(unique, facts, first, apart)
    referring = referring_keys(unique, facts)
    note = "Rows that break the new rule make its index fail: look for duplicates first."
    if referring:
        note = (
            f"{', '.join(referring)} reference the old key: move them to the new one, then drop "
            f"{unique.name}. {note}"
        )
    elif constraint is not None:
        steps.append(drop_constraint(table.qname, constraint.name))
    else:
        steps.append(drop_index(table, index.name))
    if not referring and is_full(index):
        steps[:0] = _left_unindexed(unique, keys, facts)
    lock = BLOCKING if table.kind == "partitioned" else ONLINE
    return Remedy(steps=tuple(steps), note=note, lock=lock)


def _exists(table: Table, like: Index, keys: tuple[str, ...], apart: bool) -> bool:
    """Tell whether the table already has a unique of exactly these keys for the same rows."""
    return any(
        i.unique
        and i.valid
        and i is not like
        and keys_of(i) == keys
        and i.predicate == like.predicate
        and i.nulls_not_distinct == apart
        for i in table.indexes
    )


def _left_unindexed(unique: TableUnique, keys: tuple[str, ...], facts: Facts) -> list[Step]:
    """Return the steps that index the foreign keys which only this unique's index serves, and an
    index of `keys` in its place would not."""
    table, index = unique.table, unique.idx
    found = []
    for key in table.foreign_keys:
        wanted, count = set(key.columns), len(key.columns)
        if wanted != set(index.columns[:count]) or wanted == set(keys[:count]):
            continue
        others = (i for i in table.indexes if i is not index and is_full(i))
        if not any(wanted == set(i.columns[:count]) for i in others):
            found.append(new_index(table, key.columns, facts))
    return list(dict.fromkeys(found))


def _told_by_columns(unique: TableUnique) -> bool:
    """Tell whether no other unique of the table is to be made over the same columns."""
    columns = set(unique.columns)
    alike = [i for i in unique.table.indexes if i.unique and set(i.columns) == columns]
    return None not in columns and len(alike) == 1


def _create(unique: TableUnique, facts: Facts, first: tuple[str, ...], apart: bool) -> list[Step]:
    table, index, constraint = unique.table, unique.idx, unique.constraint
    plain = (c for c in index.columns if c is not None and c not in first)
    parts = (*first, *plain, "key")
    told = _told_by_columns(unique) and len("_".join(parts).encode()) < _ROOM
    name = free_name(facts, table.schema, *((table.name, *parts) if told else (unique.name, "key")))
    build = index_like(table, index, name, first=first, nulls_not_distinct=apart)
    if constraint is None:
        return [build]
    when = deferral(constraint)
    if table.kind == "partitioned":
        nulls = " NULLS NOT DISTINCT" if apart else ""
        definition = f"UNIQUE{nulls} ({key_sql(index, first)}){_include(index)}{when}"
        return [add_constraint(table.qname, name, definition)]
    return [build, add_constraint(table.qname, name, f"UNIQUE USING INDEX {quote_ident(name)}{when}")]


def replace_primary_key(unique: TableUnique, columns: tuple[str, ...], facts: Facts) -> Remedy:
    """Return the steps that make `columns` the primary key, in one step for other sessions."""
    table, constraint = unique.table, unique.constraint
    referring = referring_keys(unique, facts)
    if constraint is None or constraint.temporal or referring:
        by = f": {', '.join(referring)} reference it" if referring else ""
        return Remedy(note=f"The primary key cannot be exchanged in place{by}. Plan it by hand.")
    note = "Moves the primary key: make sure that the application's model says the same."
    name = free_name(facts, table.schema, table.name, *columns, "key")
    keys = f"({quote_idents(columns)}){_include(unique.idx)}"
    steps = _left_unindexed(unique, columns, facts)
    if table.kind == "partitioned":
        steps.append(exchange_constraint(table.qname, constraint.name, name, f"PRIMARY KEY {keys}"))
        return Remedy(steps=tuple(steps), note=note, lock=BLOCKING)
    steps.append(create_index(table, name, keys, unique=True))
    definition = f"PRIMARY KEY USING INDEX {quote_ident(name)}{deferral(constraint)}"
    steps.append(exchange_constraint(table.qname, constraint.name, constraint.name, definition))
    return Remedy(steps=tuple(steps), note=note, lock=ONLINE)


def referring_keys(unique: TableUnique, facts: Facts) -> tuple[str, ...]:
    """Return the foreign keys that may rest on this unique, as ``table.key`` in catalog order."""
    columns = unique.columns
    if None in columns or unique.predicate is not None:
        return ()
    return tuple(
        f"{facts.show(table.qname)}.{key.name}"
        for table, key in facts.referrers.get(unique.table.qname, ())
        if set(key.referenced_columns) == set(columns)
    )


def deferral(constraint: Constraint) -> str:
    if not constraint.deferrable:
        return ""
    return " DEFERRABLE INITIALLY DEFERRED" if constraint.deferred else " DEFERRABLE"


def key_actions(key: Constraint, spared: frozenset[str], version_num: int) -> str | None:
    """Return the actions and deferral of a foreign key as SQL, where SET NULL and SET DEFAULT must
    spare the columns `spared`. None where the server cannot express it: before PostgreSQL 15 there
    is no column list, and ON UPDATE has none to this day."""
    text = ""
    if key.on_delete in ("set null", "set default"):
        columns = tuple(c for c in key.set_columns or key.columns if c not in spared)
        if not columns or version_num < 150000:
            return None
        text += f" ON DELETE {key.on_delete.upper()} ({quote_idents(columns)})"
    elif key.on_delete != "no action":
        text += f" ON DELETE {key.on_delete.upper()}"
    if key.on_update in ("set null", "set default"):
        return None
    if key.on_update != "no action":
        text += f" ON UPDATE {key.on_update.upper()}"
    return text + deferral(key)


def replace_foreign_key(
    table: Table,
    key: Constraint,
    columns: tuple[str, ...],
    referenced: tuple[str, ...],
    *,
    actions: str,
    facts: Facts,
    references: QName | None = None,
    keep: bool = False,
) -> tuple[Step, ...]:
    """Return the steps that add a foreign key of these columns and validate it; unless `key` is to be kept,
    it is dropped, and the new one has its name: the next migration may know it by that. A key that a contract
    declares keeps its name for itself."""
    name = free_name(facts, table.schema, table.name, *columns, "fkey")
    target = references or key.references or table.qname
    add = add_foreign_key(table, columns, target, referenced, actions=actions, name=name)
    if keep:
        return add
    declared = facts.expected_tables.get(table.qname)
    if declared is not None and any({*k.columns} == {*key.columns} for k in declared.foreign_keys):
        return (*add, drop_constraint(table.qname, key.name))
    return (*add, drop_constraint(table.qname, key.name), rename_constraint(table.qname, name, key.name))
