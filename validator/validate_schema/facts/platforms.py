"""Platforms that bring schemas and roles of their own into a database: what is theirs is nobody's to mend.

Known by what they bring, never by a name alone. Sources: Supabase documentation, "Postgres Roles" and
"Database: managed schemas"; PostgREST documentation, "Authentication" (roles that a request is run as).
"""

from typing import NamedTuple, TypeVar

from msgspec.structs import replace

from ..model.catalog import Catalog, Function, QName, Table, View
from ..model.principals import PLATFORM_ROLES

STAND_IN = "supabase_platform"  # the extension that a replay makes up for the platform's own
_Member = TypeVar("_Member", Table, View, Function)


class Platform(NamedTuple):
    """A platform: the `schemas` that it manages, its own `roles`, and those that it runs requests as
    (`web_roles`): nobody sends statements of their own as these."""

    name: str
    schemas: frozenset[str]
    roles: frozenset[str]
    web_roles: frozenset[str]
    marking_function: QName
    marking_roles: frozenset[str]
    marking_tables: frozenset[QName]

    def is_there(self, catalog: Catalog) -> bool:
        """Tell whether the database is one of the platform's. Roles are those of the whole server: they say
        so where the platform's function for who is asking is there as well; so do its tables, and what was
        set apart before."""
        apart: tuple[Table | Function | View, ...] = (
            *catalog.extension_tables,
            *catalog.extension_functions,
            *catalog.extension_views,
        )
        if any(member.extension in (self.name, STAND_IN) for member in apart):
            return True
        has_roles = self.marking_roles <= {role.name for role in catalog.roles}
        asks = any(function.qname == self.marking_function for function in catalog.functions)
        return (has_roles and asks) or self.marking_tables <= {t.qname for t in catalog.tables}


_SCHEMAS = """
    _analytics _realtime _supavisor auth cron extensions graphql graphql_public net pgbouncer pgmq pgsodium
    pgsodium_masks pgtle realtime storage supabase_functions vault
"""
_ROLES = """
    anon authenticated authenticator dashboard_user pgbouncer pgsodium_keyholder pgsodium_keyiduser
    pgsodium_keymaker service_role supabase_admin supabase_auth_admin supabase_etl_admin
    supabase_functions_admin supabase_privileged_role supabase_read_only_user supabase_realtime_admin
    supabase_replication_admin supabase_storage_admin
"""
_TABLES = "auth.users auth.sessions auth.refresh_tokens storage.buckets storage.objects"
SUPABASE = Platform(
    "Supabase",
    schemas=frozenset(_SCHEMAS.split()),
    roles=frozenset(_ROLES.split()),
    web_roles=frozenset(PLATFORM_ROLES),
    marking_function=QName("auth", "uid"),
    marking_roles=frozenset(PLATFORM_ROLES),
    marking_tables=frozenset(QName(*name.split(".")) for name in _TABLES.split()),
)
PLATFORMS = (SUPABASE,)


def platform_of(catalog: Catalog) -> Platform | None:
    """Return the platform that the database is of, if it is of one."""
    return next((p for p in PLATFORMS if p.is_there(catalog)), None)


def set_apart(catalog: Catalog) -> Catalog:
    """Return the catalog with what lies in the platform's own schemas among what belongs to extensions, as it
    is in a replay, where the platform is a stand-in."""
    platform = platform_of(catalog)
    if platform is None:
        return catalog
    name, apart = platform.name, platform.schemas

    def its(members: tuple[_Member, ...]) -> tuple[_Member, ...]:
        return tuple(replace(m, extension=name) for m in members if m.schema in apart)

    def others(members: tuple[_Member, ...]) -> tuple[_Member, ...]:
        return tuple(m for m in members if m.schema not in apart)

    return replace(
        catalog,
        schemas=tuple(s for s in catalog.schemas if s.name not in apart),
        tables=others(catalog.tables),
        views=others(catalog.views),
        functions=others(catalog.functions),
        enums=tuple(e for e in catalog.enums if e.schema not in apart),
        domains=tuple(d for d in catalog.domains if d.schema not in apart),
        sequences=tuple(s for s in catalog.sequences if s.schema not in apart),
        composites=tuple(c for c in catalog.composites if c.schema not in apart),
        default_privileges=tuple(d for d in catalog.default_privileges if d.schema not in apart),
        extension_tables=(*catalog.extension_tables, *its(catalog.tables)),
        extension_views=(*catalog.extension_views, *its(catalog.views)),
        extension_functions=(*catalog.extension_functions, *its(catalog.functions)),
    )


def is_platforms(table: Table) -> bool:
    """Tell whether a table is a platform's own: one that was set apart, or that of a stand-in."""
    return table.extension in {STAND_IN, *(p.name for p in PLATFORMS)}


def sends_statements(role: str, catalog: Catalog) -> bool:
    """Tell whether somebody who has the role may send any statement, as far as the platform does not keep
    them from it: it may be logged in as, or the platform does not know it."""
    platform = platform_of(catalog)
    known = next((r for r in catalog.roles if r.name == role), None)
    return platform is None or role not in platform.web_roles or (known is not None and known.login)
