"""FKY: composite foreign keys whose NULLs undo what they are for."""

from collections.abc import Iterator

from validate_schema.pack import Facts, Flaw, Severity, check
from validate_schema.pack.model import TableClass
from validate_schema.pack.scoping import level_columns
from validate_schema.pack.subjects import TableConstraint, foreign_keys

from ._reference_remedies import forbid_partial_null, spare_tenant
from ._references import name_of, null_escape, words


def _setting_composites(facts: Facts) -> Iterator[TableConstraint]:
    """Composite foreign keys of tenant tables with SET NULL or SET DEFAULT."""
    facts.require_tenancy()
    setting = ("set null", "set default")
    for pair in foreign_keys(facts):
        key = pair.constraint
        sets = key.on_delete in setting or key.on_update in setting
        if sets and len(key.columns) > 1 and facts.class_of(pair.table.qname) is TableClass.TENANT:
            yield pair


@check(
    "FKY005",
    "SET NULL that takes the tenant along",
    subjects=_setting_composites,
    severity=Severity.ERROR,
    why="Deleting the referenced row fails on NOT NULL, or leaves rows that belong to no tenant.",
    bad="""
        create table project (
            id uuid primary key,
            org_id uuid not null references organization (id),
            unique (org_id, id)
        );
        create table task (
            id uuid primary key,
            org_id uuid not null references organization (id),
            project_id uuid,
            foreign key (org_id, project_id) references project (org_id, id) on delete set null
        );
    """,
    good="""
        create table project (
            id uuid primary key,
            org_id uuid not null references organization (id),
            unique (org_id, id)
        );
        create table task (
            id uuid primary key,
            org_id uuid not null references organization (id),
            project_id uuid,
            foreign key (org_id, project_id) references project (org_id, id) on delete set null (project_id)
        );
    """,
    portable=True,
)
def set_null_spares_tenant(subject: TableConstraint, facts: Facts) -> Flaw | None:
    """A composite foreign key sets the tenant column to NULL or its default.

    Examined are the composite foreign keys of tenant tables with SET NULL or SET DEFAULT. From
    PostgreSQL 15 on, ON DELETE takes a list of the columns to set; without one, all of the key are
    set. ON UPDATE has no such list.
    """
    table, key = subject.table, subject.constraint
    tenant = frozenset(level_columns(table, facts).values())
    hit = []
    if key.on_delete.startswith("set") and tenant.intersection(key.set_columns or key.columns):
        hit.append(f"ON DELETE {key.on_delete.upper()}")
    if key.on_update.startswith("set") and tenant.intersection(key.columns):
        hit.append(f"ON UPDATE {key.on_update.upper()}")
    if not hit:
        return None
    named = ", ".join(c for c in key.columns if c in tenant)
    return Flaw(
        message=f"{name_of(subject, facts)} overwrites {named} by {' and '.join(hit)}",
        expected=f"an action that spares {named}",
        observed=words(key, facts),
        remedy=spare_tenant(table, key, tenant, facts),
    )


def _simple_composites(facts: Facts) -> Iterator[TableConstraint]:
    """Composite foreign keys with MATCH SIMPLE."""
    facts.require_tenancy()
    for pair in foreign_keys(facts):
        if len(pair.constraint.columns) > 1 and pair.constraint.match == "simple":
            yield pair


@check(
    "FKY006",
    "Composite key that one NULL switches off",
    subjects=_simple_composites,
    severity=Severity.WARNING,
    why="Under MATCH SIMPLE a NULL in one column leaves the others unchecked.",
    bad="""
        create table step (
            id uuid primary key,
            org_id uuid not null references organization (id),
            run int not null,
            number int not null,
            unique (org_id, run, number)
        );
        create table log (
            id uuid primary key,
            org_id uuid not null references organization (id),
            run int,
            number int,
            foreign key (org_id, run, number) references step (org_id, run, number)
        );
    """,
    good="""
        create table step (
            id uuid primary key,
            org_id uuid not null references organization (id),
            run int not null,
            number int not null,
            unique (org_id, run, number)
        );
        create table log (
            id uuid primary key,
            org_id uuid not null references organization (id),
            run int not null,
            number int,
            foreign key (org_id, run, number) references step (org_id, run, number)
        );
    """,
    portable=True,
)
def match_simple_escape(subject: TableConstraint, facts: Facts) -> Flaw | None:
    """A member of a composite foreign key may be NULL and so switches the check off.

    Examined are the composite foreign keys with MATCH SIMPLE. One nullable column is the optional
    reference itself and passes, unless it is the tenant column. Of several, each can be NULL while
    the others are set; a validated CHECK that ties them together (num_nulls, or a comparison of their
    IS NULL) makes that impossible and passes.
    """
    table, key = subject.table, subject.constraint
    own = frozenset(level_columns(table, facts).values())
    escape = null_escape(key, table, own)
    if not escape:
        return None
    listed = " or ".join(escape)
    return Flaw(
        message=f"{name_of(subject, facts)} is not checked where {listed} is NULL, whatever the rest holds",
        expected="NOT NULL members, or a CHECK that they are NULL together",
        observed=f"{words(key, facts)} with nullable {', '.join(escape)}",
        remedy=forbid_partial_null(table, escape, own, facts),
    )
