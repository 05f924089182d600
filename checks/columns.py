"""COL: the columns that the contract declares exist as declared."""

from collections.abc import Iterator
from typing import NamedTuple

from validate_schema.pack import Facts, Flaw, ObjectRef, Promise, Remedy, Severity, check
from validate_schema.pack.model import catalog, contract
from validate_schema.pack.remedies import add_column, alter_table, change_type, set_default, type_sql
from validate_schema.pack.sql import quote_ident, same_expression, same_type

from ._declared import DeclaredColumn, declared_columns, default_sql, without_tenant_column, written_in
from ._nulls import forbid_null, lets_null_in, unvalidated_not_null
from ._tenant_values import TypedTenant, default_of, judge_default, kind_of, typed_tenant_columns
from ._undeclared import Seen, undeclared, under_closed_contract

_MOMENT = "ACCESS EXCLUSIVE for a moment: only the catalog changes, no row is read"
_TENANCY = """
    [tenancy]
    root = "organization"
    column = "org_id"
"""


class ExistingColumn(NamedTuple):
    """A column of the contract that exists."""

    table: catalog.Table
    expected: contract.ExpectedColumn
    column: catalog.Column

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef.on_table("column", self.table.qname, self.column.name)

    def shown(self, facts: Facts) -> str:
        return f"{facts.show(self.table.qname)}.{self.column.name}"


def expected_columns(facts: Facts) -> Iterator[DeclaredColumn]:
    """Columns of the contract, but for tenant columns that TEN001 reports as missing."""
    reported = without_tenant_column(facts)
    spellings = {name for level in facts.tenancy.levels for name in level.columns}
    for declared in declared_columns(facts):
        if declared.table.qname not in reported or declared.expected.name not in spellings:
            yield declared


def _existing(facts: Facts) -> Iterator[ExistingColumn]:
    for table, expected, column in declared_columns(facts):
        if column is not None:
            yield ExistingColumn(table, expected, column)


def typed_columns(facts: Facts) -> Iterator[ExistingColumn]:
    """Existing columns whose type the contract gives, but for tenant columns that TEN003 reports."""
    models = {(t.table.qname, t.column.name): kind_of(t.wanted) for t in _typed_tenants(facts)}
    for subject in _existing(facts):
        declared = subject.expected.type
        if declared is None:
            continue
        kind = models.get((subject.table.qname, subject.column.name))
        reported = kind is not None and kind != kind_of(subject.column.base_type)
        if not (reported and kind_of(declared) == kind):
            yield subject


def _typed_tenants(facts: Facts) -> Iterator[TypedTenant]:
    return typed_tenant_columns(facts) if facts.tenancy.identified else iter(())


def columns_of_known_nullability(facts: Facts) -> Iterator[ExistingColumn]:
    """Existing columns whose nullability the contract gives, but for tenant columns that TEN002 reports."""
    for subject in _existing(facts):
        expected, table = subject.expected, subject.table
        tenant = subject.column.name == facts.tenant_column(table)
        shared = table.qname in facts.tenancy.null_means_global
        reported = (
            tenant and not shared and expected.nullable is False and lets_null_in(table, subject.column)
        )
        if expected.nullable is not None and not reported:
            yield subject


def columns_of_known_default(facts: Facts) -> Iterator[ExistingColumn]:
    """Existing columns whose default, or want of one, the contract gives; generated columns and
    identities have none, but an identity is as good as a declared counter. Tenant columns that TEN006 reports as an error are left to it."""
    for subject in _existing(facts):
        made = (subject.column.generated or subject.column.identity) and not subject.expected.counter
        if subject.expected.default_declared and not made and not _is_ten006(subject, facts):
            yield subject


def _is_ten006(subject: ExistingColumn, facts: Facts) -> bool:
    column = subject.column
    if subject.expected.default is not None or column.name != facts.tenant_column(subject.table):
        return False
    found = default_of(column, facts)
    return found is not None and judge_default(found, column)[0] is None


@check(
    "COL001",
    "A declared column is missing",
    subjects=expected_columns,
    severity=Severity.ERROR,
    needs="contract",
    promise=Promise("{n} declared columns exist", place=11, if_any=True),
    why="Queries that name the column fail at run time, on a schema that was thought to be migrated.",
    bad="create table invoice (id uuid primary key, org_id uuid not null references organization (id));",
    good="""
        create table invoice (
            id uuid primary key,
            org_id uuid not null references organization (id),
            currency text not null default 'EUR'
        );
    """,
    config=_TENANCY
    + """
    [contract.tables.invoice.columns]
    currency = { type = "text", nullable = false, default = "'EUR'" }
    """,
    portable=True,
)
def expected_column(declared: DeclaredColumn, facts: Facts) -> Flaw | None:
    """A column that the contract declares is missing.

    Examined: the contract's columns on tables that exist. Fails when the table has no column of
    exactly that name; one in another spelling is mentioned. The tenant column of a table that must
    have it is left to TEN001. The remedy adds the column where the contract gives its type; without a default it may hold
    NULL until the rows are filled.
    """
    table, expected, column = declared
    if column is not None:
        return None
    near = [c.name for c in table.columns if _folded(c.name) == _folded(expected.name)]
    return Flaw(
        message=f"Column {facts.show(table.qname)}.{expected.name} does not exist",
        expected=f"a column of that name{written_in(expected)}",
        location=expected.where,
        observed=f"no such column; there is {', '.join(near)}" if near else "no such column",
        remedy=_rename(near) if near else _add(table, expected, facts),
    )


