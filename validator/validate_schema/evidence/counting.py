"""Counts as SQL: what one statement counts, and how columns are written and compared in it."""

import re
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from ..model.catalog import Column, QName, Table
from ..sql.ident import quote_ident, quote_qname

SAMPLE = 5
INTEGERS = frozenset({"smallint", "integer", "bigint"})
TEXTUAL = frozenset({"text", "character varying", "character", "name"})
_TYPE_MODIFIER = re.compile(r"\([\d,-]+\)")


class Read(NamedTuple):
    """A column that a count reads."""

    table: QName
    column: str


class Count(msgspec.Struct, frozen=True):
    """One count: a subquery that yields `rows` and `sample`, and the columns that it reads."""

    sql: str
    reads: tuple[Read, ...]


class Plan(msgspec.Struct, frozen=True):
    """What is counted by reading in one statement, and the counts that constraints or types settle.

    `column` is the tenant column; `name` the constraint or index that the counts are about, if any.
    """

    table: QName
    column: str
    counts: Mapping[str, Count]
    proven: Mapping[str, int]
    refused: str = ""
    name: str = ""

    @property
    def key(self) -> tuple[QName, str]:
        return self.table, self.name

    @property
    def query(self) -> str:
        columns = ", ".join(f"{name}.rows, {name}.sample" for name in self.counts)
        sources = ", ".join(f"({count.sql}) as {name}" for name, count in self.counts.items())
        return f"select {columns} from {sources}"


def col(column: Column) -> str:
    return f"t.{quote_ident(column.name)}"


def source(table: Table) -> str:
    """Return the table for FROM: its own rows alone, or a partitioned table with its partitions.
    Plain inheritance children are tables of their own and counted as such."""
    only = "only " if table.kind == "table" else ""
    return f"{only}{quote_qname(table.qname)} t"


def plain_type(column: Column) -> str:
    """Return the base type without length or precision."""
    return _TYPE_MODIFIER.sub("", column.base_type)


def same_family(one: Column, other: Column) -> bool:
    """Tell whether `=` compares the two columns as they are, under search_path = pg_catalog."""
    types = {plain_type(one), plain_type(other)}
    if _is_citext(one) or _is_citext(other):
        return False
    return len(types) == 1 or types <= INTEGERS | {"numeric"} or types <= TEXTUAL


def _is_citext(column: Column) -> bool:
    return column.base_type.endswith("citext")


def as_text(column: Column, operand: str) -> str:
    return f"lower({operand}::text)" if _is_citext(column) else f"{operand}::text"


def differs(own: str, column: Column, theirs: str, other: Column) -> str:
    """Return the condition under which two columns, written as `own` and `theirs`, hold different
    values; two types that `=` does not compare are compared as text."""
    if not same_family(column, other):
        own, theirs = as_text(column, own), as_text(other, theirs)
        if "uuid" in (column.base_type, other.base_type):
            own, theirs = f"lower({own})", f"lower({theirs})"
    return f"{own} <> {theirs}"


def bounded(found: str) -> str:
    """Return the count of what `found` yields in its column ``v``, with some of the values."""
    sample = f"(array_agg(distinct v order by v))[1:{SAMPLE}]"
    return f"select count(*) as rows, {sample} as sample from ({found}) as found"
