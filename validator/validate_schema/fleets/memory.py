"""What an earlier run knew of a database, and whether it still holds: a member that stands as it stood then
has the fingerprint that it had then, and is not read again.

The sign of that is the mark of `marks`, of the member and of all that it may refer to. A row of a catalog is
never changed in place but for estimates, so that place and transaction are of one content only, as long as no
transaction number comes back. They come back on another server, from a backup, after a crash that lost what
it had not flushed, and after four billion transactions. So a memory is of one server since its last start and
its last crash (which resets the server's statistics), its timeline, its database, version, role and the very
queries of the digest, and does not count after two billion transactions. Members whose objects refer to
another member are not kept: what that is called may change without a row of theirs being written.

Source: PostgreSQL documentation, "Routine Vacuuming" (transaction numbers), "System Catalog Information
Functions", "The Cumulative Statistics System" (what crash recovery does); heapam's heap_inplace_update for
what is changed in place.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, Protocol

import msgspec
from psycopg import Error
from psycopg.errors import QueryCanceled

from ..catalog.connect import Connection
from .digest import MEMBERS, database_queries, member_queries
from .marks import SCHEMA_OF, Marks
from .session import execute, snapshot

_XIDS = 1 << 31
_WHO = """
    select concat_ws('/', s.system_identifier, c.timeline_id, extract(epoch from pg_postmaster_start_time()),
                     extract(epoch from b.stats_reset), d.oid, current_setting('server_version'),
                     current_user),
           pg_snapshot_xmax(pg_current_snapshot())::text::int8
    from pg_control_system() s, pg_control_checkpoint() c, pg_stat_bgwriter b, pg_database d
    where d.datname = current_database()
"""
_RELATION_OF = {
    "pg_rewrite": "ev_class",
    "pg_attrdef": "adrelid",
    "pg_trigger": "tgrelid",
    "pg_policy": "polrelid",
}


def _home(kind: str, oid: str) -> str:
    """Return the SQL of the schema that an object stands in, told by its catalog and its oid."""
    cases = [
        f"when '{catalog}'::regclass then (select {schema} from {catalog} x where x.oid = {oid})"
        for catalog, schema in SCHEMA_OF.items()
    ]
    cases += [
        f"when '{catalog}'::regclass then (select relnamespace from {catalog} x"
        f" join pg_class c on c.oid = x.{relation} where x.oid = {oid})"
        for catalog, relation in _RELATION_OF.items()
    ]
    return f"case {kind} {' '.join(cases)} end"


# What hangs on a part of its own table does so in other ways, and what stands in a schema on that.
_TIED = f"""
    select distinct mine::int8 from (
        select {_home("classid", "objid")} as mine, {_home("refclassid", "refobjid")} as theirs
        from pg_depend where deptype = 'n' and refclassid <> 'pg_namespace'::regclass
        union all
        select c.relnamespace, p.relnamespace from pg_inherits
        join pg_class c on c.oid = inhrelid join pg_class p on p.oid = inhparent
    ) tied
    where mine <> theirs and mine = any(%s::oid[])
      and theirs in (select unnest(current_setting('{MEMBERS}')::oid[]))
"""


class Kept(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A member as it was: the oid and name of its schema (0 and "" of a database), mark and fingerprint."""

    oid: int
    name: str
    mark: str
    fingerprint: str


