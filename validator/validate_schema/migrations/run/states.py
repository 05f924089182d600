"""The copy after each file, read anew only where the file changed it."""

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from ...catalog.reader import read_catalog
from .bounds import bounds
from .questions import Named, State

if TYPE_CHECKING:
    import psycopg

# What no question is about (`questions`).
_NOT_ASKED = frozenset({
    "policies", "triggers", "rules", "relation_details", "index_details", "function_sources", "view_sources",
    "publications", "publication_tables", "publication_schemas", "event_triggers", "default_privileges",
    "role_settings", "memberships", "system_privileges", "comments", "large_objects", "subscriptions",
    "foreign", "text_search", "access", "operators", "casts", "user_collations", "guards",
})  # fmt: skip
# What tables have nothing to do with, either.
_NO_TABLE = _NOT_ASKED | {
    "functions", "aggregates", "enums", "views", "sequences", "extensions", "languages", "type_objects",
    "database",
}  # fmt: skip
# Each row of the catalog has the number of the transaction that wrote it, which is higher than all before: of
# one object a sum and a count are those of before only where no row of it came, went, or was written.
_WRITTEN = """
select 'table', part.relid, count(*), sum(part.written)
from (
    select oid, xmin::text::bigint from pg_catalog.pg_class where oid >= 16384
    union all select attrelid, xmin::text::bigint from pg_catalog.pg_attribute where attrelid >= 16384
    union all select adrelid, xmin::text::bigint from pg_catalog.pg_attrdef
    union all select conrelid, xmin::text::bigint from pg_catalog.pg_constraint
    union all select inhrelid, xmin::text::bigint from pg_catalog.pg_inherits
    union all select i.indrelid, i.xmin::text::bigint + c.xmin::text::bigint
        from pg_catalog.pg_index i join pg_catalog.pg_class c on c.oid = i.indexrelid
        where i.indrelid >= 16384
) part (relid, written)
join pg_catalog.pg_class c on c.oid = part.relid and c.relkind in ('r', 'p')
group by part.relid
union all select 'relation', oid, 1, xmin::text::bigint from pg_catalog.pg_class
    where oid >= 16384 and relkind in ('v', 'm', 'f', 'S', 'c')
union all select 'type', oid, 1, xmin::text::bigint from pg_catalog.pg_type
    where oid >= 16384 and typrelid = 0 and typcategory <> 'A'
union all select 'label', oid, 1, xmin::text::bigint from pg_catalog.pg_enum
union all select 'function', oid, 1, xmin::text::bigint from pg_catalog.pg_proc where oid >= 16384
union all select 'operator', oid, 1, xmin::text::bigint from pg_catalog.pg_operator where oid >= 16384
union all select 'class', oid, 1, xmin::text::bigint from pg_catalog.pg_opclass where oid >= 16384
union all select 'collation', oid, 1, xmin::text::bigint from pg_catalog.pg_collation where oid >= 16384
union all select 'schema', oid, 1, xmin::text::bigint from pg_catalog.pg_namespace where nspname !~ '^pg_'
"""
_REFERENCED = """
select confrelid from pg_catalog.pg_constraint where contype = 'f' and conrelid = any(%s::oid[])
"""
Mark = tuple[int, int]


class States:
    """Reads a copy again and again. A table that nothing was written to stays as it was read; where anything
    else came, went or changed, or a table or column has another name, all is read anew."""

    def __init__(self, connection: "psycopg.Connection[Any]", home: str) -> None:
        self._connection, self._home = connection, home
        self._marks: dict[tuple[str, int], Mark] = {}
        self._last: State | None = None

    def read(self) -> State:
        """Return the copy as it is now."""
        marks = {
            (kind, oid): (count, int(written))
            for kind, oid, count, written in self._connection.execute(_WRITTEN)
        }
        if self._last is None or marks != self._marks:
            before, self._marks = self._marks, marks
            self._last = self._read(self._last, before, marks)
        return self._last

    def _read(
        self, last: State | None, before: dict[tuple[str, int], Mark], marks: dict[tuple[str, int], Mark]
    ) -> State:
        others = [{key: mark for key, mark in m.items() if key[0] != "table"} for m in (before, marks)]
        if last is None or others[0] != others[1]:
            return self._whole()
        changed = [oid for (kind, oid), mark in marks.items() if before.get((kind, oid)) != mark]
        tables = {oid for kind, oid in marks if kind == "table"}
        named = last.named.renewed(self._connection, tables, changed)
        if last.named.renames(named):
            return self._whole()
        rows = self._connection.execute(_REFERENCED, [changed])
        bare = tables - {*changed, *(oid for (oid,) in rows)}
        kept = {named.tables[oid] for oid in tables.difference(changed) if oid in named.tables}
        old = {t.qname: t for t in (*last.catalog.tables, *last.catalog.extension_tables)}
        found = read_catalog(self._connection, default_schema=self._home, without=_NO_TABLE, bare=bare)
        own, theirs = (
            tuple(old[t.qname] if t.qname in kept else t for t in some)
            for some in (found.tables, found.extension_tables)
        )
        return State(
            replace(last.catalog, tables=own, extension_tables=theirs), named, bounds(self._connection)
        )

    def _whole(self) -> State:
        found = read_catalog(self._connection, default_schema=self._home, without=_NOT_ASKED)
        return State(found, Named.of(self._connection), bounds(self._connection))
