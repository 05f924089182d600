"""The pending migrations on a copy of the target's schema, watched, and weighed by what the target holds."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec.structs import replace

from ...catalog.asking import asking, catalog_rows
from ...model.catalog import QName
from ...model.deploy import Deploy, Observed, TableSize, Taken
from ...model.history import DryRuns
from ...sql.ident import quote_ident, quote_literal
from ..records import MigrationFile, MigrationSet
from .bounds import partitioned
from .dry_run import dry_run
from .migrator import keep_owner
from .observe import Watch
from .questions import Raised, answered, emptied, raised
from .states import States
from .taken import taken

if TYPE_CHECKING:
    import psycopg

    from ...scratch import Database

_SIZES = """
select n.nspname, c.relname, c.reltuples::bigint, pg_catalog.pg_total_relation_size(c.oid)
from unnest(%s::text[], %s::text[]) as want(schema, name)
join pg_catalog.pg_namespace n on n.nspname = want.schema
join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = want.name
"""
_ZONE = "select reset_val from pg_catalog.pg_settings where name = 'TimeZone'"
_OF_ROWS = ("null", "duplicate", "orphan", "unfit", "altered", "bound", "sibling")


def rehearse(
    database: "Database",
    migrations: MigrationSet,
    pending: Sequence[MigrationFile],
    target: "psycopg.Connection[Any]",
    *,
    path: Sequence[str],
    large: int,
    limited: bool,
    timeout_ms: int,
    progress: Callable[[str], None] | None = None,
) -> tuple[DryRuns, Deploy]:
    """Run the `pending` files as `dry_run` does on `database`, a copy of the schema of `target`, and return
    how they ran with what they would do to the target.

    The target is only read: sizes as its catalog has them, and the questions about rows that the files raise,
    each within `timeout_ms`. `large` is the number of rows from which a table counts as large; `limited`:
    whoever applies the files sets lock_timeout, whatever they say.
    """
    watch = Watch(limited=limited)
    with database.connect(autocommit=True, prepare_threshold=0) as reader:
        _keep_zone(target, reader, database.name)
        if migrations.role is not None:
            keep_owner(target, reader, database.name)
        copy = States(reader, path[0])
        states = [copy.read()]
        runs = dry_run(
            database,
            migrations,
            pending,
            path=path,
            progress=progress,
            watch=watch,
            after=lambda _: states.append(copy.read()),
        )
    if not runs.examined:
        return runs, Deploy(reason=runs.reason, large=large)
    questions: list[Raised] = []
    lost: list[Taken] = []
    for file, before, after in zip(pending, states, states[1:], strict=False):
        label, first = migrations.label(file.path), states[0].named
        seen = [s for s in watch.statements if s.file == label]
        questions += raised(label, first, before, after, file.sql)
        questions += partitioned(label, first, before, after)
        questions += emptied(label, first, (name for s in seen for name in s.truncates))
        lost += taken(label, states[0], before, after)
    asked = answered(target, map(_Written.of(watch.statements).hold, questions), timeout_ms=timeout_ms)
    named = {name for seen in watch.statements for name in seen.tables} | {a.table for a in asked}
    named |= {hidden.table for hidden in runs.hidden if not hidden.reason}
    return runs, Deploy(
        examined=True,
        statements=tuple(watch.statements),
        sizes=_sizes(target, sorted(named), timeout_ms),
        asked=asked,
        taken=tuple(lost),
        large=large,
        uncounted=not watch.counts,
    )


def _keep_zone(target: "psycopg.Connection[Any]", copy: "psycopg.Connection[Any]", name: str) -> None:
    """Give the copy the target's time zone, by which a new type makes of a time another one, and rewrites the
    table, or the same. Where the copy's server does not know it, the zone stays as it is."""
    import psycopg

    zones = catalog_rows(target, _ZONE)
    with suppress(psycopg.Error):
        zone = quote_literal(str(zones[0][0] if zones else ""))
        copy.execute(f"alter database {quote_ident(name)} set timezone to {zone}".encode())


class _Written(NamedTuple):
    """The tables whose rows the files change, each with the first file that does."""

    first: dict[QName, str]
    order: list[str]

    @classmethod
    def of(cls, statements: Iterable[Observed]) -> "_Written":
        first: dict[QName, str] = {}
        order: dict[str, None] = {}
        for seen in statements:
            order.setdefault(seen.file)
            for table in (*seen.writes, *seen.truncates):
                first.setdefault(table, seen.file)
        return cls(first, list(order))

    def hold(self, question: Raised) -> Raised:
        """Return the question, without its SQL where the rows will be others by the time it matters."""
        asked = question.asked
        file = self.first.get(asked.table)
        if file is None or asked.question not in _OF_ROWS or asked.file not in self.order:
            return question
        if self.order.index(file) > self.order.index(asked.file):
            return question
        return Raised(replace(asked, reason=f"{file} changes rows of the table first", moot=True))


def _sizes(
    target: "psycopg.Connection[Any]", tables: Sequence[QName], timeout_ms: int
) -> tuple[TableSize, ...]:
    """Return what the target's catalog says of the tables; of one that it may not be asked about nothing."""
    import psycopg

    try:
        with asking(target, statement_timeout_ms=timeout_ms, lock_timeout_ms=timeout_ms):
            rows = target.execute(_SIZES, [[t.schema for t in tables], [t.name for t in tables]]).fetchall()
    except psycopg.Error:
        return ()
    return tuple(
        TableSize(
            table=QName(schema, name), rows=rows if rows >= 0 else (0 if size == 0 else None), bytes=size
        )
        for schema, name, rows, size in rows
    )
