"""What a pending migration takes from the version of the application before it, told by two catalogs."""

from collections.abc import Iterator
from typing import NamedTuple

from msgspec.structs import replace

from ...contract.diff.catalogs import compare
from ...model.catalog import Index, QName, Table
from ...model.deploy import Taken
from ...model.finding import ObjectRef
from .questions import State, unfilled

# What an application calls by name and compare() finds, beside tables and columns.
_STANDING = ("view", "materialized view", "function", "procedure", "sequence", "enum", "domain", "schema")
_Key = tuple[frozenset[str | None], tuple[str, ...], str | None]


class _Step(NamedTuple):
    """One file: the target, and the copy before and after the file, with the tables of each by name."""

    file: str
    first: State
    before: State
    after: State
    old: dict[QName, Table]
    new: dict[QName, Table]


def taken(file: str, first: State, before: State, after: State) -> Iterator[Taken]:
    """Yield what the version of the application before the file may use, and the file takes away. `first` is
    the target: what pending files made themselves nobody uses yet."""
    old = {t.qname: t for t in before.catalog.tables}
    new = {t.qname: t for t in after.catalog.tables}
    step = _Step(file, first, before, after, old, new)
    here = {*after.named.tables.values(), *(v.qname for v in after.catalog.views)}
    targets = {t.qname: t for t in first.catalog.tables}
    for oid, name in first.named.tables.items():
        was, became = before.named.tables.get(oid), after.named.tables.get(oid)
        if was == name and name not in here:
            yield _gone(file, ObjectRef.of_table(name), became.name if became else "")
        if was not in old or became not in new or name not in targets:
            continue
        # What was not read anew is the very record that it was.
        if old[was] is not new[became] or before.named.columns[oid] != after.named.columns[oid]:
            yield from _columns(step, oid, name)
            yield from _parents(step, name, old[was], new[became])
            yield from _keys(file, targets[name], old[was], new[became])
    yield from _labels(step)
    yield from _standing(step)


def _gone(file: str, ref: ObjectRef, now: str) -> Taken:
    return Taken(file=file, object=ref, how="renamed" if now else "dropped", now=now)


def _columns(step: _Step, oid: int, name: QName) -> Iterator[Taken]:
    """Yield the columns of a table that are gone under their names, and those that every row has to give."""
    before, after = step.before.named, step.after.named
    old, new, target = before.columns[oid], after.columns[oid], step.first.named.columns[oid]
    records = {c.name: c for c in step.new[after.tables[oid]].columns}
    for place, column in old.items():
        if target.get(place) == column and column not in records:
            yield _gone(step.file, ObjectRef.on_table("column", name, column), new.get(place, ""))
    filled = step.old[before.tables[oid]].without_not_null
    for place, column in new.items():
        record = records.get(column)
        fresh = place not in old or old[place] in filled
        if record is not None and record.not_null and unfilled(record) and fresh:
            ref = ObjectRef.on_table("column", name, column)
            yield Taken(file=step.file, object=ref, how="required")


def _parents(step: _Step, name: QName, was: Table, became: Table) -> Iterator[Taken]:
    """Yield the tables that the rows of this one were rows of too, and no longer are, by DETACH PARTITION or
    NO INHERIT. A parent that is gone itself is told of by its own name."""
    still = set(_above(became, step.new))
    for parent in _right_above(was):
        if parent in step.new and parent not in still and _is_targets(step, parent):
            ref, now = ObjectRef.of_table(name), ObjectRef.of_table(parent).label(name.schema)
            yield Taken(file=step.file, object=ref, how="detached", now=now)


def _is_targets(step: _Step, name: QName) -> bool:
    """Tell whether the target has the table that is called so before the file."""
    return any(step.before.named.tables.get(oid) == name for oid in step.first.named.tables)


def _right_above(table: Table) -> tuple[QName, ...]:
    return table.inherits if table.parent is None else (table.parent, *table.inherits)


def _above(table: Table, tables: dict[QName, Table]) -> Iterator[QName]:
    for parent in _right_above(table):
        yield parent
        if parent in tables:
            yield from _above(tables[parent], tables)


def _keys(file: str, target: Table, was: Table, became: Table) -> Iterator[Taken]:
    """Yield the unique indexes of the target that ON CONFLICT can no longer name by their columns. Where a
    column of one is gone, that is told of the column. Source: PostgreSQL documentation, INSERT, "ON CONFLICT
    Clause"."""
    here = {c.name for c in became.columns}
    lost = {c.name for c in was.columns} - here
    known = {_key(index) for index in _arbiters(target)}
    left = {_key(index) for index in _arbiters(became)}
    for index in _arbiters(was):
        key = columns, expressions, predicate = _key(index)
        if key not in known or index.inherited or key in left or (columns, expressions, None) in left:
            continue
        if columns & lost or ((expressions or predicate) and lost):
            continue
        kind = "constraint" if index.constraint else "index"
        ref = ObjectRef.on_table(kind, target.qname, index.constraint or index.name)
        yield Taken(file=file, object=ref, how="unkeyed", now=_shown(index))


def _arbiters(table: Table) -> list[Index]:
    """Return the unique indexes that ON CONFLICT may name: none that is looked at late, or is not whole."""
    late = {c.name for c in table.constraints if c.deferrable}
    return [i for i in table.indexes if i.unique and i.valid and i.constraint not in late]


def _key(index: Index) -> _Key:
    return frozenset(index.columns), index.expressions, index.predicate


def _shown(index: Index) -> str:
    expressions = iter(index.expressions)
    return ", ".join(next(expressions, "…") if c is None else c for c in index.columns)


def _labels(step: _Step) -> Iterator[Taken]:
    """Yield the values of enums that are gone under their names."""
    before, after = ({e.qname: e.labels for e in s.catalog.enums} for s in (step.before, step.after))
    for enum in step.first.catalog.enums:
        old, new = before.get(enum.qname, ()), after.get(enum.qname)
        if new is None or new == old:
            continue
        places = dict(zip(old, new, strict=True)) if len(old) == len(new) else {}
        for label in old:
            if label in enum.labels and label not in new:
                now = places.get(label, "")
                ref = ObjectRef("enum value", enum.schema, name=f"{enum.name}.{label}")
                yield _gone(step.file, ref, "" if now in old else now)


def _standing(step: _Step) -> Iterator[Taken]:
    """Yield what stands by itself in a catalog and is gone under its name."""
    found = [
        change
        for change in compare(step.before.catalog, step.after.catalog)
        if change.object.kind in _STANDING and change.kind in ("removed", "renamed")
    ]
    pending = compare(step.first.catalog, step.before.catalog) if found else ()
    made = {change.object for change in pending if change.kind == "added"}
    for change in found:
        called = {"name": change.before} if change.kind == "renamed" else {}
        ref = replace(change.object, **called)
        if ref not in made:
            yield _gone(step.file, ref, change.after)
