"""FKY: columns that read like a key of another table, and are none."""

from collections import Counter
from collections.abc import Iterator

from validate_schema.pack import Facts, Flaw, Remedy, Severity, check
from validate_schema.pack.model import TableClass
from validate_schema.pack.model import catalog as cat
from validate_schema.pack.sql import key_name, table_stem
from validate_schema.pack.subjects import TableColumn

_OWNED = (TableClass.TENANT, TableClass.INHERITED)
_PROJECT = """
        create table project (
            id uuid primary key default gen_random_uuid(),
            org_id uuid not null references organization (id),
            unique (org_id, id)
        );
"""


def loose_columns(facts: Facts) -> Iterator[TableColumn]:
    """Columns of tenant and inherited tables that are part of no foreign key and no primary key."""
    for table in facts.of_class(*_OWNED):
        own = table.primary_key.columns if table.primary_key else ()
        keys = {*own, *(c for k in table.foreign_keys for c in k.columns), facts.tenant_column(table)}
        yield from (TableColumn(table, c) for c in table.columns if c.name not in keys and not c.generated)


@check(
    "FKY010",
    "Column named after a table without a key to it",
    subjects=loose_columns,
    severity=Severity.INFO,
    remediable=False,
    why="Nothing keeps what it names in existence, or in the tenant: a row may point at another tenant's.",
    bad=f"{_PROJECT}"
    """
        create table task (
            id uuid primary key default gen_random_uuid(),
            org_id uuid not null references organization (id),
            project_id uuid not null
        );
    """,
    good=f"{_PROJECT}"
    """
        create table task (
            id uuid primary key default gen_random_uuid(),
            org_id uuid not null references organization (id),
            title text,
            project_id uuid not null,
            foreign key (org_id, project_id) references project (org_id, id)
        );
    """,
)
def unkeyed_column(subject: TableColumn, facts: Facts) -> Flaw | None:
    """A column is called after a table of the tenants, has the type of its key, and no foreign key.

    Examined: columns of tenant and inherited tables that are in no foreign and no primary key. Fails when a
    name such as ``project_id`` is that of one table of the tenants and its primary key is of the same type. A column
    with a ``…_type`` beside it, which says what it refers to, passes.
    """
    table, column = subject
    read = key_name(column.name)
    target = facts.once(_by_stem).get(read.stem) if read.keyed else None
    if target is None or target.qname == table.qname or table.column(f"{column.name[:-3]}_type"):
        return None
    key = target.primary_key
    key_column = target.column(key.columns[-1]) if key is not None and len(key.columns) <= 2 else None
    if key_column is None or key_column.base_type != column.base_type:
        return None
    name, other = facts.show(table.qname), facts.show(target.qname)
    return Flaw(
        message=f"{name}.{column.name} reads like a key of {other}, and no foreign key says so",
        expected=f"a foreign key to {other} that holds the tenant",
        observed="a plain column",
        remedy=Remedy(
            note=f"Add the foreign key with the tenant column in it, as far as the rows allow; where it is no key of {other}, "
            "another name would say so."
        ),
    )


def _by_stem(facts: Facts) -> dict[str, cat.Table]:
    """Return the tables of the tenants by their names in the singular, where only one has it."""
    tables = facts.of_class(*_OWNED)
    stems = Counter(table_stem(t.name) for t in tables)
    return {stem: t for t in tables if stems[stem := table_stem(t.name)] == 1}
