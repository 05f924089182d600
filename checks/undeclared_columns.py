"""COL: columns that nobody declared."""

from collections.abc import Iterator
from typing import NamedTuple

from validate_schema.pack import Facts, Flaw, ObjectRef, Remedy, Severity, check
from validate_schema.pack.model import catalog, contract

from ._declared import declared_tables


class UndeclaredCandidate(NamedTuple):
    """A column of a table whose columns the closed contract lists."""

    table: catalog.Table
    column: catalog.Column
    expected: contract.ExpectedTable

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef.on_table("column", self.table.qname, self.column.name)


def columns_under_closed_contract(facts: Facts) -> Iterator[UndeclaredCandidate]:
    """Columns of the tables whose columns a closed contract lists."""
    for expected, _, table in declared_tables(facts) if facts.contract.closed else ():
        if table is not None and (expected.columns or expected.complete):
            yield from (UndeclaredCandidate(table, column, expected) for column in table.columns)


@check(
    "COL005",
    "A column is not in the closed contract",
    subjects=columns_under_closed_contract,
    severity=Severity.INFO,
    needs="contract",
    why="Nobody declared it, so nobody reviewed what it holds and who may read it.",
    bad="alter table organization add column notes text;",
    good="alter table organization alter column name set default '';",
    config="""
        [tenancy]
        root = "organization"
        column = "org_id"

        [contract]
        closed = true
        [contract.tables.organization.columns]
        id = { type = "uuid" }
        name = { type = "text" }
    """,
    remediable=False,
    portable=True,
)
def unexpected_column(subject: UndeclaredCandidate, facts: Facts) -> Flaw | None:
    """A table has a column that the closed contract does not declare.

    Examined: the columns of tables whose columns the contract lists, if it says ``closed = true``.
    A table that the contract names without any column is not looked at; one that it does not name
    is a finding of TBL002.
    """
    table, column, expected = subject
    if any(c.name == column.name for c in expected.columns):
        return None
    return Flaw(
        message=f"Column {facts.show(table.qname)}.{column.name} is not in the contract",
        expected="only columns that the contract declares",
        observed=f"an undeclared column of type {column.type}",
        remedy=Remedy(note="Declare it in the contract, or drop it once nothing reads it."),
    )
