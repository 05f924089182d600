"""PostgreSQL's own parser (libpg_query): every text that is read goes through here, and what cannot be
read is one error.

Trees come over as protobuf messages, which Python takes to a depth of 100: some 48 operators, casts or
calls that nest in one another.
"""

from functools import cache
from typing import Any, NamedTuple

from .script import DEEPEST_COMMENT, beyond_lexer

_SURELY_SHALLOW = 10_000  # characters: what nests takes two of them or more
_DEEPEST = 8_000  # the parser writes its tree out recursively: 8 MB of stack end some 25,000 levels deep
_FLAT = ("IDENT", "SCONST", "ICONST", "FCONST", "PARAM", "AND", "OR", "ASCII_44", "SQL_COMMENT", "C_COMMENT")


class Unreadable(Exception):  # noqa: N818 - said of a text, and no fault of ours
    """A text that could not be read: the parser does not accept it, it nests too deep, or it holds what
    is put together only when it runs. The message says which, in one line."""


class Token(NamedTuple):
    """A token by its kind, under the parser's name (``IDENT``, ``ASCII_59`` for a semicolon), and the bytes
    of the text, in UTF-8, at which it begins and ends."""

    kind: str
    start: int
    end: int


def parse_messages(sql: str) -> list[Any]:
    """Return the statements of a text as the parser's messages, each a `RawStmt`. Raises `Unreadable`."""
    import postgast

    return list(_called(postgast.parse, sql).stmts)


def parse_plpgsql(sql: str) -> Any:
    """Return a CREATE FUNCTION in PL/pgSQL as the parser describes it, in lists and dictionaries. Raises
    `Unreadable`."""
    import postgast

    return _called(postgast.parse_plpgsql, sql)


def tokens(sql: str) -> list[Token]:
    """Return the tokens of a text, comments among them. Raises `Unreadable`."""
    import postgast

    kinds = postgast.pg_query_pb2.Token
    return [Token(kinds.Name(t.token), t.start, t.end) for t in _called(postgast.scan, sql).tokens]


def deparse(message: Any) -> str:
    """Return the SQL of one statement. Raises `Unreadable`."""
    import postgast

    tree = postgast.parse("SELECT 1")
    tree.stmts[0].stmt.CopyFrom(message)
    try:
        return str(postgast.deparse(tree))
    except postgast.PgQueryError as error:
        raise Unreadable(_line(error)) from None


def _called(parser: Any, sql: str) -> Any:
    from google.protobuf.message import DecodeError
    from postgast import PgQueryError

    try:
        if "\0" in sql:  # the end of the text for the parser
            raise Unreadable("a character that no text of PostgreSQL holds")
        if endless := len(sql) > DEEPEST_COMMENT and beyond_lexer(sql):
            raise Unreadable(endless)
        if len(sql) > _SURELY_SHALLOW and _nesting(sql) > _DEEPEST:
            raise Unreadable("longer than can be followed")
        return parser(sql)
    except PgQueryError as error:
        raise Unreadable(_line(error)) from None
    except (DecodeError, RecursionError):
        raise Unreadable("nested deeper than can be followed") from None
    except ValueError:  # text that is no UTF-8, and JSON that the parser prints wrong
        raise Unreadable("text that the parser cannot take") from None


def _nesting(sql: str) -> int:
    """Return how many tokens may open a level of the tree: those that are no name, constant or comma."""
    import postgast

    flat = _flat_tokens()
    return sum(token.token not in flat for token in postgast.scan(sql).tokens)


@cache
def _flat_tokens() -> frozenset[int]:
    import postgast

    return frozenset(postgast.pg_query_pb2.Token.Value(name) for name in _FLAT)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
