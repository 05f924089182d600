"""Ledgers in which a row is an applied migration and nothing else, or the current version alone."""

import json

from ...model.history import LedgerEntry
from ..history.checksums import statements_digest
from .attempts import moment, ranks, true
from .tables import Row


def current(rows: list[Row]) -> tuple[LedgerEntry, ...]:
    """Return the one version that golang-migrate or tern stands at; tern's 0 and no row are nothing.

    Sources: golang-migrate, database/postgres/postgres.go; tern, migrate/migrate.go.
    """
    found = [row for row in rows if "dirty" in row or row["version"] != "0"]
    return tuple(
        LedgerEntry(
            version=row["version"] or "",
            state="failed" if true(row, "dirty") else "applied",
            message="the ledger is dirty" if true(row, "dirty") else "",
        )
        for row in found
    )


def versions(rows: list[Row]) -> tuple[LedgerEntry, ...]:
    """Return the versions of dbmate, Rails, pop: text, without times."""
    return tuple(LedgerEntry(version=row["version"] or "") for row in rows)


def heads(rows: list[Row]) -> tuple[LedgerEntry, ...]:
    """Return Alembic's current heads; all that they descend from is applied with them."""
    return tuple(LedgerEntry(version=row["version_num"] or "") for row in rows)


def names(rows: list[Row]) -> tuple[LedgerEntry, ...]:
    """Return Sequelize's file names."""
    order = ranks([row.get("createdAt") for row in rows]) if rows and "createdAt" in rows[0] else None
    return tuple(
        LedgerEntry(
            version=row["name"] or "",
            name=row["name"] or "",
            applied_at=moment(row, "createdAt"),
            rank=order[i] if order else None,
        )
        for i, row in enumerate(rows)
    )


def ecto(rows: list[Row]) -> tuple[LedgerEntry, ...]:
    order = ranks([row["inserted_at"] for row in rows])
    return tuple(
        LedgerEntry(version=row["version"] or "", applied_at=moment(row, "inserted_at"), rank=rank)
        for row, rank in zip(rows, order, strict=True)
    )


def supabase(rows: list[Row]) -> tuple[LedgerEntry, ...]:
    """The statements are recorded in full; their digest stands for them. Source: pkg/migration/history.go."""
    return tuple(
        LedgerEntry(
            version=row["version"] or "",
            name=row.get("name") or "",
            checksum=statements_digest(json.loads(kept)) if (kept := row["statements"]) else "",
        )
        for row in rows
    )


def applied_set(rows: list[Row]) -> tuple[LedgerEntry, ...]:
    order = ranks([row["applied_at"] for row in rows])
    return tuple(
        LedgerEntry(
            version=row["version"] or "",
            name=row["name"] or "",
            checksum=row["checksum"] or "",
            applied_at=moment(row, "applied_at"),
            rank=rank,
        )
        for row, rank in zip(rows, order, strict=True)
    )


def refinery(rows: list[Row]) -> tuple[LedgerEntry, ...]:
    """Source: refinery_core, src/traits/mod.rs; `applied_on` is RFC 3339 text."""
    order = ranks([row["applied_on"] for row in rows])
    return tuple(
        LedgerEntry(
            version=row["version"] or "",
            name=row["name"] or "",
            checksum=row["checksum"] or "",
            applied_at=row["applied_on"] or "",
            rank=rank,
        )
        for row, rank in zip(rows, order, strict=True)
    )


def drizzle(rows: list[Row]) -> tuple[LedgerEntry, ...]:
    """Return entries by name (1.x) or, where that is missing, by the journal's `when`.

    `created_at` is that `when`, not a time of applying. Source: drizzle-orm, pg-core/dialect.ts.
    """
    return tuple(
        LedgerEntry(
            version=row.get("name") or row["created_at"] or "",
            name=row.get("name") or "",
            checksum=row["hash"] or "",
            applied_at=moment(row, "applied_at"),
            rank=rank,
        )
        for rank, row in enumerate(rows, 1)
    )


def _by_name(rows: list[Row], column: str, time: str) -> tuple[LedgerEntry, ...]:
    return tuple(
        LedgerEntry(
            version=row[column] or "",
            name=row[column] or "",
            applied_at=moment(row, time),
            rank=rank,
        )
        for rank, row in enumerate(rows, 1)
    )


def knex(rows: list[Row]) -> tuple[LedgerEntry, ...]:
    return _by_name(rows, "name", "migration_time")


def typeorm(rows: list[Row]) -> tuple[LedgerEntry, ...]:
    """Its `timestamp` is that of the class name, not a time of applying."""
    return _by_name(rows, "name", "")


def node(rows: list[Row]) -> tuple[LedgerEntry, ...]:
    return _by_name(rows, "name", "run_on")


def yoyo(rows: list[Row]) -> tuple[LedgerEntry, ...]:
    """The hash is one of the id and says nothing of the content. Source: yoyo, internalmigrations/v2.py."""
    found = _by_name(rows, "migration_id", "")
    order = ranks([row["applied_at_utc"] for row in rows])
    return tuple(
        LedgerEntry(version=e.version, name=e.name, applied_at=moment(row, "applied_at_utc") + "Z", rank=rank)
        for e, row, rank in zip(found, rows, order, strict=True)
    )


def django(rows: list[Row]) -> tuple[LedgerEntry, ...]:
    """Return one entry for each app and name; nothing keeps the table from repeating them."""
    found: dict[str, LedgerEntry] = {}
    for rank, row in enumerate(rows, 1):
        version = f"{row['app']}.{row['name']}"
        entry = LedgerEntry(
            version=version, name=row["name"] or "", applied_at=moment(row, "applied"), rank=rank
        )
        found.setdefault(version, entry)
    return tuple(found.values())


def liquibase(rows: list[Row]) -> tuple[LedgerEntry, ...]:
    """Return the changesets, by path, author and id. Source: liquibase, ChangeSet.java."""
    found: dict[str, LedgerEntry] = {}
    for rank, row in enumerate(rows, 1):
        version = f"{row['filename']}::{row['id']}::{row['author']}"
        found[version] = LedgerEntry(
            version=version,
            name=row["id"] or "",
            checksum=row.get("md5sum") or "",
            applied_at=moment(row, "dateexecuted"),
            rank=rank,
            message="marked as run" if row["exectype"] == "MARK_RAN" else "",
        )
    return tuple(found.values())
