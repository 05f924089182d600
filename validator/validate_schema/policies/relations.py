"""The relations of a database by name, and which of them hold rows of tenants."""

from functools import cached_property

from ..facts.context import keeps_kind, key_type, person_type
from ..facts.facts import Facts
from ..model.catalog import QName, Table
from ..model.tenancy import OWNED
from ..sql import syntax as s
from ..sql.parser import Unreadable
from ..sql.reading import read_expression

# Types of keys of which each value has one spelling once it is read.
NUMBERED = ("uuid", "bigint", "integer", "smallint")


class Relations:
    """The relations, looked up once."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.of_tenants = facts.once(_owned_relations)
        self.with_heirs = facts.once(_with_heirs)
        self._by_name = facts.once(_relations_by_name)

    @cached_property
    def spelt(self) -> bool:
        """Tell whether some column that tells whose a row is may spell one number in two ways."""
        return any(
            column is not None and column.base_type not in NUMBERED
            for table in self.facts.catalog.tables
            for column in map(table.column, self.keys(table))
        )

    def cuts(self, shown: str) -> bool:
        """Tell whether a variable of a type, as a body declares it, may hold one value for two keys."""
        try:
            cast = read_expression(f"null::{shown}")
        except Unreadable:
            return False  # RECORD, a row, a cursor: what it holds has types of its own
        kind = self.facts.once(key_type)
        kinds = {kind, self.facts.once(person_type) or kind}
        return not (isinstance(cast, s.Cast) and all(keeps_kind(cast.type, k, self.facts) for k in kinds))

    def named(self, table: s.Table) -> QName | None:
        """Return the relation that a name means; of several, one that holds tenants' rows."""
        names = [n for n in self._by_name.get(table.name, ()) if table.schema in ("", n.schema)]
        return next((n for n in names if n in self.of_tenants), names[0] if names else None)

    def sole(self, table: s.Table) -> QName | None:
        """Return the relation that a name means, whatever the search_path; None where several have it."""
        beside = (t.qname for t in self.facts.catalog.extension_tables if t.name == table.name)
        names = (*self._by_name.get(table.name, ()), *beside)
        found = [n for n in names if table.schema in ("", n.schema)]
        return found[0] if len(found) == 1 else None

    def apart(self, table: s.Table) -> Table | None:
        """Return the table of an extension or a platform that a whole name means."""
        found = (t for t in self.facts.catalog.extension_tables if t.qname == (table.schema, table.name))
        return next(found, None)

    def owned(self, table: s.Table) -> bool:
        return self.named(table) in self.of_tenants

    def parents(self, table: Table) -> frozenset[QName]:
        """Return the tables of tenants to which rows of the table refer, but for the table itself."""
        referred = (key.references for key in table.foreign_keys if key.references is not None)
        return self.of_tenants.intersection(referred) - {table.qname}

    def persons(self, table: Table) -> frozenset[str]:
        """Return the columns of the table that hold people who ask, as the policies tell."""
        principals = self.facts.principals
        found = {m.person for m in principals.memberships if m.table == table.qname}
        if principals.people == table.qname and principals.people_key is not None:
            found.add(principals.people_key)
        return frozenset(found)

    def keys(self, table: Table) -> frozenset[str]:
        """Return the columns that tell whose a row of the table is."""
        held = self.facts.held_levels.get(table.qname, {})
        above = self.facts.tables_by_name.get(table.parent) if table.parent is not None else None
        return frozenset(held.values()) or (self.keys(above) if above is not None else frozenset())


def _owned_relations(facts: Facts) -> frozenset[QName]:
    """Return the relations that hold tenants' rows: tables, what is below them, and views over those."""
    above: dict[QName, list[QName]] = {}
    for view in facts.catalog.views:
        for name in view.depends_on:
            above.setdefault(name, []).append(view.qname)
    found = {name for name in facts.tables_by_name if facts.class_of(name) in OWNED}
    waiting = list(found)
    while waiting:
        name = waiting.pop()
        for other in (*(child.qname for child in facts.children.get(name, ())), *above.get(name, ())):
            if other not in found:
                found.add(other)
                waiting.append(other)
    return frozenset(found)


def _with_heirs(facts: Facts) -> frozenset[QName]:
    """Return the tables that have inheritance children."""
    return frozenset(name for table in facts.catalog.tables for name in table.inherits)


def _relations_by_name(facts: Facts) -> dict[str, list[QName]]:
    """Return tables and views by their plain name."""
    found: dict[str, list[QName]] = {}
    for name in (*facts.tables_by_name, *facts.views_by_name):
        found.setdefault(name.name, []).append(name)
    return found
