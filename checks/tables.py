"""TBL: the tables that should exist do, and each has a known owner, a key and durable rows."""

from collections.abc import Iterator

from validate_schema.pack import Facts, Flaw, Promise, Remedy, Severity, check
from validate_schema.pack.model import catalog
from validate_schema.pack.remedies import (
    adopt_index,
    alter_table,
    create,
    free_name,
    toml_text,
    type_sql,
    write_name,
)
from validate_schema.pack.sql import quote_ident, quote_idents
from validate_schema.pack.subjects import tenant_tables, user_tables

from ._declared import DeclaredTable, declared_tables, default_sql, is_free, written_in

_BRIEF = "ACCESS EXCLUSIVE for a moment: only the catalog changes, no row is read"


@check(
    "TBL001",
    "A declared table does not exist",
    subjects=declared_tables,
    severity=Severity.ERROR,
    needs="contract",
    promise=Promise("{n} declared tables exist", place=10, if_any=True),
    why="Code written against the contract fails at run time, and a migration that was thought applied was not.",
    bad="create table invoice (id uuid primary key, org_id uuid not null references organization (id));",
    good="""
        create table invoice (id uuid primary key, org_id uuid not null references organization (id));
        create table credit_note (id uuid not null, org_id uuid not null, number integer);
    """,
    config="""
        [tenancy]
        root = "organization"
        column = "org_id"

        [contract.tables.credit_note]
        unique = [["org_id", "number"]]
        [contract.tables.credit_note.columns]
        id = { type = "uuid", nullable = false }
        org_id = { type = "uuid", nullable = false }
        number = { type = "integer" }
    """,
    portable=True,
)
def expected_table(declared: DeclaredTable, facts: Facts) -> Flaw | None:
    """A table that the contract declares is missing.

    Examined: every table of the contract. Fails when no table of exactly that name exists; a name
    in another case or schema is another table, and is mentioned. What the contract says about the
    table's columns, keys and policies is not judged until it exists. The remedy creates the table
    where the contract gives the type of every column.
    """
    if declared.table is not None:
        return None
    return Flaw(
        message=f"Table {facts.show(declared.qname)} does not exist",
        expected=f"a table of that name{written_in(declared.expected)}",
        location=declared.expected.where,
        observed=_instead(declared.qname, facts),
        remedy=_create_table(declared, facts),
    )


def _instead(missing: catalog.QName, facts: Facts) -> str:
    if missing in facts.views_by_name:
        return "a view of that name, and no table"
    near = facts.once(_by_folded_name).get(_folded(missing.name))
    return f"no such table; there is {', '.join(near)}" if near else "no such table"


def _by_folded_name(facts: Facts) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for table in facts.catalog.tables:
        found.setdefault(_folded(table.name), []).append(facts.show(table.qname))
    return found


def _folded(name: str) -> str:
    return name.replace("_", "").casefold()


def _create_table(declared: DeclaredTable, facts: Facts) -> Remedy:
    expected = declared.expected
    if not is_free(declared.qname, facts):
        return Remedy(
            note="Apply the migration that creates it; another object of that name is in the way, or its schema is missing."
        )
    types = {c.name: type_sql(c.type, facts) if c.type else None for c in expected.columns}
    if not types or None in types.values():
        return Remedy(
            note="Apply the migration that creates it; the contract does not say enough to write CREATE TABLE."
        )
    lines = [
        f"{quote_ident(c.name)} {types[c.name]}"
        + default_sql(c)
        + (" NOT NULL" if c.nullable is False else "")
        for c in expected.columns
    ]
    key = expected.primary_key
    if key is not None and types.keys() >= set(key.columns):
        lines.append(f"PRIMARY KEY ({quote_idents(key.columns)})")
    lines += [
        f"UNIQUE ({quote_idents(key.columns)})"
        for key in expected.uniques
        if types.keys() >= set(key.columns) and key.predicate is None and not key.expressions
    ]
    return Remedy(
        steps=(create("TABLE", declared.qname, "(\n    " + ",\n    ".join(lines) + "\n)"),),
        note="The contract's columns and keys alone: indexes, foreign keys, policies and grants are "
        "for the migration that should have created it.",
        lock="none on other tables",
    )


def tables_under_closed_contract(facts: Facts) -> tuple[catalog.Table, ...]:
    """User tables, when the contract is closed."""
    return facts.tables if facts.contract.closed else ()


@check(
    "TBL002",
    "A table is not in the closed contract",
    subjects=tables_under_closed_contract,
    severity=Severity.WARNING,
    needs="contract",
    why="Nobody declared it, so nobody reviewed whose rows it holds or who may read them.",
    bad="create table scratch_copy (id uuid primary key, payload text);",
    good="alter table organization add column plan text;",
    config="""
        [tenancy]
        root = "organization"
        column = "org_id"

        [contract]
        closed = true
        [contract.tables.organization]
    """,
    remediable=False,
    portable=True,
)
def unexpected_table(table: catalog.Table, facts: Facts) -> Flaw | None:
    """A table exists that the closed contract does not declare.

    Examined: user tables, if the contract says ``closed = true``. Fails when the contract has no
    table of that name. Partitions belong to their parent; migration ledgers and tables of extensions are not
    looked at.
    """
    if table.qname in facts.expected_tables:
        return None
    key = toml_text(write_name(table.qname, facts.default_schema))
    return Flaw(
        message=f"Table {facts.show(table.qname)} is not in the contract",
        expected="only tables that the contract declares",
        observed="an undeclared table",
        remedy=Remedy(note=f"Declare it, [contract.tables.{key}], or drop it once nothing needs it."),
    )


