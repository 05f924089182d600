"""The verdict for one table, role and command: which policies apply, and what they let through.

Source: PostgreSQL documentation, "Row Security Policies" and CREATE POLICY: permissive policies are
joined by OR, restrictive ones by AND; USING stands in for an absent WITH CHECK; a policy applies to
its roles and to those that inherit from them.
"""

from functools import cached_property
from typing import NamedTuple

from ..facts.roles import PUBLIC, Roles, data_roles
from ..model.catalog import Policy, Table
from ..model.reading import Flow, Judgement, Reach
from ..model.tenancy import Standing, TableClass
from ..sql.parse import parse, print_sql
from ..sql.predicates import check_expression
from ..sql.tree import TRUE, Node, every, some, walk
from .askers import Askers
from .bind import Binder
from .evaluate import World
from .questions import Case, Question, Scenario, other_tenants, whole_domain
from .search import Answer, Found, Searches
from .values import Token, Values, holds
from .why import example, explain
from .world import Schema

HALVES = (
    ("DELETE", "using"),
    ("INSERT", "check"),
    ("SELECT", "using"),
    ("UPDATE", "check"),
    ("UPDATE", "using"),
)


class Answered(NamedTuple):
    """A verdict without the names of table and role, so that like tables share it."""

    reach: Reach
    reason: str
    policy: str | None = None
    branch: str = ""
    flow: Flow | None = None
    example: tuple[tuple[str, str | None], ...] = ()


class Judge:
    """Judges tables; what two tables have in common is worked out once."""

    def __init__(self, schema: Schema, roles: Roles, askers: Askers) -> None:
        self.schema = schema
        self.roles = roles
        self._askers = askers
        self.searches = Searches()
        self._known: dict[object, Answered] = {}
        self._columns: dict[tuple[str, ...], frozenset[str] | None] = {}

    def judge(self, table: Table, role: str) -> list[Judgement]:
        """Return the judgements of every command; the worst of all that the role can become."""
        shape = self._shape(table)
        found = []
        for command, half in HALVES:
            key = (shape, role, command, half)
            answer = self._known.get(key) if shape is not None else None
            if answer is None:
                answer = self._worst(table, role, command, half)
                self._known[key if shape is not None else (table.qname, *key)] = answer
            found.append(Judgement(table.qname, role, command, half, *answer))
        return found

    def as_owner(self, table: Table, owner: str, user: str) -> list[Judgement]:
        """Return the judgements of what acts with the rights of `owner` while CURRENT_USER is `user`: of the
        commands for which the owner holds a privilege. Nothing that acts so can SET ROLE."""
        shape = self._shape(table)
        found = []
        for command, half in HALVES:
            if not self._privileged(table, owner, command):
                continue
            key = (shape if shape is not None else table.qname, "owner", owner, user, command, half)
            if key not in self._known:
                self._known[key] = self._answer(table, owner, command, half, user)
            found.append(
                Judgement(table.qname, owner, command, half, *self._known[key], "" if user == owner else user)
            )
        return found

    def _shape(self, table: Table) -> object:
        """Return all that the verdict depends on, or None where it depends on other tables too."""
        texts = tuple(t for p in table.policies for t in (p.using, p.check) if t is not None)
        if texts not in self._columns:
            nodes = [n for text in texts for n in walk(self.schema.expand(text))]
            apart = any(n.op in ("exists", "in", "scalar") for n in nodes)
            self._columns[texts] = None if apart else frozenset(n.value[1] for n in nodes if n.op == "column")
        names = self._columns[texts]
        standing = self.schema.standings[table.qname]
        if names is None or standing.table_class is TableClass.INHERITED:
            return None
        own = self.schema.tenant_columns(table)
        held = [c for c in table.columns if c.name in names or c.name in own]
        checks = tuple(
            c.definition for c in table.checks if names.intersection(c.columns) or own.intersection(c.columns)
        )
        columns = tuple((c.name, c.base_type, c.type_name, c.not_null) for c in held)
        return (
            table.policies,
            table.grants,
            own,
            columns,
            checks,
            table.qname in self.schema.tenancy.null_means_global,
        )

    def _worst(self, table: Table, role: str, command: str, half: str) -> Answered:
        worst: Answered | None = None
        for name in (role,) if role == PUBLIC else self._askers.disguises(role):
            if name != role and not self._privileged(table, name, command):
                continue
            answer = self._answer(table, name, command, half)
            if name != role and answer.reach is not Reach.CLOSED:
                answer = answer._replace(reason=f"after SET ROLE {name}: {answer.reason}")
            if worst is None or _BADNESS[answer.reach] > _BADNESS[worst.reach]:
                worst = answer
            if answer.reach is Reach.UNSAFE:
                break  # nothing is worse
        if worst is None:
            raise ValueError(f"no role to judge: {role}")
        return worst

    def _answer(self, table: Table, role: str, command: str, half: str, user: str = "") -> Answered:
        try:
            return _Filter(self, table, role, command, half, user=user or role).answer()
        except RecursionError:  # policies of tables in sub-selects of policies, each of them deep
            return Answered(Reach.UNVERIFIED, "not decided by the text: policies that nest too deep")

    def _privileged(self, table: Table, role: str, command: str) -> bool:
        """Tell whether the role may run the command on some column of the table at all."""
        grants = [*table.grants, *(g for c in table.columns for g in c.grants)]
        holders = [
            table.owner,
            *(g.grantee for g in grants if command in g.privileges),
            *data_roles((command,)),
        ]
        return any(self.roles.has(role, holder) for holder in holders)

    def uses(self, table: Table, role: str) -> bool:
        """Tell whether the role holds a privilege on rows of the table, and does not own it."""
        owned = self.roles.has(role, table.owner)
        return not owned and any(self._privileged(table, role, command) for command, _ in HALVES)

    def applicable(self, table: Table, role: str, command: str) -> tuple[Policy, ...]:
        """Return the policies of the table that apply to the role and the command."""
        return tuple(
            p
            for p in table.policies
            if p.command in ("ALL", command) and any(self.roles.has(role, holder) for holder in p.roles)
        )

    def demanded(self, table: Table, role: str) -> Node | None:
        """Return the condition on rows that the role may read of a table; None where there is none."""
        if not table.row_security or self.roles.bypasses(role):
            return None
        if role != PUBLIC and not table.force_row_security and self.roles.has(role, table.owner):
            return None
        policies = self.applicable(table, role, "SELECT")
        return self.joined(policies, "using")

    def joined(self, policies: tuple[Policy, ...], half: str) -> Node:
        permissive = tuple(self.condition(p, half) for p in policies if p.permissive)
        restrictive = tuple(self.condition(p, half) for p in policies if not p.permissive)
        return every((some(permissive), *restrictive))

    def condition(self, policy: Policy, half: str) -> Node:
        text = condition_text(policy, half)
        return TRUE if text is None else self.schema.expand(text)


