"""Constraints that are added without blocking a live table.

Each function returns steps to run one by one. Sources: PostgreSQL documentation, ALTER TABLE ("Notes":
NOT VALID, SET NOT NULL after a validated CHECK; ADD table_constraint_using_index).
"""

from ...model.catalog import Column, QName, Table
from ...model.finding import Step
from ...sql.ident import derived_name, quote_ident, quote_idents, quote_qname
from .steps import (
    SHARE_ROW_EXCLUSIVE,
    add_constraint,
    alter_table,
    create_index,
    drop_constraint,
    validate_constraint,
)


def add_unique(table: Table, columns: tuple[str, ...], name: str = "") -> tuple[Step, ...]:
    """Return the steps that add a unique constraint without a long lock.

    `name` is given where the usual one is taken.
    """
    name = name or derived_name(table.name, *columns, "key")
    if table.kind == "partitioned":
        return (add_constraint(table.qname, name, f"UNIQUE ({quote_idents(columns)})"),)
    return (
        create_index(table, name, f"({quote_idents(columns)})", unique=True),
        add_constraint(table.qname, name, f"UNIQUE USING INDEX {quote_ident(name)}"),
    )


def add_foreign_key(
    table: Table,
    columns: tuple[str, ...],
    references: QName,
    referenced_columns: tuple[str, ...],
    *,
    actions: str = "",
    name: str = "",
) -> tuple[Step, ...]:
    """Return the steps that add a foreign key NOT VALID and validate it afterwards.

    `name` is given where the usual one is taken. A partitioned table takes the key in one step:
    before PostgreSQL 18 it refuses NOT VALID.
    """
    name = name or derived_name(table.name, *columns, "fkey")
    definition = (
        f"FOREIGN KEY ({quote_idents(columns)}) "
        f"REFERENCES {quote_qname(references)} ({quote_idents(referenced_columns)}){actions}"
    )
    if table.kind == "partitioned":
        return (add_constraint(table.qname, name, definition, lock=SHARE_ROW_EXCLUSIVE),)
    add = add_constraint(table.qname, name, f"{definition} NOT VALID", lock=SHARE_ROW_EXCLUSIVE)
    return (add, validate_constraint(table.qname, name))


def set_not_null(table: Table, column: Column, name: str = "") -> tuple[Step, ...]:
    """Return the steps that make a column NOT NULL without scanning under an exclusive lock.

    `name` is the passing CHECK's, given where the usual one is taken.
    """
    name = name or derived_name(table.name, column.name, "not_null")
    col = quote_ident(column.name)
    return (
        add_constraint(table.qname, name, f"CHECK ({col} IS NOT NULL) NOT VALID", passing=True),
        validate_constraint(table.qname, name),
        alter_table(table.qname, f"ALTER COLUMN {col} SET NOT NULL", f"ALTER COLUMN {col} DROP NOT NULL"),
        drop_constraint(table.qname, name, passing=True),
    )
