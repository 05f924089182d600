"""Indexes that another index of the table makes superfluous, and habits that repeat them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from validate_schema.pack import Facts, Flaw, ObjectRef, Remedy, Step
from validate_schema.pack.model import catalog, first_of, form, some
from validate_schema.pack.remedies import drop_constraint, drop_index
from validate_schema.pack.subjects import keys_of

HABIT = 3
"""From this many tables on, overlaps alike are one habit and one finding."""
_NAMED = 5


class Overlap(NamedTuple):
    """An index, and the one that does its work as well; None where there is none."""

    table: catalog.Table
    idx: catalog.Index
    other: catalog.Index | None

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef.on_table("index", self.table.qname, self.idx.name)


class Habit(NamedTuple):
    """The same overlap on several tables, as a tool or a convention makes it."""

    pattern: str
    overlaps: tuple[Overlap, ...]

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef("index habit", name=self.pattern)


def duplicates(table: catalog.Table) -> dict[str, catalog.Index]:
    """Return the superfluous indexes of a table by name, each with the equal one that stays.

    Equal are indexes of the same keys, method, operator classes, collations, order, predicate,
    included columns and uniqueness. The primary key stays, else a constraint's index, else the first
    by name. Exclusion constraints are left alone: their operators are not in the catalog record.
    """
    if len({index.columns for index in table.indexes}) == len(table.indexes):
        return {}
    by_columns: dict[tuple[str | None, ...], list[catalog.Index]] = defaultdict(list)
    for index in table.indexes:
        by_columns[index.columns].append(index)
    found: dict[str, catalog.Index] = {}
    for alike in by_columns.values():
        if len(alike) > 1:
            found.update(_spare(alike, table))
    return found


def _spare(alike: list[catalog.Index], table: catalog.Table) -> Iterator[tuple[str, catalog.Index]]:
    equal: dict[object, list[catalog.Index]] = defaultdict(list)
    for index in alike:
        if index.valid and not index.inherited and (index.unique or index.constraint is None):
            equal[_identity(index, table)].append(index)
    for group in equal.values():
        keeper, *spare = sorted(group, key=lambda i: (not i.primary, i.constraint is None, i.name))
        yield from ((index.name, keeper) for index in spare)


def _identity(index: catalog.Index, table: catalog.Table) -> object:
    constraint = next((c for c in table.constraints if c.name == index.constraint), None)
    deferrable = constraint is not None and constraint.deferrable
    return (
        index.method,
        _parts(index),
        index.predicate,
        index.unique,
        index.nulls_not_distinct,
        frozenset(index.include),
        deferrable,
    )


def _parts(index: catalog.Index) -> tuple[tuple[object, ...], ...]:
    """Return each key with its operator class, collation and order."""
    return tuple(
        (column, key, *(names[at : at + 1] for names in (index.opclasses, index.collations, index.options)))
        for at, (column, key) in enumerate(zip(index.columns, keys_of(index), strict=True))
    )


def covering(table: catalog.Table, index: catalog.Index) -> catalog.Index | None:
    """Return the full index that begins like this one and makes it superfluous; a unique of the same
    keys first, then the longest. None where there is none, or where this one is partial."""
    if index.predicate is not None:
        return None
    fit = [other for other in table.indexes if _covers(other, index)]
    return min(fit, key=lambda i: (not _same_length(i, index), -len(i.columns), i.name), default=None)


def _same_length(other: catalog.Index, index: catalog.Index) -> bool:
    return len(other.columns) == len(index.columns)


def _covers(other: catalog.Index, index: catalog.Index) -> bool:
    size = len(index.columns)
    if other is index or other.columns[:size] != index.columns or other.method != "btree":
        return False
    if not other.valid or other.predicate is not None or _parts(other)[:size] != _parts(index):
        return False
    held = {*other.columns, *other.include}
    if not held.issuperset(index.include):
        return False
    return len(other.columns) > size or other.unique or len(other.include) > len(index.include)


def by_habit(overlaps: Iterable[Overlap]) -> Iterator[Overlap | Habit]:
    """Yield the overlaps, those of one pattern on `HABIT` tables or more as one `Habit`.

    Indexes without an overlap come as they are: every index counts, alike ones once.
    """
    groups: dict[str, list[Overlap]] = defaultdict(list)
    for overlap in overlaps:
        if overlap.other is None:
            yield overlap
        else:
            groups[pattern_of(overlap)].append(overlap)
    for pattern, group in sorted(groups.items()):
        if len({o.table.qname for o in group}) >= HABIT:
            yield Habit(pattern, tuple(group))
        else:
            yield from group


def pattern_of(overlap: Overlap) -> str:
    """Return what overlaps alike have in common: columns matter but beside a unique of the same ones."""
    index, other = overlap.idx, overlap.other
    keys = ", ".join(keys_of(index))
    if other is None:
        return ""
    if other.primary and index.unique:
        return "a unique index beside the primary key"
    if other.unique and not index.unique and _same_length(other, index):
        return "a plain index beside a unique on the same columns"
    if _same_length(other, index) and other.unique == index.unique:
        return f"two {'uniques' if index.unique else 'indexes'} on ({keys})"
    return f"an index on ({keys}) beside a longer one"


def warning_of(index: catalog.Index) -> str:
    """Return the warning about what PostgreSQL does not let go of."""
    return "PostgreSQL refuses the drop while a foreign key rests on this very index." if index.unique else ""


def drop(overlap: Overlap) -> Step:
    """Return the step that drops the superfluous index, or its constraint."""
    table, index = overlap.table, overlap.idx
    if index.constraint is not None:
        return drop_constraint(table.qname, index.constraint)
    return drop_index(table, index.name)


def drop_lock(overlap: Overlap) -> str:
    """Return the lock that the drop takes."""
    if overlap.idx.constraint is not None or overlap.table.kind == "partitioned":
        return "ACCESS EXCLUSIVE for a moment"
    return "SHARE UPDATE EXCLUSIVE: reads and writes go on"


def habit_flaw(habit: Habit, facts: Facts) -> Flaw:
    """Return the one flaw that stands for the same overlap on many tables."""
    names = [f"{facts.show(o.table.qname)}.{o.idx.name}" for o in habit.overlaps]
    tables = len({o.table.qname for o in habit.overlaps})
    first = habit.overlaps[0]
    return Flaw(
        message=f"{some(tables, 'table')} {form(tables, 'has', 'have')} {habit.pattern}",
        expected="the other index alone",
        observed=first_of(names, _NAMED),
        evidence=", ".join(names) if len(names) > _NAMED else "",
        remedy=Remedy(
            steps=tuple(map(drop, habit.overlaps)),
            note=f"The tool that makes them will make them again. {warning_of(first.idx)}".rstrip(),
            lock=drop_lock(first),
        ),
    )
