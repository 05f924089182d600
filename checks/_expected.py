"""Keys that the contract declares, paired with the table that exists for them."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from validate_schema.pack import Facts, ObjectRef
from validate_schema.pack.model import catalog, contract

from ._declared import declared_tables

_WORD = re.compile(r'"((?:[^"]|"")+)"|([\w$]+)')


class ExpectedOf(NamedTuple):
    """A primary key, unique or index that the contract declares; `kind` names it in the report."""

    table: catalog.Table
    key: contract.ExpectedKey
    kind: str

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef.on_table(self.kind, self.table.qname, ", ".join(self.key.columns))


class ExpectedReference(NamedTuple):
    """A foreign key that the contract declares."""

    table: catalog.Table
    key: contract.ExpectedForeignKey

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef.on_table("foreign key", self.table.qname, ", ".join(self.key.columns))


def _existing(facts: Facts) -> Iterator[tuple[catalog.Table, contract.ExpectedTable]]:
    """Tables of the contract that exist: a missing table is one finding, of TBL001."""
    for declared in declared_tables(facts):
        if declared.table is not None:
            yield declared.table, declared.expected


def expected_primary_keys(facts: Facts) -> Iterator[ExpectedOf]:
    """Primary keys of the contract whose table exists."""
    for table, declared in _existing(facts):
        if declared.primary_key is not None:
            yield ExpectedOf(table, declared.primary_key, "primary key")


def expected_uniques(facts: Facts) -> Iterator[ExpectedOf]:
    """Uniques of the contract whose table exists."""
    for table, declared in _existing(facts):
        yield from (ExpectedOf(table, key, "unique") for key in declared.uniques)


def expected_indexes(facts: Facts) -> Iterator[ExpectedOf]:
    """Indexes of the contract whose table exists."""
    for table, declared in _existing(facts):
        yield from (ExpectedOf(table, key, "index") for key in declared.indexes)


def expected_references(facts: Facts) -> Iterator[ExpectedReference]:
    """Foreign keys of the contract whose table exists."""
    for table, declared in _existing(facts):
        yield from (ExpectedReference(table, key) for key in declared.foreign_keys)


def missing_columns(table: catalog.Table, columns: tuple[str, ...], expressions: tuple[str, ...] = ()) -> str:
    """Return those of `columns` that the table does not have, `expressions` aside, listed; empty when
    it has all."""
    return ", ".join(c for c in columns if c not in expressions and table.column(c) is None)


def partition_columns(table: catalog.Table) -> tuple[str, ...]:
    """Return the columns that the partition key names; none where the table is not partitioned.

    Every unique of a partitioned table must hold them. Source: PostgreSQL documentation, "Table
    Partitioning", limitations.
    """
    words = {quoted.replace('""', '"') or plain for quoted, plain in _WORD.findall(table.partition_key or "")}
    return tuple(c.name for c in table.columns if c.name in words)
