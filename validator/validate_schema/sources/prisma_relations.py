"""Foreign keys of a Prisma schema, and the tables of its implicit many-to-many relations.

Source: Prisma documentation, "Referential actions" (their defaults), "Many-to-many relations"
(conventions for relation tables).
"""

from collections.abc import Iterator
from typing import get_args

from ..model.catalog import Action
from ..model.contract import ExpectedColumn, ExpectedForeignKey, ExpectedKey, ExpectedTable
from ..model.errors import ConfigError
from .prisma_columns import column_type
from .prisma_keys import LONGEST, key_name
from .prisma_schema import Schema, column_name, column_of, field_names, mapped, schema_of, text_of
from .prisma_syntax import Attribute, Block, Field, Word

_ACTIONS: dict[str, Action] = {a.title().replace(" ", ""): a for a in get_args(Action)}


def foreign_keys(schema: Schema, block: Block, origin: str) -> Iterator[ExpectedForeignKey]:
    """Yield the foreign keys of a model's relations; none under ``relationMode = "prisma"``.

    A relation to a view has none either. Raises `ConfigError` for fields that do not exist or do not
    match, and for an action that there is not.
    """
    for field in block.fields if schema.keeps_references else ():
        relation = field.attribute("relation")
        if field.type in schema.models and relation is not None and relation.get("fields") is not None:
            yield _foreign_key(schema, block, field, relation, origin)


def _foreign_key(
    schema: Schema, block: Block, field: Field, relation: Attribute, origin: str
) -> ExpectedForeignKey:
    target = schema.models[field.type]
    own = [column_of(schema, block, name, relation) for name in field_names(relation.get("fields"), relation)]
    theirs = [
        column_of(schema, target, name, relation)
        for name in field_names(relation.get("references"), relation)
    ]
    if len(own) != len(theirs):
        raise ConfigError(
            f"{relation.place}: {block.name}.{field.name} has {len(own)} fields but {len(theirs)} references"
        )
    columns = tuple(map(column_name, own))
    required = any(f.arity == "required" for f in own) or field.arity == "required"
    return ExpectedForeignKey(
        columns=columns,
        references=mapped(target),
        references_schema=schema_of(target),
        referenced_columns=tuple(map(column_name, theirs)),
        on_delete=_action(relation, "onDelete") or ("restrict" if required else "set null"),
        on_update=_action(relation, "onUpdate") or "cascade",
        name=text_of(relation.get("map")) or key_name(mapped(block), columns, "_fkey"),
        origin=origin,
        where=str(relation.place),
    )


def _action(relation: Attribute, name: str) -> Action | None:
    given = relation.get(name)
    if given is None:
        return None
    if not isinstance(given, Word) or given.text not in _ACTIONS:
        raise ConfigError(f"{relation.place}: {name} is one of {', '.join(_ACTIONS)}")
    return _ACTIONS[given.text]


def join_tables(schema: Schema, origin: str) -> Iterator[ExpectedTable]:
    """Yield the tables of implicit many-to-many relations: two lists of models that point at each other.

    Which of the models is column A follows the alphabet, by their names in the schema.
    """
    for block in schema.models.values():
        for field in block.fields:
            if field.arity == "list" and field.type in schema.models:
                other = schema.models[field.type]
                back = _opposite(block, field, other)
                first = (block.name, field.name) < (other.name, back.name if back else "")
                if back is not None and back.arity == "list" and first:
                    yield _join_table(schema, block, other, field, origin)


def _relation_name(field: Field) -> str:
    relation = field.attribute("relation")
    return (text_of(relation.get("name", 0)) or "") if relation else ""


def _opposite(block: Block, field: Field, other: Block) -> Field | None:
    """Return the field of `other` that is the same relation seen from there."""
    return next(
        (
            f
            for f in other.fields
            if f.type == block.name
            and _relation_name(f) == _relation_name(field)
            and (other.name, f.name) != (block.name, field.name)
        ),
        None,
    )


def _join_table(schema: Schema, first: Block, second: Block, field: Field, origin: str) -> ExpectedTable:
    """Return the table ``_AToB``. Its pair is a primary key since Prisma 6, a unique index before: both
    keep it unique, and neither is asked for by name."""
    name = ("_" + (_relation_name(field) or f"{first.name}To{second.name}")).encode()
    where = str(field.place)
    sides = (("A", first), ("B", second))
    keys = tuple(_join_key(name, column, target, field, origin) for column, target in sides)
    index = ExpectedKey(
        columns=("B",),
        name=_cut(name, "_B_index"),
        method="btree",
        ordered=True,
        origin=origin,
        where=where,
    )
    return ExpectedTable(
        name=name[:LONGEST].decode(errors="ignore"),
        schema=schema_of(first),
        columns=tuple(_join_column(schema, column, target, field, origin) for column, target in sides),
        uniques=(ExpectedKey(columns=("A", "B"), ordered=True, origin=origin, where=where),),
        indexes=(index,),
        foreign_keys=keys if schema.keeps_references else (),
        complete=True,
        origin=origin,
        where=where,
    )


def _join_column(schema: Schema, column: str, target: Block, field: Field, origin: str) -> ExpectedColumn:
    return ExpectedColumn(
        name=column,
        type=column_type(schema, _id_of(target, field)),
        nullable=False,
        default_declared=True,
        origin=origin,
        where=str(field.place),
    )


def _join_key(table: bytes, column: str, target: Block, field: Field, origin: str) -> ExpectedForeignKey:
    return ExpectedForeignKey(
        columns=(column,),
        references=mapped(target),
        references_schema=schema_of(target),
        referenced_columns=(column_name(_id_of(target, field)),),
        on_delete="cascade",
        on_update="cascade",
        name=_cut(table, f"_{column}_fkey"),
        origin=origin,
        where=str(field.place),
    )


def _cut(table: bytes, suffix: str) -> str:
    return table[: LONGEST - len(suffix)].decode(errors="ignore") + suffix


def _id_of(block: Block, field: Field) -> Field:
    found = next((f for f in block.fields if f.attribute("id")), None)
    if found is None:
        raise ConfigError(
            f"{field.place}: a list of models on both sides needs models with a single-field @id, "
            f"and {block.name} has none"
        )
    return found
