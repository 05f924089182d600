"""DAT: references that leave the tenant, and duplicates that a NULL hides, as far as rows were counted."""

from collections.abc import Iterator
from typing import NamedTuple

from validate_schema.pack import Facts, Flaw, ObjectRef, Remedy, Severity, Unexamined, check
from validate_schema.pack.model import evidence, form
from validate_schema.pack.scoping import tie_of
from validate_schema.pack.sql import quote_ident, quote_qname


class CountedKey(NamedTuple):
    """A foreign key with what was counted of it."""

    counted: evidence.StrayReferences

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef.on_table("constraint", self.counted.table, self.counted.constraint)


class CountedUnique(NamedTuple):
    """A unique with what was counted of it."""

    counted: evidence.HiddenDuplicates

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef.on_table("constraint", self.counted.table, self.counted.unique)


def loose_keys(facts: Facts) -> Iterator[CountedKey]:
    """Foreign keys that FKY001 reports, where both sides have a tenant column."""
    return (CountedKey(found) for found in facts.evidence.stray_references)


def gaping_uniques(facts: Facts) -> Iterator[CountedUnique]:
    """Uniques that UNQ003 warns of."""
    return (CountedUnique(found) for found in facts.evidence.hidden_duplicates)


@check(
    "DAT004",
    "Rows that reference another tenant's",
    concern="may",
    subjects=loose_keys,
    severity=Severity.ERROR,
    remediable=False,
    needs="rows",
    why="Whoever follows the reference reads or changes another tenant's row: the tenants are mixed already.",
    bad="""
        create table project (
            id int primary key,
            org_id uuid not null references organization (id)
        );
        create table task (
            id int primary key,
            org_id uuid not null references organization (id),
            project_id int references project (id)
        );
        with orgs as (insert into organization (name) values ('Acme'), ('Bolt') returning id, name),
             made as (insert into project select 1, id from orgs where name = 'Acme')
        insert into task select 1, id, 1 from orgs where name = 'Bolt';
    """,
    good="""
        create table project (
            id int primary key,
            org_id uuid not null references organization (id)
        );
        create table task (
            id int primary key,
            org_id uuid not null references organization (id),
            project_id int references project (id)
        );
        with orgs as (insert into organization (name) values ('Acme') returning id),
             made as (insert into project select 1, id from orgs)
        insert into task select 1, id, 1 from orgs;
    """,
)
def cross_tenant_rows(subject: CountedKey, facts: Facts) -> Flaw | Unexamined | None:
    """Rows reference a row of another tenant.

    Examined: foreign keys between tenant tables that do not hold the tenant column on both sides
    (FKY001); with such a key PostgreSQL itself has checked every row. A row whose tenant is NULL, on
    either side, is not counted. The count stops at the configured limit.
    """
    found = subject.counted
    name = f"{facts.show(found.table)}.{found.constraint}"
    if found.rows is None:
        return Unexamined(f"references of {name} were not counted: {found.unreadable or 'not looked at'}")
    if not found.rows:
        return None
    count = facts.evidence.counted(found.rows, "row")
    return Flaw(
        message=f"{count} of {facts.show(found.table)} {form(found.rows, 'references', 'reference')} a row of "
        f"another tenant through {found.constraint}",
        expected="a row and what it references belong to the same tenant",
        observed=f"{count} where they do not",
        evidence=f"for example {', '.join(found.sample)}" if found.sample else "",
        remedy=Remedy(
            note=f"Decide for each which tenant is right. To see them: {_strays_query(found, facts)} Then have the "
            "foreign key hold the tenant column (FKY001)."
        ),
    )


def _strays_query(found: evidence.StrayReferences, facts: Facts) -> str:
    table = facts.tables_by_name[found.table]
    key = next(k for k in table.foreign_keys if k.name == found.constraint)
    tie = tie_of(table, key, facts)
    target = quote_qname(key.references) if key.references else ""
    pairs = zip(key.columns, key.referenced_columns, strict=False)
    joined = " AND ".join(f"t.{quote_ident(c)} = p.{quote_ident(r)}" for c, r in pairs)
    mine, theirs = (tie.column or "", tie.referenced or "") if tie else ("", "")
    apart = f"t.{quote_ident(mine)}::text <> p.{quote_ident(theirs)}::text"
    return f"SELECT * FROM {quote_qname(found.table)} t JOIN {target} p ON {joined} WHERE {apart} LIMIT 100;"


@check(
    "DAT005",
    "Duplicates that a NULL hides",
    subjects=gaping_uniques,
    severity=Severity.WARNING,
    remediable=False,
    needs="rows",
    why="The unique was to keep these rows apart: the application meets two where it expects one.",
    bad="""
        create table test_suite (
            id int primary key,
            org_id uuid not null references organization (id),
            name text not null,
            run_id text,
            unique (org_id, name, run_id)
        );
        with org as (insert into organization (name) values ('Acme') returning id)
        insert into test_suite select n, id, 'smoke', null from org, generate_series(1, 2) n;
    """,
    good="""
        create table test_suite (
            id int primary key,
            org_id uuid not null references organization (id),
            name text not null,
            run_id text,
            unique (org_id, name, run_id)
        );
        with org as (insert into organization (name) values ('Acme') returning id)
        insert into test_suite select n, id, 'smoke', nullif(n, 1)::text from org, generate_series(1, 2) n;
    """,
)
def hidden_duplicates(subject: CountedUnique, facts: Facts) -> Flaw | Unexamined | None:
    """Rows are equal in every column of a unique, which lets them in because one of them is NULL.

    Examined: the uniques that UNQ003 warns of; its infos, where any number of rows may go without a
    value, are left out. Counted are groups of such rows, up to the configured limit.
    """
    found = subject.counted
    name = f"{facts.show(found.table)}.{found.unique}"
    if found.groups is None:
        return Unexamined(f"duplicates under {name} were not counted: {found.unreadable or 'not looked at'}")
    if not found.groups:
        return None
    count = facts.evidence.counted(found.groups, "group")
    return Flaw(
        message=f"{count} of rows of {facts.show(found.table)} would be duplicates under {found.unique} if NULLs were equal",
        expected="no two rows that differ in nothing but their key",
        observed=f"{count} of equal rows",
        evidence=f"for example {'; '.join(found.sample)}" if found.sample else "",
        remedy=Remedy(
            note="Decide which row of each group stays, merge or delete the others, then make the unique NULLS NOT "
            "DISTINCT (UNQ003)."
        ),
    )
