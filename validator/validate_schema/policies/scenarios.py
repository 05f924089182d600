"""In which ways rows of a table could reach somebody of another tenant: what is asked of its policies."""

from ..model.catalog import Table
from ..model.principals import PLATFORM_ROLES, ROLE_CLAIM
from ..model.reading import Flow
from ..model.tenancy import Standing, TableClass
from .claims import variable_of
from .doubts import never_there, shown
from .named_tenants import NamedTenant
from .questions import Case, Question, Scenario, no_context, order_of, other_tenants, whole_domain
from .values import Token, Values
from .world import Schema

NOBODY: Values = frozenset({None, ""})


class Ways:
    """The scenarios of one table, command and half, for one role. `writes`: whoever asks has the privilege to
    write whose the row is. `own` is the tenant that the role is, whose rows are no others'."""

    def __init__(
        self,
        schema: Schema,
        table: Table,
        question: Question,
        *,
        command: str,
        half: str,
        role: str,
        writes: bool,
        own: NamedTenant | None = None,
    ) -> None:
        self.schema, self.table, self.command, self.half = schema, table, command, half
        self.writes, self.named = writes, own
        self.question = question
        self.nobody = dict.fromkeys(question.persons, NOBODY)
        self.known = known_of_session(schema, question, role)
        self.silent = bool(question.persons) and schema.principals.is_nobody(role)

    def strange(self, *, idle: bool = True) -> list[Scenario]:
        """Return the ways to rows of others: of another tenant, of any without a context (`idle`), of no
        tenant.

        A new row of a root is a new tenant: no other has its key.
        """
        if self.half == "check" and self.command == "INSERT" and self._is_root:
            return []
        owned = self._owner_keys()
        generic, spelled = self._others()
        kept = {key: whole_domain(self.question, key) - {None} for key in owned} | self.known
        rows = [*dict.fromkeys(case.tenant for case in generic)]
        found = [Scenario(self._first, generic, spelled, kept)]
        found += [self._without_context(generic, spelled, kept)] if idle else []
        if self.question.persons:
            unknown = tuple(Case(tenant, context) for context in (None, "") for tenant in rows)
            found.append(Scenario(Flow.FAIL_OPEN, (*generic, *unknown), spelled, {**kept, **self.nobody}))
        return [*found, *self._no_tenant(owned)]

    def idle(self) -> list[Scenario]:
        """Return the ways to rows of anybody, or of nobody, without a context."""
        owned = self._owner_keys()
        return [self._without_context(*self._others(), self.known), *self._no_tenant(owned)]

    def _without_context(
        self, generic: tuple[Case, ...], spelled: tuple[Case, ...], kept: dict[str, Values]
    ) -> Scenario:
        rows, keys = ([*dict.fromkeys(case.tenant for case in cases)] for cases in (generic, spelled))
        contexts = no_context(self.question)
        cases, by_key = (tuple(Case(t, c) for c in contexts for t in tenants) for tenants in (rows, keys))
        return Scenario(Flow.FAIL_OPEN, cases, by_key, kept)

    def own(self) -> list[Scenario]:
        """Return the way to rows of another tenant in which the person who asks is named.

        Where that makes him a member, such rows are taken not to be there, and to write one is to join.
        """
        if not self.question.persons or self.silent or (self.half == "check" and not self.writes):
            return []
        if self._is_root:  # who owns a tenant belongs to it, and what is written is a tenant of its own
            return []
        memberships = self.schema.memberships.get(self.table.qname, ())
        joining = any(m.asked for m in memberships) and self.half == "check"
        fixed = dict(self.known)
        for membership in memberships if self.half == "using" else ():
            name = f"row.{membership.person}"
            if name in self.question.variables:
                fixed[name] = whole_domain(self.question, name)
        generic, spelled = self._others()
        flow = Flow.JOIN if joining else self._first
        return [Scenario(flow, generic, spelled, fixed, own=True)]

    def _others(self) -> tuple[tuple[Case, ...], tuple[Case, ...]]:
        generic, spelled = other_tenants(self.question)
        named = {case.tenant for case in (*generic, *spelled) if not isinstance(case.tenant, Token)}
        gone = {key for key in named if never_there(self.schema, self.table, key)}
        if self.named is not None:
            gone |= {key for key in named if shown(key) == self.named.key}

        def kept(cases: tuple[Case, ...]) -> tuple[Case, ...]:
            return tuple(case for case in cases if case.tenant not in gone)

        return kept(generic), kept(spelled)

    @property
    def _is_root(self) -> bool:
        return self._standing.table_class is TableClass.ROOT

    @property
    def _first(self) -> Flow:
        return Flow.WRITE if self.half == "check" else Flow.READ

    @property
    def _standing(self) -> Standing:
        return self.schema.standings[self.table.qname]

    def _owner_keys(self) -> list[str]:
        """Return the variables of an inherited table that lead to its owner."""
        standing = self._standing
        if standing.table_class is not TableClass.INHERITED or not standing.path:
            return []
        keys = [k for k in self.table.foreign_keys if k.references == standing.path[0]]
        return [f"row.{c}" for k in keys for c in k.columns if f"row.{c}" in self.question.variables]

    def _no_tenant(self, owned: list[str]) -> list[Scenario]:
        """Return the scenario of a row that belongs to no tenant, where there can be one."""
        mine = Token("A", self.question.exact)
        if self.table.qname in self.schema.tenancy.null_means_global and self.command == "SELECT":
            return []
        if owned:
            variables = self.question.variables
            loose: dict[str, Values] = {k: frozenset({None}) for k in owned if variables[k].nullable}
            rows = tuple(Case(Token("B", self.question.exact), context) for context in (mine, None, ""))
            fixed = {**self.known, **loose}
            return [Scenario(Flow.NULL_TENANT, rows, (), fixed)] if len(loose) == len(owned) else []
        own = _tenant_names(self.schema, self._standing, self.table)
        columns = [c for c in self.table.columns if c.name in own]
        unowned = tuple(Case(None, context) for context in (mine, None, ""))
        nullable = columns and all(self.schema.promises.may_be_null(self.table, c) for c in columns)
        return [Scenario(Flow.NULL_TENANT, unowned, (), self.known)] if nullable else []


