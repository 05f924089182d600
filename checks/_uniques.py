"""What the UNQ checks say of a unique."""

from validate_schema.pack import Facts
from validate_schema.pack.subjects import TableUnique, keys_of


def words(unique: TableUnique) -> str:
    """Return the unique as people would write it: ``UNIQUE (a, lower(b)) WHERE …``."""
    kind = {"primary key": "PRIMARY KEY", "unique": "UNIQUE", "index": "UNIQUE INDEX"}[unique.kind]
    nulls = " NULLS NOT DISTINCT" if unique.nulls_not_distinct else ""
    where = f" WHERE {unique.predicate}" if unique.predicate else ""
    return f"{kind}{nulls} ({', '.join(keys_of(unique.idx))}){where}"


def name_of(unique: TableUnique, facts: Facts) -> str:
    """Return the unique with its table, as people name it."""
    return f"{facts.show(unique.table.qname)}.{unique.name}"


def own_column(unique: TableUnique, facts: Facts) -> str:
    """Return the tenant column of the unique's table, empty where it has none."""
    return facts.tenant_column(unique.table) or ""
