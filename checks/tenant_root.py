"""TEN: what ties the tenant column to the tenants."""

from collections.abc import Iterator

from validate_schema.pack import Facts, Flaw, Promise, Remedy, Severity, check
from validate_schema.pack.model import TableClass, catalog
from validate_schema.pack.remedies import (
    add_foreign_key,
    deferral,
    exchange_constraint,
    free_name,
    validate_constraint,
)
from validate_schema.pack.sql import quote_idents, quote_qname
from validate_schema.pack.subjects import TableColumn, TableConstraint, root_foreign_keys, tenant_columns

from ._reference_remedies import make_hold
from ._tenant_values import kind_of


def rooted_columns(facts: Facts) -> Iterator[TableColumn]:
    """Tenant columns that can have a foreign key: the tenants are a table here, the table is none elsewhere."""
    for subject in tenant_columns(facts):
        root = facts.level(subject.table).root
        if root in facts.tables_by_name and subject.table.kind != "foreign":
            yield subject


def keys_of_tenants(facts: Facts) -> Iterator[TableColumn]:
    """The column by which the tenants themselves are told apart, where they are a table."""
    top = facts.tenancy.levels[0] if facts.tenancy.levels else None
    root = facts.tables_by_name.get(top.root) if top is not None and top.root is not None else None
    column = root.column(top.key) if root is not None and top is not None and top.key else None
    if root is not None and column is not None and root.kind != "foreign":
        yield TableColumn(root, column)


def direct_root_keys(facts: Facts) -> Iterator[TableConstraint]:
    """Foreign keys of the tenant column alone to its root; FKY005 looks after composite ones."""
    for table, key in root_foreign_keys(facts):
        if key.references == facts.level(table).root and len(key.columns) == 1:
            yield TableConstraint(table, key)


@check(
    "TEN004",
    "The tenant column has no foreign key to the tenants",
    subjects=rooted_columns,
    severity=Severity.ERROR,
    promise=Promise("{n} tenant tables reference {root}", place=43),
    why="Rows may name a tenant that does not exist, and stay behind when a tenant is deleted.",
    bad="create table invoice (id uuid primary key, org_id uuid not null);",
    good="""
        create table invoice (
            id uuid primary key,
            org_id uuid not null references organization (id),
            unique (org_id, id)
        );
        create table invoice_line (
            id uuid primary key,
            org_id uuid not null,
            invoice_id uuid not null,
            foreign key (org_id, invoice_id) references invoice (org_id, id)
        );
    """,
    portable=True,
)
def root_fk(subject: TableColumn, facts: Facts) -> Flaw | None:
    """A tenant column does not reference the tenants.

    Examined: the tenant column of every tenant table, where the tenants are a table of this
    database. Passes with a foreign key to the root of the table's level, and with a composite
    one through which the tenant column is that of another tenant table; where that one lacks its
    own, only it is reported. A table that references itself, or a circle of tables, leads nowhere.
    Whether the key is validated is TEN007's question.
    """
    table, column = subject
    if _leads_to_root(table, facts):
        return None
    level = facts.level(table)
    root = facts.show(level.root) if level.root else ""
    return Flaw(
        message=f"Tenant column {facts.show(table.qname)}.{column.name} has no foreign key to {root}",
        expected=f"a foreign key to {root}, directly or with a composite key of another tenant table",
        observed="no foreign key leads there",
        remedy=_reference_root(table, column, facts),
    )


def _leads_to_root(table: catalog.Table, facts: Facts) -> bool:
    """Walk the keys that hold the tenant column until one reaches the root, or a table that has none
    and so has a finding of its own."""
    seen, queue = {table.qname}, [table]
    while queue:
        here = queue.pop()
        keys = facts.root_keys(here)
        root = facts.level(here).root
        if any(key.references == root for key in keys) or (not keys and here is not table):
            return True
        for key in keys:
            target = facts.tables_by_name.get(key.references) if key.references else None
            if target is not None and target.qname not in seen:
                seen.add(target.qname)
                queue.append(target)
    return False


