"""When two versions are the same one, and which comes first: each tool has its own idea.

Versions are compared in the ledger's and the files' terms alike, so both go through `identity`.
"""

import re
from collections.abc import Callable
from functools import lru_cache

from ...model.history import LedgerEntry
from ..discovery import order
from ..records import MigrationFile

_NUMBERS = re.compile(r"\d+(?:[.\-]\d+)*")
_DIGITS = re.compile(r"\d+")

# Tools whose ledger identifies a migration by a name that begins with, or ends in, its number.
BY_NAME = frozenset({"prisma", "knex", "sequelize", "node-pg-migrate", "typeorm", "yoyo", "django"})
# Tools that record a name beside the version.
NAMES = frozenset({"applied-set", "atlas", "flyway", "refinery", "sqlx", "supabase"})
_INTEGERS = frozenset({"ecto", "golang-migrate", "goose", "rails", "refinery", "sqlx", "tern"})
_GRAPHS = frozenset({"alembic", "django", "sqitch", "yoyo"})
_REPEATABLE = "R:"
_FLYWAY_LONGEST = 200


def identity(tool: str, version: str) -> str:
    """Return `version` in the form in which equal ones are equal text."""
    if tool in _INTEGERS:
        return str(int(version)) if version.lstrip("-").isdecimal() else version
    if tool in ("applied-set", "plain"):
        return ".".join(str(int(n)) for n in re.split(r"[.\-]", version)) if _numeric(version) else version
    if tool == "flyway" and version.startswith(_REPEATABLE):
        return version.replace("_", " ")
    return version


def _numeric(version: str) -> bool:
    return _NUMBERS.fullmatch(version) is not None


def repeatable(version: str) -> bool:
    """Return whether a Flyway version is that of a repeatable migration, which has no place in the order."""
    return version.startswith(_REPEATABLE)


@lru_cache(maxsize=1 << 16)
def place(tool: str, version: str) -> tuple[object, ...] | None:
    """Return what `version` sorts by among those of its tool; None where only files tell the order."""
    if tool in _GRAPHS:
        return None
    try:
        return _PLACES.get(tool, _bytes)(version)
    except ValueError:
        return None


def _bytes(version: str) -> tuple[object, ...]:
    return (version.encode(),)


def _number(version: str) -> tuple[object, ...]:
    return (int(version),)


def _flyway(version: str) -> tuple[object, ...]:
    return (1, version) if repeatable(version) else (0, order.flyway_version(version))


def _numbers(version: str) -> tuple[object, ...]:
    return tuple(int(n) for n in re.split(r"[.\-]", version))


def _drizzle(version: str) -> tuple[object, ...]:
    """The journal's times in milliseconds have 13 digits, directories begin with 14 and a name."""
    return (0, int(version)) if version.isdecimal() else (1, order.locale(version))


def _node(version: str) -> tuple[object, ...]:
    digits = _DIGITS.match(version)
    return (order.timestamp_prefix(digits[0] if digits else "0"), order.numeric_locale(version))


def _typeorm(version: str) -> tuple[object, ...]:
    return (int(version[-13:]), version)


_PLACES: dict[str, Callable[[str], tuple[object, ...]]] = {
    **dict.fromkeys(_INTEGERS, _number),
    "applied-set": _numbers,
    "drizzle": _drizzle,
    "flyway": _flyway,
    "node-pg-migrate": _node,
    "plain": _numbers,
    "prisma": order.locale,
    "typeorm": _typeorm,
}


def number(tool: str, version: str) -> str:
    """Return the number in a migration's name by which two names are of one migration, "" without one."""
    if tool == "typeorm":
        return version[-13:] if version[-13:].isdecimal() else ""
    if tool == "django":
        app, _, name = version.partition(".")
        found = _DIGITS.match(name)
        return f"{app}.{found[0]}" if found else ""
    found = _DIGITS.match(version)
    return found[0] if found else ""


def same_name(tool: str, file: MigrationFile, entry: LedgerEntry) -> bool:
    """Return whether the ledger's name of a version is the file's; without one in the ledger it is."""
    if tool not in NAMES or not entry.name:
        return True
    path = file.path
    spellings = {file.name, path.name, path.stem}
    if tool == "applied-set":
        spellings |= {path.stem.removesuffix(".up"), path.name.replace(".up.sql", ".sql"), path.as_posix()}
    if tool == "flyway":
        spellings = {file.name, _abbreviated(file.name)}
    return entry.name in spellings


def _abbreviated(text: str) -> str:
    """Return a description as Flyway cuts it. Source: AbbreviationUtils.java."""
    return text if len(text) <= _FLYWAY_LONGEST else f"{text[:197]}..."
