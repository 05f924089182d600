"""IDX: indexes that are missing, broken or superfluous."""

from collections.abc import Iterator

from validate_schema.api import (
    Facts,
    Flaw,
    Remedy,
    Severity,
    TableClass,
    TableConstraint,
    TableIndex,
    Verdict,
    catalog,
    check,
    foreign_keys,
    keys_of,
    level_columns,
    new_index,
    not_null_columns,
    null_columns,
    tenant_tables,
)

from ._declared import written_in
from ._expected import ExpectedOf, expected_indexes, missing_columns
from ._key_details import declared_where, nearest_by_details, other_details, same_keys, same_predicate
from ._overlaps import Habit, Overlap, by_habit, covering, drop, drop_lock, duplicates, habit_flaw, warning_of
from ._rebuild import rebuild


def _words(index: catalog.Index) -> str:
    """Return an index as people would write it: ``INDEX (a, b) WHERE …``."""
    kind = "UNIQUE INDEX" if index.unique else "INDEX"
    where = f" WHERE {index.predicate}" if index.predicate else ""
    return f"{kind} ({', '.join(keys_of(index))}){where}"


def _serves(index: catalog.Index, columns: tuple[str, ...]) -> bool:
    """Tell whether an index can be used to look up any value of these columns: a predicate may only
    leave out their NULLs."""
    if not index.valid:
        return False
    if index.predicate is None:
        return True
    tested = not_null_columns(index.predicate)
    only_null_tests = index.predicate.count(" IS NOT NULL") == len(tested) == index.predicate.count(" IS ")
    return only_null_tests and tested.issubset(columns) and not null_columns(index.predicate)


def _with_tenant_column(facts: Facts) -> Iterator[catalog.Table]:
    """Tenant tables that have their tenant column and can have indexes."""
    for table in tenant_tables(facts):
        column = facts.tenant_column(table)
        if table.kind != "foreign" and column is not None and table.column(column) is not None:
            yield table


@check(
    "IDX001",
    "No index led by the tenant column",
    subjects=_with_tenant_column,
    severity=Severity.WARNING,
    why="Every query for one tenant, and every policy, reads the rows of all tenants.",
    bad="""
        create table note (
            id uuid primary key default gen_random_uuid(),
            org_id uuid not null references organization (id),
            body text not null
        );
    """,
    good="""
        create table note (
            id uuid primary key default gen_random_uuid(),
            org_id uuid not null references organization (id),
            body text not null
        );
        create index on note (org_id);
    """,
    portable=True,
)
def tenant_led(subject: catalog.Table, facts: Facts) -> Verdict:
    """No index of a tenant table starts with the tenant column.

    Examined are the tenant tables. Any valid index without a predicate counts, also a primary key
    or a unique. Where tenancy has levels, the columns of other levels may stand before it. A
    predicate that only leaves out rows without a tenant is as good as none.

    Not covered: whether the index is the best one for the queries that are made.
    """
    column = facts.tenant_column(subject) or ""
    levels = set(level_columns(subject, facts).values()) if len(facts.tenancy.levels) > 1 else {column}
    if any(_is_led(index, column, levels) and _serves(index, (column,)) for index in subject.indexes):
        return None
    broken = [i.name for i in subject.indexes if not i.valid and _is_led(i, column, levels)]
    return Flaw(
        message=f"{facts.show(subject.qname)} has no index that starts with {column}",
        expected=f"a valid, full index that starts with {column}",
        observed=f"only the invalid {', '.join(broken)}" if broken else _nearest(subject, {column}),
        remedy=_build(subject, (column,), facts),
    )


def _is_led(index: catalog.Index, column: str, levels: set[str]) -> bool:
    for key in index.columns:
        if key == column:
            return True
        if key not in levels:
            return False
    return False


def _nearest(table: catalog.Table, columns: set[str]) -> str:
    """Return the indexes that hold one of these columns, in words."""
    near = [i for i in table.indexes if not columns.isdisjoint(i.columns)]
    invalid = {i.name for i in near if not i.valid}
    listed = "; ".join(f"{i.name}: {_words(i)}{', invalid' if i.name in invalid else ''}" for i in near)
    return listed or "no index holds it"


