"""What the UNQ checks say of a unique, and what to do about one that lets equal rows in because NULLs are
distinct."""

from validate_schema.pack import Facts, Remedy
from validate_schema.pack.remedies import replace_unique
from validate_schema.pack.scoping import open_columns
from validate_schema.pack.subjects import TableUnique, keys_of

OPTIONAL = Remedy(
    note="Nothing to do where any number of rows may go without the value; a predicate, WHERE … IS NOT NULL, "
    "says so. Where only one may, add NULLS NOT DISTINCT."
)
"""The decision that a unique on an optional value leaves open."""
_LEAVE_OUT = (
    "If rows with that NULL may repeat by design, leave them out of the index instead: WHERE … IS NOT NULL."
)


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


def close_gap(unique: TableUnique, column: str, facts: Facts) -> Remedy:
    """Return the remedy: NULLS NOT DISTINCT.

    The tenant column `column` comes first where the unique is scoped through a parent that may be
    NULL: else rows of several tenants without a parent would collide.
    """
    if facts.catalog.server.version_num < 150000:
        return Remedy(
            note="PostgreSQL 15 brings NULLS NOT DISTINCT. Until then make the column NOT NULL, or add a "
            "unique index over the other columns WHERE it IS NULL."
        )
    first = () if column in unique.columns else (column,)
    remedy = replace_unique(unique, facts, first=first, nulls_not_distinct=True)
    if open_columns(unique) == (column,):
        return remedy
    note = f"{_LEAVE_OUT} {remedy.note}"
    return Remedy(steps=remedy.steps, note=note, lock=remedy.lock)
