"""IDX: indexes that another one makes superfluous."""

from collections.abc import Iterator

from validate_schema.pack import Facts, Flaw, Remedy, Severity, check

from ._indexes import words
from ._overlaps import (
    Habit,
    Overlap,
    by_habit,
    covering,
    drop,
    drop_lock,
    duplicates,
    habit_flaw,
    warning_of,
)


def _with_duplicates(facts: Facts) -> Iterator[Overlap | Habit]:
    """Valid indexes of user tables, each with the equal one that stays; a habit counts once."""
    return by_habit(_duplicated(facts))


def _duplicated(facts: Facts) -> Iterator[Overlap]:
    for table in facts.tables:
        spare = duplicates(table)
        for index in table.indexes:
            if index.valid and not index.inherited:
                yield Overlap(table, index, spare.get(index.name))


@check(
    "IDX004",
    "Duplicate index",
    subjects=_with_duplicates,
    severity=Severity.WARNING,
    why="It costs as much as the other on every write, and answers nothing more.",
    bad="""
        create table task (
            id uuid primary key,
            org_id uuid not null references organization (id)
        );
        create index task_org_id_idx on task (org_id);
        create index task_org_id_idx1 on task (org_id);
    """,
    good="""
        create table task (
            id uuid primary key,
            org_id uuid not null references organization (id),
            title text not null
        );
        create index task_org_id_idx on task (org_id);
        create index task_org_id_lower_idx on task (org_id, lower(title));
    """,
    portable=True,
)
def duplicate(subject: Overlap | Habit, facts: Facts) -> Flaw | None:
    """An index has the same keys, method, operator classes, predicate and uniqueness as another.

    Examined are the valid indexes of user tables. The one to keep is the primary key, else the index
    of a constraint, else the first by name; the others are found. The same duplicate on three tables
    or more is a habit of a tool, such as a unique index beside each primary key: it is one subject
    and one finding, which lists them all.

    Not covered: exclusion constraints.
    """
    if isinstance(subject, Habit):
        return habit_flaw(subject, facts)
    if subject.other is None:
        return None
    return Flaw(
        message=f"{facts.show(subject.table.qname)}.{subject.idx.name} duplicates {subject.other.name}",
        expected=f"{subject.other.name} alone",
        observed=f"{subject.idx.name} and {subject.other.name}: {words(subject.idx)}",
        remedy=Remedy(steps=(drop(subject),), note=warning_of(subject.idx), lock=drop_lock(subject)),
    )


def _plain_indexes(facts: Facts) -> Iterator[Overlap | Habit]:
    """Non-unique btree indexes that are no duplicates, each with what covers it; a habit once."""
    return by_habit(_covered(facts))


def _covered(facts: Facts) -> Iterator[Overlap]:
    for table in facts.tables:
        spare = duplicates(table)
        for index in table.indexes:
            plain = not index.unique and index.constraint is None and index.method == "btree"
            if plain and index.valid and not index.inherited and index.name not in spare:
                yield Overlap(table, index, covering(table, index))


@check(
    "IDX005",
    "Redundant index",
    subjects=_plain_indexes,
    severity=Severity.INFO,
    why="A longer index that begins the same answers its queries, so it only costs writes and space.",
    bad="""
        create table run (
            id uuid primary key,
            org_id uuid not null references organization (id),
            number int not null,
            unique (org_id, number)
        );
        create index run_org_id_idx on run (org_id);
    """,
    good="""
        create table run (
            id uuid primary key,
            org_id uuid not null references organization (id),
            number int not null,
            unique (org_id, number)
        );
        create index run_number_idx on run (number);
    """,
    portable=True,
)
def redundant(subject: Overlap | Habit, facts: Facts) -> Flaw | None:
    """A non-unique btree index is a prefix of another full one.

    Examined are the valid, non-unique btree indexes of user tables that are not duplicates (those
    are IDX004's). The other must be valid, have no predicate, begin with the same keys in the same
    order with the same operator classes and collations, and hold the included columns. A plain index
    on the columns of a unique is redundant too; a partial index never is. The same overlap on three
    tables or more is one subject and one finding.

    Not covered: a much smaller index may still be worth its keep.
    """
    if isinstance(subject, Habit):
        return habit_flaw(subject, facts)
    other = subject.other
    if other is None:
        return None
    same = len(other.columns) == len(subject.idx.columns)
    return Flaw(
        message=f"{facts.show(subject.table.qname)}.{subject.idx.name} is "
        f"{'covered by' if same else 'a prefix of'} {other.name}",
        expected=f"{other.name} alone",
        observed=f"{words(subject.idx)} beside {words(other)}",
        remedy=Remedy(steps=(drop(subject),), lock=drop_lock(subject)),
    )
