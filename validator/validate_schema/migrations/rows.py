"""Rows of a ledger, every value as text, and what most tools' rows say."""

from collections.abc import Callable
from typing import Literal

from ..model.history import LedgerEntry, LedgerState

Row = dict[str, str | None]
Reader = Callable[[list[Row]], tuple[LedgerEntry, ...]]


def moment(row: Row, column: str) -> str:
    """Return a time of a row to the second, "" without one."""
    value = row.get(column) or ""
    zone = "Z" if value.endswith("Z") else ""
    return value[:19] + zone if value else ""


def true(row: Row, column: str) -> bool:
    return row.get(column) == "true"


def first_line(text: str | None) -> str:
    """Return the first line that says something, for messages."""
    return next((line.strip() for line in (text or "").splitlines() if line.strip()), "")


def ranks(values: list[str | None]) -> list[int | None]:
    """Return the order of `values`, which are sorted: equal ones share a number, None has none."""
    known = {value: number for number, value in enumerate(dict.fromkeys(v for v in values if v), 1)}
    return [known[value] if value else None for value in values]


def recorded(
    version: str,
    *,
    name: str = "",
    checksum: str = "",
    time: str = "",
    order: Literal["none", "rows", "times"] = "none",
) -> Reader:
    """Return what reads a ledger in which a row is an applied migration and nothing else.

    The arguments are columns. `order` says what tells in which order they were applied: nothing, the rows'
    own, or their times.
    """

    def read(rows: list[Row]) -> tuple[LedgerEntry, ...]:
        timed = ranks([row.get(time) for row in rows]) if order == "times" else []
        return tuple(
            LedgerEntry(
                version=row[version] or "",
                name=row.get(name) or "",
                checksum=row.get(checksum) or "",
                applied_at=moment(row, time),
                rank=timed[number - 1] if timed else number if order == "rows" else None,
            )
            for number, row in enumerate(rows, 1)
        )

    return read


def current(rows: list[Row]) -> tuple[LedgerEntry, ...]:
    """Return the one version at which a tool stands that records nothing else; no row is nothing."""
    return tuple(
        LedgerEntry(
            version=row["version"] or "",
            state="failed" if true(row, "dirty") else "applied",
            message="the ledger is dirty" if true(row, "dirty") else "",
        )
        for row in rows
    )


def switched(rows: list[Row]) -> tuple[LedgerEntry, ...]:
    """Return one entry for each version but the seed row 0, where a row may also say that a version is no
    longer applied: the newest row decides."""
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
