"""Functions that fill a table of memberships from what a user writes of himself.

Supabase keeps what a client sends along at sign-up in `auth.users.raw_user_meta_data`; a trigger that takes
the tenant from there lets anybody join any. Source: Supabase's documentation, "Managing User Data".
"""

from collections.abc import Iterable, Iterator

from ..model.catalog import Function, QName
from ..model.principals import Filler, Membership
from ..sql import plpgsql as pl
from ..sql import syntax as s
from ..sql.parser import Unreadable
from ..sql.routines import Body, read_body

_OWN = ("user_meta_data", "user_metadata")


def fillers(functions: Iterable[Function], memberships: Iterable[Membership]) -> Iterator[Filler]:
    """Yield the functions that write the tenant of a membership as the user gives it, each once."""
    known = tuple(memberships)
    for function in functions:
        if not any(word in (function.body or "") for word in _OWN):
            continue
        try:
            body = read_body(
                function.language, function.body or "", function.arguments, function.returns or ""
            )
        except Unreadable:
            continue
        for membership in known:
            values = _written(body, membership.table, membership.tenant)
            if any(_of_the_user(value, body) for value in values):
                yield Filler(function.routine, membership.table, membership.tenant)
                break


def _written(body: Body, table: QName, column: str) -> Iterator[s.Node]:
    """Yield what statements of a body write to a column of a table."""
    for node in s.walk(*body.statements):
        match node:
            case s.Insert(table=to, columns=columns, source=s.Select() as source) if to.name == table.name:
                places = [n for n, entry in enumerate(columns) if entry.name == column]
                listed = tuple(entry.value for entry in source.targets)
                for row in (*source.values, listed):
                    yield from (v for n in places if n < len(row) and (v := row[n]) is not None)
            case s.Update(table=target, sets=sets) if target.name == table.name:
                yield from (e.value for e in sets if e.name == column and e.value is not None)


def _of_the_user(value: s.Node, body: Body) -> bool:
    """Tell whether a value comes from what the user writes, by way of variables too."""
    given = dict(_given(body)) if body.function is not None else {}
    seen: set[str] = set()
    waiting = [value]
    while waiting:
        for node in s.walk(waiting.pop()):
            name = (
                node.name if isinstance(node, s.Column) else node.value if isinstance(node, s.Const) else ""
            )
            if isinstance(name, str) and name.endswith(_OWN):
                return True
            if isinstance(node, s.Column) and node.name in given and node.name not in seen:
                seen.add(node.name)
                waiting += given[node.name]
    return False


def _given(body: Body) -> Iterator[tuple[str, list[s.Node]]]:
    """Yield what each variable of PL/pgSQL may be given."""
    found: dict[str, list[s.Node]] = {}
    for node in s.walk(body.function) if body.function is not None else ():
        match node:
            case pl.Declared(name=name, default=default) if default is not None:
                found.setdefault(name, []).append(default)
            case pl.Assign(target=(name,), value=value):
                found.setdefault(name, []).append(value)
            case pl.Sql(statement=statement, into=into):
                for target in into:
                    found.setdefault(target[0], []).append(statement)
    yield from found.items()
