"""Compare SQL constants by value: ``'1'::integer`` is ``1``, ``'30 minutes'`` is ``'00:30:00'``."""

import json
import re
from datetime import datetime
from decimal import Decimal, InvalidOperation

from .types import TypeName

_NUMBERS = frozenset({"smallint", "integer", "bigint", "numeric", "real", "double precision", "money", "oid"})
_BITS = frozenset({"bit", "bit varying"})
TEXTS = frozenset({"text", "character varying", "character", "bpchar", "name"})
_TRUE = frozenset({"t", "true", "y", "yes", "on", "1"})
_FALSE = frozenset({"f", "false", "n", "no", "off", "0"})
_UNITS = {
    "year": (12, 0, 0), "yr": (12, 0, 0), "y": (12, 0, 0), "decade": (120, 0, 0), "century": (1200, 0, 0),
    "month": (1, 0, 0), "mon": (1, 0, 0), "week": (0, 7, 0), "w": (0, 7, 0), "day": (0, 1, 0), "d": (0, 1, 0),
    "hour": (0, 0, 3600), "hr": (0, 0, 3600), "h": (0, 0, 3600), "minute": (0, 0, 60), "min": (0, 0, 60),
    "m": (0, 0, 60), "second": (0, 0, 1), "sec": (0, 0, 1), "s": (0, 0, 1),
}  # fmt: skip
_INTERVAL = re.compile(r"([+-]?)(?:(\d+):(\d+)(?::(\d+(?:\.\d+)?))?|(\d+(?:\.\d+)?)\s*([a-z]+))")


def same_family(first: TypeName | None, second: TypeName | None) -> bool:
    """Tell whether constants of these types may be the same; None is a literal without a type."""
    if first is None or second is None or first == second:
        return True
    if first.array != second.array or first.schema or second.schema:
        return (first.schema, first.name, first.array) == (second.schema, second.name, second.array)
    return first.name == second.name or any(
        {first.name, second.name} <= kinds for kinds in (_NUMBERS, TEXTS, _BITS)
    )


def same_value(first: str, second: str, of: TypeName | None) -> bool:
    """Tell whether two literals are one value of the type `of`."""
    if first == second:
        return True
    if of is None or of.schema or of.array:
        return of is None and _same_number(first, second)
    if of.name in _NUMBERS:
        return _same_number(first, second)
    if of.name == "boolean":
        return _truth(first) is not None and _truth(first) == _truth(second)
    if of.name == "interval":
        return _interval(first) is not None and _interval(first) == _interval(second)
    if of.name == "jsonb":
        return _same_json(first, second)
    if of.name == "uuid":
        return first.replace("-", "").lower() == second.replace("-", "").lower()
    if of.name.startswith("timestamp") or of.name == "date":
        return _moment(first) is not None and _moment(first) == _moment(second)
    if of.name.startswith("time"):
        first, second = f"2000-01-01 {first}", f"2000-01-01 {second}"
        return _moment(first) is not None and _moment(first) == _moment(second)
    return False


def _same_number(first: str, second: str) -> bool:
    try:
        return Decimal(first) == Decimal(second)
    except InvalidOperation:
        return False


def _truth(text: str) -> bool | None:
    word = text.strip().lower()
    return True if word in _TRUE else False if word in _FALSE else None


def _same_json(first: str, second: str) -> bool:
    try:
        return bool(json.loads(first) == json.loads(second)) and _typed(first) == _typed(second)
    except ValueError:
        return False
    except RecursionError:
        return first.split() == second.split()


def _typed(text: str) -> str:
    """JSON in one spelling: 1 and true, equal in Python, are told apart."""
    return json.dumps(json.loads(text), sort_keys=True)


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text.strip()).replace(tzinfo=None) if _utc(text) else None
    except ValueError:
        return None


def _utc(text: str) -> bool:
    """Whether a time is without a zone or in UTC, in which the server prints."""
    zone = re.search(r"\d\d:\d\d(?::[\d.]+)?\s*([+-].*|[A-Za-z].*)$", text.strip())
    return zone is None or zone[1] in ("Z", "+00", "+00:00", "+0000")


def _interval(text: str) -> tuple[Decimal, Decimal, Decimal] | None:
    """Return (months, days, seconds), the three parts that PostgreSQL keeps apart."""
    rest = text.strip().lower()
    months = days = seconds = Decimal(0)
    while rest:
        found = _INTERVAL.match(rest)
        if found is None:
            return None
        sign = -1 if found[1] == "-" else 1
        if found[2] is not None:
            seconds += sign * (int(found[2]) * 3600 + int(found[3]) * 60 + Decimal(found[4] or 0))
        else:
            unit = found[6] if found[6] in _UNITS else found[6].removesuffix("s")
            if unit not in _UNITS:
                return None
            size = [Decimal(found[5]) * sign * part for part in _UNITS[unit]]
            months, days, seconds = months + size[0], days + size[1], seconds + size[2]
        rest = rest[found.end() :].strip()
    return months, days, seconds
