"""When two versions are the same one, and which comes first: each tool has its own idea.

Versions are compared in the ledger's and the files' terms alike, so both go through `Versions.same`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

# A version that begins so is of a file that runs again whenever it changes, after all others.
REPEATABLE = "R:"
_DIGITS = r"\d+"
_DOTTED = r"\d+(?:[.\-]\d+)*"

Place = tuple[object, ...]


def repeatable(version: str) -> bool:
    """Return whether a version is that of a repeatable migration, which has no place in the order."""
    return version.startswith(REPEATABLE)


def digits(version: str) -> str:
    """Return the number with which a version begins, "" without one."""
    found = re.match(r"\d+", version)
    return found[0] if found else ""


def by_bytes(version: str) -> Place:
    return (version.encode(),)


def by_number(version: str) -> Place:
    return (int(version),)


def by_numbers(version: str) -> Place:
    """Order by the numbers between dots and dashes."""
    return tuple(int(n) for n in re.split(r"[.\-]", version))


def _integer(version: str) -> str:
    return str(int(version)) if version.lstrip("-").isdecimal() else version


def _numbers(version: str) -> str:
    return ".".join(map(str, by_numbers(version))) if re.fullmatch(_DOTTED, version) else version


@dataclass(frozen=True)
class Versions:
    """A tool's idea of versions.

    `same` writes equal ones as equal text. `place` is what they sort by, None where only the files tell the
    order. `number` is the number in a name by which two names are of one migration, "" without one; `named`:
    such names are what the ledger identifies migrations by. `graph`: only what a file names comes before it,
    what else comes first is chance.
    """

    same: Callable[[str], str] = str
    place: Callable[[str], Place] | None = by_bytes
    number: Callable[[str], str] = digits
    named: bool = False
    graph: bool = False


TEXT = Versions()
INTEGERS = Versions(same=_integer, place=by_number)
NUMBERS = Versions(same=_numbers, place=by_numbers)
NAMES = Versions(named=True)
