"""Types that a body names without their schema: what they are is looked up whenever it runs."""

from collections.abc import Container, Iterator
from itertools import takewhile

from . import plpgsql as pl
from .parser import Token
from .routines import is_bound, read_body
from .syntax import Cast, Column, Node, Param, TypeRef, walk

# Names of types that the grammar knows, and looks up nowhere. Source: PostgreSQL's gram.y, SimpleTypename.
_WORDS = frozenset({
    "BIGINT", "BIT", "BOOLEAN_P", "CHAR_P", "CHARACTER", "DEC", "DECIMAL_P", "DOUBLE_P", "FLOAT_P", "INT_P",
    "INTEGER", "INTERVAL", "JSON", "NATIONAL", "NCHAR", "NUMERIC", "REAL", "SMALLINT", "TIME", "TIMESTAMP",
    "VARCHAR",
})  # fmt: skip
_JSON_IS_A_WORD = 170000


def names_a_type(language: str, body: str, arguments: str, returns: str, version: int) -> bool:
    """Tell whether a body names a type that a search path decides: in a cast, a variable, a list of columns,
    or in what it puts together. `version` is the server's number: what is a word depends on it. Raises
    `Unreadable`."""
    if is_bound(language, body):
        return False
    read = read_body(language, body, arguments, returns)
    json = version >= _JSON_IS_A_WORD
    for node in walk(*read.statements):
        if getattr(node, "built", None) is not None:
            return True
        if isinstance(node, TypeRef) and _is_by_path(node, json):
            return True
    return language == "plpgsql" and any(_is_looked_up(found, json) for _, found in pl.declarations(body))


def types_what_is_given(
    language: str, body: str, arguments: str, returns: str, *, version: int, given: Container[str | int]
) -> bool:
    """Tell whether a body makes something of an argument that is `given`, by its name or number, a value of
    such a type: by a cast, or in a variable. Raises `Unreadable`."""
    if is_bound(language, body):
        return False
    read = read_body(language, body, arguments, returns)
    json = version >= _JSON_IS_A_WORD
    nodes = [*walk(*(read.statements if read.function is None else (read.function,)))]
    casts = (n for n in nodes if isinstance(n, Cast) and _is_by_path(n.type, json))
    if any(_takes(cast.arg, given) for cast in casts):
        return True
    held = any(_takes(value, given) for node in nodes for value in _put(node))
    return (
        held
        and language == "plpgsql"
        and any(_is_looked_up(found, json) for _, found in pl.declarations(body))
    )


def _put(node: Node) -> Iterator[Node]:
    """Yield what a statement puts into variables."""
    match node:
        case pl.Assign(value=value):
            yield value
        case pl.Declared(default=default) if default is not None:
            yield default
        case pl.Sql(statement=statement, into=into) if into:
            yield statement


def _takes(value: Node, given: Container[str | int]) -> bool:
    columns = any(isinstance(node, Column) and node.name in given for node in walk(value))
    return columns or any(isinstance(node, Param) and node.number in given for node in walk(value))


def _is_by_path(named: TypeRef, json: bool) -> bool:
    return len(named.names) == 1 or (named.names[-1] == "json" and not json)


def _is_looked_up(declared: list[Token], json: bool) -> bool:
    """Tell whether the type of a variable is, of which the parser does not say whether it has a schema."""
    kinds = [t.kind for t in declared if t.kind != "CONSTANT"]
    if not kinds or kinds[1:2] == ["FOR"] or (kinds[0] in _WORDS and (json or kinds[0] != "JSON")):
        return False  # a word, or another name for a parameter
    if {"CURSOR", "SCROLL"} & {*kinds[:3]}:
        return "ASCII_40" in kinds[: kinds.index("FOR") if "FOR" in kinds else None]
    dots = len([*takewhile(lambda kind: kind == "ASCII_46", kinds[1::2])])
    of_another = kinds[2 * dots + 1 : 2 * dots + 3] == ["ASCII_37", "TYPE_P"]
    return dots == (1 if of_another else 0)  # x%TYPE is a variable's, x.y%TYPE a column's