class Remembered(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Members of one database as they were in one state of all that they share. `who` is a hash of the server
    and what else must be the same, `xid` the transaction number of then."""

    database: str
    server: str
    who: str
    xid: int
    shared: str
    members: tuple[Kept, ...]


class _Now(NamedTuple):
    who: str
    xid: int


class Memory:
    """The memory of one database while it is read: what is `known` of it, and where to `write` what is new.

    Raises nothing: a server that does not say who it is has no memory.
    """

    def __init__(
        self,
        database: str,
        server: str,
        known: Iterable[Remembered],
        write: Callable[[Remembered], None],
    ) -> None:
        self._database, self._server, self._write = database, server, write
        self._known = {(of.who, kept.oid): (of, kept) for of in known for kept in of.members}
        self._now: _Now | None = None
        self._timeout_ms = 0
        self.recalls = 0

    def begin(self, connection: Connection, timeout_ms: int) -> None:
        """Ask the server who it is. No transaction is open."""
        self._now, self._timeout_ms = None, timeout_ms
        try:
            with snapshot(connection, timeout_ms):
                who, xid = execute(connection, _WHO).fetchall()[0]
        except Error:
            if connection.closed or connection.broken:
                raise
            return
        self._now = _Now(_hashed(f"{who}/{_asked(connection.info.server_version)}"), xid)

    def recalled(self, members: Mapping[int, str], now: Marks, others: frozenset[int]) -> dict[int, str]:
        """Return the fingerprints of members that stand as they did. `others` are all members."""
        if self._now is None or not self._known:
            return {}
        shared, found = _shared(now, others), {}
        for oid, name in members.items():
            of, kept = self._known.get((self._now.who, oid), (None, None))
            if (
                of is not None
                and kept is not None
                and (kept.name, kept.mark) == (name, now.get(oid, ""))
                and of.shared == shared
                and 0 <= self._now.xid - of.xid < _XIDS
            ):
                found[oid] = kept.fingerprint
        self.recalls += len(found)
        return found

    def keep(
        self,
        connection: Connection,
        still: Mapping[int, tuple[str, str]],
        marks: Marks,
        others: frozenset[int],
    ) -> None:
        """Write down the names and fingerprints of members that stood still while they were read."""
        if self._now is None or not still:
            return
        try:
            with snapshot(connection, self._timeout_ms):
                tied = _tied(connection, still, others) if others else set[int]()
        except QueryCanceled:  # what it would save, the next run takes
            return
        kept = (
            Kept(oid, name, marks.get(oid, ""), fingerprint)
            for oid, (name, fingerprint) in still.items()
            if oid not in tied
        )
        self._write(
            Remembered(
                database=self._database,
                server=self._server,
                who=self._now.who,
                xid=self._now.xid,
                shared=_shared(marks, others),
                members=tuple(kept),
            )
        )


class Memories(Protocol):
    """Who has the memories of databases."""

    def of(self, database: str, server: str) -> Memory:
        """Return the memory of a database."""


class Notes:
    """The memory of one database where the file of all is not at hand: what is `known` of it, and `new`."""

    def __init__(self, known: Iterable[Remembered]) -> None:
        self._known = tuple(known)
        self._memories: list[Memory] = []
        self.new: list[Remembered] = []

    def of(self, database: str, server: str) -> Memory:
        """Return the memory of the database."""
        memory = Memory(database, server, self._known, self.new.append)
        self._memories.append(memory)
        return memory

    @property
    def recalls(self) -> int:
        """How many members were not read again."""
        return sum(memory.recalls for memory in self._memories)


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _asked(version: int) -> str:
    """Return the queries that make a fingerprint: another program may ask for other things."""
    return "\n".join(q.sql for q in (*member_queries(version), *database_queries(version)))


def _shared(marks: Marks, others: frozenset[int]) -> str:
    """Return a hash of the marks of all that is no member: whatever of it is changed may change each."""
    return _hashed("\n".join(f"{oid} {mark}" for oid, mark in sorted(marks.items()) if oid not in others))


def _tied(connection: Connection, some: Iterable[int], members: Iterable[int]) -> set[int]:
    """Return those of some members with an object that refers to one of another member. The snapshot is
    open."""
    named = ["{" + ",".join(map(str, oids)) + "}" for oids in (members, some)]
    connection.execute("select pg_catalog.set_config(%s, %s, true)", (MEMBERS, named[0]))
    return {row[0] for row in execute(connection, _TIED, (named[1],)).fetchall()}
