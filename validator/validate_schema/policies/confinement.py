"""Whether SQL that runs past the policies keeps to the current tenant by its own conditions.

A reading on the safe side: every relation with tenants' rows must be tied to the tenant of the session, in
every statement, by what is true there: its conditions, and what was tested before in PL/pgSQL. What is not
understood ties nothing.
"""

from functools import cached_property, partial
from typing import NamedTuple

from ..facts.context import ContextReader, is_setting, keeps_kind, key_type, named_type, returns_apart
from ..facts.facts import Facts
from ..model.catalog import Function, QName, Table, View
from ..model.reading import Reach
from ..sql import plpgsql as pl
from ..sql import syntax as s
from ..sql.parser import Unreadable
from ..sql.reading import read_statements
from ..sql.routines import Body
from ..sql.settings import word_for
from .blocks import CONTEXT, PERSON, Block, Called, Item, Known, Place, Query, Scope, variable
from .calls import (
    Act,
    acts,
    body_of,
    candidates,
    cast_unasked,
    computed,
    field_of,
    functions_of,
    functions_of_cast,
    is_trusted,
    left_to_defaults,
    parameters,
    routines_by_name,
    sole_value,
    some_act,
    types_of_parameters,
)
from .flow import Flow, sole_call
from .queries import Builder, Returned
from .rights import may_reach
from .sessions import is_read, says_who
from .settle import Alone, Keeps, Settler
from .statements import Statements
from .telling import tells

_VARIABLES_FIRST = "plpgsql.variable_conflict=use_variable"
_WRITES = ("INSERT", "UPDATE")
_DEEPEST = 20


class Given(NamedTuple):
    """The rows that a trigger function is given: those of `table`. They are the session's own where they
    go by one of `names` (``new``, ``old``) or stand in one of `transitions`, because the policies let the
    statement reach them."""

    table: Table
    names: tuple[str, ...] = ()
    transitions: tuple[str, ...] = ()


class Summary(NamedTuple):
    """What a call of a function does: whether it keeps to the tenant, whether all that it returns is the
    tenant of the session, the parameters that are when it comes to an end, and whether it fails for some who
    ask."""

    keeps: Keeps
    gives: bool = False
    tested: frozenset[str] = frozenset()
    refuses: bool = False


def confinement(
    subject: Function | View, facts: Facts, given: Given | None = None, role: str | None = None
) -> Keeps:
    """Tell whether each statement of a function, or a view's query, is confined to the tenant of the session
    by its own conditions: shown to be, shown not to be, or not decided. `role` is whose rights a function has
    that is run by something else; one with its owner's rights has those."""
    functions = facts.once(_functions)
    try:
        if isinstance(subject, View):
            return _view(subject, functions)
        return functions.summary(subject, given=given, role=role).keeps
    except (Unreadable, RecursionError):
        return Keeps.UNCLEAR


def rule_confinement(actions: tuple[s.Node, ...], given: Given, facts: Facts) -> Keeps:
    """Tell the same of the statements of a rule. What they call, whoever fires it calls himself."""
    functions = facts.once(_functions)
    try:
        return functions.rule(actions, given)
    except (Unreadable, RecursionError):
        return Keeps.UNCLEAR


def keeps_to_tenant(subject: Function | View, facts: Facts, given: Given | None = None) -> bool:
    """Tell whether `confinement` is shown."""
    return confinement(subject, facts, given) is Keeps.KEPT


def binds_the_tenant(view: View, facts: Facts) -> bool:
    """Tell whether the conditions of a view tie the rows that it shows to the tenant of the session, or to
    one that the person belongs to; it is not enough that they name him."""
    try:
        return _view(view, facts.once(_functions), by_person=False) is Keeps.KEPT
    except (Unreadable, RecursionError):
        return False


def tested_parameters(function: Function, facts: Facts) -> frozenset[str]:
    """Return the parameters that a function has tested to be the tenant of the session whenever it comes to
    its end; none where the body cannot be read."""
    try:
        return facts.once(_functions).summary(function).tested
    except (Unreadable, RecursionError):
        return frozenset()


