"""What else was said of tables, columns and indexes: storage, statistics, parameters. Few say anything."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ..model.catalog import Details
from .names import Row

_IDENTITIES = {"n": "nothing", "f": "full", "i": "index"}
_BITS = {"smallint": 15, "integer": 31}
_STORAGE = {"p": "plain", "e": "external", "m": "main", "x": "extended"}
_COMPRESSION = {"p": "pglz", "l": "lz4"}
_SECRET = re.compile(r"pass|secret|token|key|credential", re.IGNORECASE)


def said(pairs: Iterable[tuple[str, object]]) -> Details:
    """Return those of (word, value) that have a value."""
    return tuple((word, str(value)) for word, value in pairs if value is not None and value != "")


def options(given: Iterable[str] | None) -> str:
    """Return options of foreign data in words. A secret's value stays out of snapshots and reports."""
    parts = (option.partition("=") for option in sorted(given or ()))
    return ", ".join(f"{name}={'***' if _SECRET.search(name) else value}" for name, _, value in parts)


def of_relations(rows: list[Row]) -> dict[int, Details]:
    """Return the details of tables and materialized views by oid."""
    return {
        oid: said(
            (
                ("replica identity", _IDENTITIES.get(identity)),
                ("access method", method),
                ("tablespace", tablespace),
                ("of type", of_type),
                ("toast options", ", ".join(toast or ())),
                ("server", server),
                ("server options", options(foreign)),
            )
        )
        for oid, identity, method, tablespace, of_type, toast, server, foreign in rows
    }


def of_columns(rows: list[Row]) -> dict[tuple[int, int], Details]:
    """Return the details of columns by table and number, but for their storage."""
    return {
        (table, number): said(
            (
                ("compression", _COMPRESSION.get(compression)),
                ("statistics", statistics),
                ("options", ", ".join(sorted(own or ()))),
                ("server options", options(foreign)),
            )
        )
        for table, number, compression, statistics, own, foreign in rows
    }


def of_storage(storage: str, usual: str) -> Details:
    """Return how a column is stored, where that is not as its type usually is."""
    return said((("storage", _STORAGE.get(storage)),)) if storage != usual else ()


def of_indexes(rows: list[Row], column_rows: list[Row]) -> dict[int, Details]:
    """Return the details of indexes by oid; those of their keys stand in the rows of columns."""
    keys: dict[int, dict[int, Row]] = {}
    for row in column_rows:
        keys.setdefault(row[0], {})[row[1]] = row
    found = {row[0]: row[1:] for row in rows}
    return {
        oid: said(
            (
                ("clustered", "yes" if clustered else None),
                ("replica identity", "yes" if identity else None),
                ("options", ", ".join(sorted(own or ()))),
                ("tablespace", tablespace),
                *_of_keys(keys.get(oid, {})),
            )
        )
        for oid in {**found, **keys}
        for clustered, identity, own, tablespace in (found.get(oid, (False, False, None, None)),)
    }


def _of_keys(rows: dict[int, Row]) -> Iterator[tuple[str, str | None]]:
    """Yield what was said of an index's keys, each in its place."""
    in_order = [rows.get(number) for number in range(1, max(rows, default=0) + 1)]
    parameters = [f"({', '.join(row[4])})" if row and row[4] else "" for row in in_order]
    statistics = ["" if row is None or row[3] is None else str(row[3]) for row in in_order]
    for word, values in (("parameters", parameters), ("statistics", statistics)):
        yield word, ", ".join(values) if any(values) else None


def numbers_of(kind: str, given: Sequence[Any]) -> Details:
    """Return what was said of a sequence's numbers; the rest follows from type and direction. `given` are
    start, increment, minimum, maximum, cache and cycle, None where nothing is known.

    Source: PostgreSQL documentation, CREATE SEQUENCE.
    """
    start, increment, minimum, maximum, cache, cycle = given
    up, end = (increment or 1) > 0, 2 ** _BITS.get(kind, 63)
    lowest, highest = (1, end - 1) if up else (-end, -1)
    first = minimum if up else maximum
    numbers = {
        "start": (start, (lowest if up else highest) if first is None else first),
        "increment": (increment, 1),
        "minimum": (minimum, lowest),
        "maximum": (maximum, highest),
        "cache": (cache, 1),
    }
    unusual = [(word, value) for word, (value, usual) in numbers.items() if value != usual]
    return said([*unusual, ("cycle", "yes" if cycle else None)])
