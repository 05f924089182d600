"""The tenant context and the roles that the application connects as, from policies and grants."""

from collections import Counter
from collections.abc import Mapping

import msgspec

from ..config import TenancyConfig
from ..facts.context import is_helper
from ..facts.platforms import platform_of
from ..facts.roles import Roles
from ..model.catalog import Catalog, QName, Role, Table
from ..model.tenancy import Level, Standing, TableClass
from ..model.wording import some
from ..sql.ident import display
from ..sql.words import of_people, reads_as_person
from .policies import Comparison

Compared = Mapping[QName, frozenset[Comparison]]
_USES = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE"})


class Context(msgspec.Struct):
    """What policies read (`setting`, or a helper call in `current_tenant`) and why it is thought so."""

    setting: str | None
    current_tenant: str | None
    inferred: dict[str, str]


def find_context(
    catalog: Catalog,
    config: TenancyConfig,
    levels: tuple[Level, ...],
    helpers: Mapping[QName, str],
    compared: Compared,
    *,
    read: Mapping[QName, frozenset[str]],
) -> Context:
    """Return the setting or helper of the config, or what policies of half the tables at least compare with
    the tenant column, of those whose policies compare it with anything.

    `helpers` are the functions that read a setting, `compared` what each table's policies compare with one,
    `read` the columns that they compare with one or with the tenants of a person.
    """
    if config.setting is not None and config.current_tenant is not None:
        return Context(config.setting, config.current_tenant, {})
    home = catalog.server.default_schema
    if config.current_tenant is not None:
        return _of_helper(config.current_tenant, helpers, home)
    settings, called, total = _count(levels, compared)
    for name, tables in [*settings.items()]:
        if tables <= _of_people(catalog, levels, name, compared):
            del settings[name]  # it says who asks, not for which tenant
    inferred: dict[str, str] = {}
    if not levels:
        return Context(config.setting, None, inferred)
    setting = config.setting
    if setting is None and not settings:
        inferred["setting"] = "none: no policy compares the tenant column with a setting"
        return Context(None, None, inferred)
    if setting is None:
        setting = max(sorted(settings), key=settings.__getitem__)
        asking = _asking(levels, read)
        if 2 * settings[setting] < asking:
            named = ", ".join(f"{name} ({some(count, 'table')})" for name, count in settings.most_common())
            inferred["setting"] = (
                f"none: of {asking} tables whose policies compare the tenant column, too few compare it "
                f"with one setting; candidates: {named}"
            )
            return Context(None, None, inferred)
        inferred["setting"] = (
            f"policies of {some(settings[setting], 'table')} compare the tenant column with it, "
            f"of {total} that compare it with any setting"
        )
    fitting = {helper: count for (helper, read), count in called.items() if read == setting}
    if not fitting:
        return Context(setting, None, inferred)
    helper = max(sorted(fitting), key=fitting.__getitem__)
    inferred["current_tenant"] = (
        f"policies of {some(fitting[helper], 'table')} call it, and its body reads {setting}"
    )
    return Context(setting, display(helper, home) + "()", inferred)


def _of_people(catalog: Catalog, levels: tuple[Level, ...], setting: str, compared: Compared) -> int:
    """Count the tables whose policies compare a column of people with a setting, where tenants are none."""
    tenants = {column for level in levels for column in level.columns}
    if any(map(reads_as_person, tenants)):
        return 0
    found = 0
    for table in catalog.tables:
        key = table.primary_key.columns if table.primary_key and of_people(table.name) else ()
        columns = {c.column for c in compared.get(table.qname, ()) if c.setting == setting} - tenants
        found += any(reads_as_person(column) or (column,) == key for column in columns)
    return found


def _of_helper(call: str, helpers: Mapping[QName, str], default_schema: str) -> Context:
    """Return the context of a configured helper: the setting is what its body reads, if it does."""
    found = [name for name in helpers if is_helper(name, call)]
    if not found:
        return Context(None, call, {"setting": f"none: the body of {call} was not seen to read a setting"})
    name = min(found, key=lambda n: (n.schema != default_schema, n))
    return Context(helpers[name], call, {"setting": f"{call} reads it"})


def _count(
    levels: tuple[Level, ...], compared: Compared
) -> tuple[Counter[str], Counter[tuple[QName, str]], int]:
    """Count tables by the setting, and by the helper and its setting, that their policies compare
    with the tenant column; of the deeper levels only where the first has none."""
    for wanted in (levels[:1], levels[1:]):
        columns = {column for level in wanted for column in level.columns}
        settings: Counter[str] = Counter()
        helpers: Counter[tuple[QName, str]] = Counter()
        total = 0
        for comparisons, tables in _alike(compared, wanted).items():
            found = [c for c, of_root in comparisons if of_root or c.column in columns]
            total += tables if found else 0
            settings.update(dict.fromkeys({c.setting for c in found}, tables))
            helpers.update(
                dict.fromkeys({(c.helper, c.setting) for c in found if c.helper is not None}, tables)
            )
        if settings:
            break
    return settings, helpers, total


