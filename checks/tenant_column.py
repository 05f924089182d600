"""TEN: the tenant column is there, holds a value, has the root's type, and comes from nowhere else.

What ties it to the root is in `tenant_root`, tables without one of their own in `ownership`.
"""

from collections.abc import Iterator
from typing import NamedTuple

from validate_schema.pack import Facts, Flaw, ObjectRef, Promise, Remedy, Severity, Step, check
from validate_schema.pack.model import TableClass, catalog, form
from validate_schema.pack.remedies import add_column, alter_table, change_type, set_default, type_sql
from validate_schema.pack.sql import quote_ident
from validate_schema.pack.subjects import TableColumn, tenant_columns, user_tables

from ._backfill import backfill
from ._declared import lacks_tenant_column, must_carry_tenant
from ._look_alikes import look_alikes
from ._nulls import forbid_null, is_owned, lets_null_in, unvalidated_not_null
from ._policies import fails
from ._tenant_values import (
    TypedTenant,
    default_of,
    judge_default,
    kind_of,
    model_of,
    typed_tenant_columns,
)

_FILLED = "Rows without a tenant get that of the row they belong to, in batches; run it as a role that no policy filters."
_MOMENT = "ACCESS EXCLUSIVE for a moment: only the catalog changes, no row is read"


class Carrier(NamedTuple):
    """A table that must carry the tenant column, and the name of that column."""

    table: catalog.Table
    column: str

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef.on_table("column", self.table.qname, self.column)


def carriers(facts: Facts) -> Iterator[Carrier]:
    """Tables that the config or the contract calls tenant tables."""
    for table in must_carry_tenant(facts):
        declared = facts.expected_tables.get(table.qname)
        named = {c.name for c in declared.columns} if declared else set()
        spellings = [c for level in facts.tenancy.levels for c in level.columns]
        column = facts.tenant_column(table) or next((c for c in spellings if c in named), spellings[0])
        yield Carrier(table, column)


def required_columns(facts: Facts) -> Iterator[TableColumn]:
    """Tenant columns, but for those whose NULL rows are shared by design."""
    for subject in tenant_columns(facts):
        if subject.table.qname not in facts.tenancy.null_means_global:
            yield subject


@check(
    "TEN001",
    "A tenant table lacks the tenant column",
    concern="may",
    subjects=carriers,
    severity=Severity.ERROR,
    promise=Promise(figure="tenant column", place=30),
    why="No row says whose it is, so that nothing can keep tenants apart.",
    bad="create table invoice (id uuid primary key, number text not null);",
    good="create table invoice (id uuid primary key, org_id uuid not null references organization (id), number text not null);",
    config="""
        [tenancy]
        root = "organization"
        column = "org_id"
        tenant = ["invoice"]
    """,
    portable=True,
)
def present(subject: Carrier, facts: Facts) -> Flaw | None:
    """A table that should carry the tenant column does not.

    Examined: tables listed under ``tenancy.tenant``, and tables of the contract that say
    ``tenant = true`` or declare the tenant column. Fails when none of the accepted spellings is a
    column of the table, or when it is a key of something other than the tenant. The remedy adds
    the column empty; what its rows belong to is for a person to fill in, and TEN002 then asks for NOT NULL.
    """
    table, column = subject
    if not lacks_tenant_column(table, facts):
        return None
    name = facts.show(table.qname)
    there = table.column(column)
    alike = look_alikes(table, facts)
    observed = "no such column" + (f"; {', '.join(alike)} reads like it" if alike else "")
    return Flaw(
        message=f"Tenant table {name} has no tenant column {column}",
        expected=f"a column {column} that holds the tenant of each row",
        observed=f"{column} is a key of another table" if there is not None else observed,
        remedy=_add_tenant_column(subject, facts) if there is None and not alike else _which(column),
    )


def _which(column: str) -> Remedy:
    return Remedy(
        note=f"Rename the column that holds the tenant to {column}, or accept its spelling in tenancy.column."
    )


