"""When a row came and when it was changed."""

from validate_schema.pack import Facts, Flaw, Remedy, Severity, check
from validate_schema.pack.model import catalog
from validate_schema.pack.remedies import add_column
from validate_schema.pack.subjects import user_tables

REQUIRED = ("created_at", "updated_at")


@check(
    "ACM001",
    "A table lacks created_at or updated_at",
    subjects=user_tables,
    severity=Severity.ERROR,
    promise="{n} tables say when a row came and was changed",
    why="Nobody can tell when a row came, so that no incident can be traced and no row expires.",
    bad="create table job (id int primary key, created_at timestamptz not null default now());",
    good="""
        alter table organization
            add column created_at timestamptz not null default now(),
            add column updated_at timestamptz not null default now();
        create table job (
            id int primary key,
            created_at timestamptz not null default now(),
            updated_at timestamptz not null default now()
        );
    """,
)
def timestamps(table: catalog.Table, facts: Facts) -> Flaw | None:
    """A table has no column created_at, or none called updated_at.

    Examined: all tables but partitions and the ledgers of migration tools. Fails where a column of that very
    name is missing. Not covered: its type, and whether anything keeps updated_at up to date.
    """
    missing = [name for name in REQUIRED if table.column(name) is None]
    if not missing:
        return None
    added = (add_column(table.qname, name, "timestamptz NOT NULL DEFAULT now()") for name in missing)
    return Flaw(
        message=f"{facts.show(table.qname)} lacks {' and '.join(missing)}",
        expected="columns created_at and updated_at",
        observed="no such column",
        remedy=Remedy(
            steps=tuple(added),
            note="Rows that are there get the time of the migration.",
            lock="ACCESS EXCLUSIVE, for a moment: the default is not written to the rows.",
        ),
    )
