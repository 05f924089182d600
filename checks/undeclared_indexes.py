"""IDX: indexes that nobody declared."""

from collections.abc import Iterator

from validate_schema.pack import Facts, Flaw, Remedy, Severity, check
from validate_schema.pack.subjects import TableIndex, keys_of

from ._declared import declared_tables
from ._key_details import same_keys


def candidates(facts: Facts) -> Iterator[TableIndex]:
    """Indexes of the tables whose indexes a closed contract lists, but for unique ones."""
    for declared in declared_tables(facts) if facts.contract.closed else ():
        listed = declared.expected.indexes or declared.expected.complete
        if declared.table is not None and listed:
            for index in declared.table.indexes:
                if not index.unique and index.constraint is None and not index.inherited:
                    yield TableIndex(declared.table, index)


@check(
    "IDX007",
    "An index is not in the closed contract",
    subjects=candidates,
    severity=Severity.INFO,
    needs="contract",
    why="It costs every write, and the next migration that the tool generates may drop it.",
    bad="create index on organization (id, name);",
    good="create index on organization (name, id);",
    config="""
        [tenancy]
        root = "organization"
        column = "org_id"

        [contract]
        closed = true
        [contract.tables.organization]
        indexes = [["name"]]
    """,
    remediable=False,
    portable=True,
)
def unexpected_index(subject: TableIndex, facts: Facts) -> Flaw | None:
    """An index exists that the closed contract does not declare.

    Examined are the indexes of tables whose indexes the contract lists, if it
    says ``closed = true``, but for
    unique ones. An index whose first columns are declared as such passes, unless the contract declares that
    index by name: then it must be the one. What differs in an index of a declared name is IDX006's question.
    """
    table, index = subject
    for key in facts.expected_tables[table.qname].indexes:
        if key.name == index.name:
            return None
        alike = same_keys(key, index, facts, first=key.name is None)
        if alike and (key.predicate is None) == (index.predicate is None):
            return None
    return Flaw(
        message=f"{facts.show(table.qname)}.{index.name} is not in the contract",
        expected="only indexes that the contract declares",
        observed=f"an undeclared index on ({', '.join(keys_of(index))})",
        remedy=Remedy(note="Declare it in the contract, or drop it CONCURRENTLY once no query uses it."),
    )
