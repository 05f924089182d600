"""UNQ: constraints over all tenants' rows that no unique index tells of."""

from collections.abc import Iterator
from contextlib import suppress

from validate_schema.pack import Facts, Flaw, Remedy, Scope, Severity, check
from validate_schema.pack.model import TableClass
from validate_schema.pack.model import catalog as cat
from validate_schema.pack.scoping import judged_name, scope_of
from validate_schema.pack.sql import Unreadable, ddl, read_statements, syntax
from validate_schema.pack.subjects import TableConstraint, TableUnique, uniques_of


def exclusions(facts: Facts) -> Iterator[TableConstraint]:
    """Exclusion constraints of tenant and inherited tables, and those of their partitions' own."""
    for table in (*facts.protected_tables, *_parts(facts)):
        found = (c for c in table.constraints if c.kind == "exclusion" and not c.inherited)
        yield from (TableConstraint(table, c) for c in found)


def _parts(facts: Facts) -> Iterator[cat.Table]:
    """Partitions of tenant and inherited tables, at any depth."""
    waiting = [part for table in facts.protected_tables for part in facts.partitions.get(table.qname, ())]
    for table in waiting:
        yield table
        waiting += facts.partitions.get(table.qname, ())


def _judged(table: cat.Table, facts: Facts) -> cat.Table:
    """Return the table at the top of a partition; any other table itself."""
    return facts.tables_by_name[judged_name(table.qname, facts)]


def _compared_by_equality(definition: str) -> Iterator[str]:
    """Yield the columns that an exclusion constraint compares with ``=``."""
    with suppress(Unreadable):
        for node in syntax.walk(*read_statements(f"alter table t add {definition}")):
            if isinstance(node, ddl.ConstraintDef):
                yield from (key.name for key, operator in node.excluded if operator == "=")


def inherited_uniques(facts: Facts) -> Iterator[TableUnique]:
    """Uniques of tables that belong to a tenant through their parent, primary keys left out; and those that only a
    partition has."""
    for table in facts.of_class(TableClass.INHERITED):
        yield from (u for u in uniques_of(table) if u.kind != "primary key")
    yield from (u for table in _parts(facts) for u in uniques_of(table) if u.valid)


@check(
    "UNQ007",
    "Exclusion constraint over all tenants",
    subjects=exclusions,
    severity=Severity.ERROR,
    remediable=False,
    why="One tenant's row blocks another's, and the refusal tells that it exists and where.",
    bad="""
        create table booking (
            org_id uuid not null references organization (id),
            id integer not null,
            during int4range not null,
            primary key (org_id, id),
            exclude using gist (during with &&)
        );
    """,
    good="""
        create table booking (
            org_id uuid not null references organization (id),
            id integer not null,
            room integer not null,
            primary key (org_id, id),
            exclude using btree (org_id with =, room with =)
        );
    """,
)
def exclusion(subject: TableConstraint, facts: Facts) -> Flaw | None:
    """An exclusion constraint compares rows of different tenants.

    Examined: the exclusion constraints of tenant and inherited tables, and of their partitions. It passes when it compares the tenant
    column of the table, or of a deeper level, or a foreign key column that leads to the table's owner, with
    ``=``.
    Source: PostgreSQL documentation, "Exclusion Constraints".
    """
    table, constraint = subject
    judged = _judged(table, facts)
    own = facts.tenant_column(judged)
    standing = facts.standings.get(judged.qname)
    parents = standing.path[:1] if standing is not None else ()
    names = {own, *facts.held_levels.get(judged.qname, {}).values()}
    names |= {k.columns[0] for k in table.foreign_keys if k.references in parents and len(k.columns) == 1}
    definition = constraint.definition or ""
    if not names.isdisjoint(_compared_by_equality(definition)):
        return None
    return Flaw(
        message=f"{constraint.name} on {facts.show(table.qname)} holds for all tenants together",
        expected=f"{own or 'the tenant column'} WITH = among what it compares",
        observed=definition,
        remedy=Remedy(
            note="Make it anew with the tenant column WITH = (the extension btree_gist lets it stand in a GiST index)."
        ),
    )


@check(
    "UNQ008",
    "Unique of a detail table or partition over all tenants",
    subjects=inherited_uniques,
    severity=Severity.WARNING,
    remediable=False,
    why="One tenant's value blocks another's, the refusal tells that it exists, and an upsert meets the other tenant's row.",
    bad="""
        create table job (
            id uuid primary key default gen_random_uuid(),
            org_id uuid not null references organization (id)
        );
        create table job_detail (
            job_id uuid primary key references job (id),
            provider text not null,
            external_id text not null,
            unique (provider, external_id)
        );
    """,
    good="""
        create table job (
            id uuid primary key default gen_random_uuid(),
            org_id uuid not null references organization (id)
        );
        create table job_detail (
            job_id uuid primary key references job (id),
            provider text not null,
            external_id text not null,
            unique (job_id, provider, external_id)
        );
    """,
)
def detail_unique(subject: TableUnique, facts: Facts) -> Flaw | None:
    """A unique of a table without a tenant column holds across all tenants.

    Examined: the unique constraints and indexes of inherited tables, those on expressions and partial ones
    too; primary keys left out. And those that only a partition of a tenant or inherited table has, which is an error
    where the table holds the tenant. It passes as UNQ001 does: when it holds the tenant column, a foreign key to a
    tenant-scoped table, a value that the database generates, or a token.
    """
    judged = _judged(subject.table, facts)
    if scope_of(TableUnique(judged, subject.idx), facts) not in (Scope.GLOBAL, Scope.OUTER):
        return None
    certain = judged is not subject.table and facts.tenant_column(judged) is not None
    table = facts.show(subject.table.qname)
    return Flaw(
        message=f"{subject.name} on {table} holds for all tenants together",
        expected="a column that leads to the table's owner among its keys",
        observed=", ".join(c if c is not None else "(expression)" for c in subject.columns),
        remedy=Remedy(
            note="Add the tenant column, or the foreign key that leads to the owner; or accept it where the values are "
            "unique in the world."
        ),
        severity=Severity.ERROR if certain else None,
    )
