"""What the functions that a routine calls do: whether they keep to the tenant, and what they return."""

import re
from collections.abc import Iterator, Mapping

from ..facts.facts import Facts
from ..model.catalog import Function
from ..sql import plpgsql as pl
from ..sql import syntax as s
from ..sql.parser import Unreadable
from ..sql.routines import Body, read_body

_MODES = ("IN", "INOUT", "OUT", "VARIADIC")
_TRUSTED = ("c", "internal")
_LONG_NAMES = re.compile(
    r"(?:double precision|(?:character|bit) varying|time(?:stamp)? with(?:out)? time zone)\b.*"
)


def body_of(function: Function) -> Body:
    """Read the body of a function. Raises `Unreadable`."""
    arguments = function.signature or function.arguments
    return read_body(function.language, function.body or "", arguments, function.returns or "")


def parameters(function: Function) -> tuple[str, ...]:
    """Return the names of the parameters that a call gives values for, "" for one without."""
    return tuple(_named(part) for part in _parts(function.arguments))


def _parts(arguments: str) -> Iterator[str]:
    depth, start = 0, 0
    for at, character in enumerate(arguments):
        depth += (character == "(") - (character == ")")
        if character == "," and not depth:
            yield arguments[start:at].strip()
            start = at + 1
    if arguments.strip():
        yield arguments[start:].strip()


def _named(argument: str) -> str:
    words = argument.split(" ")
    words = words[1:] if words[0] in _MODES else words
    quoted = words[0].startswith('"')
    if not quoted and (len(words) == 1 or _LONG_NAMES.fullmatch(" ".join(words))):
        return ""
    return words[0].strip('"')


def routines_by_name(facts: Facts) -> Mapping[str, tuple[Function, ...]]:
    """Return the functions of the database by their plain name, those of extensions too."""
    found: dict[str, list[Function]] = {}
    for function in (*facts.catalog.functions, *facts.catalog.extension_functions):
        found.setdefault(function.name, []).append(function)
    return {name: tuple(functions) for name, functions in found.items()}


def candidates(call: s.Call, facts: Facts) -> tuple[Function, ...]:
    """Return the functions that a call may mean, as far as name, schema and number of arguments tell; nothing
    for PostgreSQL's own."""
    return tuple(
        f
        for f in facts.once(routines_by_name).get(call.name, ())
        if call.schema in ("", f.schema) and _takes(f, len(call.args))
    )


def _takes(function: Function, arguments: int) -> bool:
    most = len(parameters(function))
    defaults = (function.signature or "").count(" DEFAULT ")
    return "VARIADIC" in function.arguments or most - defaults <= arguments <= most


def sole_value(function: Function) -> s.Node | None:
    """Return the expression that a function returns, where it is in SQL or PL/pgSQL and does nothing else."""
    if (
        function.kind != "function"
        or any(not x.startswith("search_path=") for x in function.settings)
        or function.language in _TRUSTED
    ):
        return None
    try:
        body = body_of(function)
    except Unreadable:
        return None
    if body.function is None:
        return _sole_target(body.statements)
    if body.function.body.handlers or any(d.line for d in body.function.declared):
        return None
    found = body.function.body.body
    return found[0].value if len(found) == 1 and isinstance(found[0], pl.Return) else None


def _sole_target(statements: tuple[s.Node, ...]) -> s.Node | None:
    found = statements[0] if len(statements) == 1 else None
    if not isinstance(found, s.Select) or len(found.targets) != 1:
        return None
    return found.targets[0].value if found == s.Select(found.targets) else None
