"""Primary keys, uniques, indexes and foreign keys of SQLAlchemy models."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

from ..model.catalog import Action, Match
from ..model.catalog import Constraint as CatalogCheck
from ..model.contract import Deferral, ExpectedForeignKey, ExpectedKey, ExpectedObject
from .models_columns import Reader
from .models_where import TableLines

if TYPE_CHECKING:
    from sqlalchemy import Constraint, ForeignKeyConstraint, Index, Table

_ACTIONS: dict[str, Action] = {action: action for action in get_args(Action)}
_MATCHES: dict[str, Match] = {match: match for match in get_args(Match)}


class _Part(NamedTuple):
    """One key of an index: a column's name or an expression's SQL; `key` is what options call it."""

    text: str
    key: str
    is_expression: bool
    descending: bool


def primary_key(table: "Table", reader: Reader, lines: TableLines) -> ExpectedKey | None:
    """Return the primary key, None for a table without one."""
    constraint = table.primary_key
    columns = tuple(constraint.columns)
    if not columns:
        return None
    name = _constraint_name(constraint, reader)
    return ExpectedKey(
        columns=tuple(c.name for c in columns),
        name=name,
        origin=reader.entry,
        where=lines.key(table, name, columns),
    )


def uniques(table: "Table", reader: Reader, lines: TableLines) -> Iterator[ExpectedKey]:
    """Yield unique constraints and unique indexes."""
    from sqlalchemy import UniqueConstraint

    for constraint in sorted(table.constraints, key=_place):
        if isinstance(constraint, UniqueConstraint):
            columns, name = tuple(constraint.columns), _constraint_name(constraint, reader)
            options = constraint.dialect_options["postgresql"]
            yield ExpectedKey(
                columns=tuple(c.name for c in columns),
                name=name,
                nulls_distinct=not _option(options, "nulls_not_distinct"),
                include=_carried(options),
                deferral=_deferral(constraint),
                origin=reader.entry,
                where=lines.key(table, name, columns),
            )
    yield from (_index(index, table, reader, lines) for index in _indexes(table) if index.unique)


def indexes(table: "Table", reader: Reader, lines: TableLines) -> Iterator[ExpectedKey]:
    """Yield indexes, but for unique ones."""
    yield from (_index(index, table, reader, lines) for index in _indexes(table) if not index.unique)


def _indexes(table: "Table") -> list["Index"]:
    return sorted(table.indexes, key=lambda index: str(index.name))


def _place(constraint: "Constraint") -> tuple[str, ...]:
    return tuple(c.name for c in getattr(constraint, "columns", ()))


def _index(index: "Index", table: "Table", reader: Reader, lines: TableLines) -> ExpectedKey:
    options = index.dialect_options["postgresql"]
    parts = tuple(_part(expression, reader) for expression in index.expressions)
    classes = tuple(str(options["ops"].get(part.key, "")) for part in parts)
    predicate = options["where"]
    name = _plain(reader.names.format_index(index))
    return ExpectedKey(
        columns=tuple(part.text for part in parts),
        expressions=tuple(part.text for part in parts if part.is_expression),
        name=name,
        method=str(options["using"] or "btree").lower(),
        opclasses=classes if any(classes) else (),
        ordered=True,
        descending=tuple(part.text for part in parts if part.descending),
        predicate=reader.sql(predicate) if predicate is not None else None,
        nulls_distinct=not _option(options, "nulls_not_distinct") if index.unique else None,
        include=_carried(options),
        origin=reader.entry,
        where=lines.key(table, name, tuple(index.columns)),
    )


def _part(expression: Any, reader: Reader) -> _Part:
    """Return one key. Order and the place of NULLs stand around the expression, innermost first."""
    from sqlalchemy import Column
    from sqlalchemy.sql import operators
    from sqlalchemy.sql.elements import UnaryExpression

    orders = (operators.asc_op, operators.desc_op, operators.nulls_first_op, operators.nulls_last_op)
    descending = False
    while isinstance(expression, UnaryExpression) and expression.modifier in orders:
        descending = descending or expression.modifier is operators.desc_op
        expression = expression.element
    if isinstance(expression, Column):
        return _Part(expression.name, expression.key, False, descending)
    written = reader.sql(expression)
    found = re.fullmatch(r'\s*("(?:[^"]|"")+"|[a-z_][a-z0-9_]*)\s*(desc|asc)?\s*', written, re.IGNORECASE)
    if found is not None:
        name = _plain(found[1]) or ""
        return _Part(name, name, False, descending or (found[2] or "").lower() == "desc")
    return _Part(written, str(getattr(expression, "key", "")), True, descending)


def checks(table: "Table", reader: Reader, lines: TableLines) -> Iterator[ExpectedObject]:
    """Yield the CHECK constraints that have a name, but for those that a type brings along."""
    from sqlalchemy import CheckConstraint

    for constraint in table.constraints:
        if not isinstance(constraint, CheckConstraint) or getattr(constraint, "_type_bound", False):
            continue
        name = _constraint_name(constraint, reader)
        if name is not None:
            record = CatalogCheck(name, "check", (), f"CHECK ({reader.sql(constraint.sqltext)})")
            where = lines.key(table, name, ())
            yield ExpectedObject.of("check", record, ("definition",), origin=reader.entry, where=where)


def foreign_keys(table: "Table", reader: Reader, lines: TableLines) -> Iterator[ExpectedForeignKey]:
    """Yield foreign keys. Raises SQLAlchemy's error for a table or column that there is not."""
    for key in sorted(table.foreign_key_constraints, key=_place):
        yield _foreign_key(key, table, reader, lines)


def _foreign_key(
    key: "ForeignKeyConstraint", table: "Table", reader: Reader, lines: TableLines
) -> ExpectedForeignKey:
    name, target = _constraint_name(key, reader), key.referred_table
    columns = tuple(element.parent for element in key.elements)
    return ExpectedForeignKey(
        columns=tuple(c.name for c in columns),
        references=target.name,
        references_schema=reader.schema(target.schema),
        referenced_columns=tuple(element.column.name for element in key.elements),
        on_delete=_action(key.ondelete),
        on_update=_action(key.onupdate),
        name=name,
        match=_MATCHES.get(str(key.match or "simple").lower()),
        deferral=_deferral(key),
        origin=reader.entry,
        where=lines.key(table, name, columns),
    )


def _option(options: Any, name: str) -> Any:
    """Return an option of the PostgreSQL dialect; older versions of SQLAlchemy know fewer."""
    try:
        return options[name]
    except KeyError:
        return None


def _carried(options: Any) -> tuple[str, ...]:
    return tuple(str(getattr(column, "name", column)) for column in _option(options, "include") or ())


def _deferral(constraint: "Constraint") -> Deferral:
    """Return when a constraint is checked. INITIALLY DEFERRED makes it deferrable."""
    if (constraint.initially or "").lower() == "deferred":
        return "initially deferred"
    return "initially immediate" if constraint.deferrable else "no"


def _action(written: str | None) -> Action:
    """Return an action; a list of columns after SET NULL is left out."""
    words = " ".join((written or "no action").partition("(")[0].lower().split())
    return _ACTIONS.get(words, "no action")


def _constraint_name(constraint: "Constraint", reader: Reader) -> str | None:
    """Return the name that the model or its naming convention gives, cut as SQLAlchemy cuts it."""
    if constraint.name is None:
        return None
    return _plain(reader.names.format_constraint(constraint))


def _plain(quoted: str | None) -> str | None:
    if quoted is None:
        return None
    return quoted[1:-1].replace('""', '"') if quoted.startswith('"') else quoted
