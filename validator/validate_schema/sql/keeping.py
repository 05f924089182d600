"""Which casts leave any two values of a type two."""

import re

from .syntax import Const, TypeRef

_FLOATS = ("float4", "float8", "real", "double precision")
_ROOM = {
    "varchar": None,
    "character varying": None,
    "bpchar": None,
    "character": None,
    "char": 1,
    '"char"': 1,
    "name": 63,
}
_LONGEST = {"uuid": 36, "smallint": 6, "integer": 11, "bigint": 20, "name": 63}
_OF_LENGTH = re.compile(r"(?:character|character varying)\((\d+)\)")


def keeps_apart(wanted: TypeRef, of: str | None) -> bool:
    """Tell whether a cast to a type, as it is written, leaves two values of another one (`of`, as PostgreSQL
    prints it; None for any text) two: a text is cut to its length, blanks at the end of a ``character``
    count for nothing, and a float takes the nearest number that it has. Source: PostgreSQL documentation,
    "Character Types" and "Floating-Point Types"."""
    name = wanted.names[-1]
    said = wanted.modifiers[0] if wanted.modifiers else None
    if name in _FLOATS:
        return of == "smallint" or (of == "integer" and name in ("float8", "double precision"))
    if name == "numeric":
        return said is None or of in ("smallint", "integer", "bigint")
    if name not in _ROOM:
        return True
    longest = _longest(of)
    if name in ("bpchar", "character") and of not in _LONGEST and not (of or "").startswith("character("):
        return False
    room = said.value if isinstance(said, Const) and isinstance(said.value, int) else _ROOM[name]
    return room is None or (longest is not None and longest <= room)


def _longest(of: str | None) -> int | None:
    """Return how many characters a value of a type may have, None where there is no end."""
    found = _OF_LENGTH.fullmatch(of or "")
    return int(found[1]) if found else _LONGEST.get(of or "")