_BADNESS = {Reach.CLOSED: 0, Reach.SAFE: 1, Reach.UNVERIFIED: 2, Reach.UNSAFE: 3}


def condition_text(policy: Policy, half: str) -> str | None:
    """Return the expression that counts: USING stands in for an absent WITH CHECK."""
    return policy.check or policy.using if half == "check" else policy.using


class _Filter:
    """The row filter of one table for one role and command, and the question of what passes it."""

    def __init__(self, judge: Judge, table: Table, role: str, command: str, half: str, *, user: str) -> None:
        self.owner = judge
        self.table = table
        self.role = role
        self.user = user
        self.command = command
        self.half = half
        self.policies = judge.applicable(table, role, command)

    def answer(self) -> Answered:
        permissive = [p for p in self.policies if p.permissive]
        if not permissive:
            return Answered(Reach.CLOSED, "no permissive policy for this command applies to the role")
        found = self.owner.searches.answer(self.question, self._scenarios())
        if found.answer is Answer.YES:
            return self._unsafe(found)
        if found.answer is Answer.UNDECIDED:
            return Answered(Reach.UNVERIFIED, self._stopped(found.why), self._suspect())
        return Answered(Reach.SAFE, "every branch binds the tenant")

    @cached_property
    def _first(self) -> Flow:
        return Flow.WRITE if self.half == "check" else Flow.READ

    @cached_property
    def binder(self) -> Binder:
        return Binder(self.owner.schema, self.table, lambda t: self.owner.demanded(t, self.role))

    @cached_property
    def question(self) -> Question:
        bound = self.binder.bind(self.owner.joined(self.policies, self.half))
        checks = tuple(self._checks())
        return Question(bound, self.binder.variables, self._key_kind(), self.user, checks)

    def _key_kind(self) -> str:
        """Return the kind of the tenant's key: the table's own, or that of the tables it hangs from."""
        schema = self.owner.schema
        for name in (self.table.qname, *self.standing.path):
            table = schema.tables.get(name)
            names = self._tenant_names(schema.tenant_columns(table)) if table is not None else frozenset()
            for column in table.columns if table is not None else ():
                if column.name in names:
                    return schema.kind(column.base_type)
        return "uuid"

    def _tenant_names(self, own: frozenset[str]) -> frozenset[str]:
        standing = self.standing
        return frozenset({standing.column}) if standing.column in own and standing.column else own

    @property
    def standing(self) -> Standing:
        return self.owner.schema.standings[self.table.qname]

    def _checks(self) -> list[Node]:
        """Bind the CHECKs of the table; columns that only they read may hold anything."""
        before = len(self.binder.undecided)
        bound = []
        for check in self.table.checks:
            if check.definition is not None and check.enforced:
                text = check_expression(check.definition)
                bound.append(self.binder.bind(self.owner.schema.expand(text)))
        del self.binder.undecided[before:]
        return bound

    def _scenarios(self) -> list[Scenario]:
        question = self.question
        owned = self._owner_keys()
        generic, spelled = other_tenants(question)
        kept = {key: whole_domain(question, key) - {None} for key in owned}
        rows, keys = ([*dict.fromkeys(case.tenant for case in cases)] for cases in (generic, spelled))
        found = [
            Scenario(self._first, generic, spelled, kept),
            Scenario(
                Flow.FAIL_OPEN,
                tuple(Case(tenant, context) for context in (None, "") for tenant in rows),
                tuple(Case(tenant, context) for context in (None, "") for tenant in keys),
                kept,
            ),
        ]
        return [*found, *self._nobody(owned)]

    def _owner_keys(self) -> list[str]:
        """Return the variables of an inherited table that lead to its owner."""
        standing = self.standing
        if standing.table_class is not TableClass.INHERITED or not standing.path:
            return []
        keys = [k for k in self.table.foreign_keys if k.references == standing.path[0]]
        return [f"row.{c}" for k in keys for c in k.columns if f"row.{c}" in self.question.variables]

    def _nobody(self, owned: list[str]) -> list[Scenario]:
        """Return the scenario of a row that belongs to no tenant, where there can be one."""
        mine = Token("A", self.question.exact)
        if self.table.qname in self.owner.schema.tenancy.null_means_global and self.command == "SELECT":
            return []
        if owned:
            variables = self.question.variables
            loose: dict[str, Values] = {k: frozenset({None}) for k in owned if variables[k].nullable}
            rows = tuple(Case(Token("B", self.question.exact), context) for context in (mine, None, ""))
            return [Scenario(Flow.NULL_TENANT, rows, (), loose)] if len(loose) == len(owned) else []
        own = self._tenant_names(self.owner.schema.tenant_columns(self.table))
        columns = [c for c in self.table.columns if c.name in own]
        unowned = tuple(Case(None, context) for context in (mine, None, ""))
        nullable = columns and not any(c.not_null for c in columns)
        return [Scenario(Flow.NULL_TENANT, unowned, (), {})] if nullable else []

    def _unsafe(self, found: Found) -> Answered:
        world, flow = found.world, found.flow
        if world is None or flow is None:
            raise ValueError("an answer without its example")
        policy, branch = self._branch(world)
        reason = explain(branch, world, flow)
        shown = _sql(condition_text(policy, self.half) or "true", branch)
        return Answered(Reach.UNSAFE, reason, policy.name, shown, flow, example(world))

    def _branch(self, world: World) -> tuple[Policy, tuple[Node, ...]]:
        """Return the permissive policy that lets the row through, and its branch."""
        permissive = [p for p in self.policies if p.permissive]
        for policy in permissive:
            bound = self.binder_again(policy)
            if holds(world.of(bound)):
                text = condition_text(policy, self.half) or "true"
                return policy, tuple(_descend(bound, parse(text), world))
        return permissive[0], (TRUE,)

    def binder_again(self, policy: Policy) -> Node:
        """Bind one policy with the names that the whole filter got."""
        joined = self.question.condition
        permissive = [p for p in self.policies if p.permissive]
        head = joined.args[0] if any(not p.permissive for p in self.policies) else joined
        return head.args[permissive.index(policy)] if len(permissive) > 1 else head

    def _stopped(self, undecided: tuple[str, ...]) -> str:
        named = list(dict.fromkeys(self.binder.undecided)) or list(dict.fromkeys(undecided))
        return "not decided by the text: " + ", ".join(named)

    def _suspect(self) -> str | None:
        return next((p.name for p in self.policies if p.permissive), None)


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
