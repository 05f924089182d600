"""A contract as it can hold in SQLite: what does not exist there is not asked for."""

from msgspec.structs import replace

from ...model.catalog import Catalog, Column, QName, Table
from ...model.contract import Contract, ExpectedColumn, ExpectedForeignKey, ExpectedKey, ExpectedTable
from ...sql.types import parse_type
from .types import is_text, stands_for

_POSTGRESQL_HOME = "public"


def fitted(catalog: Catalog, contract: Contract) -> tuple[Catalog, Contract]:
    """Return a catalog of SQLite and a contract that can be compared.

    A declared type that the column's type stands for counts as that type; a text column that was declared
    with an enum counts as being of it, so that its CHECK is what is judged. Policies, grants, access methods
    and operator classes are left out, as are names of constraints, which SQLite need not keep.
    """
    home = catalog.server.default_schema
    enums = {QName(_schema(e.schema) or home, e.name) for e in contract.enums}
    tables = {t.qname: t for t in catalog.tables}
    expected = []
    for table in contract.tables:
        name = QName(_schema(table.schema) or home, table.name)
        found = tables.get(name)
        if found is not None:
            tables[name] = found = _with_enums(found, table, enums, home)
        expected.append(_table(table, found, home))
    return (
        replace(catalog, tables=tuple(tables.values())),
        replace(
            contract,
            tables=tuple(expected),
            enums=tuple(replace(e, schema=_schema(e.schema)) for e in contract.enums),
            views=tuple(replace(v, schema=_schema(v.schema)) for v in contract.views),
        ),
    )


def _schema(name: str | None) -> str | None:
    """Return the schema, none for the one that is PostgreSQL's default."""
    return None if name == _POSTGRESQL_HOME else name


def _enum_name(column: ExpectedColumn, home: str) -> QName | None:
    if column.type is None:
        return None
    found = parse_type(column.type, home)
    return QName(home if found.schema == _POSTGRESQL_HOME else found.schema, found.name)


def _with_enums(table: Table, expected: ExpectedTable, enums: set[QName], home: str) -> Table:
    """Return the table with the types of its text columns that were declared as enums."""
    declared = {c.name: c.type for c in expected.columns if c.type and _enum_name(c, home) in enums}

    def typed(column: Column) -> Column:
        known = declared.get(column.name)
        return replace(column, type=_unqualified(known)) if known and is_text(column.type) else column

    return replace(table, columns=tuple(map(typed, table.columns))) if declared else table


def _unqualified(type_: str) -> str:
    return type_.removeprefix(f"{_POSTGRESQL_HOME}.").removeprefix(f'"{_POSTGRESQL_HOME}".')


def _table(expected: ExpectedTable, found: Table | None, home: str) -> ExpectedTable:
    names = {c.name for c in found.constraints} | {i.name for i in found.indexes} if found else set()
    key = expected.primary_key
    return replace(
        expected,
        schema=_schema(expected.schema),
        columns=tuple(_column(c, found, home) for c in expected.columns),
        primary_key=_key(key, names) if key is not None else None,
        uniques=tuple(_key(k, names) for k in expected.uniques),
        indexes=tuple(replace(k, method=None, opclasses=()) for k in expected.indexes),
        foreign_keys=tuple(_foreign_key(k, names) for k in expected.foreign_keys),
        policies=(),
        grants=(),
    )


def _column(expected: ExpectedColumn, table: Table | None, home: str) -> ExpectedColumn:
    column = table.column(expected.name) if table is not None else None
    if expected.type is None:
        return expected
    plain = replace(expected, type=_unqualified(expected.type))
    if column is not None and stands_for(column.type, plain.type or "", home):
        return replace(plain, type=column.type)
    return plain


def _key(expected: ExpectedKey, names: set[str]) -> ExpectedKey:
    kept = expected.name if expected.name in names else None
    return replace(expected, name=kept, method=None, opclasses=())


def _foreign_key(expected: ExpectedForeignKey, names: set[str]) -> ExpectedForeignKey:
    kept = expected.name if expected.name in names else None
    return replace(expected, name=kept, references_schema=_schema(expected.references_schema))