def known_of_session(schema: Schema, question: Question, role: str) -> dict[str, Values]:
    """Return what variables of the session can hold, as far as more is known than that they hold anything:
    what is accepted is not set, and a gateway tells no other role than it gives."""
    found: dict[str, Values] = {}
    principals = schema.principals
    for name in order_of((question.condition,)):
        variable = variable_of(name, schema.context)
        if variable is None or name == "context":
            continue
        if name in question.persons and principals.is_nobody(role):
            found[name] = frozenset({None})
            continue
        values = whole_domain(question, name)
        for trusted in schema.tenancy.trusted:
            if trusted.covers(variable):
                values = values - frozenset(trusted.values) if trusted.values else NOBODY
        if principals.gateway and variable == ROLE_CLAIM:
            known = role in PLATFORM_ROLES
            values = frozenset({role}) if known else values - frozenset(PLATFORM_ROLES)
        if values != whole_domain(question, name):
            found[name] = values
    return found


def key_kind(schema: Schema, table: Table) -> str:
    """Return the kind of the tenant's key: the table's own, or that of the tables it hangs from."""
    standing = schema.standings[table.qname]
    for name in (table.qname, *standing.path):
        found = schema.tables.get(name)
        names = _tenant_names(schema, standing, found) if found is not None else frozenset()
        for column in found.columns if found is not None else ():
            if column.name in names:
                return schema.types.kind(column.base_type)
    return "uuid"


def _tenant_names(schema: Schema, standing: Standing, table: Table) -> frozenset[str]:
    own = schema.tenant_columns(table)
    return frozenset({standing.column}) if standing.column in own and standing.column else own
