"""Expectations taken from a saved catalog: the target shall be as that database was."""

from collections.abc import Iterator

from ..model.catalog import Catalog, Column, Constraint, Policy, QName, Table
from ..model.contract import (
    Contract,
    ExpectedColumn,
    ExpectedEnum,
    ExpectedForeignKey,
    ExpectedGrant,
    ExpectedKey,
    ExpectedPolicy,
    ExpectedTable,
)
from ..tenancy.ledger import ledger_tool


def observed_contract(catalog: Catalog, origin: str) -> Contract:
    """Return what `catalog` holds as expectations; `origin` is the file's name, for people.

    Objects of its default schema are expected in the target's default schema. Partitions and
    migration tools' own tables are left out, as are an owner's privileges on its own tables.
    """
    home = catalog.server.default_schema
    tables = tuple(
        _table(table, home, origin)
        for table in catalog.tables
        if table.parent is None and ledger_tool(table) is None
    )
    enums = tuple(
        ExpectedEnum(name=e.name, schema=_schema(e.qname, home), labels=e.labels, origin=origin)
        for e in catalog.enums
    )
    return Contract(tables, enums)


def _schema(name: QName, home: str) -> str | None:
    return None if name.schema == home else name.schema


def _table(table: Table, home: str, origin: str) -> ExpectedTable:
    return ExpectedTable(
        name=table.name,
        schema=_schema(table.qname, home),
        columns=tuple(_column(column, origin) for column in table.columns),
        uniques=tuple(ExpectedKey(columns=key, origin=origin) for key in _keys(table, unique=True)),
        indexes=tuple(ExpectedKey(columns=key, origin=origin) for key in _keys(table, unique=False)),
        foreign_keys=tuple(_foreign_key(key, home, origin) for key in table.foreign_keys),
        policies=tuple(_policy(policy, origin) for policy in table.policies),
        grants=tuple(
            ExpectedGrant(role=grant.grantee, privileges=grant.privileges, origin=origin)
            for grant in table.grants
            if grant.grantee != table.owner
        ),
        origin=origin,
    )


def _column(column: Column, origin: str) -> ExpectedColumn:
    return ExpectedColumn(
        name=column.name,
        type=column.type,
        nullable=not column.not_null,
        default=column.default,
        default_declared=True,
        origin=origin,
    )


def _keys(table: Table, *, unique: bool) -> Iterator[tuple[str, ...]]:
    """Yield the columns of whole, valid indexes, each list once. Indexes on expressions and partial
    ones have no place in a contract."""
    seen = set()
    for index in table.indexes:
        columns = tuple(column for column in index.columns if column is not None)
        whole = len(columns) == len(index.columns) and index.predicate is None and index.valid
        if whole and index.unique is unique and columns not in seen:
            seen.add(columns)
            yield columns


def _foreign_key(key: Constraint, home: str, origin: str) -> ExpectedForeignKey:
    target = key.references or QName(home, "")
    return ExpectedForeignKey(
        columns=key.columns,
        references=target.name,
        references_schema=_schema(target, home),
        referenced_columns=key.referenced_columns,
        on_delete=key.on_delete,
        on_update=key.on_update,
        origin=origin,
    )


def _policy(policy: Policy, origin: str) -> ExpectedPolicy:
    return ExpectedPolicy(
        name=policy.name,
        command=policy.command,
        permissive=policy.permissive,
        roles=tuple(sorted(policy.roles)),
        using=policy.using,
        check=policy.check,
        origin=origin,
    )