def _reference_root(table: catalog.Table, column: catalog.Column, facts: Facts) -> Remedy:
    level = facts.level(table)
    root = facts.tables_by_name[level.root] if level.root else None
    key = root.column(level.key) if root is not None and level.key else None
    if root is None or key is None or not _referenceable(root, key.name):
        return Remedy(
            note="Give the root a primary key or unique constraint on the column that names a tenant, then reference it."
        )
    if kind_of(key.base_type) != kind_of(column.base_type):
        return Remedy(
            note=f"First give {column.name} the type {key.base_type} (TEN003): the key cannot be made before."
        )
    partitioned = table.kind == "partitioned"
    name = free_name(facts, table.schema, table.name, column.name, "fkey")
    actions = _usual_actions(root.qname, facts)
    note = "Rows whose tenant does not exist make it fail and change nothing: find them first (DAT002). "
    if actions:
        note += f"Every other table's key to the root says{actions}, so this one does."
    else:
        note += "Add ON DELETE CASCADE if deleting a tenant should delete its rows."
    return Remedy(
        steps=add_foreign_key(table, (column.name,), root.qname, (key.name,), actions=actions, name=name),
        note=note,
        lock="SHARE ROW EXCLUSIVE on both tables "
        + (
            "while the rows are checked: writes wait"
            if partitioned
            else "for a moment; validation lets reads and writes go on"
        ),
    )


def _usual_actions(root: catalog.QName, facts: Facts) -> str:
    """Return the actions that all tenant tables' keys to the root agree on, as SQL; nothing where they
    differ or there are none."""
    found = {
        (key.on_delete, key.on_update)
        for table, key in facts.referrers.get(root, ())
        if facts.class_of(table.qname) is TableClass.TENANT
    }
    if len(found) != 1:
        return ""
    on_delete, on_update = found.pop()
    if {"set null", "set default"} & {on_delete, on_update}:
        return ""
    given = (("DELETE", on_delete), ("UPDATE", on_update))
    return "".join(f" ON {event} {action.upper()}" for event, action in given if action != "no action")


def _referenceable(root: catalog.Table, column: str) -> bool:
    return any(i.unique and i.valid and i.columns == (column,) and i.predicate is None for i in root.indexes)


@check(
    "TEN005",
    "Deleting a tenant leaves its rows to nobody",
    subjects=direct_root_keys,
    severity=Severity.WARNING,
    why="When a tenant is deleted its rows stay without an owner, or are given to another, instead of going with it or stopping it.",
    bad="create table invoice (id uuid primary key, org_id uuid references organization (id) on delete set null);",
    good="create table invoice (id uuid primary key, org_id uuid not null references organization (id) on delete cascade);",
    portable=True,
)
def root_fk_action(subject: TableConstraint, facts: Facts) -> Flaw | None:
    """The key to the tenants sets the tenant column to NULL or a default.

    Examined: foreign keys of a tenant column to its root; composite ones are FKY005's. Fails for ON
    DELETE and ON UPDATE with SET NULL or SET DEFAULT. The remedy puts NO ACTION in its place; CASCADE
    is right where deleting a tenant should delete its rows.
    """
    table, key = subject
    setting = ("set null", "set default")
    actions = [
        f"ON {on} {act.upper()}"
        for on, act in (("DELETE", key.on_delete), ("UPDATE", key.on_update))
        if act in setting
    ]
    if not actions:
        return None
    return Flaw(
        message=f"Foreign key {facts.show(table.qname)}.{key.name} to the tenants has {' and '.join(actions)}",
        expected="NO ACTION, RESTRICT or CASCADE",
        observed=" and ".join(actions),
        remedy=_without_setting(table, key),
    )


def _without_setting(table: catalog.Table, key: catalog.Constraint) -> Remedy:
    if key.references is None or not key.enforced:
        return Remedy(note="Drop the key and add it again without the action.")
    kept = "".join(
        f" ON {on} {act.upper()}"
        for on, act in (("DELETE", key.on_delete), ("UPDATE", key.on_update))
        if act in ("cascade", "restrict")
    )
    at_once = table.kind == "partitioned"
    definition = (
        f"FOREIGN KEY ({quote_idents(key.columns)}) REFERENCES {quote_qname(key.references)} "
        f"({quote_idents(key.referenced_columns)}){kept}{deferral(key)}{'' if at_once else ' NOT VALID'}"
    )
    replace = exchange_constraint(table.qname, key.name, key.name, definition)
    return Remedy(
        steps=(replace,) if at_once else (replace, validate_constraint(table.qname, key.name)),
        note="Write ON DELETE CASCADE instead if deleting a tenant should delete these rows.",
        lock="ACCESS EXCLUSIVE on both tables for a moment; validation lets reads and writes go on",
    )


