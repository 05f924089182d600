"""UNQ: uniques that nobody declared."""

from collections.abc import Iterator

from validate_schema.pack import Facts, Flaw, Remedy, Severity, check
from validate_schema.pack.subjects import TableUnique, keys_of, uniques_of

from ._declared import declared_tables
from ._key_details import same_keys


def candidates(facts: Facts) -> Iterator[TableUnique]:
    """Uniques of the tables whose uniques a closed contract lists; a primary key is one where the
    contract holds the whole table and gives it none."""
    for declared in declared_tables(facts) if facts.contract.closed else ():
        expected, table = declared.expected, declared.table
        if table is not None and (expected.uniques or expected.complete):
            keyless = expected.complete and expected.primary_key is None
            yield from (u for u in uniques_of(table) if keyless or not u.idx.primary)


@check(
    "UNQ006",
    "A unique is not in the closed contract",
    subjects=candidates,
    severity=Severity.WARNING,
    needs="contract",
    why="Rows are refused that the application takes to be allowed.",
    bad="alter table organization add unique (name);",
    good="""
        alter table organization add column slug text;
        alter table organization add unique (slug);
    """,
    config="""
        [tenancy]
        root = "organization"
        column = "org_id"

        [contract]
        closed = true
        [contract.tables.organization]
        unique = [["slug"]]
    """,
    remediable=False,
    portable=True,
)
def unexpected_unique(unique: TableUnique, facts: Facts) -> Flaw | None:
    """A unique exists that the closed contract does not declare.

    Examined are the unique constraints and unique indexes of tables whose uniques the contract
    lists, if it says ``closed = true``. Those on expressions and partial ones, which few sources
    can declare, are an info. What differs in a unique of a declared name is UNQ004's question. A primary
    key counts where the contract holds the whole table without one.
    """
    expected = facts.expected_tables[unique.table.qname]
    for key in expected.uniques:
        alike = (key.predicate is None) == (unique.predicate is None)
        if key.name == unique.name or (alike and same_keys(key, unique.idx, facts)):
            return None
    partial = unique.predicate is not None or bool(unique.idx.expressions)
    return Flaw(
        message=f"{facts.show(unique.table.qname)}.{unique.name} is not in the contract",
        expected="only uniques that the contract declares",
        observed=f"an undeclared unique on ({', '.join(keys_of(unique.idx))})",
        remedy=Remedy(note="Declare it in the contract, or drop it."),
        severity=Severity.INFO if partial else None,
    )
