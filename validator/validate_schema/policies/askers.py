"""Which roles the policies tell apart: of those that they treat alike, one is asked for all."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cached_property

from ..facts.roles import READS_ALL, WRITES_ALL, Roles
from ..model.catalog import Table
from ..model.principals import ANONYMOUS
from ..sql.tree import Node, walk
from .questions import literals_of
from .world import Schema

Traits = frozenset[str]


class Askers:
    """The roles of a database, as policies, grants and owners of some tables see them.

    Two roles are alike where they have the rights of the same holders among those that stand in a policy, a
    grant or as an owner, can become roles that are alike, and neither is called by its name in a condition.
    """

    def __init__(self, schema: Schema, roles: Roles, tables: Iterable[Table]) -> None:
        self._schema, self._roles, self._tables = schema, roles, tuple(tables)
        self._disguises: dict[str, tuple[str, ...]] = {}

    def disguises(self, role: str) -> tuple[str, ...]:
        """Return the role first, then those that it may SET ROLE to and that policies bind: one of each
        kind."""
        if role not in self._disguises:
            others = sorted(self._roles.reached_from(role) - {role})
            bound = (name for name in others if not self._roles.bypasses(name))
            self._disguises[role] = (role, *_first_of_each(bound, self._own))
        return self._disguises[role]

    def apart(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return the first of each kind of role among the names, in alphabetical order."""
        return tuple(_first_of_each(sorted(names), self._whole))

    @cached_property
    def _own(self) -> Mapping[str, Traits]:
        """What each role is by itself; a role that is not here is nothing in particular."""
        found: dict[str, set[str]] = defaultdict(set)
        for holder in self._holders:
            for heir in self._roles.heirs_of_any((holder,)):
                found[heir].add(holder)
        for name in (*self._named, ANONYMOUS):
            found[name].add(f"called {name}")
        return {name: frozenset(traits) for name, traits in found.items()}

    @cached_property
    def _whole(self) -> Mapping[str, Traits]:
        """What each role is by itself and by what it can become, as a text of its own for each kind."""
        kinds: dict[Traits, list[str]] = defaultdict(list)
        for name in self._roles.by_name:
            if not self._roles.bypasses(name):
                kinds[self._own.get(name, frozenset())].append(name)
        found: dict[str, set[str]] = defaultdict(set)
        for number, (traits, names) in enumerate(kinds.items()):
            for name in self._roles.becoming(names):
                found[name].add(f"can become {number}")
            for name in names:
                found[name] |= traits
        return {name: frozenset(traits) for name, traits in found.items()}

    @cached_property
    def _holders(self) -> frozenset[str]:
        found: set[str] = {READS_ALL, WRITES_ALL}
        for table in self._tables:
            found.add(table.owner)
            found.update(role for policy in table.policies for role in policy.roles)
            found.update(grant.grantee for grant in table.grants)
            found.update(grant.grantee for column in table.columns for grant in column.grants)
        return frozenset(found)

    @cached_property
    def _named(self) -> frozenset[str]:
        """The roles whose name stands in a condition; all, where one looks at the parts of a name."""
        texts = {text for t in self._tables for p in t.policies for text in (p.using, p.check) if text}
        conditions = tuple(self._schema.expand(text) for text in texts)
        if any(_looks_inside(node) for condition in conditions for node in walk(condition)):
            return frozenset(self._roles.by_name)
        return literals_of(conditions).words & self._roles.by_name.keys()


def _looks_inside(node: Node) -> bool:
    compares = node.op in ("compare", "any", "all") and node.value not in ("=", "<>")
    return (compares or node.op == "call") and any(below.op == "user" for below in walk(node))


def _first_of_each(names: Iterable[str], kinds: Mapping[str, Traits]) -> list[str]:
    found: dict[Traits, str] = {}
    for name in names:
        found.setdefault(kinds.get(name, frozenset()), name)
    return list(found.values())
