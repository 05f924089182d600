"""DAT: what stands in the tenant column of the rows themselves, as far as it was counted."""

from collections.abc import Iterator
from typing import NamedTuple

from validate_schema.pack import Facts, Flaw, ObjectRef, Promise, Remedy, Severity, Unexamined, check
from validate_schema.pack.model import catalog as cat
from validate_schema.pack.model import evidence, form
from validate_schema.pack.sql import quote_ident, quote_literal, quote_qname

from ._nulls import is_owned


class TableRows(NamedTuple):
    """A tenant table with what was counted in it; None where nothing was."""

    table: cat.Table
    rows: evidence.TenantRows | None

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef.of_table(self.table.qname)

    def missing(self, facts: Facts) -> Unexamined:
        """Return why a count was not taken."""
        name = facts.show(self.table.qname)
        reason = self.rows.unreadable if self.rows else ""
        return Unexamined(f"rows of {name} were not counted: {reason or 'the table was not looked at'}")


def counted_tables(facts: Facts) -> Iterator[TableRows]:
    """Tenant tables that have their tenant column; none when rows were not to be looked at."""
    if not facts.evidence.gathered:
        return
    counted = {r.table: r for r in facts.evidence.tenant_rows}
    for table in facts.tenant_tables:
        column = facts.tenant_column(table)
        if column is not None and table.column(column) is not None:
            yield TableRows(table, counted.get(table.qname))


def strictly_owned_tables(facts: Facts) -> Iterator[TableRows]:
    """Counted tables, but for those whose rows without a tenant are shared by design, or another column's."""
    shared = set(facts.tenancy.null_means_global)
    for subject in counted_tables(facts):
        column = facts.tenant_column(subject.table) or ""
        if subject.table.qname not in shared and not is_owned(subject.table, column, facts):
            yield subject


def unguarded_tables(facts: Facts) -> Iterator[TableRows]:
    """Counted tables that no validated foreign key ties to a root in this database."""
    return (
        s
        for s in counted_tables(facts)
        if facts.level(s.table).root is not None and not facts.root_guarded(s.table)
    )


def placeholder_suspects(facts: Facts) -> Iterator[TableRows]:
    """Counted tables, when placeholder tenants are known."""
    return counted_tables(facts) if facts.tenancy.placeholders else iter(())


@check(
    "DAT001",
    "Rows without a tenant",
    subjects=strictly_owned_tables,
    severity=Severity.ERROR,
    remediable=False,
    needs="rows",
    promise=Promise(figure="null rows", place=60),
    why="A row with no tenant is nobody's: the policies hide it from everybody, or show it to all.",
    bad="""
        create table invoice (id bigint primary key, org_id uuid references organization (id));
        insert into invoice values (1, null), (2, null);
    """,
    good="""
        create table invoice (id bigint primary key, org_id uuid references organization (id));
        with org as (insert into organization (name) values ('Acme') returning id)
        insert into invoice select 1, id from org;
    """,
)
def null_tenant_rows(subject: TableRows, facts: Facts) -> Flaw | Unexamined | None:
    """Rows have NULL in the tenant column.

    Examined: tenant tables, but for those whose NULL rows are declared as shared. The count stops at
    the configured limit. A column that cannot hold NULL counts as zero rows, unread.
    """
    rows = subject.rows
    if rows is None or rows.null_rows is None:
        return subject.missing(facts)
    if not rows.null_rows:
        return None
    count = facts.evidence.counted(rows.null_rows, "row")
    return _flaw(
        subject,
        message=f"{count} of {facts.show(rows.table)} {form(rows.null_rows, 'has', 'have')} no tenant: {rows.column} is NULL",
        expected="no row without a tenant",
        observed=f"{count} with {rows.column} NULL",
        condition=f"{quote_ident(rows.column)} IS NULL",
        decision="Decide whose rows these are, set the column or delete them, then make it NOT NULL.",
    )


@check(
    "DAT002",
    "Rows of tenants that do not exist",
    subjects=unguarded_tables,
    severity=Severity.ERROR,
    remediable=False,
    needs="rows",
    why="Such rows outlived their tenant or never had one: they are kept, billed and backed up for nobody, and whoever gets the key next gets them.",
    bad="""
        create table invoice (id bigint primary key, org_id uuid not null);
        insert into invoice values (1, '00000000-0000-4000-8000-000000000001');
    """,
    good="""
        create table invoice (id bigint primary key, org_id uuid not null);
        with org as (insert into organization (name) values ('Acme') returning id)
        insert into invoice select 1, id from org;
    """,
)
def orphan_tenant_rows(subject: TableRows, facts: Facts) -> Flaw | Unexamined | None:
    """Rows have a value in the tenant column that is no key of the root table.

    Examined: tenant tables without a validated foreign key that keeps the column to the root's keys;
    with one, PostgreSQL itself has checked every row. NULL is DAT001's. The count stops at the
    configured limit.
    """
    rows = subject.rows
    if rows is None or rows.orphan_rows is None:
        return subject.missing(facts)
    level = facts.level(subject.table)
    if not rows.orphan_rows or level.root is None or level.key is None:
        return None
    count, root = facts.evidence.counted(rows.orphan_rows, "row"), facts.show(level.root)
    key = quote_ident(level.key)
    column = quote_ident(rows.column)
    absent = f"NOT EXISTS (SELECT 1 FROM {quote_qname(level.root)} r WHERE r.{key}::text = t.{column}::text)"
    return _flaw(
        subject,
        message=f"{count} of {facts.show(rows.table)} {form(rows.orphan_rows, 'has', 'have')} a tenant that is not in {root}",
        expected=f"every {rows.column} stands in {root}.{level.key}",
        observed=f"{count} whose {rows.column} is not",
        condition=f"{column} IS NOT NULL AND {absent}",
        decision="Decide whether to restore the tenants, re-home the rows or delete them, then add the foreign key.",
        sample=f"for example {', '.join(rows.orphan_sample)}" if rows.orphan_sample else "",
    )


