"""Platforms that bring schemas and roles of their own into a database: what is theirs is nobody's to mend.

Known by what they bring, never by a name alone. Sources: Supabase documentation, "Postgres Roles" and
"Database: managed schemas"; PostgREST documentation, "Authentication" (roles that a request is run as);
hasura/graphql-engine, ``server/src-rsr/catalog_versions.sql`` and ``init_pg_source.sql``; Keycloak's
changelogs (``jpa-changelog-*.xml``); django.contrib.auth, .contenttypes, .admin, .sessions and .sites,
``models.py``.
"""

from collections.abc import Collection, Mapping
from typing import NamedTuple, TypeVar

from msgspec.structs import replace

from ..model.catalog import Catalog, Function, QName, Table, View
from ..model.principals import PLATFORM_ROLES

STAND_IN = "supabase_platform"  # the extension that a replay makes up for the platform's own
_Member = TypeVar("_Member", Table, View, Function)


class Platform(NamedTuple):
    """A platform: the `schemas` that it manages, its own `roles`, and those that it runs requests as
    (`web_roles`): nobody sends statements of their own as these. Each set of `marking_tables` tells it.

    `marking_names` are tables that tell it by standing together in a schema of their own, whatever that is
    called: it is the platform's too. `marking_extension` is what stands in for it in a replay.
    """

    name: str
    schemas: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    web_roles: frozenset[str] = frozenset()
    marking_function: QName | None = None
    marking_roles: frozenset[str] = frozenset()
    marking_tables: tuple[frozenset[QName], ...] = ()
    marking_names: frozenset[str] = frozenset()
    marking_extension: str | None = None

    def schemas_in(self, catalog: Catalog) -> frozenset[str]:
        """Return the schemas of a database that are the platform's, if it is one of the platform's."""
        return self.schemas | self._marked(catalog)

    def _marked(self, catalog: Catalog) -> frozenset[str]:
        if not self.marking_names:
            return frozenset()
        there: dict[str, set[str]] = {}
        for table in (*catalog.tables, *catalog.extension_tables):
            there.setdefault(table.schema, set()).add(table.name)
        home = catalog.server.default_schema
        return frozenset(s for s, names in there.items() if s != home and self.marking_names <= names)

    def is_there(self, catalog: Catalog) -> bool:
        """Tell whether the database is one of the platform's. Roles are those of the whole server: they say
        so where the platform's function for who is asking is there as well; so do its tables, and what was
        set apart before."""
        apart: tuple[Table | Function | View, ...] = (
            *catalog.extension_tables,
            *catalog.extension_functions,
            *catalog.extension_views,
        )
        if any(member.extension in (self.name, self.marking_extension) for member in apart):
            return True
        has_roles = self.marking_roles <= {role.name for role in catalog.roles}
        asks = any(function.qname == self.marking_function for function in catalog.functions)
        if (has_roles and asks) or self._marked(catalog):
            return True
        there = {t.qname for t in catalog.tables}
        return any(marks <= there for marks in self.marking_tables)


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
    marking_extension=STAND_IN,
    marking_roles=frozenset(PLATFORM_ROLES),
    marking_tables=(frozenset(QName(*name.split(".")) for name in _TABLES.split()),),
)
HASURA = Platform(
    "Hasura",
    schemas=frozenset({"hdb_catalog", "hdb_views"}),
    marking_function=QName("hdb_catalog", "gen_hasura_uuid"),
    marking_tables=tuple(
        frozenset({QName("hdb_catalog", name)}) for name in ("hdb_version", "hdb_source_catalog_version")
    ),
)
_KEYCLOAK = "realm client user_entity credential keycloak_role user_role_mapping client_scope realm_attribute"
KEYCLOAK = Platform("Keycloak", marking_names=frozenset(_KEYCLOAK.split()))
PLATFORMS = (SUPABASE, HASURA, KEYCLOAK)


class Framework(NamedTuple):
    """What a framework makes in the schema of the application: `tables` by name, each with all its columns,
    and the one of them that `marks` it. What it adds to the application's own tables is not among them."""

    name: str
    marks: str
    tables: Mapping[str, frozenset[str]]


_DJANGO = {
    "django_content_type": "id app_label model",
    "django_admin_log": "id action_time object_id object_repr action_flag change_message content_type_id"
    " user_id",
    "django_session": "session_key session_data expire_date",
    "django_site": "id domain name",
    "auth_permission": "id name content_type_id codename",
    "auth_group": "id name",
    "auth_group_permissions": "id group_id permission_id",
    "auth_user": "id password last_login is_superuser username first_name last_name email is_staff is_active"
    " date_joined",
    "auth_user_groups": "id user_id group_id",
    "auth_user_user_permissions": "id user_id permission_id",
}
FRAMEWORKS = (
    Framework(
        "Django",
        "django_content_type",
        {name: frozenset(columns.split()) for name, columns in _DJANGO.items()},
    ),
)


def of_frameworks(columns: Mapping[QName, Collection[str]]) -> dict[QName, str]:
    """Return which of the tables, given with the names of their columns, a framework made, and why it is
    known.

    A table with a column more or less is the application's, whatever it is called.
    """
    found = {}
    for table, names in columns.items():
        for framework in FRAMEWORKS:
            mark = columns.get(QName(table.schema, framework.marks))
            marked = mark is not None and set(mark) == framework.tables[framework.marks]
            if marked and framework.tables.get(table.name) == frozenset(names):
                found[table] = f"{framework.name}'s own, with the columns that it makes"
    return found


def platform_of(catalog: Catalog) -> Platform | None:
    """Return the platform that the database is of, if it is of one."""
    return next((p for p in PLATFORMS if p.is_there(catalog)), None)


def set_apart(catalog: Catalog) -> Catalog:
    """Return the catalog with what lies in the platform's own schemas among what belongs to extensions, as it
    is in a replay, where the platform is a stand-in."""
    for platform in PLATFORMS:
        if platform.is_there(catalog):
            catalog = _set_apart(catalog, platform.name, platform.schemas_in(catalog))
    return catalog


def _set_apart(catalog: Catalog, name: str, apart: frozenset[str]) -> Catalog:

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
