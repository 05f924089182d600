"""TBL: constraints that hold for new rows alone."""

from collections.abc import Iterator

from validate_schema.pack import Facts, Flaw, Remedy, Severity, check
from validate_schema.pack.remedies import validate_constraint
from validate_schema.pack.subjects import TableConstraint


def checks_of_tables(facts: Facts) -> Iterator[TableConstraint]:
    """CHECK constraints of user tables, but for the copies that children hold."""
    for table in facts.tables:
        yield from (TableConstraint(table, c) for c in table.checks if not c.inherited)


@check(
    "TBL009",
    "CHECK that old rows need not meet",
    subjects=checks_of_tables,
    severity=Severity.INFO,
    why="Rows from before it was added may break the rule that every reader of the schema takes for granted.",
    bad="""
        create table invoice (id uuid primary key, org_id uuid not null references organization (id), amount int);
        alter table invoice add constraint amount_positive check (amount > 0) not valid;
    """,
    good="""
        create table invoice (id uuid primary key, org_id uuid not null references organization (id), amount int);
        alter table invoice add constraint amount_positive check (amount > 0) not valid;
        alter table invoice validate constraint amount_positive;
    """,
)
def unvalidated_check(subject: TableConstraint, facts: Facts) -> Flaw | None:
    """A CHECK was added NOT VALID and never validated.

    Examined: CHECK constraints of user tables. Passes when it is validated, or NOT ENFORCED (PostgreSQL 18), which
    holds for no row at all and says so. Foreign keys are FKY003's.
    Source: PostgreSQL documentation, ALTER TABLE (NOT VALID, VALIDATE CONSTRAINT).
    """
    table, constraint = subject
    if constraint.validated or not constraint.enforced:
        return None
    name = facts.show(table.qname)
    return Flaw(
        message=f"CHECK {constraint.name} on {name} is NOT VALID: rows from before it may break it",
        expected="a validated constraint",
        observed="NOT VALID",
        remedy=Remedy(
            steps=(validate_constraint(table.qname, constraint.name),),
            note="Rows that break it make it fail and change nothing: mend them first.",
            lock="SHARE UPDATE EXCLUSIVE while rows are read",
        ),
    )