def _asking(levels: tuple[Level, ...], read: Mapping[QName, frozenset[str]]) -> int:
    """Count the tables whose policies compare the tenant column of the first level, or the root's own key."""
    level = levels[0]
    return sum(
        bool({level.key} & columns if name == level.root else {*level.columns} & columns)
        for name, columns in read.items()
    )


def _alike(compared: Compared, levels: tuple[Level, ...]) -> Counter[frozenset[tuple[Comparison, bool]]]:
    """Count tables by what their policies compare; the flag tells that it is a root's own key."""
    keys = {level.root: level.key for level in levels if level.root is not None}
    plain = Counter(found for name, found in compared.items() if name not in keys)
    counted = Counter({frozenset((c, False) for c in found): count for found, count in plain.items()})
    counted.update(
        frozenset((c, c.column == keys[name]) for c in found)
        for name, found in compared.items()
        if name in keys
    )
    return counted


def find_app_roles(
    catalog: Catalog, config: TenancyConfig, standings: tuple[Standing, ...], *, tenants: bool = False
) -> tuple[tuple[str, ...], str | None]:
    """Return the app roles, and the reason unless the config names them. `tenants`: each tenant is a role.

    They are the roles with privileges on tenant data or named in its policies, but for owners,
    superusers, roles that bypass row security, and those by which a platform does its own work. A group
    without login stands for the logins that inherit from it, and for itself where nobody does. Where tenants
    are roles, those that inherit from an app role are app roles too, the logins that become them instead of
    them where there are any.
    """
    if config.app_roles is not None:
        found = _tenants_of(config.app_roles, catalog) if tenants else config.app_roles
        return found, None
    if not any(s.table_class is TableClass.TENANT for s in standings):
        return (), "none: there are no tenant tables to have privileges on"
    guarded = {s.table for s in standings if s.table_class in (TableClass.TENANT, TableClass.INHERITED)}
    tables = [t for t in catalog.tables if t.qname in guarded]
    owners = frozenset(t.owner for t in tables)
    granted = Counter(_users(t) for t in tables)
    named = Counter(frozenset(role for p in t.policies for role in p.roles) for t in tables)
    known, platform = Roles.of(catalog), platform_of(catalog)
    owners |= platform.roles - platform.web_roles if platform is not None else frozenset()
    if tenants:  # a group of tenants that owns tables is no operator's
        named_owners = owners & frozenset(name for names in named for name in names)
        shared_by = {name for name in named_owners if len(known.heirs_of(name)) > 1}
        owners -= {n for n in shared_by if n in known.by_name and _may_be_app(known.by_name[n])}
    possible = {
        name
        for name in frozenset().union(*granted, *named)
        if name in known.by_name and name not in owners and _may_be_app(known.by_name[name])
    }
    chosen = sorted(_logins(possible, known, owners))
    if tenants:
        chosen = list(_tenants_of(tuple(chosen), catalog))
    if not chosen:
        return (), "none: no role but owners and superusers has privileges on tenant tables"
    why = []
    for name in chosen:
        groups = known.inherited_by(name)
        count = sum(granted[users] for users in granted if users & groups)
        policies = sum(named[users] for users in named if users & groups)
        said = f"{name} has privileges on {count} of {len(tables)} tenant and inherited tables"
        why.append(said + (f" and policies of {policies} are for it" if policies else ""))
    return tuple(chosen), "; ".join(why)


def _tenants_of(named: tuple[str, ...], catalog: Catalog) -> tuple[str, ...]:
    """Return the app roles with the roles of tenants among those that inherit from them, or the logins that
    become these: whoever no login becomes is asked for itself."""
    roles = Roles.of(catalog)
    owners = {table.owner for table in catalog.tables}
    heirs = {n for n in roles.heirs_of_any(named) if n in roles.by_name and n not in owners}
    heirs = {n for n in heirs if _may_be_app(roles.by_name[n])}
    above = (roles.by_name[n] for n in roles.becoming(heirs) if n in roles.by_name)
    logins = sorted(r.name for r in above if r.login and _may_be_app(r) and r.name not in owners)
    found = dict.fromkeys((*named, *logins))
    reached = {other for name in found for other in roles.reached_from(name)}
    return (*found, *sorted(heirs - reached))


def _users(table: Table) -> frozenset[str]:
    """Return the grantees that may read or change rows, of the whole table or of some columns."""
    grants = list(table.grants)
    for column in table.columns:
        grants += column.grants
    return frozenset(g.grantee for g in grants if not _USES.isdisjoint(g.privileges))


def _may_be_app(role: Role) -> bool:
    return not (role.superuser or role.bypassrls or role.name.startswith("pg_"))


def _logins(possible: set[str], roles: Roles, owners: frozenset[str]) -> set[str]:
    """Return the roles that can log in, and for each of the others the logins that inherit from it, or it
    itself where there are none."""
    groups = {name for name in possible if not roles.by_name[name].login}
    below = (roles.by_name[name] for name in roles.heirs_of_any(groups) if name in roles.by_name)
    heirs = {role.name for role in below if role.login and role.name not in owners and _may_be_app(role)}
    return (possible - groups) | heirs | (groups - roles.inherited_by_any(heirs))