@check(
    "TEN007",
    "The key to the tenants does not hold for all rows",
    subjects=root_foreign_keys,
    severity=Severity.ERROR,
    promise=Promise("{n} keys to {root} are validated", place=47),
    why="The schema promises that every row has a tenant, and rows that break the promise may be there.",
    bad="""
        create table invoice (id uuid primary key, org_id uuid not null);
        alter table invoice add foreign key (org_id) references organization (id) not valid;
    """,
    good="create table invoice (id uuid primary key, org_id uuid not null references organization (id));",
)
def root_fk_validated(subject: TableConstraint, facts: Facts) -> Flaw | None:
    """The key to the tenants is NOT VALID or NOT ENFORCED, or its triggers are off.

    Examined: foreign keys that hold a tenant column and lead to its root, directly or as the composite
    key of another tenant table. NOT VALID spares the rows that were there before, NOT ENFORCED
    (PostgreSQL 18) spares all, and so does a key whose triggers do not fire (``DISABLE TRIGGER ALL``, on either table).
    Those of partitions alone are FKY003's.
    """
    table, key = subject
    if not key.state:
        return None
    top = facts.tenancy.levels[0].root
    to = "the tenants" if key.references in (top, None) else facts.show(key.references)
    return Flaw(
        message=f"Foreign key {facts.show(table.qname)}.{key.name} to {to} is {key.state}",
        expected="a validated, enforced foreign key",
        observed=key.state,
        remedy=make_hold(
            table,
            key,
            facts,
            "Rows whose tenant does not exist make it fail and change nothing: find them first (DAT002).",
        ),
    )


@check(
    "TEN012",
    "Two tenants may have one key",
    subjects=keys_of_tenants,
    severity=Severity.ERROR,
    remediable=False,
    why="Policies compare the key alone: two tenants that share it see one another's rows.",
    bad="""
        drop table organization cascade;
        create table organization (region text, id int, name text, primary key (region, id));
        create table invoice (
            id uuid primary key,
            region text not null,
            org_id int not null,
            foreign key (region, org_id) references organization (region, id)
        );
    """,
    good="""
        create table invoice (id uuid primary key, org_id uuid not null references organization (id));
    """,
)
def key_unique(subject: TableColumn, facts: Facts) -> Flaw | None:
    """No unique key of the tenants' table is on the column that names a tenant, alone.

    Examined: the column of the root that the tenant column stands for. Fails where it is unique beside
    another column only (``PRIMARY KEY (region, id)``), for some rows only (a partial index), or not at all:
    the next tenant may get a key that is another's. A warning where the key is a uuid, or a number that a
    sequence gives: no two meet then unless somebody says so.
    """
    table, column = subject
    if _referenceable(table, column.name):
        return None
    drawn = column.base_type == "uuid" or column.identity or "nextval(" in (column.default or "")
    return Flaw(
        message=f"{facts.show(table.qname)}.{column.name} tells tenants apart and is not unique by itself",
        expected=f"a primary key or unique constraint on {column.name} alone",
        observed=_unique_beside(table, column.name),
        severity=Severity.WARNING if drawn else None,
        remedy=Remedy(
            note=f"Make {column.name} unique by itself; or give every table one tenant column that holds all of the"
            " tenant's key, and name that in tenancy.column."
        ),
    )


def _unique_beside(table: catalog.Table, column: str) -> str:
    """Say which unique key the column is part of."""
    for index in table.indexes:
        if index.unique and index.valid and column in index.columns:
            rows = " for some rows" if index.predicate else ""
            return f"unique is ({', '.join(c or 'an expression' for c in index.columns)}){rows}"
    return "no unique key holds it"
