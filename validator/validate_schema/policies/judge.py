"""The verdict for one table, role and command: which policies apply, and what they let through.

Source: PostgreSQL documentation, "Row Security Policies" and CREATE POLICY: permissive policies are
joined by OR, restrictive ones by AND; USING stands in for an absent WITH CHECK; a policy applies to
its roles and to those that inherit from them.
"""

from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

from ..facts.roles import PUBLIC, Roles, closure, data_roles
from ..model.catalog import Grant, Policy, QName, Table
from ..model.reading import Flow, Judgement, Reach
from ..model.tenancy import TableClass
from ..sql.ident import display
from ..sql.predicates import check_expression
from ..sql.settings import word_for
from ..sql.tree import FALSE, SELECTS, TRUE, Node, every, some, walk
from .askers import Askers
from .bind import Binder
from .blame import Shown, blame, condition_text
from .changed import fires_before, given_by_trigger, set_by_triggers, sources_of
from .claims import identity
from .doubts import REQUEST, doubts, is_request
from .haste import policy_outruns
from .named_tenants import NamedTenant, NamedTenants
from .questions import Question, order_of
from .scenarios import Ways, key_kind
from .search import Answer, Found, Searches
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


Rest = tuple[QName, Node]  # a table of memberships, and which of its rows count


class Joining(NamedTuple):
    """Why a person may write himself into any tenant by a table, "" where he may not as long as nobody can by
    the tables that this `rests` on."""

    why: str
    rests: frozenset[Rest] = frozenset()


class Who(NamedTuple):
    """Whose policies hold, what CURRENT_USER is, and what SESSION_USER."""

    role: str
    user: str
    session: str


