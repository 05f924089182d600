"""The tenant context and the roles that the application connects as, from policies and grants."""

from collections import Counter
from dataclasses import dataclass

from ..config import TenancyConfig
from ..ident import display
from ..model.catalog import Catalog, QName, Role, Table
from ..model.tenancy import Level, Standing, TableClass
from .policies import Comparison, PolicyReader

_USES = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE"})


@dataclass
class Context:
    """What policies read (`setting`, or a helper call in `current_tenant`) and why it is thought so."""

    setting: str | None
    current_tenant: str | None
    inferred: dict[str, str]


def find_context(
    catalog: Catalog, config: TenancyConfig, levels: tuple[Level, ...], reader: PolicyReader
) -> Context:
    """Return the setting or helper of the config, or what most policies compare with the tenant column."""
    inferred: dict[str, str] = {}
    if config.setting is not None or config.current_tenant is not None:
        return Context(config.setting, config.current_tenant, inferred)
    columns = {column for level in levels[:1] for column in level.columns}
    deeper = {column for level in levels[1:] for column in level.columns}
    settings: Counter[str] = Counter()
    helpers: Counter[QName] = Counter()
    total = 0
    for wanted in (columns, deeper):
        for table in catalog.tables:
            found = [c for c in reader.comparisons(table) if _fits(c, table, wanted, levels)]
            total += bool(found)
            settings.update({c.setting for c in found})
            helpers.update({c.helper for c in found if c.helper is not None})
        if settings:
            break
    if not settings:
        inferred["setting"] = "none: no policy compares the tenant column with a setting"
        return Context(None, None, inferred)
    setting = max(sorted(settings), key=settings.__getitem__)
    inferred["setting"] = (
        f"policies of {settings[setting]} of {total} tables that read a setting read this one"
    )
    helper = max(sorted(helpers), key=helpers.__getitem__) if helpers else None
    if helper is None or helpers[helper] < settings[setting] / 2:
        return Context(setting, None, inferred)
    call = display(helper, catalog.server.default_schema) + "()"
    inferred["current_tenant"] = f"policies of {helpers[helper]} tables call it, and its body reads {setting}"
    return Context(setting, call, inferred)


def _fits(comparison: Comparison, table: Table, wanted: set[str], levels: tuple[Level, ...]) -> bool:
    if comparison.column in wanted:
        return True
    return any(level.root == table.qname and level.key == comparison.column for level in levels[:1])


def find_app_roles(
    catalog: Catalog, config: TenancyConfig, standings: tuple[Standing, ...]
) -> tuple[tuple[str, ...], str | None]:
    """Return the app roles, and the reason unless the config names them.

    They are the roles with privileges on tenant data or named in its policies, but for owners,
    superusers and roles that bypass row security. A group without login stands for the logins that
    inherit from it, and for itself where nobody does.
    """
    if config.app_roles is not None:
        return config.app_roles, None
    guarded = {s.table for s in standings if s.table_class in (TableClass.TENANT, TableClass.INHERITED)}
    tables = [t for t in catalog.tables if t.qname in guarded]
    owners = {t.owner for t in tables}
    granted = {grantee for t in tables for grantee in _users(t)}
    named = {role for t in tables for p in t.policies for role in p.roles}
    roles = {r.name: r for r in catalog.roles}
    possible = {
        name for name in granted | named if name in roles and name not in owners and _may_be_app(roles[name])
    }
    chosen = sorted({login for name in possible for login in _logins(name, roles, owners)})
    if not chosen:
        return (), "none: no role but owners and superusers has privileges on tenant tables"
    why = []
    for name in chosen:
        groups = _groups(name, roles)
        count = sum(1 for t in tables if not groups.isdisjoint(_users(t)))
        policies = sum(1 for t in tables if any(r in groups for p in t.policies for r in p.roles))
        said = f"{name} has privileges on {count} of {len(tables)} tenant and inherited tables"
        why.append(said + (f" and policies of {policies} are for it" if policies else ""))
    return tuple(chosen), "; ".join(why)


def _users(table: Table) -> set[str]:
    """Return the grantees that may read or change rows, of the whole table or of some columns."""
    grants = (*table.grants, *(g for column in table.columns for g in column.grants))
    return {g.grantee for g in grants if not _USES.isdisjoint(g.privileges)}


def _may_be_app(role: Role) -> bool:
    return not (role.superuser or role.bypassrls or role.name.startswith("pg_"))


def _logins(name: str, roles: dict[str, Role], owners: set[str]) -> set[str]:
    """Return the role itself if it can log in, otherwise the logins that inherit from it, if any."""
    if roles[name].login:
        return {name}
    found, queue = set(), [name]
    seen = {name}
    while queue:
        group = queue.pop()
        for role in roles.values():
            member = any(m.role == group and m.inherit for m in role.member_of)
            if member and role.name not in seen:
                seen.add(role.name)
                queue.append(role.name)
                if role.login and role.name not in owners and _may_be_app(role):
                    found.add(role.name)
    return found or {name}


def _groups(name: str, roles: dict[str, Role]) -> set[str]:
    """Return the role and every role whose privileges it inherits."""
    seen, queue = {name}, [name]
    while queue:
        role = roles.get(queue.pop())
        for membership in role.member_of if role else ():
            if membership.inherit and membership.role not in seen:
                seen.add(membership.role)
                queue.append(membership.role)
    return seen
