"""What a role owns that the isolation of tenants rests on: an owner rewrites it, or takes it away.

Source: PostgreSQL documentation, "Privileges" (what only an owner may do), DROP SCHEMA ("a schema can only be
dropped by its owner … who can drop it even if he owns none of the objects within") and DROP OWNED.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from ..model.catalog import Function, QName, Table
from ..model.tenancy import OWNED
from .facts import Facts
from .reliance import relied_on
from .roles import DATABASE_OWNER


class Estate(NamedTuple):
    """What one role owns: the database by its name, schemas with something of the tenants in them, tables of
    the tenants, functions that their isolation rests on."""

    database: str = ""
    schemas: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    functions: tuple[Function, ...] = ()


def estates(facts: Facts) -> dict[str, Estate]:
    """Return what each role owns, by its name; roles that own nothing of the kind are left out. The schemas
    of the database's owner by virtue of that are its database."""
    return facts.once(_estates)


def tables_with_parts(facts: Facts) -> Iterator[Table]:
    """Yield the tables whose rows are the tenants', and their partitions."""
    waiting = list(reversed(facts.of_class(*OWNED)))
    while waiting:
        table = waiting.pop()
        yield table
        waiting += reversed(facts.partitions.get(table.qname, ()))


def guarded_tables(facts: Facts) -> Iterator[Table]:
    """Yield the tables whose rows are the tenants', and partitions that have another owner than theirs."""
    for table in tables_with_parts(facts):
        if table.parent is None or table.owner != facts.tables_by_name[table.parent].owner:
            yield table


def _estates(facts: Facts) -> dict[str, Estate]:
    tables: dict[str, list[Table]] = defaultdict(list)
    held: dict[str, list[QName]] = defaultdict(list)
    for table in guarded_tables(facts):
        tables[table.owner].append(table)
        held[table.schema].append(table.qname)
    functions: dict[str, list[Function]] = defaultdict(list)
    for reliance in relied_on(facts).values():
        functions[reliance.function.owner].append(reliance.function)
        held[reliance.function.schema].append(reliance.function.qname)
    schemas: dict[str, list[str]] = defaultdict(list)
    for schema in facts.catalog.schemas:
        if schema.name in held and schema.owner != DATABASE_OWNER:
            schemas[schema.owner].append(schema.name)
    database = facts.catalog.database
    owners = {*tables, *functions, *schemas, *((database.owner,) if database else ())}
    return {
        owner: Estate(
            facts.catalog.server.database if database and database.owner == owner else "",
            tuple(schemas[owner]),
            tuple(tables[owner]),
            tuple(functions[owner]),
        )
        for owner in sorted(owners)
    }
