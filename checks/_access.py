"""Who may use an object, and whether the policies of a table hold for a role that reads it."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from graphlib import CycleError, TopologicalSorter

from validate_schema.pack import Facts
from validate_schema.pack.model import TableClass, first_of
from validate_schema.pack.model import catalog as cat

_SHOWN = 50
ROW_PRIVILEGES = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE"})


def users_of(
    owner: str, grants: Iterable[cat.Grant], facts: Facts, privileges: Iterable[str]
) -> tuple[str, ...]:
    """Return the app roles, or PUBLIC, that hold one of these privileges or own the object.

    When no app role is known: every grantee that is subject to policies, but for the owner.
    """
    wanted = set(privileges)
    holders = {g.grantee for g in grants if wanted.intersection(g.privileges)}
    if facts.app_roles:
        users = [r for r in facts.app_roles if (holders | {owner}) & facts.grantees_of(r)]
        return tuple(users) or (("PUBLIC",) if "PUBLIC" in holders else ())
    return tuple(sorted(g for g in holders - {owner} if not facts.memberships.bypasses(g)))


def holders_of(grants: Iterable[cat.Grant], owner: str, users: tuple[str, ...], facts: Facts) -> list[str]:
    """Return the grantees through which `users` hold what was granted, but for the owner."""
    reach = frozenset({"PUBLIC"}).union(*(facts.grantees_of(u) for u in users if u != "PUBLIC"))
    return sorted({g.grantee for g in grants} & reach - {owner})


def escapes(role: str, table: cat.Table, facts: Facts) -> bool:
    """Tell whether the policies of `table` do not hold for what runs as `role`.

    Source: PostgreSQL documentation, "Row Security Policies": superusers, BYPASSRLS, and whoever has
    the rights of the owner while row security is not forced.
    """
    if facts.memberships.bypasses(role) or not table.row_security:
        return True
    return not table.force_row_security and facts.memberships.has(role, table.owner)


def why_escapes(role: str, tables: Iterable[cat.Table], facts: Facts) -> str:
    """Return in words why the policies of one of `tables` do not hold for `role`."""
    known = facts.roles.get(role)
    if known is not None and known.superuser:
        return "a superuser"
    if known is not None and known.bypassrls:
        return "a role with BYPASSRLS"
    escaped = [t for t in tables if escapes(role, t, facts)]
    open_child = next((t for t in escaped if not t.row_security), None)
    if open_child is not None:
        return f"whom nothing holds back on {facts.show(open_child.qname)}, where row security is off"
    names = first_of([facts.show(t.qname) for t in escaped], _SHOWN)
    return f"the owner of {names}, where row security is not forced"


def nearest_above(guards: Iterable[cat.Table], facts: Facts) -> dict[cat.QName, cat.Table]:
    """Return, for each table that is a partition or inheritance child of one of `guards` at any depth, the
    nearest of these.

    All go down together, a generation at a time; of two as near, the one counts that is above the parent
    that a child names first.
    """
    found: dict[cat.QName, cat.Table] = {}
    layer = {guard.qname: guard for guard in guards}
    while layer:
        below = {child.qname: child for name in layer for child in facts.children.get(name, ())}
        reached = {}
        for name, child in below.items():
            if name not in found:
                parents = (*((child.parent,) if child.parent else ()), *child.inherits)
                reached[name] = next(layer[parent] for parent in parents if parent in layer)
        found |= reached
        layer = reached
    return found


def _guards(table: cat.Table, facts: Facts) -> bool:
    owned = (TableClass.ROOT, TableClass.TENANT, TableClass.INHERITED)
    return table.row_security and facts.class_of(table.qname) in owned


def _guarded(facts: Facts) -> frozenset[cat.QName]:
    guards = [t for t in facts.catalog.tables if _guards(t, facts)]
    return frozenset((*(t.qname for t in guards), *nearest_above(guards, facts)))


def is_guarded(table: cat.Table, facts: Facts) -> bool:
    """Tell whether row security is meant to guard the table's rows: it is on for a table of the
    tenants, or for one that this is a partition or child of."""
    return table.qname in facts.once(_guarded)


def sources(names: Iterable[cat.QName], facts: Facts) -> tuple[cat.Table, ...]:
    """Return the guarded tables that these relations read, directly or through views."""
    return tuple(_guarded_of(names, facts.once(_sources_of_views), facts))


def _guarded_of(
    names: Iterable[cat.QName], known: Mapping[cat.QName, tuple[cat.Table, ...]], facts: Facts
) -> Iterable[cat.Table]:
    found: dict[cat.QName, cat.Table] = {}
    for name in names:
        table = facts.tables_by_name.get(name)
        guarded = (table,) if table is not None and is_guarded(table, facts) else known.get(name, ())
        found |= {t.qname: t for t in guarded}
    return found.values()


def _sources_of_views(facts: Facts) -> dict[cat.QName, tuple[cat.Table, ...]]:
    """Return for each view the guarded tables that it reads. Views that lead back to themselves, which no
    statement can read, are left out."""
    views = facts.views_by_name
    order = TopologicalSorter({n: [d for d in v.depends_on if d in views] for n, v in views.items()})
    with suppress(CycleError):  # those outside the circle come all the same
        order.prepare()
    found: dict[cat.QName, tuple[cat.Table, ...]] = {}
    while order.is_active():
        for name in order.get_ready():
            found[name] = tuple(_guarded_of(views[name].depends_on, found, facts))
            order.done(name)
    return found


def may(
    owner: str, grants: Iterable[cat.Grant], columns: Iterable[cat.Column], facts: Facts, *privileges: str
) -> tuple[str, ...]:
    """Return the app roles, or PUBLIC, that hold one of the privileges on a relation or a column of it."""
    given = [*grants, *(grant for column in columns for grant in column.grants)]
    return users_of(owner, given, facts, privileges)
