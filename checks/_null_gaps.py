"""What to do about a unique that lets equal rows in because NULLs are distinct."""

from validate_schema.pack import Facts, Remedy
from validate_schema.pack.remedies import replace_unique
from validate_schema.pack.scoping import open_columns
from validate_schema.pack.subjects import TableUnique

OPTIONAL = Remedy(
    note="Nothing to do where any number of rows may go without the value; a predicate, WHERE … IS NOT NULL, "
    "says so. Where only one may, add NULLS NOT DISTINCT."
)
"""The decision that a unique on an optional value leaves open."""
_LEAVE_OUT = (
    "If rows with that NULL may repeat by design, leave them out of the index instead: WHERE … IS NOT NULL."
)


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
