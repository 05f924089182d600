"""What one connection learns of its database: which members it holds, their fingerprints and ledgers."""

import re
import zlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from psycopg import Error
from psycopg.errors import InsufficientPrivilege, LockNotAvailable, QueryCanceled

from ..catalog.connect import Connection, first_line, parse_url
from ..catalog.session import may_pass
from ..model.errors import UsageError, ValidateSchemaError
from ..model.fleet import DatabaseFacts, LedgerRows, Member, Reading, Surveyed
from ..model.secret import Secret, mask
from .digest import MEMBERS
from .ledgers import read_versions
from .marks import moment
from .session import connected, execute, schemas, snapshot
from .standing import ALL, ATTEMPTS, LOCKED, name_members, settled

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


if TYPE_CHECKING:
    from .memory import Memories, Memory


_LEDGERS = 1000  # members whose ledgers are read in one transaction


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


def survey(
    database: str,
    url: Secret | None,
    choice: Choice,
    *,
    timeout_ms: int = 30_000,
    state: "Memories | None" = None,
) -> Surveyed:
    """Return what there is to know of one database before anything is compared: its members, each with its
    fingerprint and its ledgers. Of members that have not changed since, the `state` tells the fingerprint.

    What cannot be read is said in `reason`, of the database or of a member: nothing is raised for it. Raises
    `UsageError` alone, for a pattern or a URL that cannot be used, and a state that cannot be written.
    """
    pattern(choice.like)
    server = parse_url(url).shown
    asked = _Asked(database, server, choice, timeout_ms, state.of(database, server) if state else None)
    try:
        with connected(url, timeout_ms) as connection:
            return _surveyed(connection, asked)
    except UsageError:
        raise
    except ValidateSchemaError as error:
        return Surveyed(database=database, server=server, reason=str(error))


class _Asked(NamedTuple):
    """A database to survey."""

    database: str
    server: str
    choice: Choice
    timeout_ms: int
    memory: "Memory | None"


def _surveyed(connection: Connection, asked: _Asked) -> Surveyed:
    """Survey a database; what was dropped between two looks of the server itself makes it begin again."""
    said = ""
    for _ in range(ATTEMPTS):
        try:
            return _read(connection, asked)
        except QueryCanceled:
            said = f"a query took longer than {asked.timeout_ms} ms; raise it with --statement-timeout"
            break
        except Error as error:
            said = _said(error)
            if connection.closed or connection.broken or not may_pass(error):
                break
    reason = f"{asked.server} could not be read: {said}"
    return Surveyed(database=asked.database, server=asked.server, reason=reason)


def _said(error: Error) -> str:
    """Return what went wrong in words that help."""
    if isinstance(error, LockNotAvailable):
        return f"{LOCKED}; try again when no migration is running"
    said = mask(first_line(error) or "the server went away")
    if isinstance(error, InsufficientPrivilege):
        return f"{said}; a GRANT SELECT on it to the role that reads would allow it"
    return said


def _read(connection: Connection, asked: _Asked) -> Surveyed:
    database, server, choice, timeout_ms, memory = asked
    with snapshot(connection, timeout_ms):
        since, known = moment(connection), schemas(connection)
        facts = database_facts(connection, database, server, known.values())
        matched = _members(connection, database, choice, known)
        found = {oid: name for oid, name in matched.items() if in_shard(name, choice.shard)}
        if not choice.of_schemas:
            found = {ALL: ""}
        roles = _roles(connection, matched) if matched else ()
    versions = _versions(connection, found, timeout_ms)
    still = settled(connection, found, matched, timeout_ms, memory=memory, since=since)
    readings = []
    for oid, name in found.items():
        seen = still.prints.get(oid, "")
        reason = "" if seen else still.reasons[oid]
        member = Member(database, name, server)
        readings.append(Reading(member, seen, reason, versions=versions.get(name, ())))
    return Surveyed(
        database=database,
        server=server,
        facts=facts,
        matched=tuple(matched.values()),
        readings=tuple(readings),
        roles=roles,
    )


def _versions(
    connection: Connection, members: Mapping[int, str], timeout_ms: int
) -> dict[str, tuple[LedgerRows, ...]]:
    """Return what the ledgers of each member hold, by its schema. Each table that is read is locked until its
    transaction ends, and a server has room for some thousands of locks: so many members have one."""
    found: dict[str, tuple[LedgerRows, ...]] = {}
    if ALL in members:
        with snapshot(connection, timeout_ms):
            every = read_versions(connection, None)
        return {"": tuple(rows for name in sorted(every) for rows in every[name])}
    names = list(members.values())
    for start in range(0, len(names), _LEDGERS):
        with snapshot(connection, timeout_ms):
            found |= read_versions(connection, names[start : start + _LEDGERS])
    return found


def _roles(connection: Connection, members: Iterable[int]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    name_members(connection, members)
    return tuple((role, tuple(names)) for role, names in execute(connection, _ROLES).fetchall())


def database_facts(connection: Connection, database: str, server: str, known: Iterable[str]) -> DatabaseFacts:
    """Return what is true of the database as a whole, with the schemas that are `known`. The snapshot is
    open."""
    new = connection.info.server_version >= 150_000
    sql = _DATABASE.format(
        version="datcollversion" if new else "null",
        actual="pg_database_collation_actual_version(oid)" if new else "null",
    )
    (row,) = execute(connection, sql).fetchall()
    version, number, encoding, collation, recorded, actual, owner, acl, extensions, settings = row
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
        schemas=tuple(known),
    )


def _members(
    connection: Connection, database: str, choice: Choice, known: Mapping[int, str]
) -> dict[int, str]:
    """Return the members' schemas by oid, of those that are `known`. Names that a query gives and that are no
    schema are left to `expected`."""
    if not choice.of_schemas:
        return {}
    wanted = dict(known)
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
    try:
        return {str(row[0]) for row in execute(connection, query).fetchall()}
    except Error as error:
        if database or isinstance(error, QueryCanceled) or connection.broken:
            raise
        raise UsageError(f"the query of the fleet's members fails: {mask(first_line(error))}") from None
