"""From rows to the records of a catalog."""

import gc
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
from msgspec.structs import replace

from ..model.catalog import Catalog, ConnectedRole, Function, Role, Server, Table, View
from . import objects
from .apart import Apart
from .datatypes import Types, enums
from .definitions import comments, composites, definitions, system_privileges
from .functions import functions
from .names import SCRATCH_SUPERUSER, Names, is_user_schema
from .session import Rows, read_rows
from .tables import Tables

_Member = TypeVar("_Member", Table, View, Function)


def read_catalog(
    conn: psycopg.Connection[Any],
    *,
    default_schema: str | None = None,
    statement_timeout_ms: int | None = None,
    only: Collection[str] | None = None,
    without: Collection[str] = (),
    bare: Collection[int] = (),
) -> Catalog:
    """Read the catalog of the database that `conn` is connected to.

    An idle connection gets a REPEATABLE READ, READ ONLY transaction that ends with the reading; in an
    open transaction the reading happens inside it and leaves its settings as they were. The number of
    queries does not depend on the size of the schema. `default_schema` is the schema of unqualified
    names: by default the first of the connection's own search path, or ``public``. `statement_timeout_ms`
    bounds each query: by default what the session has, or 30 seconds where that is no limit. `only`: the
    schemas whose objects are read, of those that there are; by default all that are the user's. `without`:
    queries that are not asked, where nobody looks at what they tell. `bare`: oids of tables whose columns,
    constraints and indexes are left out, where they are known.

    What may not be read is listed in `Catalog.unreadable`. Raises `ReadError` when the reading takes
    longer than the statement time-out, when essential catalogs may not be read, or when the schema
    never stood still; `ConnectError` when the server goes away.
    """
    with _not_collecting():
        version = conn.info.server_version
        try:
            rows = read_rows(conn, statement_timeout_ms, only=only, without=without, bare=bare)
            found = _catalog(rows, version, default_schema)
        except UnicodeDecodeError:  # bytes in a name that are no text in the connection's encoding
            rows = read_rows(conn, statement_timeout_ms, only=only, without=without, bare=bare, by_piece=True)
            found = _catalog(rows, version, default_schema)
        return found if only is None else _of_schemas(found, frozenset(only))


def read_catalogs(
    conn: psycopg.Connection[Any],
    scopes: Mapping[str, Collection[str]],
    *,
    statement_timeout_ms: int | None = None,
) -> dict[str, Catalog]:
    """Read several catalogs of one database: by the name of a default schema, what `read_catalog` returns for
    it with those schemas `only`. In a large database that costs little more than one of them, for most of it
    is to look through what is not wanted.

    Where something could not be read, each is read by itself: that shows whose it is. Raises what
    `read_catalog` does.
    """
    found = _read_together(conn, scopes, statement_timeout_ms) if len(scopes) > 1 else {}
    return found or {
        name: read_catalog(conn, default_schema=name, statement_timeout_ms=statement_timeout_ms, only=only)
        for name, only in scopes.items()
    }


def _read_together(
    conn: psycopg.Connection[Any], scopes: Mapping[str, Collection[str]], statement_timeout_ms: int | None
) -> dict[str, Catalog]:
    """Return the catalogs out of one reading of all their rows, nothing where something could not be read."""
    with _not_collecting():
        try:
            rows = read_rows(conn, statement_timeout_ms, only={n for only in scopes.values() for n in only})
            if rows.denied:
                return {}
            apart = Apart(rows)
        except UnicodeDecodeError:
            return {}
        version = conn.info.server_version
        return {
            name: _of_schemas(_catalog(apart.of(only), version, name), frozenset(only))
            for name, only in scopes.items()
        }


@contextmanager
def _not_collecting() -> Iterator[None]:
    """A hundred thousand records without cycles: collecting them only costs time."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _catalog(rows: Rows, version_num: int, default_schema: str | None) -> Catalog:
    """Make the records; names come first, for everything else refers to them."""
    fetch = rows.fetch
    ((path, database, user, version),) = fetch("current")
    names = Names(fetch, version_num)
    user = "postgres" if names.owner and user == SCRATCH_SUPERUSER else user
    default = default_schema or next(filter(is_user_schema, path), "public")
    settings = fetch("role_settings")
    role_records = objects.roles(names, settings, fetch("memberships"))
    members = fetch("members")
    names.take_members(members)
    extension_records = objects.extensions(names, fetch("extensions"), members)
    names.take_words(fetch("access_methods"), fetch("opclasses"), fetch("collations"))
    types = Types(fetch, names)
    tables = Tables(fetch, names, types)
    all_tables = tables.tables()
    enum_records = enums(fetch("enums"), names)
    all_views = objects.views(names, tables, fetch("views"), fetch("view_sources"))
    all_functions = functions(
        names, fetch("functions"), fetch("function_sources"), fetch("aggregates"), default
    )
    type_rows = fetch("type_objects")
    connected = next((role for role in role_records if role.name == user), Role(user))
    return Catalog(
        server=Server(
            version=version,
            version_num=version_num,
            database=database,
            role=ConnectedRole(user, connected.superuser, connected.bypassrls),
            default_schema=default,
        ),
        schemas=objects.schemas(names),
        tables=_own(all_tables),
        enums=enum_records,
        domains=types.domains(),
        views=_own(all_views),
        functions=_own(all_functions),
        sequences=objects.sequences(names, fetch("sequences")),
        extensions=extension_records,
        roles=role_records,
        event_triggers=objects.event_triggers(names, fetch("event_triggers")),
        publications=objects.publications(
            names,
            fetch("publications"),
            fetch("publication_tables"),
            fetch("publication_schemas"),
            tables.attributes,
        ),
        default_privileges=objects.default_privileges(names, fetch("default_privileges")),
        unreadable=rows.denied,
        database=objects.database(names, fetch("database"), settings),
        operators=objects.operators(names, fetch("operators")),
        casts=objects.casts(names, fetch("casts")),
        languages=objects.languages(names, fetch("languages")),
        composites=composites(names, type_rows, tables.columns),
        definitions=definitions(
            names, type_rows, *(fetch(name) for name in ("text_search", "foreign", "access", "subscriptions"))
        ),
        system_privileges=system_privileges(names, fetch("system_privileges")),
        comments=comments(names, fetch("comments")),
        collations=objects.collations(names, fetch("user_collations")),
        large_objects=objects.large_objects(names, fetch("large_objects")),
        extension_tables=_of_extensions(all_tables),
        extension_views=_of_extensions(all_views),
        extension_functions=_of_extensions(all_functions),
    )


def _of_schemas(catalog: Catalog, only: frozenset[str]) -> Catalog:
    """Leave out what was read for the sake of types alone."""
    return replace(
        catalog,
        schemas=tuple(s for s in catalog.schemas if s.name in only),
        domains=tuple(d for d in catalog.domains if d.schema in only),
        default_privileges=tuple(d for d in catalog.default_privileges if d.schema in (None, *only)),
    )


def _own(records: tuple[_Member, ...]) -> tuple[_Member, ...]:
    return tuple(record for record in records if record.extension is None)


def _of_extensions(records: tuple[_Member, ...]) -> tuple[_Member, ...]:
    return tuple(record for record in records if record.extension is not None)