def _functions(facts: Facts) -> "_Functions":
    return _Functions(facts)


def _view(view: View, functions: "_Functions", *, by_person: bool = True) -> Keeps:
    builder = Builder(functions.facts, functions)
    builder.timeless = view.kind != "view"
    builder.acts = False
    (query,) = read_statements(view.definition)
    # What it calls, whoever reads it calls himself.
    settler = Settler(builder.items, lambda *_: Keeps.KEPT, functions.alone(""))
    built = builder.query(query, Scope())
    if not by_person and isinstance(built, Block) and built.conditions.items:
        settler.not_by_person = built.conditions.items[0].number  # what stands first in FROM
    return functions.with_members(settler.query(built, Known()).keeps, settler)


class _Functions:
    """What is known of the functions of a database, each read once for each set of arguments."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.items: dict[int, Item] = {}
        self.views: dict[tuple[QName, bool], Query] = {}
        self._alone: dict[str | None, Alone] = {}
        self._context = ContextReader(facts)
        self._known: dict[object, Summary] = {}
        self._running: list[object] = []
        self._assumed = False

    @cached_property
    def _tenants(self) -> frozenset[str]:
        """The roles that may be a tenant's, where policies ask CURRENT_USER which it is."""
        by_role = word_for(self.facts.tenancy.setting) == "current_user"
        return self.facts.memberships.sessions_of(self.facts.app_roles) if by_role else frozenset()

    def alone(self, role: str | None) -> Alone:
        """Return what is known of views that something reads with the rights of a role."""
        return self._alone.setdefault(role, {})

    def returned(self, call: s.Call) -> Returned | None:
        """Return what a function returns; None where it does more than that."""
        found = candidates(call, self.facts)
        sure = len(found) == 1 and not (found[0].overloads and not call.schema)
        value = sole_value(found[0]) if sure else None
        if value is None:
            return None
        return Returned(parameters(found[0]), value, found[0].strict, self._keeps(found[0]))

    def _keeps(self, function: Function) -> tuple[bool, ...]:
        """Tell of each parameter whether its type leaves two tenants two."""
        kind = self.facts.once(key_type)
        return tuple(keeps_kind(named_type(t), kind, self.facts) for t in types_of_parameters(function))

    def behind(self, node: s.Node) -> list[s.Call]:
        """Return the calls of functions of the database that an operator, a cast or a field stands for."""
        args, found = tuple[s.Node, ...](), tuple[Function, ...]()
        if isinstance(node, s.Operation):
            args = tuple(arg for arg in (node.left, node.right) if arg is not None)
            found = functions_of(node, self.facts)
        elif isinstance(node, s.Cast):
            args, found = (node.arg,), functions_of_cast(node, self.facts)
        elif (field := field_of(node)) is not None:
            args, found = field.args, computed(field, self.facts)
        return [s.Call(f.name, args, f.schema) for f in found]

    def gives(self, call: s.Call) -> bool:
        """Tell whether every value that a function returns is a tenant of the session."""
        found = candidates(call, self.facts)
        own = any(f.overloads for f in found) and not call.schema  # it may be PostgreSQL's, too
        apart = all(returns_apart(f, self.facts) for f in found)
        return bool(found) and not own and apart and all(self._tried(f).gives for f in found)

    def named(self, name: str) -> tuple[Function, ...]:
        """Return the functions of the database that have a name."""
        return self.facts.once(routines_by_name).get(name, ())

    def tells(self, function: Function) -> bool:
        """Tell whether a function may hand on what it is given."""
        return tells(function, self.named)

    def _tried(self, function: Function) -> Summary:
        try:
            return self.summary(function)
        except (Unreadable, RecursionError):
            return Summary(Keeps.UNCLEAR)

    def summary(
        self,
        function: Function,
        *,
        tenant: frozenset[str] = frozenset(),
        person: frozenset[str] = frozenset(),
        given: Given | None = None,
        role: str | None = None,
    ) -> Summary:
        """Return what a call with the rights of `role` does whose parameters of these names are the
        tenant, or the person, of the session. Raises `Unreadable`. A function that calls itself keeps to
        the tenant where it does but for that."""
        rows = (given.table.qname, given.names, given.transitions) if given is not None else None
        role = function.owner if function.security_definer else role
        key = (function.routine, function.body, tenant, person, rows, role)
        if key in self._running:
            self._assumed = True
            return Summary(Keeps.KEPT)
        if len(self._running) > _DEEPEST:
            raise Unreadable("functions that call one another too deep")
        if key not in self._known:
            self._running.append(key)
            try:
                known = Known(_places(CONTEXT, tenant), _places(PERSON, person))
                found = self._read(function, known, given, role)
            finally:
                self._running.pop()
            if self._assumed and self._running:
                return found  # it holds as long as what is being read does
            self._assumed = False
            self._known[key] = found
        return self._known[key]

    def with_members(self, keeps: Keeps, settler: Settler) -> Keeps:
        """Return the verdict with a doubt where it hangs on rows that a person may write for himself."""
        doubtful = any(self._may_be_made(name) for name in settler.persons)
        return max(keeps, Keeps.UNCLEAR) if doubtful else keeps

    def _writes_ties(self, table: Table, role: str, verb: str) -> bool:
        """Tell whether the role may write a column that ties a person to a tenant."""
        mine = [m for m in self.facts.principals.memberships if m.table == table.qname]
        ties = {name for m in mine for name in (m.tenant, m.person)}
        columns = (c for c in table.columns if not ties or c.name in ties)
        grants = (*table.grants, *(grant for column in columns for grant in column.grants))
        return any(verb in g.privileges and g.grantee in self.facts.grantees_of(role) for g in grants)

    def _may_be_made(self, name: QName) -> bool:
        """Tell whether an app role may write rows of a table that ties people to tenants, past what is
        read of its policies."""
        table = self.facts.tables_by_name[name]
        open_to = [
            (role, verb)
            for role in self.facts.app_roles or ("PUBLIC",)
            for verb in _WRITES
            if self._writes_ties(table, role, verb)
        ]
        if not table.row_security or name in self.facts.loose:
            return bool(open_to)
        reached = {
            (j.role, j.command)
            for j in self.facts.judgements.get(name, ())
            if j.reach in (Reach.UNSAFE, Reach.UNVERIFIED)
        }
        return any(way in reached for way in open_to)

    def rule(self, actions: tuple[s.Node, ...], given: Given) -> Keeps:
        """Judge the statements of a rule. Raises `Unreadable`."""
        builder = Builder(self.facts, self)
        builder.acts = False
        settler = Settler(builder.items, lambda *_: Keeps.KEPT, self.alone(""))
        rows, known = _rows(given, Body(actions), builder, Known())
        statements = Statements(self.facts, builder, settler, rows)
        keeps = max((statements.judge(node, known).keeps for node in actions), default=Keeps.KEPT)
        return self.with_members(keeps, settler)

    # one function

    def _read(self, function: Function, known: Known, given: Given | None, role: str | None) -> Summary:
        given_settings = [setting.partition("=")[0] for setting in function.settings]
        if any(is_setting(name, self.facts.tenancy) for name in given_settings):
            return Summary(Keeps.OPEN)
        told = any(is_read(name, self.facts) for name in given_settings)
        if told or self._hides_columns(function) or self._casts_unasked:
            return Summary(Keeps.UNCLEAR)
        if function.aggregate is not None:
            parts = [act.function for act in acts(function, role, self.facts)[1:]]
            return Summary(max((self._tried_as(f, role) for f in parts), default=Keeps.KEPT))
        body = body_of(function)
        builder = Builder(self.facts, self, words=frozenset({function.name}))
        builder.as_tenant = function.security_definer and function.owner in self._tenants
        settler = Settler(builder.items, partial(self._judge_call, role), self.alone(role))
        rows: dict[str, Item] = {}
        if given is not None:
            rows, known = _rows(given, body, builder, known)
        found = self._run(body, Statements(self.facts, builder, settler, rows), known)
        return found._replace(keeps=self.with_members(found.keeps, settler))

    def _hides_columns(self, function: Function) -> bool:
        """Tell whether variables may come before columns: by a setting of the function, of the database, or
        of a role. Source: PostgreSQL documentation, "Variable Substitution"."""
        if function.language != "plpgsql":
            return False
        held = [function, self.facts.catalog.database, *self.facts.catalog.roles]
        settings = (text for one in held if one is not None for text in one.settings)
        return any(text.lower().replace("'", "") == _VARIABLES_FIRST for text in settings)

    @cached_property
    def _casts_unasked(self) -> bool:
        """Tell whether a cast that nobody writes down may run a function that reads tenants' rows."""
        return any(self._reaches(f, f.owner) for f in self.facts.once(cast_unasked))

    def _run(self, body: Body, statements: Statements, known: Known) -> Summary:
        if body.function is None:
            results = [statements.judge(node, known) for node in body.statements]
            keeps = max((result.keeps for result in results), default=Keeps.KEPT)
            gives = bool(results and results[-1].columns and results[-1].columns[0][1])
            return Summary(keeps, gives)
        flow = Flow(statements, self._learned, body.function)
        flow.run(known)
        ends = [{place[1] for place in leave.tenant if place[0] == 0} for leave in flow.leaves]
        tested = frozenset(set.intersection(*ends)) if ends else frozenset[str]()
        tested = tested.difference(pl.assigned((body.function.body,)))  # the caller's is what it was
        return Summary(flow.keeps, bool(flow.returns) and all(flow.returns), tested, flow.refuses)

    def _learned(self, statement: s.Node, known: Known) -> tuple[Known, bool]:
        """Return what is known after a statement that only calls a function: of the variables that it was
        given, what it tests; and whether it refuses by what is not known."""
        call = sole_call(statement)
        found = candidates(call, self.facts) if call is not None else ()
        if call is None or len(found) != 1:
            return known, False
        may_be_null = [arg for arg in call.args if not (isinstance(arg, s.Const) and arg.value is not None)]
        if found[0].strict and (len(may_be_null) > 1 or len(call.args) < len(parameters(found[0]))):
            return known, False  # it does not run where one of the others is NULL
        told = self._tried(found[0])
        names = zip(parameters(found[0]), call.args, strict=False)
        shown = {
            variable(".".join(a.names)) for n, a in names if n in told.tested and isinstance(a, s.Column)
        }
        return known._replace(tenant=known.tenant | shown), told.refuses and not told.tested

    # calls

    def _judge_call(self, role: str | None, called: Called, known: Known) -> Keeps:
        call = called.call
        if self._context.gives_context(call):
            return Keeps.KEPT
        found = candidates(call, self.facts)
        if call.name == "set_config" and not found:
            return self._sets(called, known)
        if not found:  # PostgreSQL's own, or one that is given something in a way that is not known here
            like = (f for f in self.named(call.name) if call.schema in ("", f.schema) and not f.overloads)
            return Keeps.UNCLEAR if any(like) else Keeps.KEPT
        beside = (Called(c, (None,) * len(c.args)) for c in left_to_defaults(call, self.facts))
        keeps = max((self._judge_call(role, one, known) for one in beside), default=Keeps.KEPT)
        return max(keeps, *(self._judge_function(f, called, known, role) for f in found))

    def _judge_function(self, function: Function, called: Called, known: Known, role: str | None) -> Keeps:
        """Judge a function that is called. One that the app may call itself is judged by itself, and one that
        reaches no table that is open to the role may do what it likes; but not set the tenant."""
        runs_as = function.owner if function.security_definer else role
        by_itself = function.security_definer and self._may_be_called(function)
        says = not is_trusted(function) and says_who(function, self.facts)
        if is_trusted(function) or not (says or self._reaches(function, runs_as)):
            return Keeps.KEPT
        if by_itself and not says:
            return Keeps.KEPT
        kept = zip(called.args, self._keeps(function), strict=False)
        places = [place if keeps else None for place, keeps in kept]
        pairs = list(zip(parameters(function), places, strict=False))
        tenant, person = (frozenset(_names(pairs, places)) for places in known[:2])
        try:
            return self.summary(function, tenant=tenant, person=person, role=runs_as).keeps
        except Unreadable:
            return Keeps.UNCLEAR

    def _tried_as(self, function: Function, role: str | None) -> Keeps:
        try:
            return self.summary(function, role=role).keeps
        except Unreadable:
            return Keeps.UNCLEAR

    def _reaches(self, function: Function, role: str | None) -> bool:
        """Tell whether what runs then may reach a table that is open to it."""
        return role is not None and some_act(function, role, self.facts, _may_reach)

    def _may_be_called(self, function: Function) -> bool:
        held = frozenset({"PUBLIC"}).union(*(self.facts.grantees_of(role) for role in self.facts.app_roles))
        executes = (g.grantee for g in function.grants if "EXECUTE" in g.privileges)
        return not held.isdisjoint(executes)

    def _sets(self, called: Called, known: Known) -> Keeps:
        """Judge set_config(): the tenant of the session may be set to what it is. Source: PostgreSQL
        documentation, "Configuration Settings Functions"."""
        name = s.uncast(called.call.args[0]) if called.call.args else None
        if not isinstance(name, s.Const):
            return Keeps.UNCLEAR
        if is_setting(str(name.value), self.facts.tenancy):
            return Keeps.KEPT if called.args[1:] and called.args[1] in known.tenant else Keeps.OPEN
        return Keeps.UNCLEAR if is_read(str(name.value), self.facts) else Keeps.KEPT


