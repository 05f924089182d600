"""FKY: foreign keys that nobody declared."""

from collections.abc import Iterator

from validate_schema.pack import Facts, Flaw, Remedy, Severity, check
from validate_schema.pack.subjects import TableConstraint

from ._declared import declared_tables


def candidates(facts: Facts) -> Iterator[TableConstraint]:
    """Foreign keys of the tables whose foreign keys a closed contract lists."""
    for declared in declared_tables(facts) if facts.contract.closed else ():
        listed = declared.expected.foreign_keys or declared.expected.complete
        if declared.table is not None and listed:
            keys = (k for k in declared.table.foreign_keys if not k.inherited)
            yield from (TableConstraint(declared.table, key) for key in keys)


@check(
    "FKY009",
    "A foreign key is not in the closed contract",
    subjects=candidates,
    severity=Severity.WARNING,
    needs="contract",
    why="Rows are refused, or deleted with others, and the application does not know of it.",
    bad="""
        create table invoice (
            id uuid primary key,
            org_id uuid not null references organization (id),
            payer_id uuid references organization (id)
        );
    """,
    good="""
        create table invoice (
            id uuid primary key,
            org_id uuid not null references organization (id),
            payer_id uuid
        );
    """,
    config="""
        [tenancy]
        root = "organization"
        column = "org_id"

        [contract]
        closed = true
        [contract.tables.organization]
        [[contract.tables.invoice.foreign_keys]]
        columns = ["org_id"]
        references = "organization"
    """,
    remediable=False,
    portable=True,
)
def unexpected_fk(subject: TableConstraint, facts: Facts) -> Flaw | None:
    """A foreign key exists that the closed contract does not declare.

    Examined are the foreign keys of tables whose foreign keys the contract lists, if it
    says ``closed = true``. One
    on declared columns passes here: FKY002 compares its target and actions.
    """
    table, key = subject
    if any(set(key.columns) == set(e.columns) for e in facts.expected_tables[table.qname].foreign_keys):
        return None
    target = facts.show(key.references) if key.references else "?"
    return Flaw(
        message=f"{facts.show(table.qname)}.{key.name} is not in the contract",
        expected="only foreign keys that the contract declares",
        observed=f"an undeclared foreign key ({', '.join(key.columns)}) to {target}",
        remedy=Remedy(note="Declare it in the contract, or drop it."),
    )
