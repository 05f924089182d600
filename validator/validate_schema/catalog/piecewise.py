"""Reading a catalog piece by piece, where it cannot be read at once: what is refused, locked or cannot be
decoded is named, and everything else is read.

Each query runs under a savepoint. One that fails because of some object is asked again for the others, by
halves.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import psycopg
from psycopg import errors
from psycopg.adapt import Loader

from ..model.catalog import QName, Unreadable
from ..model.errors import ReadError
from ..model.secret import mask
from ..model.wording import excerpt
from ..sql.ident import quote_ident
from .connect import first_line
from .names import Row
from .queries import Query

# Without these there is nothing to build the rest upon.
_ESSENTIAL = frozenset(
    {"schemas", "roles", "members", "extensions", "types", "domains", "relations", "columns"}
)
# What one object alone can do: text that has no like in the client's encoding, an expression that is too deep
# or too large to be printed. Source: PostgreSQL documentation, "Error Codes".
OF_ONE_OBJECT = (errors.UntranslatableCharacter, errors.CharacterNotInRepertoire, errors.ProgramLimitExceeded,
                 errors.StatementTooComplex, UnicodeDecodeError)  # fmt: skip
_LOCK_TIMEOUT = "100ms"  # each reading before this one has waited in full
_TEXTS = (0, 18, 19, 25, 705, 1042, 1043)  # "char", name, text, unknown, character, character varying
_CATALOG = re.compile(r"\bpg_[a-z_]+\b")
# Whose oid the first column of a query is.
_TYPES = frozenset({"domains", "domain_checks", "enums"})
_ROUTINES = frozenset({"functions", "function_sources", "aggregates"})
_RELATIONS = frozenset({
    "relations", "inheritance", "relation_details", "defaults", "columns", "column_details", "constraints",
    "indexes", "policies", "triggers", "rules", "views", "view_sources", "sequences",
})  # fmt: skip
_NAMES = {
    "pg_class": "select nspname, relname from pg_class c join pg_namespace n on n.oid = relnamespace"
    " where c.oid = %s",
    "pg_type": "select nspname, typname from pg_type t join pg_namespace n on n.oid = typnamespace"
    " where t.oid = %s",
    "pg_proc": "select nspname, proname from pg_proc p join pg_namespace n on n.oid = pronamespace"
    " where p.oid = %s",
}
_LOCKED = """
    select l.relation::text, n.nspname, c.relname, l.pid, a.query
    from pg_locks l
    join pg_class c on c.oid = l.relation
    join pg_namespace n on n.oid = c.relnamespace
    left join pg_stat_activity a on a.pid = l.pid
    where l.locktype = 'relation' and l.granted and l.mode = 'AccessExclusiveLock'
      and l.database = (select oid from pg_database where datname = current_database())
      and l.pid <> pg_backend_pid()
    order by c.oid"""
_UNREADABLE = """
    select name from unnest(%s::text[]) name
    where to_regclass('pg_catalog.' || name) is not null
      and not has_table_privilege('pg_catalog.' || name, 'SELECT')"""


class _Lenient(Loader):
    """Text as UTF-8; bytes that are none are escaped, as names in an SQL_ASCII database may be anything."""

    def load(self, data: Any) -> str:
        return bytes(data).decode("utf-8", "backslashreplace")


class _Holder(NamedTuple):
    name: str
    pid: int
    query: str

    @property
    def words(self) -> str:
        query = excerpt(mask(self.query), 80)
        shown = f": {query}" if query and "insufficient privilege" not in query else ""
        return f"process {self.pid} holds ACCESS EXCLUSIVE on {self.name}{shown}"


class Pieces:
    """One reading, piece by piece, inside of a transaction. With `last`, an object that is gone or broken is
    left out too, instead of the reading beginning again."""

    def __init__(self, conn: psycopg.Connection[Any], *, last: bool) -> None:
        self._conn = conn
        self._failing: tuple[type[Exception], ...] = (errors.LockNotAvailable, *OF_ONE_OBJECT)
        self._last = last
        self._suspects: set[str] = set()
        self.unreadable: list[Unreadable] = []
        if conn.info.parameter_status("server_encoding") == "SQL_ASCII":
            conn.execute("select set_config('client_encoding', 'SQL_ASCII', true)")
        conn.execute(f"select set_config('lock_timeout', '{_LOCK_TIMEOUT}', true)")
        self._holders = self._locked()
        self._suspects.update(self._holders)

    def rows(self, query: Query) -> list[Row]:
        """Return the rows of a query. Raises `ReadError` where an essential one is refused."""
        try:
            return self._fetch(query.sql)
        except errors.InsufficientPrivilege as error:
            return self._refused(query, error)
        except (psycopg.Error, UnicodeDecodeError) as error:
            if not self._is_of_one_object(error):
                raise
            return self._by_key(query)

    def _is_of_one_object(self, error: Exception) -> bool:
        moved = self._last and isinstance(error, psycopg.Error) and not self._conn.broken
        return isinstance(error, self._failing) or (moved and not isinstance(error, errors.QueryCanceled))

    def _fetch(self, sql: str, *values: Any) -> list[Row]:
        with self._conn.transaction(), self._conn.cursor() as cursor:
            for oid in _TEXTS:
                cursor.adapters.register_loader(oid, _Lenient)
            return cursor.execute(sql, values or None, prepare=False).fetchall()

    def _locked(self) -> Mapping[str, _Holder]:
        try:
            rows = self._fetch(_LOCKED)
        except psycopg.Error:
            return {}
        return {oid: _Holder(f"{schema}.{name}", pid, query or "") for oid, schema, name, pid, query in rows}

    def _refused(self, query: Query, error: psycopg.Error) -> list[Row]:
        words = dict.fromkeys((*query.catalogs, *_CATALOG.findall(query.sql)))
        lacking = [row[0] for row in self._fetch(_UNREADABLE, list(words))]
        ((role,),) = self._fetch("select current_user::text")
        catalogs = ", ".join(f"pg_catalog.{name}" for name in lacking or query.catalogs)
        reason = f"{first_line(error)}; GRANT SELECT ON {catalogs} TO {quote_ident(role)} would allow it"
        if query.name in _ESSENTIAL:
            raise ReadError(f"{query.what} may not be read: {reason}") from error
        self.unreadable.append(Unreadable(query.what, reason))
        return []

    def _by_key(self, query: Query) -> list[Row]:
        """Return the rows of all objects but those that fail; rows keep their order."""
        found = self._fetch(f"select coalesce(k::text, '') from ({query.sql}) q(k)")
        keys = list(dict.fromkeys(row[0] for row in found))
        suspects = [key for key in keys if key in self._suspects]
        others = [key for key in keys if key not in self._suspects]
        rows: dict[str, list[Row]] = {}
        self._halved(query, others, rows)
        for key in suspects:
            self._halved(query, [key], rows)
        return [row for key in keys for row in rows.get(key, ())]

    def _halved(self, query: Query, keys: Sequence[str], into: dict[str, list[Row]]) -> None:
        if not keys:
            return
        try:
            rows = self._fetch(
                f"select coalesce(k::text, ''), q.* from ({query.sql.replace('%', '%%')}) q(k)"
                " where coalesce(k::text, '') = any(%s)",
                list(keys),
            )
        except (psycopg.Error, UnicodeDecodeError) as error:
            if not self._is_of_one_object(error):
                raise
            if len(keys) == 1:
                self._suspects.add(keys[0])
                self.unreadable.append(self._unreadable(query, keys[0], error))
                return
            half = len(keys) // 2
            self._halved(query, keys[:half], into)
            self._halved(query, keys[half:], into)
            return
        for key, *row in rows:
            into.setdefault(key, []).append(tuple(row))

    def _unreadable(self, query: Query, key: str, error: Exception) -> Unreadable:
        name = self._name(query, key)
        reason = first_line(error)
        if isinstance(error, errors.LockNotAvailable):
            holder = self._holders.get(key) or next(iter(self._holders.values()), None)
            reason = holder.words if holder else "another session holds a lock that it needs"
            reason += "; try again when that has ended"
        return Unreadable(query.what, reason if name else f"{key}: {reason}", name)

    def _name(self, query: Query, key: str) -> QName | None:
        for kind, queries in (("pg_class", _RELATIONS), ("pg_type", _TYPES), ("pg_proc", _ROUTINES)):
            if query.name in queries:
                rows = self._fetch(_NAMES[kind], int(key))
                return QName(*rows[0]) if rows else None
        return None
