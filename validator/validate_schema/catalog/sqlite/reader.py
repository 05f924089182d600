"""The catalog of an SQLite database, by SQLAlchemy's inspector.

What the inspector leaves out is asked of SQLite itself: types as they were written, the order of index
keys, expressions and predicates. Source: SQLite documentation, "PRAGMA Statements" and "CREATE TABLE".
"""

import re
from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING, Any

from ...model.catalog import (
    Action,
    Catalog,
    Column,
    ConnectedRole,
    Constraint,
    Index,
    QName,
    Schema,
    Server,
    Table,
    View,
)
from ...sql.ident import derived_name
from .opening import opened, shown
from .words import enum_check, index_parts, unique_names

if TYPE_CHECKING:
    from sqlalchemy import Connection, Inspector

PRODUCT = "SQLite"
HOME = "main"
_ACTIONS: dict[str, Action] = {
    "NO ACTION": "no action",
    "RESTRICT": "restrict",
    "CASCADE": "cascade",
    "SET NULL": "set null",
    "SET DEFAULT": "set default",
}
_GENERATED = {2: "virtual", 3: "stored"}


def read(given: Any) -> tuple[Catalog, str]:
    """Return what the database at a URL holds, or at a caller's engine or connection, and its name.

    Raises `UsageError` for a URL that leads into memory, `ConnectError` where there is no such database.
    """
    name = shown(given)
    with opened(given) as connection:
        return read_sqlite(connection, name), name


def read_sqlite(connection: "Connection", name: str) -> Catalog:
    """Return what the database holds; `name` is the database's name for people.

    Constraints without a name get the one that PostgreSQL would give them. There are no roles, policies,
    grants or enum types; a CHECK that lists a column's values is worded as PostgreSQL words it.
    """
    from sqlalchemy import inspect

    inspector: Inspector = inspect(connection)
    schemas = sorted(schema for schema in inspector.get_schema_names() if schema != "temp")
    reading = _Reading(connection, inspector)
    version = connection.exec_driver_sql("select sqlite_version()").scalar_one()
    return Catalog(
        Server(
            version=str(version),
            version_num=0,
            database=name,
            role=ConnectedRole(name=""),
            default_schema=HOME,
            product=PRODUCT,
        ),
        schemas=tuple(Schema(schema, "") for schema in schemas),
        tables=tuple(table for schema in schemas for table in reading.tables(schema)),
        views=tuple(view for schema in schemas for view in reading.views(schema)),
    )


