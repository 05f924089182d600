"""Platforms that bring schemas and roles of their own into a database: what is theirs is nobody's to mend.

Known by what they bring, never by a name alone. Sources: Supabase documentation, "Postgres Roles" and
"Database: managed schemas"; PostgREST documentation, "Authentication" (roles that a request is run as).
"""

from collections.abc import Iterable
from typing import NamedTuple

from ..model.catalog import Catalog


class Platform(NamedTuple):
    """A platform: the `schemas` that it manages, its own `roles`, and those that it runs requests as
    (`web_roles`): nobody sends statements of their own as these."""

    name: str
    schemas: frozenset[str]
    roles: frozenset[str]
    web_roles: frozenset[str]
    marks: tuple[frozenset[str], ...]

    def is_there(self, roles: Iterable[str]) -> bool:
        """Tell whether a database with these roles is one of the platform's."""
        return any(mark <= frozenset(roles) for mark in self.marks)


_SCHEMAS = """
    _analytics _realtime _supavisor auth cron extensions graphql graphql_public net pgbouncer pgmq pgsodium
    pgsodium_masks pgtle realtime storage supabase_functions supabase_migrations vault
"""
_ROLES = """
    anon authenticated authenticator dashboard_user pgbouncer pgsodium_keyholder pgsodium_keyiduser
    pgsodium_keymaker service_role supabase_admin supabase_auth_admin supabase_etl_admin
    supabase_functions_admin supabase_privileged_role supabase_read_only_user supabase_realtime_admin
    supabase_replication_admin supabase_storage_admin
"""
SUPABASE = Platform(
    "Supabase",
    schemas=frozenset(_SCHEMAS.split()),
    roles=frozenset(_ROLES.split()),
    web_roles=frozenset(("anon", "authenticated", "service_role")),
    marks=(frozenset(("anon", "authenticated", "service_role")),),
)
PLATFORMS = (SUPABASE,)


def platform_of(catalog: Catalog) -> Platform | None:
    """Return the platform that the database is of, if it is of one."""
    roles = {role.name for role in catalog.roles}
    return next((p for p in PLATFORMS if p.is_there(roles)), None)


def sends_statements(role: str, catalog: Catalog) -> bool:
    """Tell whether somebody who has the role may send any statement, as far as the platform does not keep
    them from it: it may be logged in as, or the platform does not know it."""
    platform = platform_of(catalog)
    known = next((r for r in catalog.roles if r.name == role), None)
    return platform is None or role not in platform.web_roles or (known is not None and known.login)
