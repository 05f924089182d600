"""What variables of PL/pgSQL say of a query that ran before: FOUND, a flag, a count, a value that is there.

Source: PostgreSQL documentation, "Obtaining the Result Status" and "Executing a Command with a Single-Row
Result".
"""

from collections.abc import Callable, Iterable

from ..sql import plpgsql as pl
from ..sql import syntax as s

_NONE = {("=", 0), ("<", 1), ("<=", 0)}
_SKIP = 2  # FOR UPDATE SKIP LOCKED, as the parser counts
_SOME = {(">", 0), (">=", 1), ("<>", 0), ("=", 1)}


class Meanings:
    """The conditions that variables stand for, as long as nothing in these has another value."""

    def __init__(self, unknown: frozenset[str] = frozenset()) -> None:
        """`unknown` are names that say nothing, for they are those of several variables."""
        self._unknown = unknown
        self._flags: dict[str, s.Node] = {}  # the variable is the condition's value
        self._counts: dict[str, s.Exists] = {}  # it is the number of the rows
        self._values: dict[str, s.Exists] = {}  # it is NULL where there is no row, and there alone
        self._held: dict[str, s.Exists] = {}  # it is NULL where there is no row, and maybe elsewhere

    def copy(self) -> "Meanings":
        """Return them to go on with in a branch."""
        other = Meanings(self._unknown)
        for mine, theirs in (
            (self._flags, other._flags),
            (self._counts, other._counts),
            (self._values, other._values),
            (self._held, other._held),
        ):
            theirs.update(mine)  # type: ignore[arg-type]
        return other

    def given(self, name: str, value: s.Node) -> None:
        """Note that a variable was given the value of an expression."""
        self.forget({name, name.partition(".")[0]})
        if isinstance(value, (s.Exists, s.Not, s.And, s.Or, s.Call, s.Operation, s.AnySelect)):
            self._keep(self._flags, name, value)
        query = value.query if isinstance(value, s.ScalarSelect) else None
        if isinstance(query, s.Select) and query.sources and not s.may_aggregate(*query.targets):
            rows = _rows(query)
            if rows is not None:
                self._keep(self._held, name, rows)

    def ran(self, node: pl.Sql, *, never_null: Callable[[s.Query], bool], counts: bool) -> s.Exists | None:
        """Note that a statement ran, and which variables got its row. `counts`: count() is PostgreSQL's own.
        Return what is true where there was one, None where that says nothing."""
        statement, into = node.statement, node.into
        given = {target[0] for target in into}
        self.forget(given if node.built else {"found", *given})
        if not isinstance(statement, s.Select):
            return None
        name = into[0][0] if len(into) == 1 and len(into[0]) == 1 else ""
        value = (
            s.uncast(statement.targets[0].value) if statement.targets and statement.targets[0].value else None
        )
        if not statement.sources:
            if name and value is not None and statement == s.Select(statement.targets):
                self.given(name, value)
            return None
        rows = _rows(statement)
        if rows is None or not given.isdisjoint(_mentioned(rows)):
            return None  # it is true of what they were before
        if isinstance(value, s.Call) and value.name == "count":
            if counts and value.schema in ("", "pg_catalog") and "over" not in dict(value.rest):
                self._keep(self._counts, name, rows)
        elif not s.may_aggregate(*statement.targets):
            if not node.built:
                self._keep(self._flags, "found", rows)
            if name and (isinstance(value, s.Const) or never_null(statement)):
                self._keep(self._values, name, rows)
            for target in into:
                self._keep(self._held, ".".join(target), rows)
            return rows
        return None

    def forget(self, names: Iterable[str]) -> None:
        """Drop what is said by, or of, variables that may have other values."""
        gone = {part for name in names for part in (name, name.partition(".")[0])}
        for kept in (self._flags, self._counts, self._values, self._held):
            named = ((n, {n, n.partition(".")[0], *_mentioned(told)}) for n, told in kept.items())
            for name in [n for n, names in named if gone & names]:
                del kept[name]

    def of(self, condition: s.Node) -> s.Node:
        """Return a condition with what its variables stand for."""
        return s.changed(condition, self._told)

    def implied(self, condition: s.Node) -> tuple[s.Node, ...]:
        """Return what else is true where a condition is, for variables of which it says that they are not
        NULL."""
        names = (_present(part) for part in s.conjuncts(condition))
        found = (self._held.get(name) or self._held.get(name.partition(".")[0]) for name in names)
        return tuple(told for told in found if told is not None)

    def _told(self, node: s.Node) -> s.Node:
        match node:
            case s.Column(names=(name,)) if name in self._flags:
                return self._flags[name]
            case s.NullTest(arg=s.Column(names=(name,)), negated=negated) if name in self._values:
                return self._values[name] if negated else s.Not(self._values[name])
            case s.Operation(
                operator=operator, left=s.Column(names=(name,)), right=s.Const(value=int() as number)
            ):
                if name in self._counts and (operator, number) in _NONE:
                    return s.Not(self._counts[name])
                if name in self._counts and (operator, number) in _SOME:
                    return self._counts[name]
        return node

    def _keep(self, kept: dict[str, s.Node] | dict[str, s.Exists], name: str, told: s.Node) -> None:
        mentioned = _mentioned(told)
        if name not in mentioned and self._unknown.isdisjoint({name, *mentioned}):
            kept[name] = told  # type: ignore[assignment]


