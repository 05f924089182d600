"""People who belong to one tenant each: their own row says which."""

from collections.abc import Iterator
from typing import NamedTuple

from ..model.catalog import Constraint, QName, Table
from ..model.tenancy import TableClass
from ..sql.words import of_people
from .facts import Facts


class Place(NamedTuple):
    """A column of a table, by which a row is known."""

    table: QName
    column: str


def key_end(key: Constraint) -> Place | None:
    """Return what a foreign key of one column leads to; None for any other."""
    if key.references is None or len(key.columns) != 1 or not key.referenced_columns:
        return None
    return Place(key.references, key.referenced_columns[0])


def members_of_one(facts: Facts) -> frozenset[Place]:
    """Return the keys of people who are members of one tenant at most.

    So it is where a table of people (``profiles``) holds the tenant column and is known by the key of such a
    person, and no other table ties the same person to several tenants.
    """
    found = {place for table in _tenants(facts) for place in _own_row(table)}
    tenants = {column for level in facts.tenancy.levels for column in level.columns}
    return frozenset(found - {place for table in facts.tables for place in _many(table, tenants)})


def _tenants(facts: Facts) -> Iterator[Table]:
    standings = facts.standings
    return (t for t in facts.tables if (s := standings.get(t.qname)) and s.table_class is TableClass.TENANT)


def _own_row(table: Table) -> Iterator[Place]:
    key = table.primary_key
    if key is None or len(key.columns) != 1 or not of_people(table.name):
        return
    for other in table.foreign_keys:
        if other.columns == key.columns and other.checked and (place := key_end(other)) is not None:
            yield place


def _many(table: Table, tenants: set[str]) -> Iterator[Place]:
    """Yield the people whom a table may tie to several tenants: it is known by a person and a tenant."""
    keys = [set(index.columns) for index in table.indexes if index.unique]
    for key in table.foreign_keys:
        place, own = key_end(key), set(key.columns)
        if place is not None and any(own < pair and pair - own <= tenants for pair in keys):
            yield place