def keyable_tables(facts: Facts) -> Iterator[catalog.Table]:
    """User tables that can have a primary key, which a foreign table cannot; where the contract declares
    it, TBL007 looks after it."""
    for table in user_tables(facts):
        declared = facts.expected_tables.get(table.qname)
        if table.kind != "foreign" and (declared is None or declared.primary_key is None):
            yield table


@check(
    "TBL005",
    "A table has no primary key",
    subjects=keyable_tables,
    severity=Severity.WARNING,
    why="Its rows cannot be told apart, referenced or replicated: logical replication refuses to update or delete them.",
    bad="""
        create table invoice (id uuid not null, org_id uuid not null references organization (id));
        create unique index invoice_id_idx on invoice (id);
    """,
    good="create table invoice (id uuid primary key, org_id uuid not null references organization (id));",
    portable=True,
)
def primary_key(table: catalog.Table, facts: Facts) -> Flaw | None:
    """A table has no primary key.

    Examined: user tables; a partitioned table stands for its partitions, a foreign table cannot
    have one, and a declared key is left to TBL007. Where a plain unique index on NOT NULL columns exists, the remedy promotes it; which
    column should be the key is otherwise a decision.
    """
    if table.primary_key is not None:
        return None
    return Flaw(
        message=f"Table {facts.show(table.qname)} has no primary key",
        expected="a primary key",
        observed=_other_uniques(table),
        remedy=_promote(table, facts),
    )


def _other_uniques(table: catalog.Table) -> str:
    uniques = [i.name for i in table.indexes if i.unique]
    return (
        f"no primary key; unique: {', '.join(uniques)}" if uniques else "no primary key and no unique index"
    )


def _promote(table: catalog.Table, facts: Facts) -> Remedy:
    """Make a primary key of a unique index, under the conditions of ADD PRIMARY KEY USING INDEX.

    Source: PostgreSQL documentation, ALTER TABLE: a B-tree with default ordering, neither partial
    nor on expressions, of no constraint; not for partitioned tables, nor with NULLS NOT DISTINCT.
    """
    required = {c.name for c in table.columns if c.not_null}
    for index in table.indexes if table.kind == "table" else ():
        plain = index.unique and index.valid and index.predicate is None and not index.nulls_not_distinct
        columns = tuple(c for c in index.columns if c is not None)
        ordered = not (any(index.options) or any("pattern" in name for name in index.opclasses))
        complete = len(columns) == len(index.columns) and required.issuperset(columns)
        if plain and index.method == "btree" and ordered and complete and index.constraint is None:
            name = free_name(facts, table.schema, table.name, "pkey")
            return Remedy(
                steps=(adopt_index(table.qname, name, "PRIMARY KEY", index.name),),
                note=f"The unique index {index.name} becomes the primary key and takes its name.",
                lock=_BRIEF,
            )
    return Remedy(
        note="Choose the column that names a row for good, or add an identity or uuid column for it."
    )


@check(
    "TBL006",
    "A tenant table is UNLOGGED",
    subjects=tenant_tables,
    severity=Severity.WARNING,
    why="After a crash the server empties it, and it is never replicated: every tenant's rows are gone.",
    bad="create unlogged table invoice (id uuid primary key, org_id uuid not null references organization (id));",
    good="create table invoice (id uuid primary key, org_id uuid not null references organization (id));",
)
def logged(table: catalog.Table, facts: Facts) -> Flaw | None:
    """A table that holds tenants' rows is UNLOGGED.

    Examined: tenant tables. The rows of a partitioned table are in its partitions, so that these are
    looked at in its place.
    """
    holders = _partitions(table, facts) if table.kind == "partitioned" else (table,)
    unlogged = tuple(t for t in holders if t.unlogged)
    if not unlogged:
        return None
    name = facts.show(table.qname)
    parts = ", ".join(facts.show(t.qname) for t in unlogged)
    whole = unlogged == (table,)
    return Flaw(
        message=f"Table {name} is UNLOGGED" if whole else f"Partitions of {name} are UNLOGGED: {parts}",
        expected="a table whose rows survive a crash",
        observed="UNLOGGED" if whole else f"{len(unlogged)} of {len(holders)} partitions UNLOGGED",
        remedy=Remedy(
            steps=tuple(alter_table(t.qname, "SET LOGGED") for t in unlogged),
            note="A table cannot be logged while it references one that is not: begin with the referenced one.",
            lock="ACCESS EXCLUSIVE while the table is rewritten and written to the log: choose a quiet hour",
        ),
    )


def _partitions(table: catalog.Table, facts: Facts) -> tuple[catalog.Table, ...]:
    """Return the partitions that hold rows, at any depth."""
    found: list[catalog.Table] = []
    waiting = [table]
    while waiting:
        here = waiting.pop()
        if here.kind == "partitioned":
            waiting += reversed(facts.partitions.get(here.qname, ()))
        else:
            found.append(here)
    return tuple(found)
