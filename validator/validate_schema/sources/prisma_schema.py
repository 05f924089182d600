"""A Prisma schema with its names resolved: models, views, enums and the data source."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..model.errors import ConfigError
from ..model.wording import did_you_mean
from .prisma_syntax import Attribute, Block, Field, Items, Text, Value, Word

SCALARS = frozenset(
    {"String", "Boolean", "Int", "BigInt", "Float", "Decimal", "DateTime", "Json", "Bytes", "Unsupported"}
)
_PROVIDERS = frozenset({"postgresql", "postgres"})


@dataclass(frozen=True)
class Schema:
    """All blocks of a schema by name. `native` is the prefix of native types (``db``).

    `keeps_references` is false under ``relationMode = "prisma"``: then no foreign key is made.
    """

    models: dict[str, Block]
    views: dict[str, Block]
    enums: dict[str, Block]
    native: str = "db"
    keeps_references: bool = True

    def relation(self, field: Field) -> Block | None:
        """Return the model or view that a field points to; None for a column."""
        return self.models.get(field.type) or self.views.get(field.type)

    def columns(self, block: Block) -> Iterator[Field]:
        """Yield the fields that are columns. Raises `ConfigError` for a type that nothing declares."""
        for field in block.fields:
            if field.type in SCALARS or field.type in self.enums:
                yield field
            elif self.relation(field) is None:
                known = [*SCALARS, *self.enums, *self.models, *self.views]
                hint = did_you_mean(field.type, known, start=", ") or " in this schema"
                raise ConfigError(
                    f'{field.place}: {block.name}.{field.name} is of type "{field.type}", '
                    f"which is not declared{hint}"
                )


def resolve(blocks: Iterable[Block]) -> Schema:
    """Return the schema that the blocks of all files make.

    Raises `ConfigError` for a name that is declared twice, another database than PostgreSQL, and
    composite types, which PostgreSQL schemas do not have.
    """
    kinds: dict[str, dict[str, Block]] = {"model": {}, "view": {}, "enum": {}, "datasource": {}}
    taken: dict[str, Block] = {}
    for block in blocks:
        if block.kind == "type":
            raise ConfigError(
                f"{block.place}: type {block.name} is a composite type: Prisma has them for MongoDB only"
            )
        if block.kind == "generator":
            continue
        other = taken.get(block.name)
        if other is not None and "datasource" not in (block.kind, other.kind):
            raise ConfigError(f"{block.place}: {block.name} is declared already, at {other.place}")
        taken[block.name] = block
        kinds[block.kind][block.name] = block
    for block in [*kinds["model"].values(), *kinds["view"].values()]:
        _require_distinct(block)
    return _of(kinds["datasource"], kinds["model"], kinds["view"], kinds["enum"])


def _require_distinct(block: Block) -> None:
    seen: dict[str, Field] = {}
    for field in block.fields:
        if field.name in seen:
            raise ConfigError(f"{field.place}: {block.name}.{field.name} is declared already")
        seen[field.name] = field


def _of(
    sources: dict[str, Block], models: dict[str, Block], views: dict[str, Block], enums: dict[str, Block]
) -> Schema:
    if len(sources) > 1:
        first, second, *_ = sources.values()
        raise ConfigError(f"{second.place}: a schema has one datasource, and {first.place} is another")
    for source in sources.values():
        _require_postgresql(source)
        mode = source.properties.get("relationMode") or source.properties.get("referentialIntegrity")
        keeps = not (isinstance(mode, Text) and mode.text == "prisma")
        return Schema(models, views, enums, source.name, keeps)
    return Schema(models, views, enums)


def _require_postgresql(source: Block) -> None:
    given = source.properties.get("provider")
    offered = given.items if isinstance(given, Items) else (given,)
    names = [value.text for value in offered if isinstance(value, Text)]
    if names and _PROVIDERS.isdisjoint(names):
        raise ConfigError(
            f'{source.place}: the provider is "{names[0]}"; only schemas for postgresql can be read'
        )


def mapped(block: Block) -> str:
    """Return the name that a model, view or enum has in the database."""
    return _text(block.attribute("map"), "name") or block.name


def column_name(field: Field) -> str:
    """Return the name that a field, or an enum's value, has in the database."""
    return _text(field.attribute("map"), "name") or field.name


def schema_of(block: Block) -> str | None:
    """Return the schema that ``@@schema`` names."""
    return _text(block.attribute("schema"), "name")


def text_of(value: Value | None) -> str | None:
    """Return the text of an argument in quotes."""
    return value.text if isinstance(value, Text) else None


def _text(attribute: Attribute | None, name: str) -> str | None:
    return text_of(attribute.get(name, 0)) if attribute else None


def field_names(value: Value | None, attribute: Attribute) -> tuple[str, ...]:
    """Return the names in a list of fields. Raises `ConfigError` where it is none."""
    items = value.items if isinstance(value, Items) else (value,)
    names = tuple(item.text for item in items if isinstance(item, Word))
    if not names or len(names) != len(items):
        raise ConfigError(f"{attribute.place}: @{attribute.name} needs a list of fields")
    return names


def column_of(schema: Schema, block: Block, name: str, attribute: Attribute) -> Field:
    """Return the field of that name. Raises `ConfigError` when it is none, or no column."""
    found = next((f for f in block.fields if f.name == name), None)
    if found is None:
        hint = did_you_mean(name, (f.name for f in block.fields), start=", ")
        raise ConfigError(
            f"{attribute.place}: @{attribute.name} names {name}, which {block.name} does not have{hint}"
        )
    if schema.relation(found) is not None:
        raise ConfigError(
            f"{attribute.place}: @{attribute.name} names {block.name}.{name}, a relation and no column"
        )
    return found
