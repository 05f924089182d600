"""Lookup tables: what all tenants share, by evidence that the app itself cannot change it."""

from collections.abc import Collection

from msgspec.structs import replace

from ..facts.roles import Roles
from ..model.catalog import Catalog, Grant, QName, Table
from ..model.tenancy import OWNED, Ownership, Standing, TableClass
from ..sql.words import key_name, of_people, of_tenants, reads_as_person, singular, words
from .graph import Graph

_THE_SAME_FOR_ALL = frozenset(
    ["country", "currency", "language", "locale", "timezone", "continent", "nationality", "province"]
)
_KINDS = frozenset(["type", "status", "kind", "tier", "plan", "permission", "feature", "unit"])
_WRITES = frozenset({"INSERT", "UPDATE", "DELETE"})


def shared(
    graph: Graph, catalog: Catalog, standings: tuple[Standing, ...], app_roles: tuple[str, ...]
) -> tuple[Standing, ...]:
    """Return the standings, those of lookup tables as global with the reason.

    A table without any tie to tenants or people is one when the app roles may read it and nobody but its
    owner may write it, directly, through a view or by a function with the owner's rights; and when it is
    called after what is the same for everybody (``countries``), or after kinds of things
    (``order_statuses``) that a table of the tenants refers to by a foreign key.
    """
    if not app_roles:
        return standings
    finder = _Finder(graph, catalog, standings, app_roles)
    open_ones = {s.table for s in standings if s.table_class is TableClass.UNCLASSIFIED}
    chosen = {name for name in open_ones & graph.tables.keys() if finder.is_lookup(name)}
    while dropped := {n for n in chosen if any(e.target not in chosen for e in graph.edges[n])}:
        chosen -= dropped
    return tuple(finder.as_global(s) if s.table in chosen else s for s in standings)


def reads_as_lookup(table: str, *, referred: bool = True) -> bool:
    """Tell whether a table is called after what is the same for everybody, or, where it is `referred` to,
    after kinds of things."""
    parts = words(table)
    last = singular(parts[-1]) if parts else ""
    kinds = {last, parts[-1].removesuffix("es")} if parts else set()
    return last in _THE_SAME_FOR_ALL or (referred and not _KINDS.isdisjoint(kinds))


class _Finder:
    def __init__(
        self, graph: Graph, catalog: Catalog, standings: tuple[Standing, ...], app_roles: tuple[str, ...]
    ) -> None:
        self.graph, self.app_roles = graph, app_roles
        roles = Roles.of(catalog)
        self.able = frozenset({"PUBLIC"}).union(*(roles.rights_of(role) for role in app_roles))
        self.of = {s.table: s for s in standings}
        self.referred = {
            edge.target
            for name, edges in graph.edges.items()
            if self.of[name].table_class in OWNED
            for edge in edges
        }
        definers = [f for f in catalog.functions if f.security_definer]
        self.unread = any(f.touches is None for f in definers)
        self.touched: Collection[QName] = {name for f in definers for name in f.touches or ()} | {
            name for view in catalog.views for name in view.depends_on if self._may(view.grants, _WRITES)
        }

    def is_lookup(self, name: QName) -> bool:
        table = self.graph.tables[name]
        return (
            self.of[name].ownership is Ownership.NONE
            and self._reads_like_one(name)
            and not any(self._ties(column.name) for column in table.columns)
            and self._is_only_read(table)
        )

    def as_global(self, standing: Standing) -> Standing:
        """Return the standing of a lookup table."""
        roles = ", ".join(self.app_roles)
        why = f"shared by all: {roles} may only read it, and nothing in it leads to a tenant or a person"
        return replace(standing, table_class=TableClass.GLOBAL, why=why)

    def _reads_like_one(self, name: QName) -> bool:
        if of_people(name.name) or of_tenants(name.name):
            return False
        return reads_as_lookup(name.name, referred=name in self.referred)

    def _ties(self, column: str) -> bool:
        read = key_name(column)
        return read.family is not None or reads_as_person(column)

    def _is_only_read(self, table: Table) -> bool:
        grants = [*table.grants, *(g for column in table.columns for g in column.grants)]
        if table.owner in self.able or self.unread or table.qname in self.touched:
            return False
        if not self._may(grants, frozenset({"SELECT"})):
            return False
        written = any(p.permissive and p.command != "SELECT" for p in table.policies)
        return (table.row_security and not written) or not self._may(grants, _WRITES)

    def _may(self, grants: Collection[Grant], privileges: frozenset[str]) -> bool:
        return any(g.grantee in self.able and not privileges.isdisjoint(g.privileges) for g in grants)
