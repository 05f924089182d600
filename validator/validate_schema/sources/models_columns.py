"""Columns and enums of SQLAlchemy models, as its PostgreSQL dialect writes them."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from ..model.contract import ExpectedColumn, ExpectedEnum
from ..model.errors import ConfigError
from .models_where import TableLines
from .modules import brief

if TYPE_CHECKING:
    from sqlalchemy import Column, Enum, Table
    from sqlalchemy.types import TypeEngine


class Reader:
    """SQLAlchemy's PostgreSQL dialect, and where tables of its schemas shall be. `entry` is the source's
    name for people, `schemas` maps schemas of the models (empty: none) to those of the database."""

    def __init__(self, entry: str, schemas: dict[str, str]) -> None:
        from sqlalchemy.dialects import postgresql

        self.entry = entry
        self._schemas = schemas
        self.dialect: Any = postgresql.dialect()  # type: ignore[no-untyped-call]
        compiler: Any = self.dialect.ddl_compiler
        self.ddl: Any = compiler(self.dialect, None)
        self.names: Any = self.dialect.identifier_preparer

    def schema(self, name: str | None) -> str | None:
        """Return the schema in the database; None is the default one."""
        return self._schemas.get(name or "", name) or None

    def sql(self, expression: Any) -> str:
        """Return an expression as SQL, values written out and columns without their table."""
        from sqlalchemy import text

        element = text(expression) if isinstance(expression, str) else expression
        compiled: str = self.ddl.sql_compiler.process(element, include_table=False, literal_binds=True)
        return compiled


def column(column: "Column[Any]", reader: Reader, lines: TableLines) -> ExpectedColumn:
    """Return what a model declares of a column. What only the client fills in (``default=``) is no
    default. Raises `ConfigError` for a type that PostgreSQL does not have."""
    counter = column.identity is not None or _is_serial(column)
    known = counter or (column.computed is None and not _is_unknown(column.server_default))
    return ExpectedColumn(
        name=column.name,
        type=_type(column, reader),
        nullable=bool(column.nullable) and not column.primary_key,
        default=None if counter or not known else _default(column, reader),
        default_declared=known,
        counter=counter,
        origin=reader.entry,
        where=lines.column(column),
    )


def _type(column: "Column[Any]", reader: Reader) -> str:
    from sqlalchemy.exc import SQLAlchemyError

    try:
        enum = enum_of(column.type, reader)
        if enum is not None and reader.schema(enum.schema) != enum.schema:
            return _moved(column, enum, reader)
        compiled: str = reader.dialect.type_compiler_instance.process(column.type, type_expression=column)
    except SQLAlchemyError as error:
        raise ConfigError(
            f'contract source "{reader.entry}": the type of {column.table.name}.{column.name}: {brief(error)}'
        ) from None
    return compiled


def _moved(column: "Column[Any]", enum: "Enum", reader: Reader) -> str:
    """Return an enum's name in the schema that its own stands for."""
    schema = reader.schema(enum.schema)
    name: str = reader.names.quote(enum.name)
    array = "[]" if hasattr(column.type, "item_type") else ""
    return (f"{reader.names.quote(schema)}.{name}" if schema else name) + array


def _is_serial(column: "Column[Any]") -> bool:
    """Tell whether the column becomes a SERIAL, under the conditions of the dialect."""
    from sqlalchemy import Sequence

    plain = column.default is None or (isinstance(column.default, Sequence) and column.default.optional)
    numbered = column.primary_key and column is column.table.autoincrement_column
    return bool(numbered and plain and column.server_default is None)


def _is_unknown(default: Any) -> bool:
    """Tell whether all that is known is that the database fills the column in (``FetchedValue()``)."""
    return default is not None and not hasattr(default, "arg")


def _default(column: "Column[Any]", reader: Reader) -> str | None:
    default: str | None = reader.ddl.get_column_default_string(column)
    return default


def enums(tables: Iterable["Table"], reader: Reader, lines: TableLines) -> Iterator[ExpectedEnum]:
    """Yield the enum types that columns use, each once. An enum that is kept as VARCHAR is none."""
    seen: set[tuple[str | None, str]] = set()
    for table in tables:
        for column in table.columns:
            enum = enum_of(column.type, reader)
            if enum is None or not enum.name:
                continue
            name = (reader.schema(enum.schema), str(enum.name))
            if name not in seen:
                seen.add(name)
                yield ExpectedEnum(
                    name=name[1],
                    schema=name[0],
                    labels=tuple(enum.enums),
                    origin=reader.entry,
                    where=lines.column(column),
                )


def enum_of(type_: "TypeEngine[Any]", reader: Reader) -> "Enum | None":
    """Return the enum type of a column, of its elements, or below a type of the project's own."""
    from sqlalchemy import ARRAY, Enum

    found: Any = type_.dialect_impl(reader.dialect)
    if isinstance(found, ARRAY):
        return enum_of(found.item_type, reader)
    if hasattr(found, "impl_instance"):
        return enum_of(found.impl_instance, reader)
    return found if isinstance(found, Enum) and found.native_enum else None