class _Reading:
    """Reads one schema after the other on one connection."""

    def __init__(self, connection: "Connection", inspector: "Inspector") -> None:
        self._connection, self._inspector = connection, inspector

    def tables(self, schema: str) -> Iterator[Table]:
        for name in sorted(self._inspector.get_table_names(schema)):
            yield self._table(schema, name)

    def views(self, schema: str) -> Iterator[View]:
        for name in sorted(self._inspector.get_view_names(schema)):
            definition = self._inspector.get_view_definition(name, schema)
            columns = tuple(row[1] for row in self._pragma(schema, "table_xinfo", name))
            yield View(schema, name, "", "view", str(definition or ""), columns=columns)

    def _table(self, schema: str, name: str) -> Table:
        keys = tuple(self._keys(schema, name))
        return Table(
            schema,
            name,
            owner="",
            columns=tuple(self._columns(schema, name, keys)),
            constraints=(
                *keys,
                *self._foreign_keys(schema, name),
                *self._checks(schema, name),
            ),
            indexes=tuple(sorted(self._indexes(schema, name, keys), key=lambda index: index.name)),
        )

    def _columns(self, schema: str, table: str, keys: tuple[Constraint, ...]) -> Iterator[Column]:
        """Yield the columns. The one that stands for the row's number is numbered by SQLite, never NULL."""
        rows = self._pragma(schema, "table_xinfo", table)
        computed = {
            c["name"]: c["computed"]["sqltext"]
            for c in self._inspector.get_columns(table, schema)
            if c.get("computed")
        }
        primary = next((key.columns for key in keys if key.kind == "primary key"), ())
        for _, name, type_, not_null, default, _, hidden in rows:
            if hidden == 1:
                continue
            numbered = primary == (name,) and str(type_).upper() == "INTEGER"
            yield Column(
                name,
                type_ or "blob",
                not_null=bool(not_null) or numbered,
                default=computed.get(name, default),
                identity="by default" if numbered else None,
                generated=_GENERATED.get(hidden),  # type: ignore[arg-type]
            )

    def _keys(self, schema: str, table: str) -> Iterator[Constraint]:
        primary = self._inspector.get_pk_constraint(table, schema)
        columns = tuple(primary["constrained_columns"])
        if columns:
            name = primary.get("name") or derived_name(table, "pkey")
            yield Constraint(name, "primary key", columns, index=name)
        names: dict[tuple[str, ...], str] | None = None
        for row in sorted(self._pragma(schema, "index_list", table)):
            if row[3] != "u":
                continue
            if names is None:
                names = unique_names(self._statement(schema, "table", table))
            columns = tuple(r[2] for r in self._pragma(schema, "index_xinfo", row[1]) if r[5])
            name = names.get(columns) or derived_name(table, *columns, "key")
            yield Constraint(name, "unique", columns, index=name)

    def _foreign_keys(self, schema: str, table: str) -> Iterator[Constraint]:
        named = {
            tuple(key["constrained_columns"]): (key.get("name"), key.get("options", {}))
            for key in self._inspector.get_foreign_keys(table, schema)
        }
        rows = sorted(self._pragma(schema, "foreign_key_list", table))
        for _, members in groupby(rows, key=lambda row: row[0]):
            parts = list(members)
            _, _, target, _, _, on_update, on_delete, _ = parts[0]
            columns = tuple(part[3] for part in parts)
            name, options = named.get(columns, (None, {}))
            yield Constraint(
                name or derived_name(table, *columns, "fkey"),
                "foreign key",
                columns,
                references=QName(schema, target),
                referenced_columns=tuple(part[4] for part in parts if part[4])
                or self._key_of(schema, target),
                on_delete=_ACTIONS.get(str(on_delete).upper(), "no action"),
                on_update=_ACTIONS.get(str(on_update).upper(), "no action"),
                deferrable=bool(options.get("deferrable")),
            )

    def _key_of(self, schema: str, table: str) -> tuple[str, ...]:
        """Return the primary key, which a reference without columns means."""
        rows = [row for row in self._pragma(schema, "table_xinfo", table) if row[5]]
        return tuple(row[1] for row in sorted(rows, key=lambda row: int(row[5])))

    def _checks(self, schema: str, table: str) -> Iterator[Constraint]:
        found = self._inspector.get_check_constraints(table, schema)
        for number, check in enumerate(found):
            name = check.get("name") or derived_name(table, f"check{number or ''}")
            column, definition = enum_check(check["sqltext"])
            yield Constraint(str(name), "check", (column,) if column else (), definition)

    def _indexes(self, schema: str, table: str, keys: tuple[Constraint, ...]) -> Iterator[Index]:
        """Yield the indexes of the keys, then those that were created as such."""
        for key in keys:
            yield Index(
                key.name, key.columns, unique=True, primary=key.kind == "primary key", constraint=key.name
            )
        for row in self._pragma(schema, "index_list", table):
            name, unique, origin = row[1], row[2], row[3]
            if origin == "c":
                rows = [r for r in self._pragma(schema, "index_xinfo", name) if r[5]]
                yield _index(name, bool(unique), rows, self._statement(schema, "index", name))

    def _statement(self, schema: str, kind: str, name: str) -> str:
        """Return the CREATE statement as SQLite keeps it."""
        query = f"select sql from {_quoted(schema)}.sqlite_master where type = ? and name = ?"
        return str(self._connection.exec_driver_sql(query, (kind, name)).scalar() or "")

    def _pragma(self, schema: str, pragma: str, name: str) -> list[Any]:
        statement = f"pragma {_quoted(schema)}.{pragma}({_quoted(name)})"
        return list(self._connection.exec_driver_sql(statement).all())


def _index(name: str, unique: bool, keys: list[Any], statement: str) -> Index:
    """Return an index; a key without a column's name is an expression, which only the statement has."""
    parts, predicate = index_parts(statement)
    columns = tuple(row[2] for row in keys)
    expressions = [
        re.sub(r"\s+(?:asc|desc)\s*$", "", parts[at], flags=re.IGNORECASE).strip()
        for at, column in enumerate(columns)
        if column is None and at < len(parts)
    ]
    return Index(
        name,
        columns,
        unique=unique,
        expressions=tuple(expressions),
        predicate=predicate,
        options=tuple(int(bool(row[3])) for row in keys),
    )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
