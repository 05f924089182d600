"""What the contract declares, paired with what exists under that name, and the tables that must
carry the tenant column."""

from collections.abc import Iterator
from typing import NamedTuple

from validate_schema.api import Facts, ObjectRef, TableClass, catalog, contract

Expected = (
    contract.ExpectedTable
    | contract.ExpectedColumn
    | contract.ExpectedKey
    | contract.ExpectedForeignKey
    | contract.ExpectedPolicy
    | contract.ExpectedEnum
    | contract.ExpectedView
)


class DeclaredTable(NamedTuple):
    """A table of the contract; `table` is None where no such table exists."""

    expected: contract.ExpectedTable
    qname: catalog.QName
    table: catalog.Table | None

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef.of_table(self.qname)


class DeclaredColumn(NamedTuple):
    """A column of the contract on an existing table; `column` is None where it is missing."""

    table: catalog.Table
    expected: contract.ExpectedColumn
    column: catalog.Column | None

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef.on_table("column", self.table.qname, self.expected.name)


def declared_tables(facts: Facts) -> Iterator[DeclaredTable]:
    """Tables of the contract."""
    for qname, expected in facts.expected_tables.items():
        yield DeclaredTable(expected, qname, facts.tables_by_name.get(qname))


def declared_columns(facts: Facts) -> Iterator[DeclaredColumn]:
    """Columns of the contract whose table exists: a missing table is one finding, of TBL001."""
    for declared in declared_tables(facts):
        if declared.table is not None:
            for expected in declared.expected.columns:
                yield DeclaredColumn(declared.table, expected, declared.table.column(expected.name))


def must_carry_tenant(facts: Facts) -> Iterator[catalog.Table]:
    """Tables that the config or the contract says are tenant tables, in catalog order."""
    facts.require_tenancy()
    spellings = {column for level in facts.tenancy.levels for column in level.columns}
    contracted = {
        d.qname
        for d in declared_tables(facts)
        if d.expected.tenant
        or (d.expected.tenant is None and any(c.name in spellings for c in d.expected.columns))
    }
    for table in facts.tables:
        standing = facts.standings.get(table.qname)
        if standing is None or standing.table_class is TableClass.ROOT:
            continue
        declared = standing.declared and standing.table_class is TableClass.TENANT
        if declared or table.qname in contracted:
            yield table


def lacks_tenant_column(table: catalog.Table, facts: Facts) -> bool:
    """Tell whether a table has no column that any level of tenancy takes for its tenant column."""
    if facts.class_of(table.qname) is TableClass.TENANT:
        return facts.tenant_column(table) is None
    return not any(table.column(name) for level in facts.tenancy.levels for name in level.columns)


def without_tenant_column(facts: Facts) -> frozenset[catalog.QName]:
    """Return the tables that TEN001 reports: other checks leave them to it."""
    if not facts.tenancy.identified:
        return frozenset()
    return frozenset(t.qname for t in must_carry_tenant(facts) if lacks_tenant_column(t, facts))


def is_free(name: catalog.QName, facts: Facts) -> bool:
    """Tell whether a table or type of that name could be created: tables, views, sequences, indexes
    and types share their names, and the schema must be there."""
    if not any(schema.name == name.schema for schema in facts.catalog.schemas):
        return False
    types = {t.qname for t in facts.catalog.enums} | {t.qname for t in facts.catalog.domains}
    return name not in types and name.name not in facts.taken_names.get(name.schema, frozenset())


def written_in(expected: Expected) -> str:
    """Return where an expectation was written, to follow it in a sentence."""
    if expected.where:
        return f" (declared in {expected.where})"
    return f" ({expected.origin})" if expected.origin else ""