def _rows(query: s.Select) -> s.Exists | None:
    """Return what is true where a query has a row, None where it is not its conditions alone that say so."""
    sampled = any(isinstance(n, s.Sampled) for n in s.walk(*query.sources))
    if sampled or not all(_leaves(clause, told) for clause, told in query.rest):
        return None
    one = (s.Target("", s.Const("integer", 1)),)
    return s.Exists(s.Select(one, query.sources, query.where, queries=query.queries))


def _leaves(clause: str, told: object) -> bool:
    """Tell whether a query has a row with a clause where it has one without it. An aggregate in any of them
    makes one of none."""
    match clause, told:
        case (("sort_clause" | "distinct_clause"), tuple()):
            return not s.may_aggregate(*(n for n in told if isinstance(n, s.Node)))
        case "limit_count", s.Const(value=int() as number):
            return number > 0
        case "locking_clause", tuple():
            return all(isinstance(n, s.Unknown) and dict(n.rest).get("wait_policy") != _SKIP for n in told)
    return clause == "limit_option"


def _present(part: s.Node) -> str:
    """Return the variable that is not NULL where a test of it is true; "" for any other test."""
    match part:
        case s.NullTest(arg=value, negated=True):
            return ".".join(value.names) if isinstance(value, s.Column) else ""
        case s.Operation(operator="=", left=value, right=other, schema=""):
            wanted: tuple[s.Node | None, ...] = (other,)
        case s.Distinct(left=value, right=other, negated=True):
            wanted = (other,)
        case s.In(value=value, items=items, negated=False):
            wanted = items
        case s.Quantified(operator="=", left=value, array=s.Array(items=items), every=False, schema=""):
            wanted = items
        case _:
            return ""
    if isinstance(value, s.Coalesce) and len(value.args) == 2:
        value, otherwise = value.args
        wanted = tuple(None if _may_be_one(otherwise, one) else one for one in wanted)
    return ".".join(value.names) if isinstance(value, s.Column) and all(map(is_value, wanted)) else ""


def _may_be_one(one: s.Node, other: s.Node | None) -> bool:
    """Tell whether two constants may be one value, whatever type they are read as: not an empty text and one
    that is not, nor two numbers or two truths."""
    if not (isinstance(one, s.Const) and isinstance(other, s.Const) and one.kind == other.kind):
        return True
    if one.kind == "string":
        return one.value != "" or not str(other.value).strip()
    return one.kind not in ("integer", "bool") or one.value == other.value


def is_value(node: s.Node | None) -> bool:
    """Tell whether it is a constant, and not NULL."""
    return isinstance(node, s.Const) and node.value is not None


def _mentioned(node: s.Node) -> set[str]:
    return {name for n in s.walk(node) if isinstance(n, s.Column) for name in n.names}