def _build(table: catalog.Table, columns: tuple[str, ...], facts: Facts) -> Remedy:
    missing = missing_columns(table, columns)
    if missing:
        return Remedy(note=f"The table has no {missing}: add it first.")
    if table.kind == "partitioned":
        return Remedy(
            (new_index(table, columns, facts),),
            "On large partitions, build the index ON ONLY the parent, then on each partition "
            "CONCURRENTLY, and attach these to it.",
            "SHARE on every partition while the index is built: writes wait",
        )
    return Remedy((new_index(table, columns, facts),), lock="SHARE UPDATE EXCLUSIVE: reads and writes go on")


def _indexable_keys(facts: Facts) -> Iterator[TableConstraint]:
    """Foreign keys, but for those on the tenant column alone, which IDX001 looks after."""
    for pair in foreign_keys(facts):
        tenant = facts.class_of(pair.table.qname) is TableClass.TENANT
        if not (tenant and pair.constraint.columns == (facts.tenant_column(pair.table),)):
            yield pair


@check(
    "IDX002",
    "Foreign key without an index",
    subjects=_indexable_keys,
    severity=Severity.WARNING,
    why="Each delete or key change of a referenced row searches the referencing table without an index for it.",
    bad="""
        create table task (
            id uuid primary key default gen_random_uuid(),
            org_id uuid not null references organization (id),
            parent_id uuid references task (id)
        );
        create index on task (org_id);
    """,
    good="""
        create table task (
            id uuid primary key default gen_random_uuid(),
            org_id uuid not null references organization (id),
            parent_id uuid references task (id)
        );
        create index on task (org_id);
        create index on task (parent_id);
    """,
    portable=True,
)
def fk_indexed(subject: TableConstraint, facts: Facts) -> Verdict:
    """No index of the referencing table starts with the columns of a foreign key.

    Examined are the foreign keys of user tables, but for those of a tenant table on its tenant
    column alone: IDX001 looks after these. The columns may lead the index in any order. A partial
    index counts only when its predicate does no more than leave out the NULLs of these columns. Where
    only the tenant column of a composite key is missing from the index, the finding is an info.
    """
    table, key = subject.table, subject.constraint
    wanted = set(key.columns)
    for index in table.indexes:
        if wanted == set(index.columns[: len(key.columns)]) and _serves(index, key.columns):
            return None
    listed = ", ".join(key.columns)
    return Flaw(
        message=f"{facts.show(table.qname)}.{key.name} has no index that starts with ({listed})",
        expected=f"a valid, full index that starts with ({listed}), in any order",
        observed=_nearest(table, wanted),
        remedy=_build(table, key.columns, facts),
        severity=Severity.INFO if _finds_by_rest(subject, facts) else None,
    )


def _finds_by_rest(subject: TableConstraint, facts: Facts) -> bool:
    """Tell whether an index leads to the rows of a composite key by all but its tenant column, which
    is nearly as good."""
    table, key = subject.table, subject.constraint
    rest = tuple(c for c in key.columns if c != facts.tenant_column(table))
    if not rest or len(rest) == len(key.columns):
        return False
    return any(set(rest) == set(i.columns[: len(rest)]) and _serves(i, rest) for i in table.indexes)


def _every_index(facts: Facts) -> Iterator[TableIndex]:
    """Indexes of user tables, and those that a partition has of its own."""
    for table in facts.catalog.tables:
        if facts.class_of(table.qname) is not TableClass.LEDGER:
            yield from (TableIndex(table, i) for i in table.indexes if not i.inherited)