def _add_tenant_column(subject: Carrier, facts: Facts) -> Remedy:
    levels = facts.tenancy.levels
    index = next((i for i, level in enumerate(levels) if subject.column in level.columns), 0)
    model = model_of(index, list(tenant_columns(facts)), facts)
    written = type_sql(model[0], facts) if model else None
    note = "Fill it for the rows that are there; the next run then asks for NOT NULL and the foreign key."
    if written is None or subject.table.inherits:
        return Remedy(note=f"Add {subject.column} in a migration. {note}")
    return Remedy(
        steps=(add_column(subject.table.qname, subject.column, written),),
        note=note,
        lock=_MOMENT,
    )


@check(
    "TEN002",
    "The tenant column may be NULL",
    subjects=required_columns,
    severity=Severity.ERROR,
    promise=Promise("{n} tenant columns are NOT NULL", place=41),
    why="A row without a tenant belongs to nobody: it is lost to its owner, or shown to everybody.",
    bad="create table invoice (id uuid primary key, org_id uuid references organization (id));",
    good="create table invoice (id uuid primary key, org_id uuid not null references organization (id));",
    portable=True,
)
def not_null(subject: TableColumn, facts: Facts) -> Flaw | None:
    """A tenant column may hold NULL.

    Examined: the tenant column of every tenant table, but for tables under ``tenancy.null_rows``,
    whose NULL rows are shared by design. Passes when the column is NOT NULL, or a valid CHECK
    says IS NOT NULL; where ``null_rows`` names another owner, when a valid CHECK keeps one of the two from NULL. A NOT NULL constraint that was added NOT VALID does not hold for older rows
    and fails. Rows that are NULL today are counted by DAT001. A table whose policies show such rows
    to every tenant is left to RLS008, which names the policy; it fails here once that is mended.
    """
    table, column = subject
    if (
        not lets_null_in(table, column)
        or fails(table, "RLS008", facts)
        or is_owned(table, column.name, facts)
    ):
        return None
    waiting = unvalidated_not_null(table, column)
    filling = backfill(table, column, facts)
    first = _FILLED if filling else "Give every row a tenant first."
    return Flaw(
        message=f"Tenant column {facts.show(table.qname)}.{column.name} may be NULL",
        expected="NOT NULL",
        observed="NOT NULL, but NOT VALID: older rows may hold NULL" if waiting else "nullable",
        remedy=Remedy(
            steps=(*filling, *forbid_null(table, column, facts)),
            note=f"{first} Validation fails on NULL rows that are left. If NULL means "
            "that all tenants share the row, declare the table under [[tenancy.null_rows]].",
            lock="SHARE UPDATE EXCLUSIVE while rows are validated: reads and writes go on; else ACCESS EXCLUSIVE for a moment",
        ),
    )


@check(
    "TEN003",
    "The tenant column has another type than the root",
    subjects=typed_tenant_columns,
    severity=Severity.ERROR,
    promise=Promise("{n} tenant columns have the type of {key}", place=42),
    explains=("type",),
    why="It cannot have a foreign key to the tenants, and every comparison with the tenant needs a cast, which is where policies go wrong.",
    bad="create table invoice (id uuid primary key, org_id text not null);",
    good="create table invoice (id uuid primary key, org_id uuid not null references organization (id));",
    portable=True,
)
def type(subject: TypedTenant, facts: Facts) -> Flaw | None:
    """A tenant column has another type than the key that it stands for.

    Examined: the tenant column of every tenant table. Its type is compared with that of the root's
    key, domains resolved; without a root in this database, with the type that most tenant tables of
    the level use. Lengths do not count, nor does ``text`` against ``varchar``: they compare as the same.
    """
    table, column, wanted, model = subject
    if kind_of(column.base_type) == kind_of(wanted):
        return None
    return Flaw(
        message=f"Tenant column {facts.show(table.qname)}.{column.name} has another type than {model}",
        expected=wanted,
        observed=column.type
        if column.domain_base is None
        else f"{column.type} (a domain of {column.base_type})",
        remedy=change_type(table, column, wanted, facts),
    )


