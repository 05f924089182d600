"""What a function that a policy calls does beside its answer: conditions of one policy run in the order of
their costs, so that it may look at rows that another condition then hides.

Source: PostgreSQL documentation, "Row Security Policies"; CREATE FUNCTION (COST); `order_qual_clauses` in
PostgreSQL's createplan.c.
"""

from collections.abc import Callable, Iterable

from ..model.catalog import Function
from ..sql import plpgsql as pl
from ..sql import syntax as s
from ..sql.parser import Unreadable
from ..sql.routines import Body
from .calls import body_of, is_trusted

_READ = (s.Select, s.Compound)
_SENDS = ("pg_notify", "dblink", "dblink_exec", "dblink_send_query", "lo_put", "lo_from_bytea")


def tells(function: Function, named: Callable[[str], Iterable[Function]]) -> bool:
    """Tell whether a function may hand on what it is given otherwise than by its result: by a message, by
    writing rows, by a notification; it, or one that it calls, which `named` looks up. What is compiled is
    taken to do what it is documented to do; a body that cannot be read may do anything."""
    seen, queue = {function.routine}, [function]
    while queue:
        function = queue.pop()
        if is_trusted(function) or function.extension is not None or function.kind != "function":
            continue
        try:
            body = body_of(function)
        except Unreadable:
            return True
        nodes = [*s.walk(*([body.function] if body.function is not None else body.statements))]
        if _acts(body) or any(map(_says, nodes)):
            return True
        for called in (f for n in nodes if isinstance(n, s.Call) for f in named(n.name)):
            if called.routine not in seen:
                seen.add(called.routine)
                queue.append(called)
    return False


def _acts(body: Body) -> bool:
    """Tell whether a body in SQL has a statement that is no query."""
    return body.function is None and not all(isinstance(node, _READ) for node in body.statements)


def _says(node: s.Node) -> bool:
    match node:
        case pl.Raise(params=params, options=options):
            return any(not isinstance(part, s.Const) for part in (*params, *options))
        case pl.Sql(statement=statement):
            return not isinstance(statement, _READ)
        case pl.Execute() | s.Insert() | s.Update() | s.Delete():
            return True
        case s.Call(name=name):
            return name in _SENDS
    return False
