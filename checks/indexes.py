"""IDX: indexes that are missing or broken."""

from collections.abc import Iterator

from validate_schema.pack import Facts, Flaw, Promise, Severity, check
from validate_schema.pack.model import TableClass, catalog
from validate_schema.pack.scoping import level_columns
from validate_schema.pack.sql import not_null_columns, null_columns
from validate_schema.pack.subjects import TableConstraint, TableIndex, foreign_keys, tenant_tables

from ._indexes import build, nearest, words
from ._rebuild import rebuild


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
    promise=Promise("{n} tenant tables have an index led by {column}", place=49),
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
def tenant_led(subject: catalog.Table, facts: Facts) -> Flaw | None:
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
        observed=f"only the invalid {', '.join(broken)}" if broken else nearest(subject, {column}),
        remedy=build(subject, (column,), facts),
    )


def _is_led(index: catalog.Index, column: str, levels: set[str]) -> bool:
    for key in index.columns:
        if key == column:
            return True
        if key not in levels:
            return False
    return False


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
def fk_indexed(subject: TableConstraint, facts: Facts) -> Flaw | None:
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
        observed=nearest(table, wanted),
        remedy=build(table, key.columns, facts),
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
    promise=Promise("{n} indexes are valid", place=50),
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
def valid(subject: TableIndex, facts: Facts) -> Flaw | None:
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
        observed=f"indisvalid = {_bit(index.valid)}, indisready = {_bit(index.ready)}; {words(index)}",
        remedy=rebuild(table, index, facts),
    )


def _bit(value: bool) -> str:
    return "true" if value else "false"