@check(
    "TEN006",
    "The tenant column has a default",
    subjects=tenant_columns,
    severity=Severity.ERROR,
    promise=Promise("{n} tenant columns have no constant default", place=44),
    why="A statement that forgets the tenant does not fail: its rows are given to whichever tenant the default names.",
    bad="create table invoice (id uuid primary key, org_id uuid not null default '00000000-0000-0000-0000-000000000001');",
    good="create table invoice (id uuid primary key, org_id uuid not null references organization (id));",
    portable=True,
)
def default(subject: TableColumn, facts: Facts) -> Flaw | None:
    """A tenant column fills itself in when a statement leaves it out.

    Examined: the tenant column of every tenant table; a default of its domain counts. Fails for a constant,
    and for what makes a value of its own (an identity, ``gen_random_uuid()``), which is no tenant at all. A default
    that reads the session, as ``current_setting(...)`` does, or calls any other function is mentioned as information: it is right as
    long as the context is. NULL is no default.
    """
    table, column = subject
    found = default_of(column, facts)
    if found is None:
        return None
    severity, words = judge_default(found, column)
    name = f"{facts.show(table.qname)}.{column.name}"
    return Flaw(
        message=f"Tenant column {name} {words}",
        expected="no default: a statement must say whose row it writes",
        observed=found if column.identity else f"default {found}",
        remedy=Remedy(
            steps=(_without_default(table, column),),
            note="Statements that leave the tenant out fail from then on: that is the point. Look for rows that "
            "the default already gave away.",
            lock=_MOMENT,
        ),
        severity=severity,
    )


def _without_default(table: catalog.Table, column: catalog.Column) -> Step:
    """Return the step that leaves the column without a value of its own, also where its domain has one."""
    if column.identity:
        return alter_table(table.qname, f"ALTER COLUMN {quote_ident(column.name)} DROP IDENTITY")
    none = "NULL" if column.default is None else None
    return set_default(table.qname, column.name, none, was=column.default)


def classified_tables(facts: Facts) -> Iterator[catalog.Table]:
    """User tables, but for those that TBL003 reports, and exempt ones."""
    facts.require_tenancy()
    for table in user_tables(facts):
        if facts.class_of(table.qname) not in (TableClass.UNCLASSIFIED, TableClass.EXEMPT):
            yield table


@check(
    "TEN008",
    "Another column reads like the tenant column",
    subjects=classified_tables,
    severity=Severity.WARNING,
    why="Sooner or later a query filters by the wrong one, and nothing keeps the two in step.",
    bad="""create table invoice (id uuid primary key, org_id uuid not null references organization (id), "orgId" uuid);""",
    good="""create table invoice (id uuid primary key, org_id uuid not null references organization (id), billing_org_id uuid);""",
    remediable=False,
    portable=True,
)
def look_alike(table: catalog.Table, facts: Facts) -> Flaw | None:
    """A table has a second column that reads like the tenant column.

    Examined: root, tenant, inherited and global tables. Fails for a column whose name means the same
    as the tenant column's (``orgId``, ``organization_id`` beside ``org_id``) or says "tenant", unless it
    is the tenant column of another level, a foreign key to a table that is no root, or the table's
    own key. A qualified name (``billing_org_id``) says what it is and passes.
    """
    alike = look_alikes(table, facts)
    if not alike:
        return None
    own = facts.tenant_column(table)
    names, reads = ", ".join(alike), form(len(alike), "reads", "read")
    return Flaw(
        message=f"{facts.show(table.qname)}: {names} {reads} like the tenant column"
        + (f" {own}" if own else ""),
        expected="one column that says whose a row is",
        observed=f"{names} beside {own}" if own else f"{names}, and no tenant column",
        remedy=Remedy(
            note="If it holds the tenant, keep one of the two and drop the other; if it means something else, "
            "rename it so that it says what."
        ),
    )
