"""What Supabase provides before the first migration, made up on a scratch database."""

import re
from collections.abc import Iterable
from contextlib import suppress
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from ...facts.platforms import STAND_IN
from .. import tools
from ..records import MigrationSet
from .behalf import on_behalf

if TYPE_CHECKING:
    import psycopg

    from ...scratch import Database

NOTE = "Supabase's own schemas, roles and functions are stand-ins"
EXTENSIONS = ("uuid-ossp", "pgcrypto")  # that every project has
PUBLICATION = "supabase_realtime"
SEARCH_PATH = '"$user", public, extensions'
_USES = re.compile(r"\bauth\.(?:uid|jwt|role|users)\b|\bstorage\.(?:objects|buckets)\b", re.IGNORECASE)
_OWN = re.compile(r"create\s+schema\s+(?:if\s+not\s+exists\s+)?\"?(?:auth|storage)\b", re.IGNORECASE)


def wanted(migrations: MigrationSet) -> bool:
    """Return whether the migrations were written for Supabase: by their tool, or by what they use."""
    if tools.find(migrations.tool).platform:
        return True
    texts = [f.sql for f in migrations.files]
    return _any(_USES, texts) and not _any(_OWN, texts)


def is_there(connection: "psycopg.Connection[Any]") -> bool:
    """Return whether the database has the platform already, as a copy of a migrated one does."""
    row = connection.execute("select pg_catalog.to_regnamespace('auth') is not null").fetchone()
    return row is not None and bool(row[0])


def _any(pattern: re.Pattern[str], texts: Iterable[str]) -> bool:
    return any(pattern.search(text) for text in texts)


def provide(database: "Database") -> tuple[str, ...]:
    """Create the platform's roles, schemas and functions; return the names of the roles.

    All but the roles and the publication become members of an extension of our own, so that whoever
    leaves extension-owned objects out leaves these out. PostgreSQL has no SQL for an extension
    without files, hence the row in its catalog (a superuser may write there). The two extensions
    that every project has are created where the server has them.
    """
    import psycopg

    package = files(__package__)
    there = (psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation)
    path = f"-c search_path={SEARCH_PATH.replace(' ', '')}"
    with database.connect(autocommit=True, options=path) as connection:
        before = _roles(connection)
        with database.admin(autocommit=True) as admin, suppress(*there):
            admin.execute("create role supabase_admin login superuser")
        connection.execute((package / "supabase_roles.sql").read_bytes())
        with connection.transaction():
            known = _objects(connection)
            connection.execute((package / "supabase.sql").read_bytes())
        with database.admin(autocommit=True) as admin:
            admin.execute(_REGISTER, {"name": STAND_IN, "owner": connection.info.user})
        for (statement,) in _objects(connection) - known:
            connection.execute(statement.encode())
        for name in EXTENSIONS:
            with suppress(psycopg.errors.FeatureNotSupported, psycopg.errors.UndefinedFile):
                statement = f'create extension if not exists "{name}" with schema extensions'
                if database.server.lends_no_superuser:
                    statement, _ = on_behalf(statement)
                connection.execute(statement.encode())
        return tuple(sorted(_roles(connection) - before))


def _roles(connection: "psycopg.Connection[Any]") -> set[str]:
    return {name for (name,) in connection.execute("select rolname from pg_catalog.pg_roles")}


def _objects(connection: "psycopg.Connection[Any]") -> set[tuple[str]]:
    """Return a statement for each schema, relation, type and function that adds it to the extension."""
    return set(connection.execute(_MEMBERS, {"name": STAND_IN}))


_REGISTER = """
with made as (
    insert into pg_catalog.pg_extension
        (oid, extname, extowner, extnamespace, extrelocatable, extversion)
    select pg_catalog.pg_nextoid('pg_catalog.pg_extension', 'oid', 'pg_catalog.pg_extension_oid_index'),
           %(name)s, (select oid from pg_catalog.pg_roles where rolname = %(owner)s),
           'pg_catalog'::regnamespace, false, '1'
    returning oid
)
insert into pg_catalog.pg_description (objoid, classoid, objsubid, description)
select oid, 'pg_catalog.pg_extension'::regclass, 0, 'stand-in by validate-schema: the Supabase platform'
from made
"""

_MEMBERS = """
with found (kind, identity) as (
    select 'schema', quote_ident(nspname)
    from pg_catalog.pg_namespace where nspname !~ '^pg_|^information_schema$'
    union all
    select case relkind when 'v' then 'view' when 'S' then 'sequence' else 'table' end,
           quote_ident(nspname) || '.' || quote_ident(relname)
    from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = relnamespace
    where relkind in ('r', 'v', 'S') and nspname !~ '^pg_|^information_schema$'
    union all
    select 'type', quote_ident(nspname) || '.' || quote_ident(typname)
    from pg_catalog.pg_type t join pg_catalog.pg_namespace n on n.oid = typnamespace
    where typtype = 'e' and nspname !~ '^pg_|^information_schema$'
    union all
    select 'function', p.oid::regprocedure::text
    from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = pronamespace
    where nspname !~ '^pg_|^information_schema$'
      and not exists (select from pg_catalog.pg_depend d where d.objid = p.oid and d.deptype = 'e')
)
select format('alter extension %%I add %%s %%s', %(name)s::text, kind, identity) from found
"""
