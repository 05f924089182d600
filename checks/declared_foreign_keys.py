"""FKY: the foreign keys that the contract declares are there."""

from collections.abc import Iterator

from validate_schema.pack import Facts, Flaw, Promise, Severity, check
from validate_schema.pack.subjects import TableConstraint

from ._declared import written_in
from ._expected import ExpectedReference, expected_references
from ._key_details import other_name
from ._reference_remedies import add_expected, replace_expected
from ._references import differences, words
from ._undeclared import Seen, undeclared, under_closed_contract


@check(
    "FKY002",
    "Expected foreign key missing or different",
    subjects=expected_references,
    severity=Severity.ERROR,
    needs="contract",
    promise=Promise("{n} declared foreign keys exist as declared", place=15, if_any=True),
    why="Rows are left pointing at nothing, or go when they should stay.",
    bad="""
        create table task (
            id uuid primary key,
            org_id uuid not null
        );
    """,
    good="""
        create table task (
            id uuid primary key,
            org_id uuid not null references organization (id) on delete cascade
        );
    """,
    config="""
        [tenancy]
        root = "organization"
        column = "org_id"

        [[contract.tables.task.foreign_keys]]
        columns = ["org_id"]
        references = "organization"
        on_delete = "cascade"
    """,
    portable=True,
)
def expected_fk(subject: ExpectedReference, facts: Facts) -> Flaw | None:
    """A foreign key that the contract declares is missing, or has another target or action.

    Examined are the foreign keys declared for tables that exist. The columns may come in another
    order, as long as each references the same column. What the contract leaves open (referenced
    columns, actions) is not compared; without referenced columns the primary key is meant. Where only
    the declared name differs, the finding is an info.
    """
    table, expected = subject.table, subject.key
    alike = [k for k in table.foreign_keys if set(k.columns) == set(expected.columns)]
    compared = [(differences(k, expected, facts), k) for k in alike]
    same = [k for found, k in compared if not found]
    if same:
        return other_name(subject, "foreign key", tuple(k.name for k in same), facts)
    listed = ", ".join(expected.columns)
    wanted = f"a foreign key ({listed}) to {expected.references}{written_in(expected)}"
    if not compared:
        return Flaw(
            message=f"{facts.show(table.qname)} has no foreign key on ({listed})",
            expected=wanted,
            location=expected.where,
            observed="none",
            remedy=add_expected(table, expected, facts),
        )
    found, key = min(compared, key=lambda pair: (len(pair[0]), pair[1].name))
    return Flaw(
        message=f"{facts.show(table.qname)}.{key.name} on ({listed}) is not as declared: {'; '.join(found)}",
        expected=wanted,
        location=expected.where,
        observed=words(key, facts),
        remedy=replace_expected(table, key, expected, facts),
    )


def foreign_keys(facts: Facts) -> Iterator[TableConstraint]:
    """Foreign keys of the tables whose foreign keys a closed contract lists."""
    for table, _ in under_closed_contract(facts, "foreign_keys"):
        yield from (TableConstraint(table, key) for key in table.foreign_keys if not key.inherited)


@undeclared(
    "FKY009",
    "foreign key",
    subjects=foreign_keys,
    severity=Severity.WARNING,
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
    contract="""
        [contract.tables.organization]
        [[contract.tables.invoice.foreign_keys]]
        columns = ["org_id"]
        references = "organization"
    """,
)
def unexpected_fk(subject: TableConstraint, facts: Facts) -> Seen:
    """A foreign key exists that the closed contract does not declare.

    Examined are the foreign keys of tables whose foreign keys the contract lists, if it
    says ``closed = true``. One
    on declared columns passes here: FKY002 compares its target and actions.
    """
    table, key = subject
    if any(set(key.columns) == set(e.columns) for e in facts.expected_tables[table.qname].foreign_keys):
        return None
    target = facts.show(key.references) if key.references else "?"
    return f"foreign key ({', '.join(key.columns)}) to {target}"
