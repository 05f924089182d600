"""What variables of PL/pgSQL say of a query that ran before: FOUND, a flag, a count, a value that is there.

Source: PostgreSQL documentation, "Obtaining the Result Status" and "Executing a Command with a Single-Row
Result".
"""

from collections.abc import Callable, Iterable

from ..sql import plpgsql as pl
from ..sql import syntax as s

_NONE = {("=", 0), ("<", 1), ("<=", 0)}
_SOME = {(">", 0), (">=", 1), ("<>", 0), ("=", 1)}


class Meanings:
    """The conditions that variables stand for, as long as nothing in these has another value."""

    def __init__(self, unknown: frozenset[str] = frozenset()) -> None:
        """`unknown` are names that say nothing, for they are those of several variables."""
        self._unknown = unknown
        self._flags: dict[str, s.Node] = {}  # the variable is the condition's value
        self._counts: dict[str, s.Exists] = {}  # it is the number of the rows
        self._values: dict[str, s.Exists] = {}  # it is NULL where there is no row

    def copy(self) -> "Meanings":
        """Return them to go on with in a branch."""
        other = Meanings(self._unknown)
        for mine, theirs in (
            (self._flags, other._flags),
            (self._counts, other._counts),
            (self._values, other._values),
        ):
            theirs.update(mine)  # type: ignore[arg-type]
        return other

    def given(self, name: str, value: s.Node) -> None:
        """Note that a variable was given the value of an expression."""
        self.forget({name, name.partition(".")[0]})
        if isinstance(value, (s.Exists, s.Not, s.And, s.Or, s.Call, s.Operation, s.AnySelect)):
            self._keep(self._flags, name, value)

    def ran(
        self, statement: s.Node, into: tuple[pl.Names, ...], *, never_null: Callable[[s.Query], bool]
    ) -> None:
        """Note that a statement ran, and which variables got its row."""
        self.forget({"found", *(target[0] for target in into)})
        if not isinstance(statement, s.Select):
            return
        name = into[0][0] if len(into) == 1 and len(into[0]) == 1 else ""
        value = (
            s.uncast(statement.targets[0].value) if statement.targets and statement.targets[0].value else None
        )
        if not statement.sources:
            if name and value is not None and statement == s.Select(statement.targets):
                self.given(name, value)
            return
        counted = isinstance(value, s.Call) and value.name == "count"
        rows = s.Exists(
            s.Select(
                (s.Target("", s.Const("integer", 1)),),
                statement.sources,
                statement.where,
                queries=statement.queries,
            )
        )
        plain = not {"group_clause", "having_clause", "limit_offset"} & dict(statement.rest).keys()
        if counted and name and plain:
            self._keep(self._counts, name, rows)
        elif not any(isinstance(n, s.Call) for target in statement.targets for n in s.walk(target)) and plain:
            self._keep(self._flags, "found", rows)
            if name and (isinstance(value, s.Const) or never_null(statement)):
                self._keep(self._values, name, rows)

    def forget(self, names: Iterable[str]) -> None:
        """Drop what is said by, or of, variables that may have other values."""
        gone = set(names)
        for kept in (self._flags, self._counts, self._values):
            for name in [n for n, told in kept.items() if n in gone or gone & _mentioned(told)]:
                del kept[name]

    def of(self, condition: s.Node) -> s.Node:
        """Return a condition with what its variables stand for."""
        return s.changed(condition, self._told)

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


def _mentioned(node: s.Node) -> set[str]:
    return {name for n in s.walk(node) if isinstance(n, s.Column) for name in n.names}
