"""Reading a catalog: one transaction, one pipeline of queries, and what to do when they fail."""

import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import psycopg
from psycopg.pq import TransactionStatus

from ..errors import ConnectError, ReadError
from ..model.catalog import Catalog, ConnectedRole, Role, Server, Unreadable
from . import objects
from .datatypes import Types, enums
from .names import Fetch, Names, Row
from .queries import Query, queries
from .tables import Tables

_BEGIN = "begin isolation level repeatable read, read only"
_SET_TRANSACTION = "set transaction isolation level repeatable read, read only"
_SAVEPOINT = "validate_schema_reading"
_CURRENT = "select current_schema(), current_database(), current_user, current_setting('server_version')"
# Whatever changes how the server prints types, expressions and constants; JIT costs more than it saves.
_SETTINGS = {
    "search_path": "pg_catalog",
    "quote_all_identifiers": "off",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "jit": "off",
}
_SET = "select " + ", ".join(f"set_config('{name}', '{value}', true)" for name, value in _SETTINGS.items())
_ATTEMPTS = 10
# What the server says when an object went away between two of its own look-ups.
_MOVED = frozenset({"XX000", "42P01", "42704", "42703", "42883", "3F000", "40001", "40P01"})
_ESSENTIAL = frozenset({"schemas", "roles", "relations", "columns", "types", "members", "domains"})


def read_catalog(conn: psycopg.Connection, *, default_schema: str | None = None) -> Catalog:
    """Read the catalog of the database that `conn` is connected to.

    An idle connection gets a REPEATABLE READ, READ ONLY transaction that ends with the reading; in an
    open transaction the reading happens inside it, and leaves its settings as they were. The
    number of queries does not depend on the size of the schema. `default_schema` is the schema of
    unqualified names: by default the connection's own current schema, or ``public``.

    What may not be read is listed in `Catalog.unreadable`. Raises `ReadError` when the reading takes
    longer than the statement time-out, when essential catalogs may not be read, or when the schema
    never stood still; `ConnectError` when the server goes away.
    """
    collecting = gc.isenabled()
    gc.disable()  # a hundred thousand records without cycles: collecting only costs time
    try:
        return _read(conn, default_schema)
    finally:
        if collecting:
            gc.enable()


def _read(conn: psycopg.Connection, default_schema: str | None) -> Catalog:
    plan = queries(conn.info.server_version)
    moved: psycopg.Error | None = None
    for _ in range(_ATTEMPTS):
        try:
            with _snapshot(conn):
                return _build(conn, _pipelined(conn, plan), default_schema, ())
        except psycopg.errors.InsufficientPrivilege:
            return _read_permitted(conn, plan, default_schema)
        except psycopg.errors.QueryCanceled as error:
            raise _timed_out(conn) from error
        except psycopg.errors.LockNotAvailable as error:
            moved = error
        except psycopg.Error as error:
            if conn.broken or conn.closed:
                raise ConnectError(
                    f"the server went away while the catalog was read: {_line(error)}"
                ) from error
            if error.sqlstate not in _MOVED:
                raise ReadError(f"the catalog could not be read: {_line(error)}") from error
            moved = error
    raise ReadError(
        f"the schema changed under each of {_ATTEMPTS} attempts to read it ({_line(moved)}); "
        "try again when no migration is running"
    ) from moved


@contextmanager
def _snapshot(conn: psycopg.Connection) -> Iterator[None]:
    """Hold one snapshot for the reading and leave no trace of it."""
    status = conn.info.transaction_status
    if status is TransactionStatus.IDLE:
        begin, end = (_BEGIN, "rollback") if conn.autocommit else (_SET_TRANSACTION, "rollback")
    else:
        begin, end = f"savepoint {_SAVEPOINT}", f"rollback to {_SAVEPOINT}; release {_SAVEPOINT}"
    conn.execute(begin)
    try:
        yield
    finally:
        if not (conn.broken or conn.closed):
            conn.execute(end)


