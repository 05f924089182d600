"""Equal conditions are one object, whatever table they stand on: what is known of one is known of all.

Names that only tell rows apart are numbered as they are met; the tenant, the context, settings, claims
and users keep theirs, because what they may hold hangs on them.
"""

from collections.abc import Mapping
from typing import NamedTuple

from ..sql.tree import Node
from .bind import TENANT
from .evaluate import World, of_the_session
from .questions import Question, Scenario

_EVERYWHERE = frozenset({TENANT, "context"})  # hold one value where anything is worked out


class Asked(NamedTuple):
    """A question and its scenarios in the form that equal ones share. `rows` is the condition that only
    rows which the CHECKs allow can meet; `names` leads from the shared names back to the question's own."""

    question: Question
    rows: Node
    scenarios: tuple[Scenario, ...]
    names: Mapping[str, str]
    key: object

    def named(self, world: World) -> World:
        """Return a world under the question's own names."""
        values = {self.names.get(name, name): held for name, held in world.values.items()}
        return World(values, world.literals, {})


class Forms:
    """Every node that was met, once, and the variables that each hangs on."""

    def __init__(self) -> None:
        self._nodes: dict[object, Node] = {}
        self.mentions: dict[int, frozenset[str]] = {}

    def shared(self, question: Question, scenarios: list[Scenario]) -> Asked:
        """Return the form of a question. Two of one key have the same answer, but for the names."""
        given: dict[str, str] = {}
        condition, *checks = (self._one(n, given) for n in (question.condition, *question.checks))
        variables = {_number(name, given): v for name, v in sorted(question.variables.items())}
        mentioned = self.mentions[id(condition)].union(*(self.mentions[id(c)] for c in checks))
        who = (question.user, question.session)
        user, session = who if any(name.startswith("user ") for name in mentioned) else ("", "")
        same = question._replace(condition=condition, checks=tuple(checks), variables=variables)
        same = same._replace(user=user, session=session)
        found = tuple(s._replace(fixed={_number(n, given): v for n, v in s.fixed.items()}) for s in scenarios)
        ways = tuple((s.flow, s.cases, s.spelled, frozenset(s.fixed.items()), s.own) for s in found)
        ids = (id(condition), tuple(map(id, checks)))
        key = (ids, frozenset(variables.items()), same.kind, user, session, same.persons, ways)
        rows = self._kept("met", (condition, *checks)) if checks else condition
        return Asked(same, rows, found, {number: name for name, number in given.items()}, key)

    def _one(self, node: Node, given: dict[str, str]) -> Node:
        node = _spread(node)
        value = node.value
        if node.op == "variable":
            value = (_number(value[0], given), value[1])
        args = tuple(self._one(arg, given) for arg in node.args)
        if node.op in ("and", "or"):
            args = self._apart(node.op, args)
        return self._kept(node.op, args, value) if len(args) != 1 or node.op not in ("and", "or") else args[0]

    def _apart(self, op: str, args: tuple[Node, ...]) -> tuple[Node, ...]:
        """Return the parts of an AND or OR with those put together that have a variable in common, by way of
        others too: each group can be worked out by itself."""
        groups: list[tuple[frozenset[str], tuple[Node, ...]]] = []
        for arg in (a for outer in args for a in (outer.args if outer.op == op else (outer,))):
            names = self.mentions[id(arg)] - _EVERYWHERE
            parts: tuple[Node, ...] = (arg,)
            for group in [g for g in groups if g[0] & names]:
                groups.remove(group)
                names, parts = names | group[0], (*group[1], *parts)
            groups.append((names, parts))
        if len(groups) == 1:
            return groups[0][1]
        return tuple(parts[0] if len(parts) == 1 else self._kept(op, parts) for _, parts in groups)

    def _kept(self, op: str, args: tuple[Node, ...], value: object = None) -> Node:
        key = (op, type(value), value, tuple(map(id, args)))
        known = self._nodes.get(key)
        if known is None:
            known = self._nodes[key] = Node(op, args, value)
            self.mentions[id(known)] = _own(known).union(*(self.mentions[id(arg)] for arg in args))
        return known


def _spread(node: Node) -> Node:
    """Return a comparison with each element of an ARRAY that is written out as what it means."""
    if node.op not in ("any", "all") or node.args[1].op != "array":
        return node
    left, array = node.args
    each = tuple(Node("compare", (left, item), node.value) for item in array.args)
    return Node("or" if node.op == "any" else "and", each) if each else Node("const", value=node.op == "all")


def _number(name: str, given: dict[str, str]) -> str:
    if name == TENANT or of_the_session(name):
        return name
    return given.setdefault(name, f"v{len(given)}")


def _own(node: Node) -> frozenset[str]:
    if node.op == "variable":
        return frozenset({node.value[0]})
    if node.op == "user":
        return frozenset({f"user {node.value}"})
    return frozenset({"context"}) if node.op == "context" else frozenset()
