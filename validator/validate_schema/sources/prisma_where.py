"""Predicates of partial indexes in a Prisma schema: ``where: raw("…")`` and ``where: { active: true }``."""

from ..model.errors import ConfigError
from ..sql.ident import quote_ident, quote_literal
from .prisma_schema import column_name, text_of
from .prisma_syntax import Argument, Attribute, Block, Call, Members, Number, Text, Value, Word


def predicate(value: Value, block: Block, attribute: Attribute) -> str:
    """Return the predicate in SQL. Raises `ConfigError` for one that cannot be read."""
    if isinstance(value, Call) and value.name == "raw" and value.args:
        return text_of(value.args[0].value) or ""
    if not isinstance(value, Members) or not value.members:
        raise ConfigError(f'{attribute.place}: where is raw("…") or an object')
    return " AND ".join(_condition(member, block, attribute) for member in value.members)


def _condition(member: Argument, block: Block, attribute: Attribute) -> str:
    field = next((f for f in block.fields if f.name == member.name), None)
    if field is None:
        raise ConfigError(f"{attribute.place}: where names {member.name}, which {block.name} does not have")
    column, value = quote_ident(column_name(field)), member.value
    if isinstance(value, Members) and [m.name for m in value.members] == ["not"]:
        inner = value.members[0].value
        if inner == Word("null"):
            return f"{column} IS NOT NULL"
        return f"{column} <> {_sql(inner, attribute)}"
    return f"{column} IS NULL" if value == Word("null") else f"{column} = {_sql(value, attribute)}"


def _sql(value: Value, attribute: Attribute) -> str:
    match value:
        case Text(text):
            return quote_literal(text)
        case Number(text):
            return text
        case Word("true" | "false" as text):
            return text
    raise ConfigError(f"{attribute.place}: where compares with something that cannot be read")
