"""What the body of a function holds: its SQL, and what it runs as text."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from msgspec.structs import replace

from . import plpgsql as pl
from .built import built_statements, run_by
from .parser import Unreadable
from .reading import read_statements
from .syntax import Call, Node, Select, Target, TypeRef, Unknown, changed, children, parts, walk


@dataclass(frozen=True, slots=True)
class Body:
    """Every SQL statement of a body, an expression as the SELECT of it; `function` is the whole tree of
    one in PL/pgSQL."""

    statements: tuple[Node, ...]
    function: pl.Function | None = None


def read_body(language: str, body: str, arguments: str, returns: str) -> Body:
    """Read a body. `arguments` and `returns` are as `pg_get_function_arguments` and
    `pg_get_function_result` print them.

    Raises `Unreadable` where it cannot be parsed, where a statement is put together when it runs, and
    where the language is neither SQL nor PL/pgSQL.
    """
    found = _read(language, body, arguments, returns)
    if isinstance(found, Unreadable):
        raise Unreadable(str(found))
    return found


def is_bound(language: str, body: str) -> bool:
    """Tell whether the names in a body were looked up when the function was made: the standard's syntax.
    Source: PostgreSQL documentation, CREATE FUNCTION (sql_body)."""
    first = [word.lower() for word in body.split(None, 1)[:1]]
    return language == "sql" and first in (["return"], ["begin"])


@lru_cache(maxsize=2048)
def _read(language: str, body: str, arguments: str, returns: str) -> Body | Unreadable:
    try:
        if language == "sql":
            return Body(_with_run(_sql(body)))
        if language != "plpgsql":
            return Unreadable(f"the language {language}")
        function = pl.read_plpgsql(body, arguments, returns)
        if any(getattr(node, "built", None) is not None for node in walk(function)):
            read = changed(function, _with_text_read)
            function = read if isinstance(read, pl.Function) else function
        return Body(_with_run(tuple(_statements(function))), function)
    except Unreadable as error:
        return Unreadable(str(error))


def _with_text_read(node: Node) -> Node:
    """Return a statement whose text is put together as the statements that it says."""
    match node:
        case pl.Execute(built=built, into=into, params=params):
            found = built_statements(built, params)
            last = len(found) - 1
            sqls = tuple(
                pl.Sql(one, into if n == last else (), built=True, line=node.line)
                for n, one in enumerate(found)
            )
            return sqls[0] if len(sqls) == 1 else pl.Block(sqls, line=node.line)
        case pl.ReturnQuery(built=Node() as built, params=params):
            return pl.ReturnQuery(_sole(built_statements(built, params)), line=node.line)
        case pl.Loop(built=Node() as built, values=values):
            return replace(node, query=_sole(built_statements(built, values)), built=None)
        case pl.Open(built=Node() as built, args=args):
            return replace(node, query=_sole(built_statements(built, args)), built=None)
    return node


def _sole(statements: tuple[Node, ...]) -> Node:
    if len(statements) != 1:
        raise Unreadable("more than one statement")
    return statements[0]


def _with_run(statements: tuple[Node, ...]) -> tuple[Node, ...]:
    """Return the statements with those that functions called in them are given as text."""
    calls = (node for node in walk(*statements) if isinstance(node, Call))
    return (*statements, *(run for call in calls for run in run_by(call)))


def _sql(body: str) -> tuple[Node, ...]:
    """Return the statements of a body, also of one in the standard's syntax: RETURN, BEGIN ATOMIC."""
    first = body.split(None, 1)[:1]
    if first and first[0].lower() in ("return", "begin"):
        (created,) = read_statements(f"create function f() returns void {body}")
        return tuple(node for node in children(created) if not isinstance(node, (TypeRef, Unknown)))
    return read_statements(body)


def _statements(function: pl.Function) -> Iterator[Node]:
    stack: list[Node] = [function]
    while stack:
        found = stack.pop()
        for name in parts(type(found)):
            value = getattr(found, name)
            for node in value if isinstance(value, tuple) else (value,):
                if isinstance(node, pl.Statement):
                    stack.append(node)
                elif isinstance(node, Node):
                    yield node if name in ("statement", "query") else Select((Target("", node),))