@check(
    "IDX003",
    "Invalid index",
    subjects=_every_index,
    severity=Severity.ERROR,
    why="It slows every write and is used by no query; a unique one guards nothing that came before it.",
    bad="""
        create table event (
            org_id uuid not null references organization (id),
            at date not null,
            kind text not null
        ) partition by range (at);
        create table event_2026 partition of event for values from ('2026-01-01') to ('2027-01-01');
        create index event_kind_idx on only event (kind);
    """,
    good="""
        create table event (
            org_id uuid not null references organization (id),
            at date not null,
            kind text not null
        ) partition by range (at);
        create table event_2026 partition of event for values from ('2026-01-01') to ('2027-01-01');
        create index event_kind_idx on event (kind);
    """,
)
def valid(subject: TableIndex, facts: Facts) -> Verdict:
    """An index is marked invalid or not ready.

    Examined are the indexes of user tables, and those that a single partition has of its own. A
    build CONCURRENTLY that failed leaves an invalid index behind; so does an index ON ONLY a
    partitioned table until every partition has its part attached.

    Not covered: an index that is being built at this very moment looks the same.
    """
    table, index = subject.table, subject.idx
    if index.valid and index.ready:
        return None
    return Flaw(
        message=f"{facts.show(table.qname)}.{index.name} is {'not ready' if index.valid else 'invalid'}",
        expected="a valid index, or none",
        observed=f"indisvalid = {_bit(index.valid)}, indisready = {_bit(index.ready)}; {_words(index)}",
        remedy=rebuild(table, index, facts),
    )


def _bit(value: bool) -> str:
    return "true" if value else "false"


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
def duplicate(subject: Overlap | Habit, facts: Facts) -> Verdict:
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
        observed=f"{subject.idx.name} and {subject.other.name}: {_words(subject.idx)}",
        remedy=Remedy(drop(subject), warning_of(subject.idx), drop_lock(subject)),
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
def redundant(subject: Overlap | Habit, facts: Facts) -> Verdict:
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
        observed=f"{_words(subject.idx)} beside {_words(other)}",
        remedy=Remedy(drop(subject), lock=drop_lock(subject)),
    )


@check(
    "IDX006",
    "Expected index missing",
    subjects=expected_indexes,
    severity=Severity.ERROR,
    why="The queries that it was declared for read the whole table.",
    bad="""
        create table run (
            id uuid primary key,
            org_id uuid not null references organization (id),
            status text not null
        );
    """,
    good="""
        create table run (
            id uuid primary key,
            org_id uuid not null references organization (id),
            status text not null
        );
        create index on run (org_id, status);
    """,
    config="""
        [tenancy]
        root = "organization"
        column = "org_id"

        [contract.tables.run]
        indexes = [["org_id", "status"]]
    """,
    portable=True,
)
def expected_index(subject: ExpectedOf, facts: Facts) -> Verdict:
    """An index that the contract declares does not exist.

    Examined are the indexes declared for tables that exist. Where the contract gives columns alone,
    any valid index without a predicate satisfies it when its first columns are exactly these, in this
    order. Where it gives the index by name, it must have exactly these columns, and the method, order,
    operator classes and predicate that are declared; a difference in these is a warning. It is an info
    where only the name differs, and where another index leads with the columns.
    """
    table, key = subject.table, subject.key
    columns = key.columns
    alike = [i for i in table.indexes if same_keys(key, i, facts, first=True) and i.valid]
    alike = [i for i in alike if same_predicate(key, i, facts)]
    if key.name is None and key.predicate is None:
        exact = alike
    else:
        exact = [i for i in alike if len(i.columns) == len(columns) and not i.unique]
    if exact:
        return other_details(subject, nearest_by_details(key, exact), facts)
    listed = ", ".join(columns)
    expected = f"an index on ({listed}){declared_where(key)}{written_in(key)}"
    if alike:
        return Flaw(
            message=f"{facts.show(table.qname)} has no index of its own on ({listed}): {alike[0].name} starts with it",
            expected=expected,
            location=key.where,
            observed=_nearest(table, set(columns[:1])),
            remedy=_build_declared(subject, facts),
            severity=Severity.INFO,
        )
    return Flaw(
        message=f"{facts.show(table.qname)} has no index that starts with ({listed}){declared_where(key)}",
        expected=expected,
        location=key.where,
        observed=_nearest(table, set(columns[:1])),
        remedy=_build_declared(subject, facts),
    )


def _build_declared(subject: ExpectedOf, facts: Facts) -> Remedy:
    key = subject.key
    plain = key.predicate is None and not key.descending and not any(key.opclasses) and not key.expressions
    if not plain or key.method not in (None, "btree"):
        return Remedy(note="Create it as declared, with its method, order and predicate, in a migration.")
    return _build(subject.table, key.columns, facts)
