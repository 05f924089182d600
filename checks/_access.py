"""Who may use an object, and whether the policies of a table hold for a role that reads it."""

from collections.abc import Iterable

from validate_schema.pack import Facts
from validate_schema.pack.model import TableClass
from validate_schema.pack.model import catalog as cat

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
    return tuple(sorted(g for g in holders - {owner} if not bypasses(g, facts)))


def holders_of(grants: Iterable[cat.Grant], owner: str, users: tuple[str, ...], facts: Facts) -> list[str]:
    """Return the grantees through which `users` hold what was granted, but for the owner."""
    reach = frozenset({"PUBLIC"}).union(*(facts.grantees_of(u) for u in users if u != "PUBLIC"))
    return sorted({g.grantee for g in grants} & reach - {owner})


def bypasses(role: str, facts: Facts) -> bool:
    """Tell whether no policy ever holds for `role`: a superuser, or one with BYPASSRLS."""
    known = facts.roles.get(role)
    return known is not None and (known.superuser or known.bypassrls)


def inherited_rights(role: str, facts: Facts) -> frozenset[str]:
    """Return `role` and the roles whose privileges it has without SET ROLE."""
    seen: set[str] = set()
    queue = [role]
    while queue:
        name = queue.pop()
        if name not in seen:
            seen.add(name)
            queue += [m.role for m in facts.roles[name].member_of if m.inherit] if name in facts.roles else []
    return frozenset(seen)


def escapes(role: str, table: cat.Table, facts: Facts) -> bool:
    """Tell whether the policies of `table` do not hold for what runs as `role`.

    Source: PostgreSQL documentation, "Row Security Policies": superusers, BYPASSRLS, and whoever has
    the rights of the owner while row security is not forced.
    """
    if bypasses(role, facts) or not table.row_security:
        return True
    return not table.force_row_security and table.owner in inherited_rights(role, facts)


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
    return f"the owner of {', '.join(facts.show(t.qname) for t in escaped)}, where row security is not forced"


def ancestors(table: cat.Table, facts: Facts) -> tuple[cat.Table, ...]:
    """Return the tables that `table` is a partition or an inheritance child of, nearest first."""
    found: dict[cat.QName, cat.Table] = {}
    queue = [table]
    while queue:
        here = queue.pop(0)
        for name in (*((here.parent,) if here.parent else ()), *here.inherits):
            parent = facts.tables_by_name.get(name)
            if parent is not None and name not in found:
                found[name] = parent
                queue.append(parent)
    return tuple(found.values())


def is_guarded(table: cat.Table, facts: Facts) -> bool:
    """Tell whether row security is meant to guard the table's rows: it is on for a table of the
    tenants, or for one that this is a partition or child of."""
    owned = (TableClass.ROOT, TableClass.TENANT, TableClass.INHERITED)
    return any(t.row_security and facts.class_of(t.qname) in owned for t in (table, *ancestors(table, facts)))


def sources(names: Iterable[cat.QName], facts: Facts) -> tuple[cat.Table, ...]:
    """Return the guarded tables that these relations read, directly or through views."""
    views = {v.qname: v for v in facts.catalog.views}
    seen: set[cat.QName] = set()
    found: list[cat.Table] = []
    queue = list(names)
    while queue:
        name = queue.pop(0)
        if name in seen:
            continue
        seen.add(name)
        table = facts.tables_by_name.get(name)
        if table is not None and is_guarded(table, facts):
            found.append(table)
        elif name in views:
            queue += views[name].depends_on
    return tuple(found)
