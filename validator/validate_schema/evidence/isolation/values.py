"""Distinct values by type, as PostgreSQL reads them: the text of the value number n."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ...catalog.asking import catalog_rows

if TYPE_CHECKING:
    import psycopg

_APART = 1009  # between numbers: a little more than one of A's is none of B's; a prime, so that none repeats
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_TYPES = """
select t.oid::int8, t.typname, t.typtype::text, t.typcategory::text,
       case when t.typcategory = 'A' then t.typelem::int8 else 0 end, t.typbasetype::int8, t.typtypmod,
       coalesce(r.rngsubtype, m.rngsubtype, 0)::int8,
       array(select enumlabel::text from pg_catalog.pg_enum e where e.enumtypid = t.oid
             order by enumsortorder),
       array(select a.atttypid::int8 from pg_catalog.pg_attribute a where a.attrelid = t.typrelid
             and t.typtype = 'c' and a.attnum > 0 and not a.attisdropped order by attnum),
       array(select a.atttypmod from pg_catalog.pg_attribute a where a.attrelid = t.typrelid
             and t.typtype = 'c' and a.attnum > 0 and not a.attisdropped order by attnum)
from pg_catalog.pg_type t
left join pg_catalog.pg_range r on r.rngtypid = t.oid
left join pg_catalog.pg_range m on m.rngmultitypid = t.oid
"""


@dataclass(frozen=True)
class Type:
    """One row of pg_type with what a value of it is made of; 0 and empty where it has none."""

    name: str
    kind: str
    category: str
    element: int
    base: int
    base_modifier: int
    subtype: int
    labels: tuple[str, ...]
    parts: tuple[int, ...]
    part_modifiers: tuple[int, ...]


@dataclass
class Values:
    """Makes values. `patterns` are what was found to satisfy the checks of a domain: texts with {n}."""

    types: dict[int, Type]
    patterns: dict[int, str] = field(default_factory=dict)

    @classmethod
    def read(cls, conn: "psycopg.Connection[Any]") -> "Values":
        """Read the types of the database."""
        rows = catalog_rows(conn, _TYPES)
        return cls({r[0]: Type(*r[1:8], *(tuple(x) for x in r[8:])) for r in rows})

    def bottom(self, oid: int, modifier: int) -> tuple[Type, int]:
        """Return the type and modifier under a domain, or what was given."""
        known = self.types[oid]
        while known.kind == "d":
            modifier = known.base_modifier
            known = self.types[known.base]
        return known, modifier

    def make(self, oid: int, modifier: int, n: int) -> str:
        """Return value number `n` (a positive integer) of a type. Enums and booleans repeat."""
        while self.types[oid].kind == "d" and oid not in self.patterns:
            oid, modifier = self.types[oid].base, self.types[oid].base_modifier
        known = self.types[oid]
        if oid in self.patterns:
            return self.patterns[oid].replace("{n}", str(n))
        if known.kind == "e":
            return known.labels[n % len(known.labels)] if known.labels else ""
        if known.kind in "rm":
            text = _quoted(self.make(known.subtype, -1, n))
            return f"[{text},{text}]" if known.kind == "r" else f"{{[{text},{text}]}}"
        if known.category == "A" and known.element:
            return "{" + _quoted(self.make(known.element, modifier, n)) + "}"
        if known.kind == "c":
            pairs = zip(known.parts, known.part_modifiers, strict=True)
            return "(" + ",".join(_quoted(self.make(o, m, n)) for o, m in pairs) + ")"
        if known.name in _FIXED:
            return _FIXED[known.name]
        maker = _MAKERS.get(known.name)
        if maker is not None:
            return maker(n, modifier)
        return _text(n, modifier if known.category == "S" else -1)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _text(n: int, modifier: int) -> str:
    """Return a text of at most the length that a varchar's or char's modifier says."""
    room = modifier - 4 if modifier > 4 else 60
    text, rest = "", n
    while rest:
        text, rest = _DIGITS[rest % 36] + text, rest // 36
    return ("v" + text)[-room:] if len(text) < room else text[-room:]


def _integer(low: int, span: int, apart: int = _APART) -> Callable[[int, int], str]:
    return lambda n, _: str(low + n * apart % span)


def _numeric(n: int, modifier: int) -> str:
    """Return a number that fits numeric(precision, scale), whatever is of larger scale than precision."""
    if modifier < 4:
        return str(1_000_000 + n * _APART)
    precision, scale = ((modifier - 4) >> 16) & 0xFFFF, (((modifier - 4) & 0x7FF) ^ 1024) - 1024
    digits = n * (_APART if precision > 7 else 1) % 10**precision
    return f"{digits}e{-scale}" if scale else str(digits)


def _bits(n: int, modifier: int) -> str:
    width = modifier if modifier > 0 else 1
    return format(n % 2**width, "b").zfill(width)


def _varbits(n: int, modifier: int) -> str:
    return format(n, "b")[-modifier:] if modifier > 0 else format(n, "b")


def _seconds(n: int) -> str:
    return f"{n // 3600 % 24:02}:{n // 60 % 60:02}:{n % 60:02}"


def _day(n: int) -> str:
    n *= 37  # a day, a week or a month later is no other value
    return f"{2001 + n // 336 % 90}-{n // 28 % 12 + 1:02}-{n % 28 + 1:02}"


def _ip(n: int) -> str:
    return f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}"


def _mac(n: int, octets: int) -> str:
    return ":".join(re.findall("..", f"{n:0{2 * octets}x}"[-2 * octets :]))


def _uuid(n: int, _: int = -1) -> str:
    return f"{n & 0xFFFFFFFF:08x}-5eed-4000-8000-{n:012x}"


def _vector(n: int, modifier: int) -> str:
    return "[" + ",".join([str(n)] * max(modifier, 1)) + "]"


_MAKERS: dict[str, Callable[[int, int], str]] = {
    "int2": _integer(10_000, 20_000, apart=7),
    "int4": _integer(1_000_000, 2_000_000_000),
    "int8": _integer(1_000_000, 10**15),
    "oid": _integer(1_000_000, 2_000_000_000),
    "numeric": _numeric,
    "float4": lambda n, _: str(n % 2**20),
    "bool": lambda n, _: "true" if n % 4 in (1, 2) else "false",  # both for each of two who take turns
    "float8": lambda n, _: f"{n}.5",
    "money": lambda n, _: f"{n}.25",
    "text": lambda n, _: _text(n, -1),
    "varchar": _text,
    "bpchar": _text,
    "name": lambda n, _: _text(n, -1),
    "char": lambda n, _: chr(97 + n % 26),
    "uuid": _uuid,
    "date": lambda n, _: _day(n),
    "timestamp": lambda n, _: f"{_day(n)} {_seconds(n)}",
    "timestamptz": lambda n, _: f"{_day(n)} {_seconds(n)}+00",
    "time": lambda n, _: _seconds(n),
    "timetz": lambda n, _: f"{_seconds(n)}+00",
    "interval": lambda n, _: f"{n} seconds",
    "bytea": lambda n, _: f"\\x{n:012x}",
    "bit": _bits,
    "varbit": _varbits,
    "inet": lambda n, _: _ip(n),
    "cidr": lambda n, _: f"{_ip(n)}/32",
    "macaddr": lambda n, _: _mac(n, 6),
    "macaddr8": lambda n, _: _mac(n, 8),
    "json": lambda n, _: f'{{"n": {n}}}',
    "jsonb": lambda n, _: f'{{"n": {n}}}',
    "jsonpath": lambda n, _: f"$.v{n}",
    "xml": lambda n, _: f"<v>{n}</v>",
    "tsvector": lambda n, _: f"'v{n}'",
    "tsquery": lambda n, _: f"'v{n}'",
    "point": lambda n, _: f"({n},{n})",
    "line": lambda n, _: f"{{1,-1,{n}}}",
    "lseg": lambda n, _: f"[(0,0),({n},{n + 1})]",
    "box": lambda n, _: f"({n + 1},{n + 1}),({n},{n})",
    "path": lambda n, _: f"[(0,0),({n},{n})]",
    "polygon": lambda n, _: f"((0,0),(0,{n}),({n},0))",
    "circle": lambda n, _: f"<({n},{n}),1>",
    "pg_lsn": lambda n, _: f"0/{n:X}",
    "pg_snapshot": lambda n, _: f"{n}:{n}:",
    "txid_snapshot": lambda n, _: f"{n}:{n}:",
    "xid": lambda n, _: str(3 + n % 10**9),
    "xid8": lambda n, _: str(3 + n),
    "cid": lambda n, _: str(n % 10**9),
    "tid": lambda n, _: f"({n % 10**6},1)",
    "int2vector": lambda n, _: str(n % 30_000),
    "oidvector": lambda n, _: str(n),
    "refcursor": lambda n, _: _text(n, -1),
    "hstore": lambda n, _: f'"v"=>"{n}"',
    "ltree": lambda n, _: f"v{n}",
    "lquery": lambda n, _: f"v{n}",
    "ltxtquery": lambda n, _: f"v{n}",
    "cube": lambda n, _: f"({n})",
    "seg": lambda n, _: str(n),
    "vector": _vector,
    "halfvec": _vector,
    "geometry": lambda n, _: f"POINT({n % 90} {n % 90})",
    "geography": lambda n, _: f"POINT({n % 90} {n % 90})",
}
_FIXED = {  # types whose values name objects: one that every server has
    "regclass": "pg_catalog.pg_class",
    "regtype": "pg_catalog.int4",
    "regproc": "pg_catalog.pg_backend_pid",
    "regprocedure": "pg_catalog.pg_backend_pid()",
    "regoper": "pg_catalog.||/",
    "regoperator": "pg_catalog.+(integer,integer)",
    "regnamespace": "pg_catalog",
    "regrole": "pg_monitor",
    "regcollation": 'pg_catalog."C"',
    "regconfig": "pg_catalog.simple",
    "regdictionary": "pg_catalog.simple",
    "regdatabase": "postgres",
    "aclitem": "=r/postgres",
    "isbn13": "978-0-11-000533-4",
}


_SAMPLES = {"CATEGORY_DIGIT": "1", "CATEGORY_WORD": "a", "CATEGORY_SPACE": " ", "CATEGORY_NOT_SPACE": "a",
            "CATEGORY_NOT_DIGIT": "a", "CATEGORY_NOT_WORD": "-"}  # fmt: skip


def sample(pattern: str) -> list[str]:
    """Return a short and a longer text that match; none if the expression is not understood."""
    import warnings

    parser: Any = getattr(re, "_parser")  # noqa: B009 - the only parser of regular expressions at hand
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = parser.parse(pattern)
        return list(dict.fromkeys(_matching(tree, extra) for extra in (0, 2)))
    except (re.error, RecursionError, OverflowError, ValueError, TypeError):
        return []


def _matching(tree: Any, extra: int) -> str:
    return "".join(_one(str(code), argument, extra) for code, argument in tree)


def _one(code: str, argument: Any, extra: int) -> str:
    if code == "LITERAL":
        return chr(argument)
    if code in ("ANY", "NOT_LITERAL"):
        return "a"
    if code == "IN":
        return _of_set([(str(c), a) for c, a in argument])
    if code in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
        low, high, body = argument
        return _matching(body, extra) * min(int(low) + extra, int(high), 80)
    if code == "SUBPATTERN":
        return _matching(argument[-1], extra)
    if code == "BRANCH":
        return _matching(argument[1][0], extra)
    return ""


def _of_set(items: list[tuple[str, Any]]) -> str:
    if items[0][0] == "NEGATE":
        taken = [c for c in "a0-_ZzB7" if not any(_holds(i, c) for i in items[1:])]
        return taken[0] if taken else "~"
    code, argument = items[0]
    if code == "LITERAL":
        return chr(argument)
    if code == "RANGE":
        return chr(argument[0])
    return _SAMPLES.get(str(argument), "a")


def _holds(item: tuple[str, Any], char: str) -> bool:
    code, argument = item
    if code == "LITERAL":
        return chr(argument) == char
    if code == "RANGE":
        return bool(argument[0] <= ord(char) <= argument[1])
    return _SAMPLES.get(str(argument)) == char