def _folded(name: str) -> str:
    return name.replace("_", "").casefold()


def _rename(near: list[str]) -> Remedy:
    return Remedy(note=f"Rename {' or '.join(near)}, or correct the contract, if the same column is meant.")


def _add(table: catalog.Table, expected: contract.ExpectedColumn, facts: Facts) -> Remedy:
    written = type_sql(expected.type, facts) if expected.type else None
    if written is None or table.inherits:
        return Remedy(
            note="Apply the migration that adds it; the contract does not say enough to write it here."
        )
    default = default_sql(expected)
    required = " NOT NULL" if expected.nullable is False and default else ""
    late = expected.nullable is False and not default
    return Remedy(
        steps=(add_column(table.qname, expected.name, f"{written}{default}{required}"),),
        note="It is added nullable: fill it, then COL003 has the statements that make it NOT NULL."
        if late
        else "",
        lock=f"{_MOMENT}, unless the default is volatile: then the table is rewritten",
    )


@check(
    "COL002",
    "A column's type is not the declared one",
    subjects=typed_columns,
    severity=Severity.ERROR,
    needs="contract",
    promise=Promise("{n} declared columns have their type", place=12, if_any=True),
    why="The application reads and writes another type than it was built for: values are cut, refused or overflow.",
    bad="create table invoice (id uuid primary key, org_id uuid not null references organization (id), number varchar(10));",
    good="create table invoice (id uuid primary key, org_id uuid not null references organization (id), number varchar(20));",
    config=_TENANCY
    + """
    [contract.tables.invoice.columns]
    number = { type = "varchar(20)" }
    """,
    portable=True,
)
def type(subject: ExistingColumn, facts: Facts) -> Flaw | None:
    """A column has another type than the contract declares.

    Examined: existing columns whose type the contract gives. Types are compared as the server would
    store them: ``int4`` is ``integer``, ``varchar(10)`` is not ``varchar(20)``. A domain is a type of
    its own, not the type below it.
    """
    table, expected, column = subject
    wanted = expected.type or ""
    if same_type(wanted, column.type, facts.default_schema):
        return None
    return Flaw(
        message=f"Column {subject.shown(facts)} has another type than declared",
        expected=f"{wanted}{written_in(expected)}",
        location=expected.where,
        observed=column.type,
        remedy=change_type(table, column, wanted, facts),
    )


@check(
    "COL003",
    "A column's nullability is not the declared one",
    subjects=columns_of_known_nullability,
    severity=Severity.ERROR,
    needs="contract",
    why="Code that relies on a value meets NULL, or code that leaves the value out is refused.",
    bad="create table invoice (id uuid primary key, org_id uuid not null references organization (id), number integer);",
    good="create table invoice (id uuid primary key, org_id uuid not null references organization (id), number integer not null);",
    config=_TENANCY
    + """
    [contract.tables.invoice.columns]
    number = { nullable = false }
    """,
    portable=True,
)
def nullability(subject: ExistingColumn, facts: Facts) -> Flaw | None:
    """A column may be NULL where the contract says it may not, or the other way round.

    Examined: existing columns whose nullability the contract gives. Fails when the column's own
    NOT NULL differs; one that was added NOT VALID does not hold yet. A list that may not be NULL,
    though it was declared so, is a warning, and an info where it has a default: lists are written
    empty, not NULL. A tenant column that may be NULL is left to TEN002.
    """
    table, expected, column = subject
    waiting = unvalidated_not_null(table, column)
    nullable = not column.not_null
    if nullable == expected.nullable:
        return None
    says = "nullable" if expected.nullable else "NOT NULL"
    return Flaw(
        message=f"Column {subject.shown(facts)} is {'nullable' if nullable else 'NOT NULL'}, and declared {says}",
        expected=f"{says}{written_in(expected)}",
        location=expected.where,
        observed="NOT NULL, but NOT VALID" if waiting else "nullable" if nullable else "NOT NULL",
        remedy=_drop_not_null(table, column) if expected.nullable else _not_null(table, column, facts),
        severity=_of_list(column) if expected.nullable else None,
    )


def _of_list(column: catalog.Column) -> Severity | None:
    if not column.type.endswith("[]"):
        return None
    return Severity.INFO if column.default is not None else Severity.WARNING


