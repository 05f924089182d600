"""What one connection learns of its database: which members it holds, and their fingerprints."""

import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import msgspec

from ..catalog.connect import Connection, connect, parse_url
from ..catalog.reader import read_catalog
from ..facts.platforms import set_apart
from ..model.errors import ReadError, UsageError, ValidateSchemaError
from ..model.fleet import DatabaseFacts, Member, Reading, Sample, Surveyed
from ..model.secret import Secret, mask
from .digest import MEMBERS, Fingerprints, database_queries, member_queries
from .ledgers import read_versions

if TYPE_CHECKING:
    import psycopg

_BEGIN = "begin isolation level repeatable read, read only"
# As the reader has them, for what is printed is hashed; hashes of many rows want memory, not temporary files.
_SETTINGS = {
    "search_path": "pg_catalog",
    "quote_all_identifiers": "off",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "bytea_output": "hex",
    "standard_conforming_strings": "on",
    "xmloption": "content",
    "lc_monetary": "C",
    "extra_float_digits": "1",
    "jit": "off",
    "work_mem": "64MB",
}
_SCHEMAS = """
    select oid::int8, nspname::text from pg_catalog.pg_namespace
    where pg_catalog.left(nspname, 3) operator(pg_catalog.<>) 'pg_'
      and nspname operator(pg_catalog.<>) 'information_schema'
    order by nspname collate "C"
"""
_LED_TO = """
    select distinct n.nspname::text from pg_constraint k
    join pg_class c on c.oid = k.confrelid join pg_namespace n on n.oid = c.relnamespace
    where k.contype = 'f' and k.connamespace = (select oid from pg_namespace where nspname = %s)
    union select n.nspname::text from pg_inherits i
    join pg_class c on c.oid = i.inhrelid join pg_class p on p.oid = i.inhparent
    join pg_namespace n on n.oid = p.relnamespace
    where c.relnamespace = (select oid from pg_namespace where nspname = %s)
"""
_DATABASE = """
    select current_setting('server_version'), current_setting('server_version_num')::int,
           pg_encoding_to_char(encoding), datcollate, {version}, {actual}, pg_get_userbyid(datdba),
           array(select concat_ws(' ', case grantee when 0 then '' else pg_get_userbyid(grantee) end,
                                  privilege_type)
                 from aclexplode(coalesce(datacl, acldefault('d', datdba))) order by 1),
           array(select array[extname::text, extversion] from pg_extension order by extname),
           array(select array[case setrole when 0 then '' else pg_get_userbyid(setrole) end, setting]
                 from pg_db_role_setting, unnest(setconfig) setting
                 where setdatabase = d.oid order by 1)
    from pg_database d where datname = current_database()
"""


_ROLES = f"""
    select case r when 0 then '' else pg_get_userbyid(r) end as role, array_agg(distinct n.nspname::text)
    from (select nspowner as r, oid as home from pg_namespace
          union all select grantee, n.oid from pg_namespace n, aclexplode(nspacl)
          union all select distinct relowner, relnamespace from pg_class
          union all select distinct grantee, relnamespace from pg_class, aclexplode(relacl)) held
    join pg_namespace n on n.oid = home
    where home in (select unnest(current_setting('{MEMBERS}')::oid[]))
    group by r order by 1
"""


