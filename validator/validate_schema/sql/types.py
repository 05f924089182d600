"""Type names in one spelling. Source: PostgreSQL documentation, "Data Types", table of aliases."""

import re
from functools import lru_cache
from typing import NamedTuple

_ALIASES = {
    "int": "integer",
    "int2": "smallint",
    "int4": "integer",
    "int8": "bigint",
    "serial": "integer",
    "serial2": "smallint",
    "serial4": "integer",
    "serial8": "bigint",
    "smallserial": "smallint",
    "bigserial": "bigint",
    "float4": "real",
    "float8": "double precision",
    "float": "double precision",
    "bool": "boolean",
    "decimal": "numeric",
    "dec": "numeric",
    "varchar": "character varying",
    "char varying": "character varying",
    "nchar varying": "character varying",
    "national character varying": "character varying",
    "national char varying": "character varying",
    "char": "character",
    "nchar": "character",
    "national character": "character",
    "national char": "character",
    "varbit": "bit varying",
    "timestamp": "timestamp without time zone",
    "timestamptz": "timestamp with time zone",
    "time": "time without time zone",
    "timetz": "time with time zone",
}
_MULTI_WORD = frozenset(
    {"character varying", "double precision", "bit varying"}
    | {f"{base} {how} time zone" for base in ("timestamp", "time") for how in ("with", "without")}
)
_OTHERS = """
    bit box bpchar bytea cidr circle date daterange datemultirange inet int4range int4multirange int8range
    int8multirange interval json jsonb jsonpath line lseg macaddr macaddr8 money name numrange nummultirange
    oid path pg_lsn pg_snapshot point polygon refcursor regclass regcollation regconfig regdictionary
    regnamespace regoper regoperator regproc regprocedure regrole regtype text tid tsquery tsrange
    tsmultirange tstzrange tstzmultirange tsvector txid_snapshot uuid xid xid8 cid xml
"""
_BUILT_IN = frozenset([*_ALIASES, *_ALIASES.values(), *_MULTI_WORD, *_OTHERS.split()])
_ARRAY = re.compile(r"(?:\s*\[\s*\d*\s*\]|\s+array(?:\s*\[\s*\d+\s*\])?)+$", re.IGNORECASE)
_MODIFIERS = re.compile(r"\s*\(([^()]*)\)")
_PART = r'"(?:[^"]|"")+"|[^\s".()\[\]]+'
_USER = re.compile(rf"(?:({_PART})\s*\.\s*)?({_PART})")
_FULL_PRECISION = "6"


class TypeName(NamedTuple):
    """A type: `schema` is empty for a built-in one. `folded` is what an unquoted name with capitals
    would be stored as, which people also mean by it."""

    schema: str
    name: str
    modifiers: tuple[str, ...] = ()
    array: bool = False
    folded: str = ""


def same_type(expected: str, observed: str, default_schema: str = "public") -> bool:
    """Tell whether two type names are one type with one precision.

    A name without schema is built in, or of `default_schema`. The names of user types are meant as
    stored; an unquoted one with capitals may also stand for its lower-case form, as in SQL.
    """
    first, second = parse_type(expected, default_schema), parse_type(observed, default_schema)
    if first._replace(name="", folded="") != second._replace(name="", folded=""):
        return False
    return bool({first.name, first.folded or first.name} & {second.name, second.folded or second.name})


def caseless_type(text: str, default_schema: str = "public") -> TypeName:
    """Return what two type names have in common that `same_type` tells to be one type."""
    found = parse_type(text, default_schema)
    return found._replace(name=found.name.lower(), folded="")


@lru_cache(maxsize=8192)
def parse_type(text: str, default_schema: str = "public") -> TypeName:
    """Return a type's name in the server's spelling."""
    text = " ".join(text.split())
    bare = _ARRAY.sub("", text)
    array = bare != text
    if '"' not in bare:
        found = _built_in(bare.lower(), array)
        if found is not None:
            return found
    return _user(bare, array, default_schema)


def _built_in(text: str, array: bool) -> TypeName | None:
    text = text.removeprefix("pg_catalog.")
    given = _MODIFIERS.search(text)
    modifiers = tuple(m.strip() for m in given[1].split(",")) if given else ()
    name = " ".join(_MODIFIERS.sub(" ", text).split())
    if name not in _BUILT_IN and not name.startswith("interval"):
        return None
    if name == "float" and modifiers and modifiers[0].isdigit():
        return TypeName("", "real" if int(modifiers[0]) <= 24 else "double precision", (), array)
    name = _ALIASES.get(name, name)
    if name == "bpchar" and modifiers:
        name = "character"
    if name in ("character", "bit") and not modifiers:
        modifiers = ("1",)
    if name == "numeric" and len(modifiers) == 1:
        modifiers = (*modifiers, "0")
    if modifiers == (_FULL_PRECISION,) and name.startswith(("time", "interval")):
        modifiers = ()
    return TypeName("", name, modifiers, array)


def _user(text: str, array: bool, default_schema: str) -> TypeName:
    given = re.search(r"\(([^()]*)\)$", text)
    modifiers = tuple(m.strip() for m in given[1].split(",")) if given else ()
    found = _USER.fullmatch(text[: given.start()].strip() if given else text)
    if found is None:
        return TypeName(default_schema, text, modifiers, array)
    schema, name = found.groups()
    folded = "" if name.startswith('"') or name == name.lower() else name.lower()
    plain_schema = _plain(schema) if schema else default_schema
    if plain_schema == "pg_catalog":
        return TypeName("", name, modifiers, array)
    if name == '"char"' and not schema:
        return TypeName("", name, modifiers, array)
    return TypeName(plain_schema, _plain(name), modifiers, array, folded)


def _plain(part: str) -> str:
    return part[1:-1].replace('""', '"') if part.startswith('"') else part
