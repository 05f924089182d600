"""Row-level security read statically: what the policies let each app role reach, table by table."""

from typing import TYPE_CHECKING

from ..facts.facts import NotExamined
from ..facts.unread import withheld
from ..model.catalog import Catalog, Table
from ..model.reading import Analysis
from ..model.tenancy import TableClass, Tenancy

if TYPE_CHECKING:
    from .world import Schema

_GUARDED = (TableClass.TENANT, TableClass.INHERITED, TableClass.ROOT)


def analyse(catalog: Catalog, tenancy: Tenancy) -> Analysis:
    """Judge every tenant, inherited and root table with row security on, for every app role, and for every
    other role that somebody can be and that holds a privilege on the table: one of each kind that the
    policies tell apart. Partitions with row security of their own, for the roles that hold a privilege there.

    App roles are those that exist; PUBLIC alone stands for them where none is known. Left out are roles that
    policies do not bind, owners of the table, and groups that no login can become. Empty where the tenancy
    was not identified; `Analysis.unread` says why where what it takes may not be read. Reads the catalog
    alone: no connection, no clock.
    """
    if tenancy.unread:
        return Analysis(unread=tenancy.unread)
    try:
        return _analysed(withheld(catalog, objects=False), tenancy)
    except NotExamined as unread:
        return Analysis(unread=str(unread))


def _analysed(catalog: Catalog, tenancy: Tenancy) -> Analysis:
    if not tenancy.identified or not any(t.policies or t.row_security for t in catalog.tables):
        return Analysis()
    from ..facts.roles import PUBLIC, Roles
    from .askers import Askers
    from .judge import Judge
    from .named_tenants import NamedTenants
    from .principals import principals
    from .readings import Reader
    from .world import Schema

    schema = Schema(catalog, tenancy)
    schema.learn(*principals(schema))
    tables = sorted((t for t in catalog.tables if _guarded(t, schema)), key=lambda t: t.qname)
    all_roles = Roles.of(catalog)
    askers = Askers(schema, all_roles, tables)
    judge = Judge(schema, all_roles, askers, NamedTenants(schema, all_roles, askers, tables))
    reader = Reader(schema)
    known = {role.name for role in catalog.roles}
    roles = sorted(r for r in tenancy.app_roles if r in known) or [PUBLIC]
    others = askers.apart(all_roles.usable() - set(roles))
    judgements = [
        j
        for t in tables
        for role in sorted({*roles, *(r for r in others if judge.uses(t, r))})
        if t.parent is None or judge.uses(t, role)
        for j in judge.judge(t, role)
    ]
    readings = [reader.read(t, p) for t in tables for p in t.policies]
    owners = [
        j
        for owner, user in sorted(_acting(catalog, roles))
        if owner in known and not judge.roles.bypasses(owner)
        for t in tables
        if t.force_row_security or not judge.roles.has(owner, t.owner)
        for j in judge.as_owner(t, owner, user)
    ]
    loose = tuple(name for name in sorted(schema.memberships) if any(judge.is_loose(name, r) for r in roles))
    return Analysis(tuple(judgements), tuple(readings), tuple(owners), schema.principals, loose=loose)


def _acting(catalog: Catalog, users: list[str]) -> set[tuple[str, str]]:
    """Return the roles with whose rights something acts for others, each with who CURRENT_USER is then:
    itself in a function, whoever runs the statement in views and rules.

    An invoker's trigger acts for the owner of a table where a foreign key carries a change there. Source:
    PostgreSQL documentation, CREATE FUNCTION, CREATE VIEW and "Rules and Privileges".
    """
    functions = (*catalog.functions, *catalog.extension_functions)
    definers = {f.owner for f in functions if f.security_definer}
    definers |= {t.owner for t in catalog.tables if t.triggers}
    views = {v.owner for v in (*catalog.views, *catalog.extension_views) if not v.security_invoker}
    views |= {t.owner for t in catalog.tables if t.rules}
    return {(owner, owner) for owner in definers} | {(owner, user) for owner in views for user in users}


def _guarded(table: Table, schema: "Schema") -> bool:
    standing = schema.standings.get(table.qname) if table.row_security else None
    return standing is not None and standing.table_class in _GUARDED
