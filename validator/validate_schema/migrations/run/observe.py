"""What each statement of a migration does to the tables that are there, asked of the server after it."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from ...model.deploy import BLOCKING, Lock, Observed
from ...model.history import Statement
from ...model.relations import QName
from .cleared import cleared

if TYPE_CHECKING:
    import psycopg

_MODES = {mode.title().replace(" ", "") + "Lock": mode for mode in BLOCKING}
_WRITES = "RowExclusiveLock"
_EXCLUSIVE = "AccessExclusiveLock"
_SEEN = """
select c.oid, n.nspname, c.relname, c.relkind::text, c.relfilenode, i.indrelid,
       pg_catalog.pg_stat_get_xact_numscans(c.oid), {modes}, own.columns
from {source}
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
left join pg_catalog.pg_index i on i.indexrelid = c.oid
left join lateral (
    select pg_catalog.array_agg(d.refobjsubid) columns from pg_catalog.pg_depend d
    where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = i.indexrelid
    having not pg_catalog.bool_or(d.refclassid = 'pg_catalog.pg_constraint'::pg_catalog.regclass)
) own on true
where c.relkind in ('r', 'p', 'm', 'i', 'I') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
"""
_ALL = _SEEN.format(modes="null", source="pg_catalog.pg_class c")
_HELD = _SEEN.format(
    modes="l.modes",
    source="""(
    select relation, pg_catalog.array_agg(mode) modes from pg_catalog.pg_locks
    where locktype = 'relation' and pid = pg_catalog.pg_backend_pid() and granted
    and database = (
        select oid from pg_catalog.pg_database where datname = pg_catalog.current_database()
    )
    group by relation
) l join pg_catalog.pg_class c on c.oid = l.relation""",
)
# What a statement left no trace of but that it is gone.
_GONE = """
select i.oid from pg_catalog.unnest('{{{indexes}}}'::pg_catalog.oid[]) i (oid)
where not exists (select from pg_catalog.pg_class c where c.oid = i.oid)
"""
_LOST_COLUMNS = """
select attrelid, attnum from pg_catalog.pg_attribute
where attrelid = any ('{{{tables}}}'::pg_catalog.oid[]) and attisdropped
"""
_COUNTS = "select pg_catalog.current_setting('track_counts')::bool"
# A table that was dropped is out of the catalog, and still locked.
_AT_END = """
select pg_catalog.current_setting('lock_timeout') = '0', array(
    select l.relation from pg_catalog.pg_locks l
    where l.locktype = 'relation' and l.pid = pg_catalog.pg_backend_pid() and l.mode = 'AccessExclusiveLock'
    and not exists (select from pg_catalog.pg_class c where c.oid = l.relation)
)
"""
# The counts of scans are the transaction's own only after those of earlier ones were handed in.
# Source: PostgreSQL documentation, "The Cumulative Statistics System".
_HAND_IN = "select pg_catalog.pg_stat_force_next_flush()"
_FLUSHES_SINCE = 150000


class _Relation(NamedTuple):
    """A relation as it stood when it was last looked at; `table` is the one that an index is on, `columns`
    the numbers of those that it needs: None where it belongs to a constraint."""

    oid: int
    schema: str
    name: str
    kind: str
    filenode: int
    table: int | None
    scans: int
    modes: list[str] | None
    columns: list[int] | None

    @property
    def is_index(self) -> bool:
        return self.table is not None


class Watch:
    """Watches the statements that run on one connection to a copy of the target's schema.

    `statements` has one record for each that was reported by `saw`; `counts` tells whether the server counts
    scans: before 15 it needs a socket for that. What is told is told by the server: locks
    by pg_locks, rewrites by a relation's file, scans by the transaction's own counts. The copy has no rows,
    but each of these happens on an empty table as it does on a full one. Tables that the migrations make
    themselves are nobody's yet, and not told.
    """

    def __init__(self, *, limited: bool = False) -> None:
        """`limited`: whoever applies the files sets lock_timeout, whatever they say."""
        self.statements: list[Observed] = []
        self.counts = True
        self._limited = limited
        self._relations: dict[int, _Relation] = {}
        self._tables: dict[int, QName] = {}
        self._held: dict[int, int] = {}
        self._scans: dict[int, int] = {}
        self._transaction = 0
        self._gone: set[int] = set()

    def begin(self, connection: "psycopg.Connection[Any]") -> None:
        """Note what is there before the first file runs."""
        row = connection.execute(_COUNTS).fetchone()
        self.counts = row is not None and bool(row[0])
        for found in map(_Relation._make, connection.execute(_ALL)):
            self._relations[found.oid] = found
            if found.kind in ("r", "p", "m"):
                self._tables[found.oid] = QName(found.schema, found.name)

    def open(self, connection: "psycopg.Connection[Any]") -> None:
        """A transaction is about to begin, or a statement that refuses to run in one."""
        self._transaction += 1
        self._held, self._scans = {}, {}
        if connection.info.server_version >= _FLUSHES_SINCE:
            connection.execute(_HAND_IN)

    def saw(self, connection: "psycopg.Connection[Any]", statement: Statement, text: str) -> None:
        """The statement has run, `text` the whole of it; inside a transaction, its locks are still held."""
        inside = connection.info.transaction_status != 0
        found = [_Relation._make(row) for row in connection.execute(_HELD if inside else _ALL)]
        known = dict(self._relations)
        files = {r.filenode for r in known.values()}
        self._relations.update((r.oid, r) for r in found)
        rewritten = {r.oid for r in found if r.oid in known and known[r.oid].filenode != r.filenode}
        emptied = rewritten if statement.text[:8].lower() == "truncate" else set()
        # A new index in the file of one that went is that one: a column's type became longer, and no more.
        new = {r.oid for r in found if r.oid not in known and not (r.filenode and r.filenode in files)}
        # Outside of a transaction no lock is held any more: an index with another file was built anew.
        built = {r.table for r in found if r.is_index and (r.oid in rewritten or (r.modes and r.oid in new))}
        row = connection.execute(_AT_END).fetchone()
        self.statements.append(
            Observed(
                file=statement.file,
                line=statement.line,
                text=statement.text,
                transaction=self._transaction,
                locks=self._new_locks(found, rewritten, built, row[1] if row else ()),
                rewrites=self._names(rewritten - emptied),
                truncates=self._names(emptied | self._cleared(text, found)),
                scans=self._names({r.oid for r in found if self._scanned(r)} - rewritten),
                builds=self._names(built - rewritten),
                drops=self._names(self._dropped(connection, known.values(), found)),
                writes=self._names(r.oid for r in found if _WRITES in (r.modes or ())),
                unlimited=not self._limited and row is not None and bool(row[0]),
            )
        )

    def _names(self, oids: Iterable[int | None]) -> tuple[QName, ...]:
        return tuple(sorted({self._tables[oid] for oid in oids if oid in self._tables}))

    def _cleared(self, text: str, found: list[_Relation]) -> set[int]:
        """Return the tables of which a DELETE that ran takes all rows."""
        names = cleared(text)
        return {
            r.oid for r in found if {(r.schema, r.name), ("", r.name)} & names and _WRITES in (r.modes or ())
        }

    def _scanned(self, relation: _Relation) -> bool:
        before = self._scans.get(relation.oid, 0)
        self._scans[relation.oid] = relation.scans
        return relation.modes is not None and relation.scans > before

    def _dropped(
        self, connection: "psycopg.Connection[Any]", known: Iterable[_Relation], found: list[_Relation]
    ) -> set[int | None]:
        """Return the tables of which an index is gone that could have gone alone: not one of a constraint,
        nor one that went with a column or had to be made anew."""
        locked = {r.oid for r in found if r.oid in self._tables and _EXCLUSIVE in (r.modes or ())}
        held = [r for r in known if r.table in locked and r.columns and r.oid not in self._gone]
        if not held:
            return set()
        indexes = ",".join(str(r.oid) for r in held)
        gone = {oid for (oid,) in connection.execute(_GONE.format(indexes=indexes).encode())}
        if not gone:
            return set()
        self._gone |= gone
        tables = ",".join(map(str, locked))
        lost = set(connection.execute(_LOST_COLUMNS.format(tables=tables).encode()))
        again = {(r.table, r.name) for r in found}
        return {
            r.table
            for r in held
            if r.oid in gone
            and (r.table, r.name) not in again
            and not any((r.table, column) in lost for column in r.columns or ())
        }

    def _new_locks(
        self,
        found: list[_Relation],
        rewritten: set[int],
        built: set[int | None],
        dropped: Iterable[int],
    ) -> tuple[Lock, ...]:
        """Return the locks that are stronger than those that the transaction had on the same table. What ran
        outside of transactions has let go of its own: for a rewrite (VACUUM FULL, CLUSTER) that is always the
        strongest, for an index that is built where it stands (REINDEX) SHARE. `dropped` tables hold the
        strongest."""
        strongest_of = {oid: len(BLOCKING) - 1 for oid in dropped if oid in self._tables}
        for relation in found:
            if relation.oid not in self._tables:
                continue
            taken = [BLOCKING.index(_MODES[m]) for m in relation.modes or () if m in _MODES]
            if relation.modes is None and relation.oid in rewritten:
                taken = [len(BLOCKING) - 1]
            elif relation.modes is None and relation.oid in built:
                taken = [BLOCKING.index("SHARE")]
            strongest_of[relation.oid] = max(taken, default=-1)
        new = {oid: mode for oid, mode in strongest_of.items() if mode > self._held.get(oid, -1)}
        self._held |= new
        locks = [Lock(self._tables[oid], BLOCKING[mode]) for oid, mode in new.items()]
        return tuple(sorted(locks, key=lambda lock: lock.table))
