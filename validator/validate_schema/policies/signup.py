"""Functions that fill a table of memberships from what a user writes of himself.

Supabase keeps what a client sends along at sign-up in `auth.users.raw_user_meta_data`; a trigger that takes
the tenant from there lets anybody join any. Source: Supabase's documentation, "Managing User Data".
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ..model.catalog import Catalog, Function, QName
from ..model.principals import Filler, Membership
from ..sql import plpgsql as pl
from ..sql import syntax as s
from ..sql.parser import Unreadable
from ..sql.routines import Body
from ..sql.words import reads_as_token
from .calls import body_of, parameters

_OWN = ("user_meta_data", "user_metadata")
_WRITTEN = (
    "raw_user_meta_data"  # of the table of people: a trigger on it is given what the user wrote of himself
)
_WHOLE = frozenset({"lower", "trim", "btrim"})  # what an e-mail address may be put through and still be one
_DEEPEST = 4


class _Choice(NamedTuple):
    """How a function comes by the tenant of a membership: as the user gives it (`certain`), or by a look-up
    in which his word takes part."""

    membership: Membership
    certain: bool


def fillers(catalog: Catalog, memberships: Iterable[Membership]) -> Iterator[Filler]:
    """Yield the functions that write the tenant of a membership as the user gives it, by themselves or by
    what they call, each once; those that only look it up by what he gives are not certain."""
    known = tuple(memberships)
    signups = _triggers_of_people(catalog)
    for function in catalog.functions:
        if function.qname not in signups and not any(word in (function.body or "") for word in _OWN):
            continue
        found = [*_choices(function, frozenset(), known, catalog, _DEEPEST)]
        if found:
            choice = min(found, key=lambda c: not c.certain)
            member = choice.membership
            yield Filler(function.routine, member.table, member.tenant, choice.certain)


def _triggers_of_people(catalog: Catalog) -> frozenset[QName]:
    """Return the functions that triggers of tables run in which users write of themselves."""
    tables = (t for t in (*catalog.tables, *catalog.extension_tables) if t.column(_WRITTEN) is not None)
    return frozenset(trigger.function for table in tables for trigger in table.triggers)


def _choices(
    function: Function, words: frozenset[str], known: tuple[Membership, ...], catalog: Catalog, depth: int
) -> Iterator[_Choice]:
    """Yield how a function, whose parameters `words` are what the user gives, comes by tenants."""
    try:
        body = body_of(function)
    except Unreadable:
        return
    reads = _Reads(body, words)
    for membership in known:
        for value, around in _written(body, membership.table, membership.tenant):
            if reads.given(value):
                yield _Choice(membership, certain=True)
            elif reads.takes_part(value) or any(reads.takes_part(n) or reads.given(n) for n in around):
                yield _Choice(membership, certain=False)
    for call in (n for n in s.walk(*body.statements) if isinstance(n, s.Call) and depth):
        for called in (f for f in catalog.functions if f.name == call.name and call.schema in ("", f.schema)):
            pairs = zip(parameters(called), call.args, strict=False)
            handed = frozenset(name for name, arg in pairs if name and reads.given(arg))
            if handed:
                yield from _choices(called, handed, known, catalog, depth - 1)


def _written(body: Body, table: QName, column: str) -> Iterator[tuple[s.Node, tuple[s.Node, ...]]]:
    """Yield what statements of a body write to a column of a table, and the conditions by which they choose
    it."""
    for node in s.walk(*body.statements):
        match node:
            case s.Insert(table=to, columns=columns, source=s.Select() as source) if to.name == table.name:
                places = [n for n, entry in enumerate(columns) if entry.name == column]
                listed = tuple(entry.value for entry in source.targets)
                around = (*source.sources, *([source.where] if source.where is not None else []))
                for row in (*source.values, listed):
                    yield from ((v, around) for n in places if n < len(row) and (v := row[n]) is not None)
            case s.Update(table=target, sets=sets) if target.name == table.name:
                yield from ((e.value, ()) for e in sets if e.name == column and e.value is not None)


class _Reads:
    """What expressions of a body take from the user, by way of variables too."""

    def __init__(self, body: Body, words: frozenset[str]) -> None:
        self._variables = dict(_given(body)) if body.function is not None else {}
        self._words = words

    def given(self, value: s.Node) -> bool:
        """Tell whether a value comes from what the user writes. A row that he names by a secret of it is not
        chosen by him."""
        return any(self._is_own(node) for node in self._all(value))

    def takes_part(self, value: s.Node) -> bool:
        """Tell whether part of the e-mail address that the user gives takes part in a value."""
        for node in self._all(value):
            inside = (
                node.args
                if isinstance(node, s.Call) and node.name not in _WHOLE
                else (node.left, node.right)
                if isinstance(node, s.Operation) and node.operator != "="
                else ()
            )
            if any(_is_email(n) for part in inside if part is not None for n in s.walk(part)):
                return True
        return False

    def _is_own(self, node: s.Node) -> bool:
        name = node.name if isinstance(node, s.Column) else node.value if isinstance(node, s.Const) else ""
        return isinstance(name, str) and (
            name.endswith(_OWN) or (isinstance(node, s.Column) and name in self._words)
        )

    def _all(self, value: s.Node) -> Iterator[s.Node]:
        """Yield the nodes of an expression and of what its variables are given, but for what a secret is
        compared with."""
        waiting, seen = [value], set[str]()
        while waiting:
            node = waiting.pop()
            if _asks_secret(node):
                continue
            yield node
            waiting += s.children(node)
            if isinstance(node, s.Column) and node.name in self._variables and node.name not in seen:
                seen.add(node.name)
                waiting += self._variables[node.name]


def _is_email(node: s.Node) -> bool:
    return isinstance(node, s.Column) and node.names[-2:] == ("new", "email")


def _asks_secret(node: s.Node) -> bool:
    """Tell whether a condition asks for a row by a secret of the application's own making."""
    if not isinstance(node, s.Operation) or node.operator != "=" or node.left is None:
        return False
    sides = (s.uncast(node.left), s.uncast(node.right))
    return any(isinstance(side, s.Column) and reads_as_token(side.name) for side in sides)


def _given(body: Body) -> Iterator[tuple[str, list[s.Node]]]:
    """Yield what each variable of PL/pgSQL may be given. What comes of a new row is nobody's choice."""
    found: dict[str, list[s.Node]] = {}
    for node in s.walk(body.function) if body.function is not None else ():
        match node:
            case pl.Declared(name=name, default=default) if default is not None:
                found.setdefault(name, []).append(default)
            case pl.Assign(target=(name,), value=value):
                found.setdefault(name, []).append(value)
            case pl.Sql(statement=s.Insert(conflict=None)):
                continue
            case pl.Sql(statement=statement, into=into):
                for target in into:
                    found.setdefault(target[0], []).append(statement)
    yield from found.items()
