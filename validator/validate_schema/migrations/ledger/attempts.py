"""Ledgers that record attempts or events: several rows may speak of one version, the last word counts."""

from ...model.history import LedgerEntry, LedgerState
from .tables import Row


def moment(row: Row, column: str) -> str:
    """Return a time of a row to the second, "" without one."""
    value = row.get(column) or ""
    zone = "Z" if value.endswith("Z") else ""
    return value[:19] + zone if value else ""


def true(row: Row, column: str) -> bool:
    return row.get(column) == "true"


def ranks(values: list[str | None]) -> list[int | None]:
    """Return the order of `values`, which are sorted: equal ones share a number, None has none."""
    known = {value: number for number, value in enumerate(dict.fromkeys(v for v in values if v), 1)}
    return [known[value] if value else None for value in values]


def prisma(rows: list[Row]) -> tuple[LedgerEntry, ...]:
    """Return one entry for each name: the attempt that was not rolled back, else the last.

    Source: prisma-engines, apply_migrations.rs and sql_migration_persistence.rs.
    """
    effective: dict[str, tuple[int, Row]] = {}
    for rank, row in enumerate(rows, 1):
        name = row["migration_name"] or ""
        seen = effective.get(name)
        if seen is None or seen[1]["rolled_back_at"] or not row["rolled_back_at"]:
            effective[name] = (rank, row)
    return tuple(_prisma_entry(name, rank, row) for name, (rank, row) in effective.items())


def _prisma_entry(name: str, rank: int, row: Row) -> LedgerEntry:
    state: LedgerState = "applied"
    if row["rolled_back_at"]:
        state = "rolled_back"
    elif not row["finished_at"]:
        state = "failed" if row.get("logs") else "running"
    by_hand = state == "applied" and row.get("applied_steps_count") == "0"
    return LedgerEntry(
        version=name,
        name=name,
        state=state,
        checksum=row["checksum"] or "",
        applied_at=moment(row, "finished_at"),
        rank=None if by_hand else rank,
        message="marked as applied by hand" if by_hand else _first_line(row.get("logs")),
    )


def _first_line(text: str | None) -> str:
    return next((line.strip() for line in (text or "").splitlines() if line.strip()), "")


_FLYWAY_META = {"SCHEMA"}


def flyway(rows: list[Row]) -> tuple[LedgerEntry, ...]:
    """Return one entry for each version, and for each repeatable by description: the last event.

    Source: Flyway's MigrationInfoImpl and BaseAppliedMigration.
    """
    effective: dict[str, LedgerEntry] = {}
    for row in rows:
        kind, version = (row["type"] or "").upper(), row["version"]
        if kind in _FLYWAY_META:
            continue
        key = flyway_key(version) if version is not None else f"R:{row['description']}"
        effective[key] = LedgerEntry(
            version=key,
            name=row["description"] or "",
            state=_flyway_state(kind, true(row, "success")),
            checksum=row["checksum"] or "",
            applied_at=moment(row, "installed_on"),
            rank=int(row["installed_rank"] or 0),
        )
    return tuple(effective.values())


def flyway_key(version: str) -> str:
    """Return a version as its parts' numbers without trailing zeros, as the files have it."""
    parts = version.replace("_", ".").split(".")
    if not all(part.isdecimal() for part in parts):
        return version
    numbers = [int(part) for part in parts]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return ".".join(map(str, numbers)) or "0"


def _flyway_state(kind: str, success: bool) -> LedgerState:
    if kind == "DELETE":
        return "superseded"
    if not success:
        return "failed"
    if kind.startswith("UNDO"):
        return "rolled_back"
    return "baseline" if kind == "BASELINE" else "applied"


def goose(rows: list[Row]) -> tuple[LedgerEntry, ...]:
    """Return one entry for each version but the seed row 0: the newest row decides.

    Source: pressly/goose, migrate.go: old releases appended is_applied = false instead of deleting.
    """
    effective: dict[str, LedgerEntry] = {}
    for rank, row in enumerate(rows, 1):
        version = row["version_id"] or ""
        if version == "0":
            continue
        state: LedgerState = "applied" if true(row, "is_applied") else "rolled_back"
        effective.pop(version, None)
        effective[version] = LedgerEntry(
            version=version, state=state, applied_at=moment(row, "tstamp"), rank=rank
        )
    return tuple(effective.values())


def sqlx(rows: list[Row]) -> tuple[LedgerEntry, ...]:
    """Source: sqlx-postgres, migrate.rs."""
    order = ranks([row["installed_on"] for row in rows])
    return tuple(
        LedgerEntry(
            version=row["version"] or "",
            name=row["description"] or "",
            state="applied" if true(row, "success") else "failed",
            checksum=row["checksum"] or "",
            applied_at=moment(row, "installed_on"),
            rank=rank,
        )
        for row, rank in zip(rows, order, strict=True)
    )


_ATLAS_META = ".atlas_cloud_identifier"


def atlas(rows: list[Row]) -> tuple[LedgerEntry, ...]:
    """Source: ariga/atlas, sql/migrate/migrate.go: `type` is a set of bits, 1 is a baseline."""
    rows = [row for row in rows if row["version"] != _ATLAS_META]
    order = ranks([row["executed_at"] for row in rows])
    return tuple(
        LedgerEntry(
            version=row["version"] or "",
            name=row["description"] or "",
            state=_atlas_state(row),
            checksum=row.get("hash") or "",
            applied_at=moment(row, "executed_at"),
            rank=rank,
            message=_first_line(row.get("error")),
        )
        for row, rank in zip(rows, order, strict=True)
    )


def _atlas_state(row: Row) -> LedgerState:
    bits = int(row.get("type") or 2)
    if bits & 1:
        return "baseline"
    done = row["applied"] == row["total"] or bits & 4
    return "applied" if done and not row.get("error") else "failed"
