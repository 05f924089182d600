"""The runner's own tables: the set of applied migrations, and the one that has not ended.

Whatever changes a row is called inside a transaction of the caller's; names are always qualified,
since migrations blank the search path.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...catalog.asking import EQUALS
from ...model.history import Ledger, LedgerEntry

if TYPE_CHECKING:
    import psycopg

LEDGER = "validate_schema.applied_migrations"
_UNFINISHED = "validate_schema.unfinished_migration"
_SCHEMA = "create schema validate_schema"
_TABLES = (
    "create table if not exists validate_schema.applied_migrations (version text primary key,"
    " name text not null, applied_at timestamptz not null default pg_catalog.now(), checksum text)",
    "create table if not exists validate_schema.unfinished_migration (version text primary key,"
    " name text not null, started_at timestamptz not null default pg_catalog.now(), checksum text not null)",
    "comment on table validate_schema.applied_migrations is"
    " 'Migrations that validate-schema applied; checksum: SHA-256 of the file, NULL where it was taken over'",
    "comment on table validate_schema.unfinished_migration is"
    " 'A migration that cannot run in a transaction, while validate-schema runs it'",
)
_NOW = "pg_catalog.now()"
_UTC = "pg_catalog.to_char({0} at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"


@dataclass(frozen=True)
class Row:
    """One applied migration, or one begun. `checksum` is the SHA-256 of the file's bytes in hex, None
    for what another tool applied; `at` an ISO 8601 time in UTC, "" for now."""

    version: str
    name: str
    checksum: str | None
    at: str = ""


def exists(conn: "psycopg.Connection[Any]") -> bool:
    """Return whether the table of applied migrations is there."""
    return _one(conn, f"select pg_catalog.to_regclass('{LEDGER}') is not null")


def create(conn: "psycopg.Connection[Any]") -> None:
    """Create schema and tables where they are missing."""
    if not _one(conn, "select pg_catalog.to_regnamespace('validate_schema') is not null"):
        conn.execute(_SCHEMA.encode())
    for statement in _TABLES:
        conn.execute(statement.encode())


def applied(conn: "psycopg.Connection[Any]") -> tuple[Row, ...]:
    """Return the applied set in the order in which it came about."""
    if not exists(conn):
        return ()
    return _rows(
        conn,
        f"select version, name, checksum, {_UTC.format('applied_at')} from {LEDGER}"
        " order by applied_at, version",
    )


def unfinished(conn: "psycopg.Connection[Any]") -> tuple[Row, ...]:
    """Return what was begun outside a transaction and has no end: a running or interrupted migration."""
    if not _one(conn, f"select pg_catalog.to_regclass('{_UNFINISHED}') is not null"):
        return ()
    return _rows(
        conn,
        f"select version, name, checksum, {_UTC.format('started_at')} from {_UNFINISHED}"
        " order by started_at, version",
    )


def ledger(rows: tuple[Row, ...]) -> Ledger:
    """Return the applied set as the history reads ledgers."""
    entries = tuple(
        LedgerEntry(version=r.version, name=r.name, checksum=r.checksum or "", applied_at=r.at, rank=rank)
        for rank, r in enumerate(rows)
    )
    return Ledger(tool="applied-set", table=LEDGER, entries=entries)


def add(conn: "psycopg.Connection[Any]", row: Row, *, again: bool = False) -> None:
    """Record `row` as applied. `again`: a repeatable one may have been applied before."""
    update = "do update set checksum = excluded.checksum, applied_at = excluded.applied_at"
    conn.execute(
        f"insert into {LEDGER} (version, name, checksum, applied_at)"
        f" values (%s, %s, %s, {_NOW}){f' on conflict (version) {update}' if again else ''}".encode(),
        [row.version, row.name, row.checksum],
    )


def take_over(conn: "psycopg.Connection[Any]", rows: tuple[Row, ...]) -> None:
    """Record what another tool applied, at the time that it says; a row that is there stays."""
    with conn.cursor() as cursor:
        cursor.executemany(
            f"insert into {LEDGER} (version, name, checksum, applied_at) values"
            f" (%s, %s, %s, coalesce(nullif(%s, '')::timestamptz, {_NOW})) on conflict do nothing".encode(),
            [(r.version, r.name, r.checksum, r.at) for r in rows],
        )


def accept(conn: "psycopg.Connection[Any]", row: Row) -> None:
    """Record the checksum of a file that was edited after it was applied."""
    conn.execute(
        f"update {LEDGER} set checksum = %s where version {EQUALS} %s".encode(), [row.checksum, row.version]
    )


def holds(conn: "psycopg.Connection[Any]", version: str) -> bool:
    """Return whether `version` is recorded as applied."""
    return _one(conn, f"select exists (select from {LEDGER} where version {EQUALS} %s)", version)


def begin(conn: "psycopg.Connection[Any]", row: Row) -> None:
    """Note that `row` is about to run outside a transaction."""
    conn.execute(
        f"insert into {_UNFINISHED} (version, name, checksum) values (%s, %s, %s)".encode(),
        [row.version, row.name, row.checksum],
    )


def end(conn: "psycopg.Connection[Any]", version: str) -> None:
    """Take that note back."""
    conn.execute(f"delete from {_UNFINISHED} where version {EQUALS} %s".encode(), [version])


def _one(conn: "psycopg.Connection[Any]", sql: str, *values: str) -> bool:
    row = conn.execute(sql.encode(), values or None).fetchone()
    return bool(row and row[0])


def _rows(conn: "psycopg.Connection[Any]", sql: str) -> tuple[Row, ...]:
    return tuple(Row(*fields) for fields in conn.execute(sql.encode()))