def _not_null(table: catalog.Table, column: catalog.Column, facts: Facts) -> Remedy:
    return Remedy(
        steps=forbid_null(table, column, facts),
        note="Rows with NULL must be filled first: validation fails on them and changes nothing.",
        lock="SHARE UPDATE EXCLUSIVE while rows are validated: reads and writes go on; else ACCESS EXCLUSIVE for a moment",
    )


def _drop_not_null(table: catalog.Table, column: catalog.Column) -> Remedy:
    key = table.primary_key
    if (key is not None and column.name in key.columns) or column.identity:
        return Remedy(
            note="A primary key or identity column is always NOT NULL: correct the contract, or the key."
        )
    alter = f"ALTER COLUMN {quote_ident(column.name)}"
    step = alter_table(table.qname, f"{alter} DROP NOT NULL", f"{alter} SET NOT NULL")
    return Remedy(steps=(step,), lock=_MOMENT)


@check(
    "COL004",
    "A column's default is not the declared one",
    subjects=columns_of_known_default,
    severity=Severity.WARNING,
    needs="contract",
    why="Rows that leave the value out get another one than the application expects, without an error.",
    bad="create table invoice (id uuid primary key, org_id uuid not null references organization (id), version integer default 2);",
    good="create table invoice (id uuid primary key, org_id uuid not null references organization (id), version integer default '1'::integer);",
    config=_TENANCY
    + """
    [contract.tables.invoice.columns]
    version = { default = "1" }
    """,
    portable=True,
)
def default(subject: ExistingColumn, facts: Facts) -> Flaw | None:
    """A column's default differs from the contract, is missing, or should not be there.

    Examined: existing columns whose default (or ``default = false``) the contract gives, but for
    generated columns and identities. Defaults are compared as parsed expressions: ``'1'::integer`` is
    ``1``, ``now()`` is ``CURRENT_TIMESTAMP``. Where the contract says that the database numbers the
    column, an identity and the next value of any sequence both do.
    """
    table, expected, column = subject
    wanted, observed = expected.default, column.default
    if expected.counter:
        return _uncounted(subject, facts)
    if same_expression(wanted, observed, facts.default_schema, column.type):
        return None
    return Flaw(
        message=f"Column {subject.shown(facts)} {_differs(wanted, observed)}",
        expected=f"{f'default {wanted}' if wanted is not None else 'no default'}{written_in(expected)}",
        location=expected.where,
        observed=f"default {observed}" if observed is not None else "no default",
        remedy=Remedy(
            steps=(set_default(table.qname, column.name, wanted, was=observed),),
            note="Rows that are there keep their values.",
            lock=_MOMENT,
        ),
    )


def _uncounted(subject: ExistingColumn, facts: Facts) -> Flaw | None:
    """Judge a column that the database shall number."""
    observed = subject.column.default or ""
    if subject.column.identity or observed.startswith("nextval("):
        return None
    return Flaw(
        message=f"Column {subject.shown(facts)} is not numbered by the database",
        expected=f"an identity, or the next value of a sequence{written_in(subject.expected)}",
        location=subject.expected.where,
        observed=f"default {observed}" if observed else "no default",
        remedy=Remedy(
            note="Make it an identity, ALTER COLUMN … ADD GENERATED BY DEFAULT AS IDENTITY, and start it after "
            "the highest number in use."
        ),
    )


def _differs(wanted: str | None, observed: str | None) -> str:
    if observed is None:
        return "has no default"
    return "has a default, and none is declared" if wanted is None else "has another default than declared"


class UndeclaredCandidate(NamedTuple):
    """A column of a table whose columns the closed contract lists."""

    table: catalog.Table
    column: catalog.Column
    expected: contract.ExpectedTable

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef.on_table("column", self.table.qname, self.column.name)


def columns(facts: Facts) -> Iterator[UndeclaredCandidate]:
    """Columns of the tables whose columns a closed contract lists."""
    for table, expected in under_closed_contract(facts, "columns"):
        yield from (UndeclaredCandidate(table, column, expected) for column in table.columns)


@undeclared(
    "COL005",
    "column",
    named="Column ",
    subjects=columns,
    severity=Severity.INFO,
    why="Nobody declared it, so nobody reviewed what it holds and who may read it.",
    bad="alter table organization add column notes text;",
    good="alter table organization alter column name set default '';",
    contract="""
        [contract.tables.organization.columns]
        id = { type = "uuid" }
        name = { type = "text" }
    """,
    drop="it once nothing reads it",
)
def unexpected_column(subject: UndeclaredCandidate, _: Facts) -> Seen:
    """A table has a column that the closed contract does not declare.

    Examined: the columns of tables whose columns the contract lists, if it says ``closed = true``.
    A table that the contract names without any column is not looked at; one that it does not name
    is a finding of TBL002.
    """
    if any(c.name == subject.column.name for c in subject.expected.columns):
        return None
    return f"column of type {subject.column.type}"
