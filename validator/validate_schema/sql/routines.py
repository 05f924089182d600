"""What the body of a function holds: its SQL, and what its variables are given."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from . import plpgsql as pl
from .parser import Unreadable
from .reading import read_statements
from .syntax import Column, Node, Select, Target, TypeRef, Unknown, children, parts, walk

Given = Mapping[str, tuple[Node | None, ...]]


@dataclass(frozen=True, slots=True)
class Body:
    """Every SQL statement of a body, an expression as the SELECT of it. `given` has what each variable of
    PL/pgSQL may hold, or a field of one (``new.id``): expressions, None for what a query or the session
    gives; `function` its whole tree."""

    statements: tuple[Node, ...]
    given: Given
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


@lru_cache(maxsize=2048)
def _read(language: str, body: str, arguments: str, returns: str) -> Body | Unreadable:
    try:
        if language == "sql":
            return Body(_sql(body), {})
        if language != "plpgsql":
            return Unreadable(f"the language {language}")
        function = pl.read_plpgsql(body, arguments, returns)
        if any(getattr(node, "built", None) is not None for node in walk(function)):
            return Unreadable("a statement built at run time")
        return Body(tuple(_statements(function)), _given(function), function)
    except Unreadable as error:
        return Unreadable(str(error))


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


def _given(function: pl.Function) -> Given:
    found: dict[str, list[Node | None]] = {}
    for node in walk(function):
        for name, value in _given_by(node):
            found.setdefault(name, []).append(value)
    return {name: tuple(values) for name, values in found.items()}


def _given_by(node: Node) -> Iterator[tuple[str, Node | None]]:
    match node:
        case pl.Declared(name=name, default=default) if default is not None:
            yield name, default
        case pl.Assign(target=target, value=value):
            yield ".".join(target), value if not node.part else None
        case pl.Loop(targets=targets) | pl.Get(targets=targets):
            yield from ((target[0], None) for target in targets)
        case pl.Sql(statement=statement, into=into):
            yield from ((target[0], None) for target in into)
            if isinstance(statement, Unknown) and statement.kind == "CallStmt":  # INOUT parameters
                named = (arg for call in children(statement) for arg in children(call))
                yield from ((arg.names[0], None) for arg in named if isinstance(arg, Column))