@check(
    "DAT003",
    "Rows of a placeholder tenant",
    subjects=placeholder_suspects,
    severity=Severity.ERROR,
    remediable=False,
    needs="rows",
    why="Rows that a backfill gave to a made-up tenant belong to somebody who cannot see them, and all of them share one owner.",
    bad="""
        create table invoice (id bigint primary key, org_id text not null default 'temp');
        insert into invoice (id) values (1);
        insert into invoice values (2, 'default-org-id'), (3, 'acme');
    """,
    good="""
        create table invoice (id bigint primary key, org_id text not null);
        insert into invoice values (1, 'acme');
    """,
)
def placeholder_tenant(subject: TableRows, facts: Facts) -> Flaw | Unexamined | None:
    """Rows belong to a placeholder tenant, such as ``temp``.

    Examined: tenant tables, for the values that the config lists or that a default once wrote. The
    count stops at the configured limit.
    """
    rows = subject.rows
    if rows is None or rows.placeholder_rows is None:
        return subject.missing(facts)
    if not rows.placeholder_rows:
        return None
    count = facts.evidence.counted(rows.placeholder_rows, "row")
    values = ", ".join(map(quote_literal, rows.placeholder_values))
    return _flaw(
        subject,
        message=f"{count} of {facts.show(rows.table)} {form(rows.placeholder_rows, 'has', 'have')} a placeholder as tenant: {values}",
        expected="every row belongs to a real tenant",
        observed=f"{count} with {rows.column} one of {values}",
        condition=f"{quote_ident(rows.column)}::text IN ({values})",
        decision="Decide whose rows these are and set the column, then drop the default that wrote the placeholder.",
    )


class RootKey(NamedTuple):
    """A root whose key is text, with how many of its rows have none; None where nothing was counted."""

    table: cat.Table
    column: cat.Column
    rows: evidence.EmptyKeys | None

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef.of_table(self.table.qname)


def text_keys(facts: Facts) -> Iterator[RootKey]:
    """Roots whose key is text; none when rows were not to be looked at."""
    if facts.evidence.gathered or facts.evidence.empty_keys:
        counted = {r.table: r for r in facts.evidence.empty_keys}
        yield from (RootKey(t, c, counted.get(t.qname)) for t, c in facts.text_roots)


@check(
    "DAT006",
    "Tenant whose key is the empty text",
    concern="may",
    subjects=text_keys,
    severity=Severity.ERROR,
    remediable=False,
    needs="rows",
    explains=("tenant",),
    why="A setting that was reset holds the empty text: every session that names no tenant is this tenant.",
    bad="""
        create table org (id text primary key);
        insert into org values ('');
        create table invoice (id bigint primary key, org_id text not null references org (id));
    """,
    good="""
        create table org (id text primary key check (id <> ''));
        insert into org values ('acme');
        create table invoice (id bigint primary key, org_id text not null references org (id));
    """,
    config="""
        [tenancy]
        root = "org"
        column = "org_id"
        setting = "app.tenant_id"
    """,
)
def empty_key(subject: RootKey, facts: Facts) -> Flaw | Unexamined | None:
    """A row of the root has the empty text as its key.

    Examined: roots whose key is text. Source: PostgreSQL documentation, "Customized Options" and RESET: a
    setting that was made in a session is empty, not unset, once it is reset.
    """
    name, rows = facts.show(subject.table.qname), subject.rows
    if rows is None or rows.rows is None:
        reason = rows.unreadable if rows else ""
        return Unexamined(f"keys of {name} were not counted: {reason or 'the table was not looked at'}")
    if not rows.rows:
        return None
    key = quote_ident(subject.column.name)
    return Flaw(
        message=f"{name} holds a tenant whose {subject.column.name} is the empty text, as a reset setting is",
        expected="every tenant has a key of its own",
        observed=f"a row with {subject.column.name} ''",
        remedy=Remedy(
            note=f"Give this tenant another key, then forbid it: ALTER TABLE {quote_qname(subject.table.qname)} ADD CHECK ({key} <> '');"
        ),
    )


def _flaw(
    subject: TableRows,
    *,
    message: str,
    expected: str,
    observed: str,
    condition: str,
    decision: str,
    sample: str = "",
) -> Flaw:
    query = f"SELECT * FROM {quote_qname(subject.table.qname)} t WHERE {condition} LIMIT 100;"
    return Flaw(
        message=message,
        expected=expected,
        observed=observed,
        evidence=sample,
        remedy=Remedy(note=f"{decision} To see them: {query}"),
    )
