"""SQL that mends, written so that it is safe on a live table.

Each function returns statements to run one by one, outside a transaction block where one of them
is CONCURRENTLY. Sources: PostgreSQL documentation, ALTER TABLE ("Notes": NOT VALID, SET NOT NULL
after a validated CHECK) and CREATE INDEX ("Building Indexes Concurrently").
"""

from ...model.catalog import Column, QName, Table
from ...sql.ident import derived_name, quote_ident, quote_idents, quote_qname


def create_index(
    table: QName, columns: tuple[str, ...], name: str = "", *, unique: bool = False, partitioned: bool = False
) -> str:
    """Return CREATE INDEX CONCURRENTLY; without CONCURRENTLY on a partitioned table, which refuses it.

    `name` is given where the usual one is taken.
    """
    name = name or derived_name(table.name, *columns, "key" if unique else "idx")
    how = "" if partitioned else " CONCURRENTLY"
    kind = "UNIQUE INDEX" if unique else "INDEX"
    return f"CREATE {kind}{how} {quote_ident(name)} ON {quote_qname(table)} ({quote_idents(columns)});"


def add_unique(table: Table, columns: tuple[str, ...], name: str = "") -> tuple[str, ...]:
    """Return the statements that add a unique constraint without a long lock.

    `name` is given where the usual one is taken.
    """
    name = name or derived_name(table.name, *columns, "key")
    add = f"ALTER TABLE {quote_qname(table.qname)} ADD CONSTRAINT {quote_ident(name)}"
    if table.kind == "partitioned":
        return (f"{add} UNIQUE ({quote_idents(columns)});",)
    return (
        create_index(table.qname, columns, name, unique=True),
        f"{add} UNIQUE USING INDEX {quote_ident(name)};",
    )


def add_foreign_key(
    table: Table,
    columns: tuple[str, ...],
    references: QName,
    referenced_columns: tuple[str, ...],
    *,
    actions: str = "",
    name: str = "",
) -> tuple[str, ...]:
    """Return the statements that add a foreign key NOT VALID and validate it afterwards.

    `name` is given where the usual one is taken. A partitioned table takes the key in one step:
    before PostgreSQL 18 it refuses NOT VALID.
    """
    name = name or derived_name(table.name, *columns, "fkey")
    add = (
        f"ALTER TABLE {quote_qname(table.qname)} ADD CONSTRAINT {quote_ident(name)} "
        f"FOREIGN KEY ({quote_idents(columns)}) "
        f"REFERENCES {quote_qname(references)} ({quote_idents(referenced_columns)}){actions}"
    )
    if table.kind == "partitioned":
        return (add + ";",)
    return (add + " NOT VALID;", validate_constraint(table.qname, name))


def validate_constraint(table: QName, name: str) -> str:
    return f"ALTER TABLE {quote_qname(table)} VALIDATE CONSTRAINT {quote_ident(name)};"


def set_not_null(table: Table, column: Column, name: str = "") -> tuple[str, ...]:
    """Return the statements that make a column NOT NULL without scanning under an exclusive lock.

    `name` is the passing CHECK's, given where the usual one is taken.
    """
    name = name or derived_name(table.name, column.name, "not_null")
    target, col = quote_qname(table.qname), quote_ident(column.name)
    return (
        f"ALTER TABLE {target} ADD CONSTRAINT {quote_ident(name)} CHECK ({col} IS NOT NULL) NOT VALID;",
        validate_constraint(table.qname, name),
        f"ALTER TABLE {target} ALTER COLUMN {col} SET NOT NULL;",
        f"ALTER TABLE {target} DROP CONSTRAINT {quote_ident(name)};",
    )


def drop_index(schema: str, name: str, *, partitioned: bool = False) -> str:
    how = "" if partitioned else " CONCURRENTLY"
    return f"DROP INDEX{how} {quote_qname(QName(schema, name))};"
