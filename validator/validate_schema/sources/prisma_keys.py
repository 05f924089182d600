"""Primary keys, uniques and indexes of a Prisma model, with the names that Prisma gives them.

Source: Prisma documentation, "Naming conventions" of constraints and indexes; "Indexes".
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from msgspec.structs import replace

from ..model.contract import ExpectedKey
from ..model.errors import ConfigError
from .prisma_schema import Schema, column_name, column_of, mapped, text_of
from .prisma_syntax import Attribute, Block, Call, Items, Value, Word
from .prisma_where import predicate

LONGEST = 63  # bytes of a PostgreSQL name
_METHODS = {
    "BTree": "btree",
    "Hash": "hash",
    "Gin": "gin",
    "Gist": "gist",
    "SpGist": "spgist",
    "Brin": "brin",
}
_ONE_WORD = (
    ("min_max", "minmax"), ("timestamp_tz", "timestamptz"), ("time_tz", "timetz"), ("var_bit", "varbit"),
    ("bp_char", "bpchar"), ("ts_vector", "tsvector"), ("ts_query", "tsquery"), ("mac_addr", "macaddr"),
)  # fmt: skip


class Part(NamedTuple):
    """A column in a key: its name, how it is sorted, its operator class where one is named."""

    column: str
    descending: bool = False
    opclass: str = ""


def key_name(table: str, columns: tuple[str, ...], suffix: str) -> str:
    """Return the name that Prisma gives a key or index: table and columns, cut to PostgreSQL's limit
    before the suffix."""
    joined = "_".join((table, *columns)).encode()
    room = LONGEST - len(suffix)
    return joined[: room if len(joined) >= room else None].decode(errors="ignore") + suffix


def primary_key(schema: Schema, block: Block, origin: str) -> ExpectedKey | None:
    """Return the key that ``@id`` or ``@@id`` declares."""
    table = mapped(block)
    for field in block.fields:
        attribute = field.attribute("id")
        if attribute is not None:
            parts = (Part(column_name(field), _descending(attribute)),)
            return _key(parts, attribute, key_name(table, (), "_pkey"), origin)
    attribute = block.attribute("id")
    if attribute is None:
        return None
    return _key(_parts(schema, block, attribute), attribute, key_name(table, (), "_pkey"), origin)


def uniques(schema: Schema, block: Block, origin: str) -> Iterator[ExpectedKey]:
    """Yield what ``@unique`` and ``@@unique`` declare."""
    table = mapped(block)
    for field in block.fields:
        attribute = field.attribute("unique")
        if attribute is not None:
            part = Part(column_name(field), _descending(attribute))
            yield _key((part,), attribute, key_name(table, (part.column,), "_key"), origin)
    for attribute in block.all("unique"):
        parts = _parts(schema, block, attribute)
        yield _with_predicate(
            _key(parts, attribute, _default_name(table, parts, "_key"), origin), block, attribute
        )


def indexes(schema: Schema, block: Block, origin: str) -> Iterator[ExpectedKey]:
    """Yield what ``@@index`` declares. Its `name` is an old spelling of `map`."""
    table = mapped(block)
    for attribute in block.all("index"):
        parts = _parts(schema, block, attribute)
        name = text_of(attribute.get("name")) or _default_name(table, parts, "_idx")
        yield _with_predicate(_key(parts, attribute, name, origin), block, attribute)


def _default_name(table: str, parts: tuple[Part, ...], suffix: str) -> str:
    return key_name(table, tuple(part.column for part in parts), suffix)


def _key(parts: tuple[Part, ...], attribute: Attribute, name: str, origin: str) -> ExpectedKey:
    named = any(part.opclass for part in parts)
    return ExpectedKey(
        columns=tuple(part.column for part in parts),
        name=text_of(attribute.get("map")) or name,
        method=_method(attribute),
        opclasses=tuple(part.opclass for part in parts) if named else (),
        ordered=True,
        descending=tuple(part.column for part in parts if part.descending),
        origin=origin,
        where=str(attribute.place),
    )


def _with_predicate(key: ExpectedKey, block: Block, attribute: Attribute) -> ExpectedKey:
    where = attribute.get("where")
    return key if where is None else replace(key, predicate=predicate(where, block, attribute))


def _method(attribute: Attribute) -> str:
    given = attribute.get("type")
    if given is None:
        return "btree"
    if isinstance(given, Word) and given.text in _METHODS:
        return _METHODS[given.text]
    raise ConfigError(f"{attribute.place}: an index type is one of {', '.join(_METHODS)}")


def _parts(schema: Schema, block: Block, attribute: Attribute) -> tuple[Part, ...]:
    given = attribute.get("fields", 0)
    if given is None:
        raise ConfigError(f"{attribute.place}: @@{attribute.name} needs a list of fields")
    items = given.items if isinstance(given, Items) else (given,)
    if not items:
        raise ConfigError(f"{attribute.place}: @@{attribute.name} needs at least one field")
    return tuple(_part(schema, block, item, attribute) for item in items)


def _part(schema: Schema, block: Block, item: Value, attribute: Attribute) -> Part:
    if isinstance(item, Word):
        return Part(column_name(column_of(schema, block, item.text, attribute)))
    if not isinstance(item, Call):
        raise ConfigError(f"{attribute.place}: @@{attribute.name} holds something that is no field")
    name = column_name(column_of(schema, block, item.name, attribute))
    details = {argument.name: argument.value for argument in item.args}
    return Part(name, details.get("sort") == Word("Desc"), _opclass(details.get("ops")))


def _descending(attribute: Attribute) -> bool:
    return attribute.get("sort") == Word("Desc")


def _opclass(value: Value | None) -> str:
    """Return an operator class: ``raw("gin_trgm_ops")`` as it is, ``JsonbPathOps`` as jsonb_path_ops."""
    if isinstance(value, Call) and value.args:
        return text_of(value.args[0].value) or ""
    if not isinstance(value, Word):
        return ""
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", value.text).lower()
    for apart, together in _ONE_WORD:
        name = name.replace(apart, together)
    return name
