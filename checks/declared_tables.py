"""TBL: the primary keys and views that the contract declares are there."""

from validate_schema.pack import Facts, Flaw, Remedy, Severity, check

from ._declared import DeclaredView, declared_views, written_in
from ._expected import ExpectedOf, expected_primary_keys
from ._key_details import other_constraint


@check(
    "TBL007",
    "A primary key is not the declared one",
    subjects=expected_primary_keys,
    severity=Severity.ERROR,
    needs="contract",
    why="Rows are told apart by other columns than the application's: its upserts and references fail or meet several.",
    bad="""
        create table invoice (
            id uuid not null,
            org_id uuid not null references organization (id),
            number integer not null,
            primary key (org_id, number)
        );
    """,
    good="""
        create table invoice (
            id uuid primary key,
            org_id uuid not null references organization (id),
            number integer not null
        );
    """,
    config="""
        [tenancy]
        root = "organization"
        column = "org_id"

        [contract.tables.invoice]
        primary_key = ["id"]
    """,
    remediable=False,
    portable=True,
)
def declared_key(subject: ExpectedOf, facts: Facts) -> Flaw | None:
    """A table has no primary key, or one on other columns than the contract declares.

    Examined are the primary keys declared for tables that exist. The order of the columns counts, and whether
    it is deferrable and WITHOUT OVERLAPS where that is declared. Where only the declared name differs, the finding is an info.
    """
    table, expected = subject.table, subject.key
    key = table.primary_key
    if key is not None and key.columns == expected.columns:
        return other_constraint(subject, key, facts)
    listed = ", ".join(expected.columns)
    return Flaw(
        message=f"The primary key of {facts.show(table.qname)} is not ({listed})",
        expected=f"PRIMARY KEY ({listed}){written_in(expected)}",
        location=expected.where,
        observed=f"PRIMARY KEY ({', '.join(key.columns)})" if key is not None else "no primary key",
        remedy=Remedy(
            note="Decide which is meant. A new key needs a unique index on NOT NULL columns first, and foreign "
            "keys to the old one are replaced before it goes."
        ),
    )


@check(
    "TBL008",
    "A declared view is missing or lacks columns",
    subjects=declared_views,
    severity=Severity.ERROR,
    needs="contract",
    why="Queries that read the view fail at run time.",
    bad="create view unpaid as select id, name from organization;",
    good="create view unpaid as select id, name, 1 as invoices from organization;",
    config="""
        [tenancy]
        root = "organization"
        column = "org_id"

        [contract.views]
        unpaid = ["id", "invoices"]
    """,
    remediable=False,
    portable=True,
)
def declared_view(declared: DeclaredView, facts: Facts) -> Flaw | None:
    """A view that the contract declares does not exist, or lacks a column of it.

    Examined are the contract's views; a materialized view is one too. Columns beyond the declared
    ones, their types and the query are not compared.
    """
    name = facts.show(declared.qname)
    wanted = f"a view with the columns {', '.join(declared.expected.columns)}{written_in(declared.expected)}"
    if declared.view is None:
        return Flaw(
            message=f"View {name} does not exist",
            expected=wanted,
            location=declared.expected.where,
            observed="no such view",
            remedy=Remedy(note="Apply the migration that creates it."),
        )
    missing = [c for c in declared.expected.columns if c not in declared.view.columns]
    if not missing:
        return None
    return Flaw(
        message=f"View {name} has no column {', '.join(missing)}",
        expected=wanted,
        location=declared.expected.where,
        observed=f"columns {', '.join(declared.view.columns)}",
        remedy=Remedy(note="Apply the migration that replaces it."),
    )