class Judge:
    """Judges tables; what two tables have in common is worked out once."""

    def __init__(self, schema: Schema, roles: Roles, askers: Askers, named: NamedTenants) -> None:
        self.schema = schema
        self._named = named
        self.roles = roles
        self._askers = askers
        self.searches = Searches()
        self._known: dict[object, tuple[Answered, ...]] = {}
        known = [r for r in schema.tenancy.app_roles if r in roles.by_name] or [PUBLIC]
        self.guises = dict.fromkeys(name for role in known for name in askers.disguises(role))
        self._joinable: dict[tuple[Rest, str], Joining] = {}
        self._columns: dict[tuple[str, ...], frozenset[str] | None] = {}

    def judge(self, table: Table, role: str) -> list[Judgement]:
        """Return the judgements of every command: the worst of all that the role can become, and where that
        opens the table, what would while its policy were not there, policy by policy."""
        shape = self._shape(table)
        found = []
        for command, half in HALVES:
            key = (shape, role, command, half)
            answers = self._known.get(key) if shape is not None else None
            if answers is None:
                answers = self._worst(table, role, command, half)
                self._known[key if shape is not None else (table.qname, *key)] = answers
            found += [Judgement(table.qname, role, command, half, *answer) for answer in answers]
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
                answers = self._answers(table, Who(owner, user, user), command, half)
                if answers[0].reach is Reach.SAFE and user == owner and self._may_be_the_tenant(owner):
                    answers = (Answered(Reach.UNVERIFIED, _OWNER_ASKS.format(owner)),)
                self._known[key] = answers
            asks = "" if user == owner else user
            found += [Judgement(table.qname, owner, command, half, *a, asks) for a in self._known[key]]
        return found

    def _may_be_the_tenant(self, owner: str) -> bool:
        """Tell whether policies that ask CURRENT_USER take what acts as an owner for a tenant's session."""
        return word_for(self.schema.setting) == "current_user" and owner in self._possible_tenants

    @cached_property
    def _possible_tenants(self) -> frozenset[str]:
        """All that the app roles can become, and their heirs: of roles that are alike, every one."""
        return self.roles.sessions_of(self.guises)

    @cached_property
    def strangers(self) -> frozenset[str]:
        """The roles that no session of a tenant is, where tenants are roles."""
        if not self.schema.role_says_tenant:
            return frozenset()
        return frozenset(self.roles.by_name.keys() - self._possible_tenants)

    def _shape(self, table: Table) -> object:
        """Return all that the verdict depends on, or None where it depends on other tables too."""
        texts = tuple(t for p in table.policies for t in (p.using, p.check) if t is not None)
        if texts not in self._columns:
            nodes = [n for text in texts for n in walk(self.schema.expand(text))]
            apart = any(n.op in SELECTS for n in nodes)
            self._columns[texts] = None if apart else frozenset(n.value[1] for n in nodes if n.op == "column")
        names = self._columns[texts]
        standing = self.schema.standings[table.qname]
        if names is None or standing.table_class is TableClass.INHERITED or table.qname in self._below:
            return None
        own = self.schema.tenant_columns(table)
        held = [c for c in table.columns if c.name in names or c.name in own]
        obeyed = (c for c in table.checks if self.schema.promises.stands(table, c))
        checks = tuple(c.definition for c in obeyed if {*names, *own}.intersection(c.columns))
        null = self.schema.promises.may_be_null
        columns = tuple((c.name, c.base_type, c.type_name, c.collation, null(table, c)) for c in held)
        return (
            table.policies,
            table.grants,
            own,
            columns,
            checks,
            tuple(t for t in table.triggers if t.timing == "before"),
            self.schema.memberships.get(table.qname),
            table.qname in self.schema.tenancy.null_means_global,
        )

    def _worst(self, table: Table, role: str, command: str, half: str) -> tuple[Answered, ...]:
        found: list[Answered] = []
        for name in (role,) if role == PUBLIC else self._askers.disguises(role):
            if name != role and not self._privileged(table, name, command):
                continue
            answers = self._answers(table, Who(name, name, role), command, half, self._named.of(role))
            if name != role and answers[0].reach is not Reach.CLOSED:
                answers = tuple(a._replace(reason=f"after SET ROLE {name}: {a.reason}") for a in answers)
            found += answers
        if not found:
            raise ValueError(f"no role to judge: {role}")
        by_policy: dict[str | None, Answered] = {}
        for answer in sorted(found, key=lambda a: -_BADNESS[a.reach]):
            by_policy.setdefault(answer.policy, answer)
        worst, *others = by_policy.values()
        if worst.reach is not Reach.UNSAFE:
            return (worst,)
        return (worst, *(a for a in others if a.reach in (Reach.UNSAFE, Reach.UNVERIFIED)))

    def _answers(
        self, table: Table, who: Who, command: str, half: str, own: NamedTenant | None = None
    ) -> tuple[Answered, ...]:
        """Return the verdict, and as long as that is that a policy opens the table, the one without it."""
        found: list[Answered] = []
        passed_over: set[str] = set()
        while not found or (found[-1].reach is Reach.UNSAFE and found[-1].policy not in passed_over):
            passed_over |= {a.policy for a in found if a.policy is not None}
            without = frozenset(passed_over)
            found.append(self._answer(table, who, command, half, own=own, without=without))
        return tuple(found)

    def _answer(
        self,
        table: Table,
        who: Who,
        command: str,
        half: str,
        *,
        own: NamedTenant | None,
        without: frozenset[str],
    ) -> Answered:
        try:
            return _Filter(self, table, who, command, half, own=own, without=without).answer()
        except RecursionError:  # policies of tables in sub-selects of policies, each of them deep
            return Answered(Reach.UNVERIFIED, "not decided by the text: policies that nest too deep")

    def deletes(self, table: Table, role: str) -> bool:
        """Tell whether the role may delete rows of the table, and so write one again under the key of another
        one: a key with NO ACTION is looked at when the statement, or the transaction, ends."""
        return self._privileged(table, role, "DELETE")

    def _privileged(self, table: Table, role: str, command: str) -> bool:
        """Tell whether the role may run the command on some column of the table at all."""
        grants = (*table.grants, *(g for c in table.columns for g in c.grants))
        return self._holds(role, grants, table.owner, command)

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

    def joinable(self, name: QName, counts: Node, role: str) -> str:
        """Return why a person may make himself a member by a row of that table that counts, or of one that
        its policies rest on; "" where he cannot."""
        found = closure(((name, counts),), lambda rest: self._joining(rest, role).rests)
        reasons = sorted(self._joining(rest, role).why for rest in found)
        return next(filter(None, reasons), "")

    def is_loose(self, name: QName, role: str) -> bool:
        """Tell whether a person may write rows of any tenant into a table of memberships, and none that
        counts: requests to join, which somebody has to accept."""
        counts = self.schema.counting.get(name, TRUE)
        if counts == TRUE or self._joining((name, counts), role).why:
            return False
        return bool(self._joining((name, TRUE), role).why)

    def _joining(self, rest: Rest, role: str) -> "Joining":
        key = (rest, role)
        if key not in self._joinable:
            self._joinable[key] = self._may_join(self.schema.tables[rest[0]], rest[1], role)
        return self._joinable[key]

    def _may_join(self, table: Table, counts: Node, role: str) -> "Joining":
        shown, rests = f"it rests on {display(table.qname, self.schema.home)}", set[Rest]()
        for filler in self.schema.principals.fillers:
            if filler.table == table.qname:
                return Joining(f"{shown}, which {filler.function.name}() fills from what a user writes")
        for command in ("INSERT", "UPDATE"):
            if not self.writes(table, role, command, counts):
                continue
            if self.demanded(table, role) is None:
                return Joining(f"{shown}, to which {role} may write, past any policy")
            asked = _Filter(self, table, Who(role, role, role), command, "check", counts=counts)
            answer = asked.by_itself()
            if answer.reach is Reach.UNSAFE:
                return Joining(f"{shown}, where policy {answer.policy} lets a person join any tenant")
            if answer.reach is Reach.UNVERIFIED:
                return Joining(f"{shown}, and whether a person may join any tenant there is not decided")
            rests |= asked.binder.rests
        return Joining("", frozenset(rests))

    def writes(self, table: Table, role: str, command: str, counts: Node = TRUE) -> bool:
        """Tell whether the role may write whose a row is: by any INSERT, for a default may name him and his
        tenant, and by an UPDATE of the tenant, or of what makes the row one that `counts`; also where a
        trigger does it for him."""
        if command == "INSERT":
            return self._privileged(table, role, command)
        members = self.schema.memberships.get(table.qname, ())
        wanted = {m.tenant for m in members} or self.schema.tenant_columns(table)
        wanted = {*wanted, *(node.value[1] for node in walk(counts) if node.op == "column")}
        named = sources_of(table, wanted)
        columns = (found for name in named if (found := table.column(name)) is not None)
        if any(self._holds(role, (*table.grants, *c.grants), table.owner, command) for c in columns):
            return True
        rows_in = closure((table.qname,), lambda name: self._below.get(name, ()))
        beside = any(set_by_triggers(self.schema.tables[name], wanted, self.schema.named) for name in rows_in)
        return beside and self._privileged(table, role, command)

    @cached_property
    def _below(self) -> dict[QName, list[QName]]:
        """The partitions and the inheritance children of tables."""
        found: dict[QName, list[QName]] = {}
        for table in self.schema.catalog.tables:
            for above in {*table.inherits, *([table.parent] if table.parent is not None else [])}:
                found.setdefault(above, []).append(table.qname)
        return found

    def _holds(self, role: str, grants: tuple[Grant, ...], owner: str, command: str) -> bool:
        holders = [owner, *(g.grantee for g in grants if command in g.privileges), *data_roles((command,))]
        return any(self.roles.has(role, holder) for holder in holders)

    def joined(self, policies: tuple[Policy, ...], half: str) -> Node:
        permissive = tuple(self.condition(p, half) for p in policies if p.permissive)
        restrictive = tuple(self.condition(p, half) for p in policies if not p.permissive)
        return every((some(permissive), *restrictive))

    def condition(self, policy: Policy, half: str) -> Node:
        text = condition_text(policy, half)
        if text is None:  # a permissive policy without it lets nothing through, a restrictive one everything
            return FALSE if policy.permissive else TRUE
        return self.schema.expand(text)


