"""What a role owns that the isolation of tenants rests on: an owner rewrites it, or takes it away.

Source: PostgreSQL documentation, "Privileges" (what only an owner may do), DROP SCHEMA ("a schema can only be
dropped by its owner … who can drop it even if he owns none of the objects within") and DROP OWNED.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ..model.catalog import Composite, Definition, Domain, Enum, Extension, Function, QName, Table
from ..model.tenancy import OWNED
from .facts import Facts
from .reliance import relied_on
from .roles import DATABASE_OWNER, closure

_RARE_TYPES = ("range type", "base type")


class Estate(NamedTuple):
    """What one role owns: the database by its name, schemas with something of the tenants in them, tables of
    the tenants, functions that their isolation rests on, types that columns of the tenants' tables have, and
    extensions that such types are of."""

    database: str = ""
    schemas: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    functions: tuple[Function, ...] = ()
    types: tuple[QName, ...] = ()
    extensions: tuple[str, ...] = ()

    @property
    def holds_tables(self) -> bool:
        """Whether tables of others lie in it or have something of it, which goes with them."""
        return bool(self.database or self.schemas or self.types or self.extensions)


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
    held: set[str] = set()  # schemas
    for table in guarded_tables(facts):
        tables[table.owner].append(table)
        held.add(table.schema)
    functions: dict[str, list[Function]] = defaultdict(list)
    for reliance in relied_on(facts).values():
        functions[reliance.function.owner].append(reliance.function)
        held.add(reliance.function.schema)
    types: dict[str, list[QName]] = defaultdict(list)
    used = list(_types_in_use(facts))
    for kind in used:
        types[kind.owner].append(kind.qname)
        held.add(kind.schema)
    extensions: dict[str, list[str]] = defaultdict(list)
    for extension in _extensions_in_use(facts, used):
        extensions[extension.owner].append(extension.name)
        held.add(extension.schema)
    schemas: dict[str, list[str]] = defaultdict(list)
    for schema in facts.catalog.schemas:
        if schema.name in held and schema.owner != DATABASE_OWNER:
            schemas[schema.owner].append(schema.name)
    database = facts.catalog.database
    owners = {*tables, *functions, *schemas, *types, *extensions, *((database.owner,) if database else ())}
    return {
        owner: Estate(
            facts.catalog.server.database if database and database.owner == owner else "",
            tuple(schemas[owner]),
            tuple(tables[owner]),
            tuple(functions[owner]),
            tuple(types[owner]),
            tuple(extensions[owner]),
        )
        for owner in sorted(owners)
    }


def _extensions_in_use(facts: Facts, made: Sequence["_Type"]) -> Iterator[Extension]:
    """Yield the extensions that brought a type of the tenants' columns, or of what those `made` consist of:
    whoever drops one drops the columns as well."""
    found = [c.type for table in tables_with_parts(facts) for c in table.columns]
    for kind in made:
        found += [kind.base_type] if isinstance(kind, Domain) else []
        found += [a.type for a in kind.attributes] if isinstance(kind, Composite) else []
    members = {f"type {name.removesuffix('[]').partition('(')[0]}" for name in found}
    for extension in facts.catalog.extensions:
        if not members.isdisjoint(extension.members):
            yield extension


_Type = Domain | Enum | Composite | Definition


def _types_in_use(facts: Facts) -> Iterator[_Type]:
    """Yield the types that somebody made and that columns of the tenants' tables have, and what these consist
    of. Ranges and base types are known by their names alone."""
    catalog = facts.catalog
    made: tuple[_Type, ...] = (*catalog.domains, *catalog.enums, *catalog.composites)
    known = {kind.qname: kind for kind in made}
    rare = {d.name: d for d in catalog.definitions if d.kind in _RARE_TYPES}

    def parts(kind: _Type) -> Iterator[_Type]:
        names = [kind.type_name] if isinstance(kind, Domain) else []
        names += [a.type_name for a in kind.attributes] if isinstance(kind, Composite) else []
        yield from (known[name] for name in names if name in known)

    used: list[_Type] = []
    for column in (c for table in tables_with_parts(facts) for c in table.columns):
        if column.type_name in known:
            used.append(known[column.type_name])
        elif (name := column.type.removesuffix("[]").rpartition(".")[2].strip('"')) in rare:
            used.append(rare[name])
    yield from sorted(closure(used, parts), key=lambda kind: kind.qname)
