"""IDX: the indexes that the contract declares are there."""

from collections.abc import Iterator

from validate_schema.pack import Facts, Flaw, Promise, Remedy, Severity, check
from validate_schema.pack.subjects import TableIndex, keys_of

from ._declared import written_in
from ._expected import ExpectedOf, expected_indexes
from ._indexes import build, nearest
from ._key_details import declared_where, nearest_by_details, other_details, same_keys, same_predicate
from ._undeclared import Seen, undeclared, under_closed_contract


@check(
    "IDX006",
    "Expected index missing",
    subjects=expected_indexes,
    severity=Severity.ERROR,
    needs="contract",
    promise=Promise("{n} declared indexes exist", place=14, if_any=True),
    why="The queries that it was declared for read the whole table.",
    bad="""
        create table run (
            id uuid primary key,
            org_id uuid not null references organization (id),
            status text not null
        );
    """,
    good="""
        create table run (
            id uuid primary key,
            org_id uuid not null references organization (id),
            status text not null
        );
        create index on run (org_id, status);
    """,
    config="""
        [tenancy]
        root = "organization"
        column = "org_id"

        [contract.tables.run]
        indexes = [["org_id", "status"]]
    """,
    portable=True,
)
def expected_index(subject: ExpectedOf, facts: Facts) -> Flaw | None:
    """An index that the contract declares does not exist.

    Examined are the indexes declared for tables that exist. Where the contract gives columns alone,
    any valid index without a predicate satisfies it when its first columns are exactly these, in this
    order. Where it gives the index by name, it must have exactly these columns, and the method, order, collations,
    operator classes and predicate that are declared; a difference in these is a warning. It is an info
    where only the name differs, and where another index leads with the columns.
    """
    table, key = subject.table, subject.key
    columns = key.columns
    alike = [i for i in table.indexes if same_keys(key, i, facts, first=True) and i.valid]
    alike = [i for i in alike if same_predicate(key, i, facts)]
    if key.name is None and key.predicate is None:
        exact = alike
    else:
        exact = [i for i in alike if len(i.columns) == len(columns) and not i.unique]
    if exact:
        return other_details(subject, nearest_by_details(key, exact), facts)
    listed = ", ".join(columns)
    expected = f"an index on ({listed}){declared_where(key)}{written_in(key)}"
    if alike:
        return Flaw(
            message=f"{facts.show(table.qname)} has no index of its own on ({listed}): {alike[0].name} starts with it",
            expected=expected,
            location=key.where,
            observed=nearest(table, set(columns[:1])),
            remedy=_build_declared(subject, facts),
            severity=Severity.INFO,
        )
    return Flaw(
        message=f"{facts.show(table.qname)} has no index that starts with ({listed}){declared_where(key)}",
        expected=expected,
        location=key.where,
        observed=nearest(table, set(columns[:1])),
        remedy=_build_declared(subject, facts),
    )


def _build_declared(subject: ExpectedOf, facts: Facts) -> Remedy:
    key = subject.key
    plain = key.predicate is None and not key.descending and not any(key.opclasses) and not key.expressions
    if not plain or key.method not in (None, "btree"):
        return Remedy(note="Create it as declared, with its method, order and predicate, in a migration.")
    return build(subject.table, key.columns, facts)


def indexes(facts: Facts) -> Iterator[TableIndex]:
    """Indexes of the tables whose indexes a closed contract lists, but for unique ones."""
    for table, _ in under_closed_contract(facts, "indexes"):
        for index in table.indexes:
            if not index.unique and index.constraint is None and not index.inherited:
                yield TableIndex(table, index)


@undeclared(
    "IDX007",
    "index",
    subjects=indexes,
    severity=Severity.INFO,
    why="It costs every write, and the next migration that the tool generates may drop it.",
    bad="create index on organization (id, name);",
    good="create index on organization (name, id);",
    contract="""
        [contract.tables.organization]
        indexes = [["name"]]
    """,
    drop="it CONCURRENTLY once no query uses it",
)
def unexpected_index(subject: TableIndex, facts: Facts) -> Seen:
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
    return f"index on ({', '.join(keys_of(index))})"
