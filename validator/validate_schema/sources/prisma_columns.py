"""Columns as Prisma Migrate would make them: types and defaults.

Source: Prisma documentation, "PostgreSQL: native type mapping" and "Attribute functions".
"""

import base64
import binascii

from ..model.contract import ExpectedColumn
from ..model.errors import ConfigError
from ..model.wording import nearest
from ..sql.ident import quote_ident, quote_literal
from .prisma_schema import Schema, column_name, mapped, schema_of, text_of
from .prisma_syntax import Attribute, Block, Call, Field, Items, Number, Value, Word

_SCALARS = {
    "String": "text",
    "Boolean": "boolean",
    "Int": "integer",
    "BigInt": "bigint",
    "Float": "double precision",
    "Decimal": "numeric(65,30)",
    "DateTime": "timestamp(3) without time zone",
    "Json": "jsonb",
    "Bytes": "bytea",
}
_NATIVE = {
    "Text": "text", "Char": "character{}", "VarChar": "character varying{}", "Bit": "bit{}",
    "VarBit": "bit varying{}", "Uuid": "uuid", "Xml": "xml", "Inet": "inet", "Citext": "citext",
    "Boolean": "boolean", "SmallInt": "smallint", "Integer": "integer", "BigInt": "bigint", "Oid": "oid",
    "DoublePrecision": "double precision", "Real": "real", "Decimal": "numeric{}", "Money": "money",
    "Timestamp": "timestamp{} without time zone", "Timestamptz": "timestamp{} with time zone",
    "Date": "date", "Time": "time{} without time zone", "Timetz": "time{} with time zone",
    "Json": "json", "JsonB": "jsonb", "ByteA": "bytea",
}  # fmt: skip
_CLIENT_SIDE = frozenset({"uuid", "cuid", "ulid", "nanoid", "auto"})
_COUNTERS = frozenset({"autoincrement", "sequence"})


def column(schema: Schema, field: Field, origin: str) -> ExpectedColumn:
    """Return what a field declares of its column.

    Raises `ConfigError` for a native type, a function or a value that there is not.
    """
    given = field.attribute("default")
    value = given.get("value", 0) if given else None
    expected = ExpectedColumn(
        name=column_name(field),
        type=column_type(schema, field),
        nullable=field.arity != "required",
        default_declared=True,
        origin=origin,
        where=str(field.place),
    )
    if given is None or value is None:
        return expected
    counter = isinstance(value, Call) and value.name in _COUNTERS
    unknown = value == Call("dbgenerated", ())
    return ExpectedColumn(
        name=expected.name,
        type=expected.type,
        nullable=expected.nullable,
        default=None if counter or unknown else _default(schema, field, value, given),
        default_declared=not unknown,
        counter=counter,
        origin=origin,
        where=expected.where,
    )


def column_type(schema: Schema, field: Field) -> str:
    """Return the SQL type of a field's column, as the server prints it."""
    array = "[]" if field.arity == "list" else ""
    if field.unsupported is not None:
        return field.unsupported + array
    if field.type in schema.enums:
        return _enum_type(schema.enums[field.type]) + array
    prefix = f"{schema.native}."
    native = next((a for a in field.attributes if a.name.startswith(prefix)), None)
    return (_native(native, prefix) if native else _SCALARS[field.type]) + array


def _enum_type(enum: Block) -> str:
    name, home = quote_ident(mapped(enum)), schema_of(enum)
    return f"{quote_ident(home)}.{name}" if home else name


def _native(attribute: Attribute, prefix: str) -> str:
    name = attribute.name.removeprefix(prefix)
    if name not in _NATIVE:
        near = nearest(name, _NATIVE)
        hint = f', did you mean "@{prefix}{near}"?' if near else ""
        raise ConfigError(f"{attribute.place}: @{attribute.name} is no type of PostgreSQL{hint}")
    sizes = [a.value.text for a in attribute.args if isinstance(a.value, Number)]
    return _NATIVE[name].format(f"({','.join(sizes)})" if sizes else "")


def _default(schema: Schema, field: Field, value: Value, attribute: Attribute) -> str | None:
    """Return the default in SQL. What the client fills in (``uuid()``) is none for the database."""
    if isinstance(value, Call):
        if value.name == "now":
            return "CURRENT_TIMESTAMP"
        if value.name == "dbgenerated":
            return text_of(value.args[0].value)
        if value.name in _CLIENT_SIDE:
            return None
        raise ConfigError(f"{attribute.place}: @default knows no function {value.name}()")
    if isinstance(value, Items):
        items = ", ".join(_literal(schema, field, item, attribute) for item in value.items)
        return f"ARRAY[{items}]::{column_type(schema, field)}"
    literal = _literal(schema, field, value, attribute)
    return f"{literal}::{column_type(schema, field)}" if field.type in schema.enums else literal


def _literal(schema: Schema, field: Field, value: Value, attribute: Attribute) -> str:
    if isinstance(value, Word) and field.type in schema.enums:
        label = next((v for v in schema.enums[field.type].fields if v.name == value.text), None)
        if label is None:
            raise ConfigError(f"{attribute.place}: {field.type} has no value {value.text}")
        return quote_literal(column_name(label))
    text = text_of(value)
    if text is not None:
        return _bytes(text, attribute) if field.type == "Bytes" else quote_literal(text)
    if isinstance(value, Number) or (isinstance(value, Word) and value.text in ("true", "false")):
        return value.text
    raise ConfigError(f"{attribute.place}: the default of {field.name} cannot be read")


def _bytes(text: str, attribute: Attribute) -> str:
    try:
        return quote_literal("\\x" + base64.b64decode(text, validate=True).hex())
    except binascii.Error:
        raise ConfigError(f"{attribute.place}: the default of a Bytes field is not Base64") from None