def _pipelined(conn: psycopg.Connection, plan: tuple[Query, ...]) -> Fetch:
    """Send all queries at once; return what hands out their rows, once each."""
    with conn.pipeline():
        cursors = {"current": conn.execute(_CURRENT)}
        conn.execute(_SET)
        for query in plan:
            cursors[query.name] = conn.execute(query.sql, prepare=False)

    def fetch(name: str) -> list[Row]:
        return cursors.pop(name).fetchall()

    return fetch


def _one_by_one(conn: psycopg.Connection, plan: tuple[Query, ...], denied: list[Unreadable]) -> Fetch:
    """Run the queries each under a savepoint; those that are refused give no rows and are noted."""
    rows = {"current": conn.execute(_CURRENT).fetchall()}
    conn.execute(_SET)
    for query in plan:
        try:
            with conn.transaction():
                rows[query.name] = conn.execute(query.sql, prepare=False).fetchall()
        except psycopg.errors.InsufficientPrivilege as error:
            grant = f"GRANT SELECT ON {', '.join(f'pg_catalog.{name}' for name in query.catalogs)}"
            role = conn.info.user
            if query.name in _ESSENTIAL:
                raise ReadError(f"{query.what} may not be read: {_line(error)}; {grant} TO {role}") from error
            denied.append(Unreadable(query.what, f"{_line(error)}; {grant} TO {role}"))
            rows[query.name] = []
    return rows.pop


def _read_permitted(conn: psycopg.Connection, plan: tuple[Query, ...], default_schema: str | None) -> Catalog:
    denied: list[Unreadable] = []
    with _snapshot(conn):
        fetch = _one_by_one(conn, plan, denied)
        return _build(conn, fetch, default_schema, denied)


def _build(
    conn: psycopg.Connection, fetch: Fetch, default_schema: str | None, denied: Iterable[Unreadable]
) -> Catalog:
    """Make the records; rows are fetched in the order in which their queries were sent."""
    ((current_schema, database, user, version),) = fetch("current")
    names = Names(fetch, conn.info.server_version)
    default = default_schema or current_schema or "public"
    role_records = objects.roles(names, fetch("role_settings"), fetch("memberships"))
    members = fetch("members")
    names.take_members(members)
    extension_records = objects.extensions(names, fetch("extensions"), members)
    names.take_words(fetch("access_methods"), fetch("opclasses"), fetch("collations"))
    types = Types(fetch, names)
    tables = Tables(fetch, names, types)
    connected = next((role for role in role_records if role.name == user), Role(user))
    return Catalog(
        server=Server(
            version=version,
            version_num=conn.info.server_version,
            database=database,
            role=ConnectedRole(user, connected.superuser, connected.bypassrls),
            default_schema=default,
        ),
        schemas=objects.schemas(names),
        tables=tables.tables(),
        enums=enums(fetch("enums"), names),
        domains=types.domains(),
        views=objects.views(names, tables, fetch("views"), fetch("view_sources")),
        functions=objects.functions(names, fetch("functions"), fetch("function_sources"), default),
        sequences=objects.sequences(names, fetch("sequences")),
        extensions=extension_records,
        roles=role_records,
        event_triggers=objects.event_triggers(names, fetch("event_triggers")),
        publications=objects.publications(
            names, fetch("publications"), fetch("publication_tables"), fetch("publication_schemas")
        ),
        default_privileges=objects.default_privileges(names, fetch("default_privileges")),
        unreadable=tuple(denied),
    )


def _line(error: BaseException | None) -> str:
    """Return the first line of an error's message."""
    return (str(error).splitlines() or [""])[0].strip()


def _timed_out(conn: psycopg.Connection) -> ReadError:
    return ReadError(
        "reading the catalog took longer than the statement time-out; "
        "raise it with --statement-timeout, or read at a quieter hour"
    )
