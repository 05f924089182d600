"""UNQ: constraints over all tenants' rows that no unique index tells of."""

from collections.abc import Iterator
from contextlib import suppress

from validate_schema.pack import Facts, Flaw, Remedy, Scope, Severity, check
from validate_schema.pack.model import TableClass
from validate_schema.pack.scoping import scope_of
from validate_schema.pack.sql import Unreadable, ddl, read_statements, syntax
from validate_schema.pack.subjects import TableConstraint, TableUnique, uniques_of


def exclusions(facts: Facts) -> Iterator[TableConstraint]:
    """Exclusion constraints of tenant and inherited tables."""
    for table in facts.protected_tables:
        yield from (TableConstraint(table, c) for c in table.constraints if c.kind == "exclusion")


def _compared_by_equality(definition: str) -> Iterator[str]:
    """Yield the columns that an exclusion constraint compares with ``=``."""
    with suppress(Unreadable):
        for node in syntax.walk(*read_statements(f"alter table t add {definition}")):
            if isinstance(node, ddl.ConstraintDef):
                yield from (key.name for key, operator in node.excluded if operator == "=")


def inherited_uniques(facts: Facts) -> Iterator[TableUnique]:
    """Uniques of tables that belong to a tenant through their parent, primary keys left out."""
    for table in facts.of_class(TableClass.INHERITED):
        yield from (u for u in uniques_of(table) if u.kind != "primary key")


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

    Examined: the exclusion constraints of tenant and inherited tables. It passes when it compares the tenant
    column of the table, or of a deeper level, or a foreign key column that leads to the table's owner, with
    ``=``.
    Source: PostgreSQL documentation, "Exclusion Constraints".
    """
    table, constraint = subject
    own = facts.tenant_column(table)
    standing = facts.standings.get(table.qname)
    parents = standing.path[:1] if standing is not None else ()
    names = {own, *facts.held_levels.get(table.qname, {}).values()}
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
    "Unique of a detail table over all tenants",
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
    too; primary keys left out. It passes as UNQ001 does: when it holds a foreign key to a tenant-scoped table,
    a value that the database generates, or a token.
    """
    if scope_of(subject, facts) not in (Scope.GLOBAL, Scope.OUTER):
        return None
    table = facts.show(subject.table.qname)
    return Flaw(
        message=f"{subject.name} on {table} holds for all tenants together",
        expected="a column that leads to the table's owner among its keys",
        observed=", ".join(c if c is not None else "(expression)" for c in subject.columns),
        remedy=Remedy(
            note="Add the foreign key that leads to the owner; or accept it where the values are unique in the world."
        ),
    )
