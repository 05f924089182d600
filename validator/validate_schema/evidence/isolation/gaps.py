"""What a copy lacks: an object that is not all there proves nothing about the one that was copied."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ...catalog.reader import read_catalog
from ...facts.facts import Facts
from ...model.catalog import Function, QName, Table, View

if TYPE_CHECKING:
    import psycopg


@dataclass(frozen=True)
class Gaps:
    """Tables with what each lacks in a sentence; views and functions that are not on the copy at all."""

    tables: dict[QName, str] = field(default_factory=dict)
    views: tuple[View, ...] = ()
    functions: tuple[Function, ...] = ()


def find_gaps(conn: "psycopg.Connection[Any]", facts: Facts) -> Gaps:
    """Compare the copy with the catalog that it was made from, by names."""
    copy = read_catalog(conn)
    there = {t.qname: t for t in copy.tables}
    views = {v.qname for v in copy.views}
    functions = {(f.schema, f.name, f.arguments) for f in copy.functions}
    tables = {t.qname: _lack(t, there.get(t.qname)) for t in facts.catalog.tables}
    return Gaps(
        {name: lack for name, lack in tables.items() if lack},
        tuple(v for v in facts.catalog.views if v.qname not in views),
        tuple(f for f in facts.catalog.functions if (f.schema, f.name, f.arguments) not in functions),
    )


def _lack(table: Table, copied: Table | None) -> str:
    """Return what the copied table lacks; "" where it is whole."""
    if copied is None:
        return "the table could not be copied"
    pairs = {
        "column": (table.columns, copied.columns),
        "policy": (table.policies, copied.policies),
        "trigger": (table.triggers, copied.triggers),
        "constraint": (_hard(table), _hard(copied)),
    }
    for word, (wanted, found) in pairs.items():
        missing = _names(wanted) - _names(found)
        if missing:
            return f"the {word} {min(missing)} could not be copied"
    return ""


def _hard(table: Table) -> list[Any]:
    """Return the constraints but for NOT NULL, which has no name before PostgreSQL 18."""
    return [c for c in table.constraints if c.kind != "not null"]


def _names(things: Iterable[Any]) -> set[str]:
    return {thing.name for thing in things}
