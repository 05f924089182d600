"""Every property of the FlakeGuard example, changed one at a time: in the catalog, or in its contract."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from msgspec.structs import replace as changed

from validate_schema.model.catalog import Catalog, Column, Constraint, Enum, Index, QName, Table
from validate_schema.model.contract import (
    Contract,
    ExpectedColumn,
    ExpectedEnum,
    ExpectedForeignKey,
    ExpectedKey,
    ExpectedTable,
)


class Mutation(NamedTuple):
    """A change of one property of `table` (or of the enum of that name), and both sides after it."""

    what: str
    table: str
    name: str
    catalog: Catalog
    contract: Contract


Change = tuple[str, str, Table]


def swapped(items: tuple[Any, ...], old: Any, new: Any) -> tuple[Any, ...]:
    """Return the items with one replaced, or left out for None."""
    return tuple(new if item is old else item for item in items if item is not old or new is not None)


def mutations(catalog: Catalog, contract: Contract) -> Iterator[Mutation]:
    """Yield every change. To be quick, both sides hold the table that it concerns and no other."""
    expected = {t.name: t for t in contract.tables}
    for table in catalog.tables:
        wanted = expected[table.name]
        for what, name, new in (*columns(table), *indexes(table), *keys(table)):
            yield Mutation(what, table.name, name, _alone(catalog, new), _alone_expected(contract, wanted))
        for what, name, other in expectations(wanted):
            yield Mutation(
                f"declared {what}", table.name, name, _alone(catalog, table), _alone_expected(contract, other)
            )
        gone, undeclared = changed(catalog, tables=()), changed(contract, tables=())
        yield Mutation("dropped table", table.name, table.name, gone, _alone_expected(contract, wanted))
        yield Mutation("undeclared table", table.name, table.name, _alone(catalog, table), undeclared)
    enums = changed(catalog, tables=()), changed(contract, tables=())
    for what, name, observed, declared in labels(catalog, contract):
        yield Mutation(what, name, name, changed(enums[0], enums=observed), changed(enums[1], enums=declared))


def _alone(catalog: Catalog, table: Table) -> Catalog:
    return changed(catalog, tables=(table,))


def _alone_expected(contract: Contract, table: ExpectedTable) -> Contract:
    return changed(contract, tables=(table,))


def columns(table: Table) -> Iterator[Change]:
    for column in table.columns:
        others: dict[str, Column | None] = {
            "dropped column": None,
            "column type": changed(column, type="bigint", type_name=None),
            "column nullability": changed(column, not_null=not column.not_null),
            "column default": changed(column, default=None if column.default else "'other'::text"),
            "column name": changed(column, name=column.name + "2"),
        }
        if column.default:
            others["another default"] = changed(column, default="'other'::text")
        if column.type.startswith("timestamp"):
            others["column precision"] = changed(column, type="timestamp without time zone")
        for what, new in others.items():
            yield what, column.name, changed(table, columns=swapped(table.columns, column, new))
    yield "extra column", "extra", changed(table, columns=(*table.columns, Column("extra", "text")))


def indexes(table: Table) -> Iterator[Change]:
    for unique in (False, True):
        extra = Index("extra", ("id", "extra"), options=(0, 0), unique=unique)
        yield f"extra index, unique: {unique}", "extra", changed(table, indexes=(*table.indexes, extra))
    for index in table.indexes:
        reverse = tuple(reversed(index.columns))
        others: dict[str, Index | None] = {
            "dropped index": None,
            "index columns": changed(index, columns=("extra", *index.columns[1:])),
            "longer index": changed(index, columns=(*index.columns, "extra")),
        }
        if reverse != index.columns:
            others["order of index columns"] = changed(index, columns=reverse)
        if not index.primary:
            others |= {
                "index invalid": changed(index, valid=False),
                "index predicate": changed(index, predicate="true"),
                "index name": changed(index, name=index.name + "2"),
                "index method": changed(index, method="hash"),
                "index descending": changed(index, options=(1, *index.options[1:])),
                "index uniqueness": changed(index, unique=not index.unique),
            }
        for what, new in others.items():
            constraints = _follow(table, index, new)
            yield (
                what,
                index.name,
                changed(table, indexes=swapped(table.indexes, index, new), constraints=constraints),
            )


def _follow(table: Table, index: Index, new: Index | None) -> tuple[Constraint, ...]:
    """Return the constraints as they are when an index has changed: a primary key is its index."""
    key = table.primary_key
    if not index.primary or key is None:
        return table.constraints
    follows = new and changed(key, columns=tuple(str(c) for c in new.columns))
    return swapped(table.constraints, key, follows)


def keys(table: Table) -> Iterator[Change]:
    for key in table.foreign_keys:
        others: dict[str, Constraint | None] = {
            "dropped key": None,
            "key target": changed(key, references=QName("public", "Other")),
            "schema of key target": changed(
                key, references=QName("other", key.references[1] if key.references else "")
            ),
            "key columns": changed(key, columns=("extra",)),
            "referenced columns": changed(key, referenced_columns=("extra",)),
            "key on delete": changed(key, on_delete="no action"),
            "key on update": changed(key, on_update="restrict"),
            "key name": changed(key, name=key.name + "2"),
        }
        for what, new in others.items():
            yield what, key.name, changed(table, constraints=swapped(table.constraints, key, new))
    extra = Constraint("extra", "foreign key", ("extra",), references=QName("public", "Task"))
    yield "extra key", "extra", changed(table, constraints=(*table.constraints, extra))
    if table.primary_key is not None and not table.name.startswith("_"):
        renamed = changed(table.primary_key, name="other_pkey")
        constraints = swapped(table.constraints, table.primary_key, renamed)
        yield "name of the primary key", "other_pkey", changed(table, constraints=constraints)


def expectations(table: ExpectedTable) -> Iterator[tuple[str, str, ExpectedTable]]:
    for column in table.columns:
        for what, new in _of_column(column):
            yield what, column.name, changed(table, columns=swapped(table.columns, column, new))
    yield "extra column", "extra", changed(table, columns=(*table.columns, ExpectedColumn(name="extra")))
    for unique in table.uniques:
        for what, other in _of_key(unique):
            yield f"unique, {what}", "", changed(table, uniques=swapped(table.uniques, unique, other))
    for index in table.indexes:
        for what, other in _of_key(index):
            yield f"index, {what}", "", changed(table, indexes=swapped(table.indexes, index, other))
    for key in table.foreign_keys:
        for what, reference in _of_reference(key):
            yield (
                what,
                str(key.name),
                changed(table, foreign_keys=swapped(table.foreign_keys, key, reference)),
            )
    if table.primary_key is not None:
        for what, other in _of_key(table.primary_key):
            if other is not None and what in ("columns", "name"):
                yield f"primary key, {what}", "", changed(table, primary_key=other)


def _of_column(column: ExpectedColumn) -> Iterator[tuple[str, ExpectedColumn | None]]:
    yield "dropped column", None
    yield "column name", changed(column, name=column.name + "2")
    yield "column type", changed(column, type="bigint")
    yield "column nullability", changed(column, nullable=not column.nullable)
    yield "column default", changed(column, default="1 + 1")
    yield "counter", changed(column, default=None, counter=True)
    if column.default is not None:
        yield "no column default", changed(column, default=None)


def _of_key(key: ExpectedKey) -> Iterator[tuple[str, ExpectedKey | None]]:
    yield "dropped", None
    yield "columns", changed(key, columns=("extra", *key.columns[1:]))
    yield "predicate", changed(key, predicate="extra > 1")
    if key.name is not None:
        yield "name", changed(key, name=f"{key.name}2")
    if key.method is not None:
        yield "method", changed(key, method="gin")
    if key.ordered:
        yield "order", changed(key, descending=key.columns[:1])
    yield "operator class", changed(key, opclasses=("other_ops",) * len(key.columns))


def _of_reference(key: ExpectedForeignKey) -> Iterator[tuple[str, ExpectedForeignKey | None]]:
    yield "dropped key", None
    yield "key target", changed(key, references="Other")
    yield "schema of key target", changed(key, references_schema="other")
    yield "key columns", changed(key, columns=("extra",))
    yield "referenced columns", changed(key, referenced_columns=("extra",))
    yield "key on delete", changed(key, on_delete="set default")
    yield "key on update", changed(key, on_update="set default")
    yield "key name", changed(key, name=f"{key.name}2")


Labels = tuple[str, str, tuple[Enum, ...], tuple[ExpectedEnum, ...]]


def labels(catalog: Catalog, contract: Contract) -> Iterator[Labels]:
    for enum in catalog.enums:
        for what, new in _of_labels(enum.labels):
            other = changed(enum, labels=new)
            yield f"enum {what}", enum.name, swapped(catalog.enums, enum, other), contract.enums
        yield "dropped enum", enum.name, swapped(catalog.enums, enum, None), contract.enums
        renamed = changed(enum, name=enum.name + "2")
        yield "enum name", enum.name, swapped(catalog.enums, enum, renamed), contract.enums
    for expected in contract.enums:
        for what, new in _of_labels(expected.labels):
            declared = swapped(contract.enums, expected, changed(expected, labels=new))
            yield f"declared enum {what}", expected.name, catalog.enums, declared
        yield "undeclared enum", expected.name, catalog.enums, swapped(contract.enums, expected, None)
    extra = (*catalog.enums, Enum("public", "extra", "postgres", ("a",)))
    yield "extra enum", "extra", extra, contract.enums


def _of_labels(given: tuple[str, ...]) -> Iterator[tuple[str, tuple[str, ...]]]:
    yield "in another order", tuple(reversed(given))
    yield "with another label", (*given, "extra")
    for label in given:
        yield f"without {label}", tuple(each for each in given if each != label)
        yield (
            f"with {label} spelled otherwise",
            tuple(each.lower() if each == label else each for each in given),
        )