_OWN_ROWS = (
    "not decided by the text: rows of another tenant pass where they name the person who asks, and nothing"
    " says that there are none"
)
_HASTY = "it fails on some rows by a cast or a division, and tells of them, before it looks at whose they are"
_GUARDED = (
    "not decided by the text: the policies let a person write himself into any tenant, and trigger {} may"
    " refuse it"
)
_GIVEN = "not decided by the text: trigger {} gives each row its tenant, whatever was written, before that"
_OWNER_ASKS = "CURRENT_USER is {} there, which may be a tenant, whoever asks"
_BADNESS = {Reach.CLOSED: 0, Reach.SAFE: 1, Reach.UNVERIFIED: 2, Reach.UNSAFE: 3}


class _Filter:
    """The row filter of one table for one role and command, and the question of what passes it."""

    def __init__(
        self,
        judge: Judge,
        table: Table,
        who: Who,
        command: str,
        half: str,
        *,
        counts: Node | None = None,
        without: frozenset[str] = frozenset(),
        own: NamedTenant | None = None,
    ) -> None:
        self.owner = judge
        self.own = own
        self.table = table
        self.who = who
        itself = (who.role,) if who.role == who.user else ()
        self.persons_as = dict.fromkeys((*judge.guises, *itself))
        self.command = command
        self.half = half
        self.counts = judge.schema.counting.get(table.qname, TRUE) if counts is None else counts
        found = judge.applicable(table, who.role, command)
        self.policies = tuple(p for p in found if p.name not in without)

    def answer(self) -> Answered:
        found = self.by_itself()
        if found.reach is not Reach.SAFE:
            return found
        rests = ((*rest, role) for rest in self.binder.rests for role in self.persons_as)
        doubts = sorted({self.owner.joinable(*rest) for rest in rests})
        doubt = next(filter(None, doubts), None)
        return found if doubt is None else Answered(Reach.UNVERIFIED, doubt, self._suspect())

    def by_itself(self) -> Answered:
        """Return the verdict that holds while nobody makes himself a member of a tenant."""
        if not any(p.permissive for p in self.policies):
            return Answered(Reach.CLOSED, "no permissive policy for this command applies to the role")
        spoiled = self._spoiled()
        if spoiled:
            return spoiled
        ways = self._ways
        found = self.owner.searches.answer(self.question, ways.strange())
        if found.flow is Flow.FAIL_OPEN and self._has_no_row_without_context():
            found = self.owner.searches.answer(self.question, ways.strange(idle=False))
        if found.answer is Answer.NO or (found.answer is Answer.UNDECIDED and self.half == "check"):
            own = self.owner.searches.answer(self._own_question, ways.own())
            if own.answer is Answer.YES and self.half == "using":
                return Answered(Reach.UNVERIFIED, _OWN_ROWS, self._suspect())
            if own.answer is Answer.YES and (guard := self._trigger_on_tenant()):
                return Answered(Reach.UNVERIFIED, _GUARDED.format(guard), self._suspect())
            if own.answer is Answer.YES and self.command == "INSERT" and is_request(*self._permitted):
                return Answered(Reach.UNVERIFIED, f"not decided by the text: {REQUEST}", self._suspect())
            if own.answer is Answer.YES or found.answer is Answer.NO:  # open beats unreadable
                found = own
        if found.answer is Answer.YES:
            return self._in_doubt(found) or self._unsafe(found)
        if found.answer is Answer.UNDECIDED:
            return Answered(Reach.UNVERIFIED, self._stopped(found.why), self._suspect())
        if self.own is not None and self.own.others:
            done = "shown to" if self.command == "SELECT" else "written by"
            why = f"the rows of tenant {self.own.key} are {done} {', '.join(self.own.others)} as well"
            return Answered(Reach.UNVERIFIED, f"not decided by the text: {why}", self._suspect())
        return Answered(Reach.SAFE, "every branch binds the tenant")

    def _has_no_row_without_context(self) -> bool:
        """Tell whether it is about rows that an UPDATE writes, which finds none to change while the context
        is unset."""
        if (self.command, self.half) != ("UPDATE", "check"):
            return False
        before = _Filter(self.owner, self.table, self.who, "UPDATE", "using", own=self.own)
        return self.owner.searches.answer(before.question, before._ways.idle()).answer is Answer.NO

    @property
    def _permitted(self) -> tuple[Schema, Table, list[Node]]:
        permissive = [p for p in self.policies if p.permissive]
        return self.owner.schema, self.table, [self.owner.condition(p, self.half) for p in permissive]

    def _in_doubt(self, found: Found) -> Answered | None:
        """Return why it is not known whether rows that pass are others', where nothing but such rows does."""
        ways, ask = self._ways, self.owner.searches.answer
        if given := self._given():
            return Answered(Reach.UNVERIFIED, _GIVEN.format(given), self._suspect())
        if found.flow is Flow.JOIN or ask(self._own_question, ways.own()).answer is Answer.YES:
            return None
        written = self.command != "SELECT"
        for doubt in doubts(self.owner.schema, self.table, self.question, ways.strange(), written=written):
            if ask(self.question, doubt.left).answer is Answer.NO:
                return Answered(Reach.UNVERIFIED, f"not decided by the text: {doubt.why}", self._suspect())
        return None

    def _spoiled(self) -> Answered | None:
        """Return the doubt about all policies where one of them does more than answer: restrictive ones run
        before the others, and of one the cheapest conditions. Source: PostgreSQL's rowsecurity.c,
        add_security_quals."""
        for policy in self.policies:
            text = condition_text(policy, self.half)
            why = self.owner.schema.spoils(text) if text is not None and not policy.permissive else ""
            if text is not None and not why and self.half == "using":
                why = _HASTY if self._is_hasty(policy, text) else ""
            if why:
                return Answered(Reach.UNVERIFIED, f"not decided by the text: {why}", policy.name)
        return None

    def _is_hasty(self, policy: Policy, text: str) -> bool:
        schema = self.owner.schema
        several = policy.permissive and sum(p.permissive for p in self.policies) > 1
        own = schema.tenant_columns(self.table)
        return policy_outruns(text, self.table, own, schema.named, written=several)

    def _trigger_on_tenant(self) -> str:
        """Return the trigger that looks at the tenant of a row before it is written, "" without one."""
        schema = self.owner.schema
        columns = schema.tenant_columns(self.table)
        for trigger in self.table.triggers:
            if fires_before(trigger, self.command):
                functions = schema.functions.get(trigger.function.name, ())
                if any(column in (f.body or "") for f in functions for column in columns):
                    return trigger.name
        return ""

    def _given(self) -> str:
        """Return the trigger by which no row keeps the tenant that it was written with, "" without one."""
        schema, table = self.owner.schema, self.table
        if self.half == "using":
            return ""
        return given_by_trigger(table, self.command, frozenset(schema.tenant_columns(table)), schema.named)

    @cached_property
    def _ways(self) -> Ways:
        return Ways(
            self.owner.schema,
            self.table,
            self.question,
            command=self.command,
            half=self.half,
            role=self.who.role,
            writes=self._writes,
            own=self.own,
        )

    @cached_property
    def _writes(self) -> bool:
        """Whether whoever asks has the privilege to write whose the row is."""
        writes = self.owner.writes(self.table, self.who.role, self.command, self.counts)
        return self.half == "check" and writes

    @cached_property
    def binder(self) -> Binder:
        judge, own = self.owner, self.who.role
        replaced = self.command == "INSERT" and judge.deletes(self.table, own)
        moved = self._writes and (self.command == "UPDATE" or replaced)
        return Binder(
            judge.schema, self.table, lambda table, role: judge.demanded(table, role or own), moved=moved
        )

    @cached_property
    def question(self) -> Question:
        bound = self.binder.bind(self.owner.joined(self.policies, self.half))
        checks = tuple(self._checks())
        schema, variables, who = self.owner.schema, self.binder.variables, self.who
        for name in self._personal(bound, schema.persons):
            variables[name] = variables[name]._replace(personal=True)
        kind, persons = key_kind(schema, self.table), tuple(sorted(schema.persons & set(order_of((bound,)))))
        by_role, strangers = schema.role_says_tenant, self.owner.strangers
        return Question(bound, variables, kind, who.user, checks, persons, who.session, by_role, strangers)

    @cached_property
    def _own_question(self) -> Question:
        """The question of rows that name who asks: of memberships, those that count for somebody."""
        if self.half == "using" or self.counts == TRUE:
            return self.question
        condition = every((self.question.condition, self.binder.bind(self.counts)))
        return self.question._replace(condition=condition)

    def _personal(self, bound: Node, persons: frozenset[str]) -> Iterator[str]:
        """Yield the variables of rows that a condition compares with the person who asks."""
        for node in walk(bound):
            if node.op == "compare":
                sides = [identity(arg) for arg in node.args]
                names = {side.value[0] for side in sides if side.op == "variable"}
                if names & persons:
                    yield from names & self.binder.variables.keys()

    def _checks(self) -> list[Node]:
        """Bind the CHECKs of the table; columns that only they read may hold anything."""
        before = len(self.binder.undecided)
        bound = []
        for check in self.table.checks:
            if check.definition is not None and self.owner.schema.promises.stands(self.table, check):
                text = check_expression(check.definition)
                bound.append(self.binder.bind(self.owner.schema.expand(text)))
        del self.binder.undecided[before:]
        return bound

    def _unsafe(self, found: Found) -> Answered:
        shown = Shown(self.owner.schema, self.policies, self.half, self.question.condition)
        told = blame(found, shown, self.binder)
        return Answered(Reach.UNSAFE, *told)

    def _stopped(self, undecided: tuple[str, ...]) -> str:
        named = list(dict.fromkeys(self.binder.undecided)) or list(dict.fromkeys(undecided))
        return "not decided by the text: " + ", ".join(named)

    def _suspect(self) -> str | None:
        return next((p.name for p in self.policies if p.permissive), None)
