"""Fingerprints of members, each of a time in which it stood still, without standing in anybody's way."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from psycopg import Error
from psycopg.errors import LockNotAvailable, QueryCanceled

from ..catalog.connect import Connection
from ..catalog.session import may_pass
from .digest import (
    LOCKING,
    MEMBERS,
    Fingerprints,
    about,
    database_queries,
    key_queries,
    member_queries,
)
from .marks import ROLES, Marks, marks, marks_after, moment, moved
from .session import execute, pipelined, schemas, snapshot

if TYPE_CHECKING:
    from .memory import Memory

T = TypeVar("T")

ALL = 0  # in place of the oid of a schema: the whole database is the member
ATTEMPTS = 5
LOCKED = "another session keeps it locked, or changes it all the time"
_SOME = 200  # members whose views are printed at a time
_MANY = 2000  # members at a time, so that no statement nears its time-out


class Settled(NamedTuple):
    """The fingerprints of members by oid, and why others have none."""

    prints: dict[int, str]
    reasons: dict[int, str]


def settled(
    connection: Connection,
    members: Mapping[int, str],
    matched: Iterable[int],
    timeout_ms: int,
    *,
    memory: "Memory | None" = None,
    since: str = "",
) -> Settled:
    """Return the fingerprints of members, those of a whole database for `ALL`. `matched` are all members of
    the database. What a `memory` holds of one that stands as it stood then is not read again. `since` is the
    moment of a snapshot some time ago."""
    others, found = frozenset(matched), Settled({}, {})
    quiet = memory is None
    everyone = list(members.items())
    for start in range(0, len(everyone), _MANY):
        some = dict(everyone[start : start + _MANY])
        if quiet and (prints := _of_one_moment(connection, some, timeout_ms, since)):
            found.prints.update(prints)
            continue
        quiet = False
        prints, reasons = _settled(connection, some, others, timeout_ms, memory)
        found.prints.update(prints)
        found.reasons.update(reasons)
    return found


def _settled(
    connection: Connection,
    members: Mapping[int, str],
    others: frozenset[int],
    timeout_ms: int,
    memory: "Memory | None",
) -> Settled:
    left = dict(members)
    homes = None if ALL in members else _homes(connection, members, others, timeout_ms)
    found = Settled({}, dict.fromkeys(members, "it was changed each time that it was read"))
    for _ in range(ATTEMPTS):
        before = marks_now(connection, timeout_ms, homes)
        gone = [oid for oid in left if oid not in before and oid != ALL]
        found.reasons.update(dict.fromkeys(gone, "it was dropped while the fleet was read"))
        left = {oid: name for oid, name in left.items() if oid not in gone}
        if memory is not None:
            memory.begin(connection, timeout_ms)
            found.prints.update(memory.recalled(left, before, others))
            left = {oid: name for oid, name in left.items() if oid not in found.prints}
        if not left:
            break
        prints, locked = fingerprints(connection, left, timeout_ms)
        after = marks_now(connection, timeout_ms, homes, before)
        odd = stirred(before, after, left, others) | locked
        still = {oid: value for oid, value in prints.items() if oid not in odd}
        if memory is not None:
            named = {oid: (left[oid], value) for oid, value in still.items()}
            memory.keep(connection, named, before, others)
        found.prints.update(still)
        found.reasons.update(dict.fromkeys(locked, LOCKED))
        left = {oid: name for oid, name in left.items() if oid in odd}
        if not left:
            break
    return found


def _of_one_moment(
    connection: Connection, members: Mapping[int, str], timeout_ms: int, since: str
) -> dict[int, str]:
    """Return the fingerprints of members where nothing has ended on the server `since` then until they were
    read: that costs less than marks. Nothing, and no reading, where something has ended by now: there
    something ends all the time. Nothing where one is locked, either."""
    if not _still(connection, timeout_ms, since):
        return {}
    prints, locked = fingerprints(connection, members, timeout_ms)
    return prints if not locked and _still(connection, timeout_ms, since) else {}


def _still(connection: Connection, timeout_ms: int, since: str) -> bool:
    with snapshot(connection, timeout_ms):
        return since != "" and moment(connection) == since


def _homes(
    connection: Connection, members: Iterable[int], others: frozenset[int], timeout_ms: int
) -> set[int] | None:
    """Return the schemas whose marks tell whether these members stood still: None for all, which are not many
    more."""
    if len(others) <= _MANY:
        return None
    with snapshot(connection, timeout_ms):
        return schemas(connection).keys() - others | set(members)


def marks_now(
    connection: Connection, timeout_ms: int, homes: Iterable[int] | None = None, before: Marks | None = None
) -> Marks:
    """Return the marks of schemas, or of all, of a snapshot of their own. Those `before` may tell them."""
    with snapshot(connection, timeout_ms):
        return marks(connection, homes) if before is None else marks_after(connection, before, homes)


def stirred(before: Marks, after: Marks, members: Iterable[int], others: Iterable[int]) -> set[int]:
    """Return the members that did not stand still, of schemas or a whole database."""
    if ALL in members:
        return {ALL} if _but_roles(before) != _but_roles(after) else set()
    return moved(before, after, members, others)


def _but_roles(told: Marks) -> dict[int, str]:
    return {oid: mark for oid, mark in told.items() if oid != ROLES}


def fingerprints(
    connection: Connection, members: Mapping[int, str], timeout_ms: int
) -> tuple[dict[int, str], set[int]]:
    """Return the fingerprint of each member, and those that another session keeps locked.

    Each query has a transaction of its own, and those that lock what they print are asked for some members at
    a time: whoever migrates a member waits for moments, and no lock is held while another is waited for.
    """
    prints, locked = Fingerprints(members), set[int]()
    if ALL in members:
        for name, rows in _of_database(connection, timeout_ms):
            prints.take(name, rows)
        return {ALL: prints.of(ALL)}, locked
    version = connection.info.server_version
    for query in member_queries(version):
        for some in _parts(members, _MANY):
            if query.name not in LOCKING:
                asked = [dict.fromkeys(some, ())]
            else:
                with snapshot(connection, timeout_ms):
                    found = execute(connection, about(key_queries(version)[query.name], some)).fetchall()
                asked = [dict(part) for part in _parts(found, _SOME)]
            for of in asked:
                for rows, refused in _rows(connection, query.sql, of, timeout_ms):
                    prints.take(query.name, rows)
                    locked |= refused
    return {oid: prints.of(oid) for oid in members if oid not in locked}, locked


def _parts(items: Iterable[T], size: int) -> Iterator[list[T]]:
    every = list(items)
    return (every[start : start + size] for start in range(0, len(every), size))


def _of_database(
    connection: Connection, timeout_ms: int
) -> Iterator[tuple[str, list[tuple[int, int, str, str]]]]:
    """Yield the rows of each query of a whole database. All are sent before the first answer is waited for;
    those that lock nothing have a transaction together."""
    asked = database_queries(connection.info.server_version)
    cursors = {}
    with pipelined(connection):
        with snapshot(connection, timeout_ms):
            for query in asked:
                if query.name not in LOCKING:
                    cursors[query.name] = execute(connection, query.sql)
        for query in asked:
            if query.name in LOCKING:
                with snapshot(connection, timeout_ms):
                    cursors[query.name] = execute(connection, query.sql)
    for query in asked:
        yield query.name, cursors[query.name].fetchall()


def _rows(
    connection: Connection, sql: str, members: Mapping[int, Sequence[int]], timeout_ms: int
) -> Iterator[tuple[list[tuple[int, int, str, str]], set[int]]]:
    """Yield the rows of a query about members with the keys of each, and whose it could not give: of half of
    the members each, where a lock is in the way, it takes too long, or something is dropped between two looks
    of the server itself."""
    for last in (False, False, True):
        try:
            with snapshot(connection, timeout_ms):
                keys = (key for of_one in members.values() for key in of_one)
                rows = execute(connection, about(sql, members, keys)).fetchall()
        except Error as error:
            long = isinstance(error, QueryCanceled) and len(members) > 1
            if connection.broken or connection.closed or not (long or may_pass(error)):
                raise
            if long or isinstance(error, LockNotAvailable) or last:
                break
        else:
            yield rows, set()
            return
    if len(members) == 1:
        yield [], set(members)
        return
    for part in _parts(members.items(), (len(members) + 1) // 2):
        yield from _rows(connection, sql, dict(part), timeout_ms)


def name_members(connection: Connection, members: Iterable[int]) -> None:
    """Tell the queries of the open snapshot which schemas are meant."""
    array = "{" + ",".join(map(str, members)) + "}"
    connection.execute("select pg_catalog.set_config(%s, %s, true)", (MEMBERS, array))