class Choice(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which schemas of a database are members. `like` is a LIKE pattern, or a regular expression between
    slashes or behind a ^; `query` gives their names, one a row. With neither, the database itself is the
    member. `shard` (K, N) takes the K-th of N parts of what is found."""

    like: str = ""
    query: str = ""
    shard: tuple[int, int] = (1, 1)

    @property
    def of_schemas(self) -> bool:
        return bool(self.like or self.query)


def pattern(text: str) -> "re.Pattern[str]":
    """Return a LIKE pattern, or a regular expression, as one that is matched in full.

    Raises `UsageError` for a regular expression that is none.
    """
    if text.startswith("^") or (len(text) > 1 and text[0] == text[-1] == "/"):
        inner = text[1:-1] if text.startswith("/") else text
        try:
            return re.compile(
                rf".*(?:{inner}).*" if not text.startswith("^") else rf"(?:{inner}).*", re.DOTALL
            )
        except re.error as error:
            raise UsageError(f"{text}: not a regular expression: {error}") from None
    parts = {"%": ".*", "_": "."}
    pieces = re.findall(r"\\.|.", text, re.DOTALL)
    return re.compile("".join(parts.get(p) or re.escape(p[-1]) for p in pieces), re.DOTALL)


_OPEN: set[Connection] = set()


def stop_all() -> None:
    """Have the server cancel what is being asked of it, so that nobody waits for threads that wait for it."""
    for connection in tuple(_OPEN):
        with suppress(Exception):
            connection.cancel()


@contextmanager
def _connected(url: Secret | None, timeout_ms: int) -> Iterator[Connection]:
    with connect(url, statement_timeout_ms=timeout_ms) as connection:
        _OPEN.add(connection)
        try:
            yield connection
        finally:
            _OPEN.discard(connection)


def survey(database: str, url: Secret | None, choice: Choice, *, timeout_ms: int = 30_000) -> Surveyed:
    """Return what there is to know of one database before anything is compared: its members, each with its
    fingerprint and its ledgers.

    What cannot be read is said in `reason`, of the database or of a member: nothing is raised for it. Raises
    `UsageError` alone, for a pattern or a URL that cannot be used.
    """
    pattern(choice.like)
    server = parse_url(url).shown
    try:
        with _connected(url, timeout_ms) as connection:
            return _surveyed(connection, database, server, choice, timeout_ms)
    except UsageError:
        raise
    except ValidateSchemaError as error:
        return Surveyed(database=database, server=server, reason=str(error))


def _surveyed(
    connection: Connection, database: str, server: str, choice: Choice, timeout_ms: int
) -> Surveyed:
    import psycopg

    try:
        with snapshot(connection, timeout_ms):
            facts = database_facts(connection, database, server)
            matched = _members(connection, database, choice)
            found = {oid: name for oid, name in matched.items() if in_shard(name, choice.shard)}
            readings = tuple(_readings(connection, database, server, choice, found))
            roles = _roles(connection) if found else ()
    except psycopg.errors.QueryCanceled:
        return Surveyed(
            database=database,
            server=server,
            reason=f"a query took longer than {timeout_ms} ms; raise it with --statement-timeout",
        )
    except psycopg.Error as error:
        said = mask((str(error).strip().splitlines() or ["the server went away"])[0])
        return Surveyed(database=database, server=server, reason=f"{server} could not be read: {said}")
    return Surveyed(
        database=database,
        server=server,
        facts=facts,
        matched=tuple(matched.values()),
        readings=readings,
        roles=roles,
    )


def _roles(connection: Connection) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple((role, tuple(names)) for role, names in _execute(connection, _ROLES).fetchall())


@contextmanager
def snapshot(connection: "psycopg.Connection[Any]", timeout_ms: int) -> Iterator[None]:
    """Hold one snapshot that is read only, printing as the reader prints."""
    connection.execute(_BEGIN)
    try:
        values = _SETTINGS | {"statement_timeout": f"{timeout_ms}ms"}
        for name, value in values.items():
            connection.execute("select pg_catalog.set_config(%s, %s, true)", (name, value))
        yield
    finally:
        if not (connection.closed or connection.broken):
            connection.execute("rollback")


def database_facts(connection: Connection, database: str, server: str) -> DatabaseFacts:
    """Return what is true of the database as a whole. The snapshot is open."""
    new = connection.info.server_version >= 150_000
    sql = _DATABASE.format(
        version="datcollversion" if new else "null",
        actual="pg_database_collation_actual_version(oid)" if new else "null",
    )
    (row,) = _execute(connection, sql).fetchall()
    version, number, encoding, collation, recorded, actual, owner, acl, extensions, settings = row
    schemas = tuple(name for _, name in _execute(connection, _SCHEMAS))
    return DatabaseFacts(
        database=database,
        server=server,
        version=version,
        version_num=number,
        encoding=encoding,
        collation=collation,
        collation_version=recorded or "",
        actual_collation_version=actual or "",
        owner=owner,
        acl=tuple(acl),
        extensions=tuple((name, version) for name, version in extensions),
        settings=tuple((role, setting) for role, setting in settings),
        schemas=schemas,
    )


def _execute(connection: Connection, sql: str, values: Sequence[Any] | None = None) -> "psycopg.Cursor[Any]":
    return connection.execute(sql, values)


def _members(connection: Connection, database: str, choice: Choice) -> dict[int, str]:
    """Return the members' schemas by oid. Names that a query gives and that are no schema are left to
    `expected`."""
    known: dict[int, str] = dict(_execute(connection, _SCHEMAS).fetchall())
    if not choice.of_schemas:
        return {}
    wanted = known
    if choice.query:
        named = _named(connection, database, choice.query)
        wanted = {oid: name for oid, name in wanted.items() if name in named}
    if choice.like:
        fits = pattern(choice.like)
        wanted = {oid: name for oid, name in wanted.items() if fits.fullmatch(name)}
    return wanted


def in_shard(name: str, shard: tuple[int, int]) -> bool:
    """Tell whether a member is of the K-th of N parts: by its name alone, so that every machine agrees."""
    return zlib.crc32(name.encode()) % shard[1] == shard[0] - 1


def _named(connection: Connection, database: str, query: str) -> set[str]:
    """Return the names that a query gives. Raises `UsageError` where it fails and there is but one database
    to ask, for then it is the query that is wrong."""
    import psycopg

    try:
        return {str(row[0]) for row in _execute(connection, query).fetchall()}
    except psycopg.Error as error:
        if database or isinstance(error, psycopg.errors.QueryCanceled) or connection.broken:
            raise
        said = mask((str(error).strip().splitlines() or [""])[0])
        raise UsageError(f"the query of the fleet's members fails: {said}") from None


def _readings(
    connection: Connection, database: str, server: str, choice: Choice, found: dict[int, str]
) -> Iterable[Reading]:
    if choice.of_schemas:
        prints = fingerprints(connection, found)
        versions = read_versions(connection, found.values())
        for oid, name in found.items():
            member = Member(database, name, server)
            yield Reading(member, prints[oid], versions=versions.get(name, ()))
        return
    versions = read_versions(connection, None)
    every = tuple(rows for name in sorted(versions) for rows in versions[name])
    yield Reading(Member(database, "", server), _whole(connection), versions=every)


def fingerprints(connection: Connection, members: dict[int, str]) -> dict[int, str]:
    """Return the fingerprint of each schema by its oid. The snapshot is open."""
    prints = Fingerprints(members)
    array = "{" + ",".join(map(str, members)) + "}"
    connection.execute("select pg_catalog.set_config(%s, %s, true)", (MEMBERS, array))
    for query in member_queries(connection.info.server_version):
        prints.take(query.name, _execute(connection, query.sql))
    return {oid: prints.of(oid) for oid in members}


def sample(
    url: Secret | None, reading: Reading, members: Sequence[str], *, timeout_ms: int = 30_000
) -> Sample:
    """Read one member in full, with all that stands in its database beside the other members: other members
    come with it where its keys lead to them.

    Raises `ReadError` where it is not what it was when its fingerprint was taken, and the errors of
    connecting and reading.
    """
    member = reading.member
    with _connected(url, timeout_ms) as connection, snapshot(connection, timeout_ms):
        if _fingerprint(connection, member.schema) != reading.fingerprint:
            raise ReadError(f"{member.name} was changed while the fleet was read")
        scope = _scope(connection, member.schema, members) if member.schema else None
        catalog = read_catalog(
            connection,
            default_schema=member.schema or None,
            statement_timeout_ms=timeout_ms,
            only=scope,
        )
    return Sample(member, reading.fingerprint, set_apart(catalog))


def _fingerprint(connection: Connection, schema: str) -> str:
    """Return the fingerprint that a member has now, "" for a schema that is no more."""
    if not schema:
        return _whole(connection)
    found = {oid: name for oid, name in _execute(connection, _SCHEMAS) if name == schema}
    return next(iter(fingerprints(connection, found).values()), "")


def _scope(connection: Connection, schema: str, members: Sequence[str]) -> list[str]:
    """Return the schemas that are read with a member: all that are no members, and those that its keys lead
    to."""
    led_to = {row[0] for row in _execute(connection, _LED_TO, (schema, schema))}
    others = frozenset(members) - {schema} - led_to
    return [name for _, name in _execute(connection, _SCHEMAS) if name not in others]


def _whole(connection: Connection) -> str:
    whole = Fingerprints((0,))
    for query in database_queries(connection.info.server_version):
        whole.take(query.name, _execute(connection, query.sql))
    return whole.of(0)
