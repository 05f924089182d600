"""FKY: foreign keys that say what another says already, and keys that lead outside the rules."""

from collections.abc import Iterator

from validate_schema.pack import Facts, Flaw, Remedy, Severity, check
from validate_schema.pack.model import TableClass
from validate_schema.pack.model import catalog as cat
from validate_schema.pack.subjects import TableConstraint, foreign_keys


@check(
    "FKY011",
    "Duplicate foreign key",
    subjects=foreign_keys,
    severity=Severity.INFO,
    remediable=False,
    why="Each row is looked up twice, and what happens on deletion is said in two places that may disagree.",
    bad="""
        create table task (id uuid primary key, org_id uuid not null references organization (id));
        alter table task add constraint task_org_again foreign key (org_id) references organization (id);
    """,
    good="create table task (id uuid primary key, org_id uuid not null references organization (id));",
)
def duplicate_key(subject: TableConstraint, facts: Facts) -> Flaw | None:
    """Another foreign key of the table has the same columns and references the same ones.

    Examined: foreign keys of user tables. The first by name stays, and one that holds before one that does not (NOT VALID, or with its triggers off).
    What the two do on deletion is told. A composite key that holds the tenant beside a plain one is no duplicate.
    """
    table, key = subject
    same = (k for k in table.foreign_keys if k.references == key.references and k.name != key.name)
    twins = [k for k in same if _pairs(k) == _pairs(key)]
    kept = min([key, *twins], key=lambda k: (not k.holds, k.name))
    if kept is key:
        return None
    actions = f"ON DELETE {kept.on_delete.upper()} beside ON DELETE {key.on_delete.upper()}"
    return Flaw(
        message=f"Foreign key {facts.show(table.qname)}.{key.name} says what {kept.name} says",
        expected=f"{kept.name} alone",
        observed=actions if kept.on_delete != key.on_delete else "the same columns, the same table",
        remedy=Remedy(note=f"Drop it, after giving {kept.name} the action on deletion that is meant."),
    )


def _pairs(key: cat.Constraint) -> frozenset[tuple[str, str]]:
    return frozenset(zip(key.columns, key.referenced_columns, strict=False))


def keys_out(facts: Facts) -> Iterator[TableConstraint]:
    """Foreign keys of the tables of the tenants."""
    for table in facts.of_class(TableClass.TENANT, TableClass.INHERITED):
        yield from (TableConstraint(table, key) for key in table.foreign_keys)


@check(
    "FKY012",
    "Key to a table outside the rules",
    subjects=keys_out,
    severity=Severity.INFO,
    remediable=False,
    why="Nobody judges whose rows the exempt table holds, so a row of one tenant may name what is another's.",
    bad="""
        create table job (id uuid primary key, payload text);
        create table invoice (
            id uuid primary key, org_id uuid not null references organization (id), job_id uuid references job (id)
        );
    """,
    good="""
        create table job (id uuid primary key, payload text);
        create table invoice (id uuid primary key, org_id uuid not null references organization (id));
    """,
    config="""
        [tenancy]
        root = "organization"
        column = "org_id"
        exempt = [{ table = "job", reason = "a queue" }]
    """,
)
def exempt_reference(subject: TableConstraint, facts: Facts) -> Flaw | None:
    """A table of the tenants references a table that the config exempts from all rules.

    Examined: foreign keys of tenant and inherited tables. Where the exempt table holds nothing of any tenant it is
    ``global`` that says so, and then the key is right.
    """
    table, key = subject
    standing = facts.standings.get(key.references) if key.references else None
    if standing is None or standing.table_class is not TableClass.EXEMPT or not standing.declared:
        return None
    other = facts.show(standing.table)
    return Flaw(
        message=f"{facts.show(table.qname)}.{key.name} references {other}, which is exempt",
        expected="a key to a table whose owner is known",
        observed=f"({', '.join(key.columns)}) leads to {other}",
        remedy=Remedy(
            note=f"Call {other} global where all tenants share its rows, else have it judged as a tenants' table."
        ),
    )
