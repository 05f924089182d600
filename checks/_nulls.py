"""Whether a column may hold NULL, as far as constraints that hold say so."""

from validate_schema.pack import Facts, Step
from validate_schema.pack.model import catalog
from validate_schema.pack.remedies import free_name, set_not_null, validate_constraint
from validate_schema.pack.scoping import nullable_columns, one_is_set


def unvalidated_not_null(table: catalog.Table, column: catalog.Column) -> str | None:
    """Return the column's NOT NULL constraint where it was added NOT VALID (PostgreSQL 18): the
    catalog gives the column as nullable, because older rows may still hold NULL."""
    for constraint in table.constraints:
        if (
            constraint.kind == "not null"
            and constraint.columns == (column.name,)
            and not constraint.validated
        ):
            return constraint.name
    return None


def lets_null_in(table: catalog.Table, column: catalog.Column) -> bool:
    """Tell whether a row may hold NULL in the column: neither NOT NULL nor a valid CHECK forbids it."""
    return column.name in nullable_columns(table)


def is_owned(table: catalog.Table, column: str, facts: Facts) -> bool:
    """Tell whether a row without a tenant has the other owner that the config names, as a valid CHECK says."""
    others = (owner for name, owner in facts.tenancy.owned_otherwise if name == table.qname)
    return any(one_is_set(table, column, owner) for owner in others)


def forbid_null(table: catalog.Table, column: catalog.Column, facts: Facts) -> tuple[Step, ...]:
    """Return the steps that make the column NOT NULL for every row, without blocking writes."""
    waiting = unvalidated_not_null(table, column)
    if waiting is not None:
        return (validate_constraint(table.qname, waiting),)
    return set_not_null(table, column, free_name(facts, table.schema, table.name, column.name, "set"))