def _may_reach(act: Act, facts: Facts) -> bool:
    return bool(may_reach(act.function, act.role, facts))


def _places(first: Place, names: frozenset[str]) -> frozenset[Place]:
    return frozenset((first, *map(variable, names)))


def _names(pairs: list[tuple[str, Place | None]], places: frozenset[Place]) -> list[str]:
    found = [(n, name) for n, (name, place) in enumerate(pairs, 1) if place in places]
    return [word for n, name in found for word in (f"${n}", name) if word]


def _rows(given: Given, body: Body, builder: Builder, known: Known) -> tuple[dict[str, Item], Known]:
    """Return the rows that a trigger is given by their names, and what is known of them."""
    table = given.table
    columns = tuple(column.name for column in table.columns)
    changed = set[str]()
    if body.function is not None:
        changed = {*pl.assigned(body.function.body.body), *body.function.several}
    rows: dict[str, Item] = {}
    tenant, tied = set(known.tenant), set(known.tied)
    key = builder.facts.standings[table.qname].column if table.qname in builder.facts.standings else None
    level = builder.facts.level_of_root.get(table.qname)
    key = key or (builder.facts.tenancy.levels[level].key if level is not None else None)
    for name in ("new", "old", *given.transitions):
        trusted = name in given.names or name in given.transitions
        own = table if trusted and not any(n.partition(".")[0] == name for n in changed) else None
        keys, parents = builder.relations.keys(table), builder.relations.parents(table)
        item = builder.item(columns=columns, keys=keys, table=own, owned=True, parents=parents)
        tied |= {item.number} if trusted else set()
        if name in given.transitions:
            builder.rows[name] = item
            tenant |= {item.place(key)} if key else set()
        else:
            rows[name] = item
            tenant |= {variable(f"{name}.{key}")} if trusted and key else set()
    return rows, known._replace(tenant=frozenset(tenant), tied=frozenset(tied))
