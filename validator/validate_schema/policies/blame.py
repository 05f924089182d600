"""Which policy lets a row through, by which branch, and why that one is open."""

from typing import NamedTuple

from ..model.catalog import Policy
from ..model.principals import Kind
from ..model.reading import Flow
from ..sql.parse import parse, print_sql
from ..sql.tree import TRUE, Node, walk
from .bind import Binder
from .claims import variable_name
from .evaluate import World
from .search import Found
from .values import holds
from .why import example, explain
from .world import Schema


class Shown(NamedTuple):
    """The policies of a filter, which half of them counts, and all of them as one bound condition."""

    schema: Schema
    policies: tuple[Policy, ...]
    half: str
    condition: Node

    @property
    def permissive(self) -> tuple[Policy, ...]:
        """The policies of which one is enough."""
        return tuple(p for p in self.policies if p.permissive)

    def bound(self, policy: Policy) -> Node:
        """Return one permissive policy's part of the condition."""
        head = self.condition.args[0] if len(self.permissive) < len(self.policies) else self.condition
        return head.args[self.permissive.index(policy)] if len(self.permissive) > 1 else head


class Blame(NamedTuple):
    """What is said of a policy that is open."""

    reason: str
    policy: str
    branch: str
    flow: Flow
    example: tuple[tuple[str, str | None], ...]


def condition_text(policy: Policy, half: str) -> str | None:
    """Return the expression that counts: USING stands in for an absent WITH CHECK."""
    return policy.check or policy.using if half == "check" else policy.using


def blame(found: Found, shown: Shown, binder: Binder) -> Blame:
    """Return what lets the row of an answer's example through."""
    world, flow = found.world, found.flow
    if world is None or flow is None:
        raise ValueError("an answer without its example")
    policy, branch = _branch(shown, world)
    if flow in (Flow.READ, Flow.WRITE) and _by_membership(shown, policy, world, binder):
        flow = Flow.ANYWHERE
    text = _sql(condition_text(policy, shown.half) or "true", branch)
    reason = explain(branch, world, flow, _set_by_whoever_asks(shown.schema, text))
    return Blame(reason, policy.name, text, flow, example(world))


def _set_by_whoever_asks(schema: Schema, branch: str) -> str:
    """Say which variables of a branch anybody can set, and how; "" where it has none."""
    names = {n.value[0] for n in walk(schema.expand(branch)) if n.op == "variable"}
    said = [v for v in schema.principals.variables if variable_name(v.variable) in names - schema.persons]
    written = [v.variable.shown for v in said if v.kind is Kind.CLIENT]
    if written:
        return f"whoever asks writes {', '.join(written)} himself"
    set_ = [v.variable.shown for v in said if v.kind is not Kind.TENANT or v.variable != schema.context]
    if not set_:
        return ""
    listed = ", ".join(set_)
    claims = schema.principals.gateway and all(v.variable.path for v in said)
    return f"{listed} opens it, whatever the tenant" if claims else f"any session may set {listed}"


def _by_membership(shown: Shown, policy: Policy, world: World, binder: Binder) -> bool:
    """Tell whether it is a membership of some other tenant that opens the policy."""
    without = {id(node): frozenset({False}) for node in binder.members}
    if not without or not policy.permissive:
        return False
    return not holds(World(world.values, world.literals, without).of(shown.bound(policy)))


def _branch(shown: Shown, world: World) -> tuple[Policy, tuple[Node, ...]]:
    """Return the permissive policy that lets the row through, and its branch."""
    for policy in shown.permissive:
        bound = shown.bound(policy)
        if holds(world.of(bound)):
            text = condition_text(policy, shown.half) or "true"
            return policy, tuple(_descend(bound, parse(text), world))
    return shown.permissive[0], (TRUE,)


def _descend(bound: Node, shown: Node, world: World) -> list[Node]:
    same = bound.op == shown.op and len(bound.args) == len(shown.args)
    if same and bound.op == "and":
        return [n for b, s in zip(bound.args, shown.args, strict=True) for n in _descend(b, s, world)]
    if same and bound.op == "or":
        for b, s in zip(bound.args, shown.args, strict=True):
            if holds(world.of(b)):
                return _descend(b, s, world)
    return [shown]


def _sql(text: str, branch: tuple[Node, ...]) -> str:
    printed = ((n, print_sql(text, n)) for n in branch)
    return " AND ".join(f"({sql})" if len(branch) > 1 and n.op == "or" else sql for n, sql in printed)
