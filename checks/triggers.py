"""EFF: what triggers and rules do beside a statement, in tables that the statement does not name."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from validate_schema.pack import Facts, Flaw, ObjectRef, Remedy, Severity, check
from validate_schema.pack.model import OWNED
from validate_schema.pack.model import catalog as cat
from validate_schema.pack.rights import (
    ROW_PRIVILEGES,
    Act,
    Opening,
    acts,
    acts_of,
    body_of,
    candidates,
    has_door,
    is_guarded,
    may_reach,
    openings,
    past_guards,
    sets_for_policies,
    sets_tenant,
    verbs_of,
    why_open,
)
from validate_schema.pack.scoping import Given, Keeps, confinement, keeps_to_tenant, rule_confinement
from validate_schema.pack.sql import Body, Unreadable, plpgsql, read_body, read_statements, syntax

from ._access import may, sources
from ._copies import (
    Copy,
    Rows,
    copies,
    plain_variables,
    publishes,
    readers,
    reads_tenants,
    sends,
    shown_to,
    tells_keys,
    variables_of,
    with_tenants,
)
from ._early import speaks

_WRITES = ("INSERT", "UPDATE", "DELETE")
_KEYS = ("primary key", "foreign key")
_NOTHING = re.compile(r"\bDO\s+INSTEAD\s+NOTHING\s*;?\s*$", re.IGNORECASE)
_PUBLISHES = "it sends a notification, or writes to what every tenant may read"
_BY_KEY = "runs without policies where a foreign key carries a change here"
_TABLE = """
        create table invoice (
            id uuid primary key default gen_random_uuid(),
            org_id uuid not null references organization (id),
            title text not null,
            status text not null default 'open'
        );
        create policy tenant_isolation on invoice
            using (org_id = (select nullif(current_setting('app.tenant_id', true), '')::uuid));
        alter table invoice enable row level security;
        alter table invoice force row level security;
        grant select, insert, update, delete on invoice to app_user;
"""


class FiredTrigger(NamedTuple):
    """A trigger that an app role can fire, and the table whose row it is given; `owned`: one of tenants. `further` is
    what it does besides what is said of it first: who accepts the one has not accepted the other."""

    relation: cat.Table | cat.View
    trigger: cat.Trigger
    row: cat.Table
    owned: bool = True
    further: str = ""

    @property
    def ref(self) -> ObjectRef:
        name = f"{self.trigger.name} to {self.further}" if self.further else self.trigger.name
        return ObjectRef.on_table("trigger", self.relation.qname, name)

    def named(self, runs: str, facts: Facts) -> str:
        """How a finding begins: which trigger runs what."""
        return f"Trigger {self.trigger.name} on {facts.show(self.relation.qname)} {runs}"

    def given(self, function: plpgsql.Function | None, facts: Facts) -> Given:
        """Return the rows that the function is given, with the names of those that are the session's own.
        Policies check NEW after the last BEFORE trigger: before that only where it is what goes on,
        unchanged in the columns that tell whose it is, from this function and from all that come after it, and
        where the function says nothing until then; of a view nobody checks it. Nothing is known of the rows of other
        tables."""
        timing, owned = self.trigger.timing, self.owned
        if self.row.qname in facts.loose:
            return Given(self.row, ())
        if not owned:
            return Given(self.row, ())
        if isinstance(self.relation, cat.View):
            return Given(self.row, ("old",) if _shows_own(self.relation, facts) else ())
        goes_on = timing == "after" or (
            _goes_on(function)
            and all(self._leaves(trigger, facts) for trigger in self._later())
            and not self.is_early(facts)
        )
        return Given(self.row, ("new", "old") if goes_on else ("old",), self.transitions)

    def is_early(self, facts: Facts) -> bool:
        """Tell whether the function may say what it found, before a policy has looked at the row."""
        function = _function_of(self.trigger, facts)
        return self.trigger.timing == "before" and function is not None and speaks(function, facts)

    def _later(self) -> Iterator[cat.Trigger]:
        """Yield the triggers that may still change or drop the row: those with a later name; and, where an
        UPDATE may move it to another partition, those of the DELETE and INSERT that this is. Source:
        PostgreSQL documentation, "Overview of Trigger Behavior"."""
        mine = self.trigger
        moves = "UPDATE" in mine.events and (self.row.kind == "partitioned" or self.row.parent is not None)
        for other in self.relation.triggers:
            fires = other.timing == "before" and other.level == "row" and other.enabled != "disabled"
            if not fires or other.name == mine.name:
                continue
            same = not {*mine.events}.isdisjoint(other.events) and other.name > mine.name
            if same or (moves and not {"DELETE", "INSERT"}.isdisjoint(other.events)):
                yield other

    def _leaves(self, trigger: cat.Trigger, facts: Facts) -> bool:
        """Tell whether a trigger hands the row on, and leaves alone what tells whose it is."""
        function = _function_of(trigger, facts)
        if function is None:
            return False
        if function.language in ("c", "internal"):
            return True
        try:
            body = read_body(function.language, function.body or "", "", function.returns or "")
        except Unreadable:
            return False
        keys = {c for key in self.row.constraints if key.kind in _KEYS for c in key.columns}
        keys.add(facts.tenant_column(self.row) or "")
        told = {"new", *(f"new.{column}" for column in keys)}
        written = set(plpgsql.assigned((body.function.body,))) if body.function is not None else told
        passed = "old" if trigger.events == ("DELETE",) else "new"
        return _goes_on(body.function, passed) and told.isdisjoint(written)

    @property
    def transitions(self) -> tuple[str, ...]:
        """The names of its transition tables."""
        return tuple(name for name in (self.trigger.old_table, self.trigger.new_table) if name)


def _shows_own(view: cat.View, facts: Facts) -> bool:
    """Tell whether the rows that a view shows, and so OLD, are the session's own: under its policies, or by a
    condition of the view's."""
    users = facts.app_roles or ("PUBLIC",)
    return keeps_to_tenant(view, facts) or not openings(None, (view.qname,), facts, ROW_PRIVILEGES, users)


class ActingRule(NamedTuple):
    """A rule on tenants' rows, but for what makes a view."""

    relation: cat.Table | cat.View
    rule: cat.Rule
    row: cat.Table
    owned: bool = True

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef.on_table("rule", self.relation.qname, self.rule.name)


def _written_relations(facts: Facts) -> Iterator[tuple[cat.Table | cat.View, cat.Table, bool]]:
    """Tables of the tenants, with their partitions, views over them on which something acts, and whatever
    else an app role writes to; each with the table whose rows are meant, and whether they are tenants'
    rows."""
    facts.require_tenancy()
    owned = {t.qname for t in facts.of_class(*OWNED)}
    for table in facts.catalog.tables:
        ours = table.qname in owned or (table.parent is not None and is_guarded(table, facts))
        written = table.triggers and table.qname in facts.once(_writers_of)
        if ours or written or may(table.owner, table.grants, table.columns, facts, *_WRITES):
            yield table, table, ours
    for view in facts.catalog.views:
        if view.kind != "view" or not (view.triggers or view.rules):
            continue
        tables = [t for n in view.depends_on if n in owned and (t := facts.tables_by_name.get(n)) is not None]
        tables = tables or list(sources(view.depends_on, facts))
        others = [t for n in view.depends_on if (t := facts.tables_by_name.get(n)) is not None]
        if tables or others:
            yield view, (tables or others)[0], bool(tables)


def fired_triggers(facts: Facts) -> Iterator[FiredTrigger]:
    """Enabled triggers of tenants' tables, of views, and of other tables that an app role may write to."""
    for relation, row, owned in _written_relations(facts):
        for trigger in relation.triggers:
            if trigger.enabled != "disabled" and not trigger.inherited:
                fired = FiredTrigger(relation, trigger, row, owned)
                yield fired
                yield from (fired._replace(further=act) for act, _ in _flaws_of(fired, facts)[1:])


def acting_rules(facts: Facts) -> Iterator[ActingRule]:
    """Enabled rules of tenants' tables, of views, and of other tables that an app role may write to."""
    for relation, row, owned in _written_relations(facts):
        yield from (
            ActingRule(relation, r, row, owned)
            for r in relation.rules
            if r.event != "SELECT" and r.enabled != "disabled"
        )


@check(
    "EFF001",
    "Trigger carries rows across tenants",
    subjects=fired_triggers,
    severity=Severity.ERROR,
    remediable=False,
    explains=("rows", "surface"),
    why="A trigger runs with every statement, where no policy of the table holds: one tenant's statement changes another's rows, or copies its own to where all can read them.",
    bad=f"""{_TABLE}
        create table feed (id uuid primary key default gen_random_uuid(), body text);
        grant select on feed to app_user;
        create function tell() returns trigger language plpgsql security definer as $$
            begin insert into feed (body) values (new.title); return null; end $$;
        create trigger tell after insert on invoice for each row execute function tell();
    """,
    good=f"""{_TABLE}
        create table log (id uuid primary key default gen_random_uuid(), org_id uuid not null, body text);
        create function tell() returns trigger language plpgsql security definer as $$
            begin insert into log (org_id, body) values (new.org_id, new.title); return null; end $$;
        create trigger tell after insert on invoice for each row execute function tell();
    """,
)
def trigger(subject: FiredTrigger, facts: Facts) -> Flaw | None:
    """What a trigger of a tenants' table does is not confined to the tenant of the row.

    Examined: the enabled triggers of root, tenant and inherited tables and of views over them, with the
    body of their function. Fails when the function copies the row (NEW, OLD) into a table that is no
    tenant's and that an app role may read; undecided where it is not known where all the values come from. Undecided
    when it may send the row, or tenants' rows that it reads, with
    NOTIFY, which every session of the database can hear (surrogate keys of the row may be told), put them into a sequence or a large object, or hand it to a function that does such things; when
    the function runs with its owner's rights past the policies and its statements are not all tied to the
    row's tenant; or when its body cannot be read.

    It passes when every statement on tenants' tables, with those of functions that it calls, is tied to
    the tenant context or to the row that the trigger is given, or is under the policies of the caller or
    of the owner. Of an invoker's trigger the caller may be a function with its owner's rights, or the
    owner of a table to which a foreign key carries a change. Functions in C are taken to do what they are
    documented to do: ``triggered_change_notification`` of the extension tcn sends the columns of the primary key.
    What a trigger does besides what is said of it first has a name of its own (``invoice.act to write``): who accepts
    the one has not accepted the other.

    A BEFORE trigger runs before the policies look at the row. Where it raises what it found, or casts the text of
    other rows, the row is nobody's yet: undecided, unless the function has compared its tenant with the context. So
    is a function that sets the tenant of the session to anything but what it is. Source: PostgreSQL documentation, "Overview of Trigger Behavior", NOTIFY, tcn.
    """
    flaws = _flaws_of(subject._replace(further=""), facts)
    return next((flaw for act, flaw in flaws if subject.further in ("", act)), None)


def _flaws_of(subject: FiredTrigger, facts: Facts) -> list[tuple[str, Flaw]]:
    """Return what a trigger may do to other tenants, each with the name of the act; worked out once."""
    known = facts.once(_known_flaws)
    if subject.ref not in known:
        known[subject.ref] = [*_flaws(subject, facts)]
    return known[subject.ref]


def _known_flaws(_: Facts) -> dict[ObjectRef, list[tuple[str, Flaw]]]:
    return {}  # what was found so far


def _flaws(subject: FiredTrigger, facts: Facts) -> Iterator[tuple[str, Flaw]]:
    function = _function_of(subject.trigger, facts)
    runs = f"runs {facts.show(subject.trigger.function)}()"
    if function is None or function.language in ("c", "internal"):
        if tells_keys(subject.trigger, function, subject.row):
            yield "send", _news(subject.named(runs, facts))
        return
    told = _Told(subject, function, runs)
    try:
        body = read_body(function.language, function.body or "", "", function.returns or "")
    except Unreadable:
        unread = _unread(told, facts)
        yield from [("run", unread)] if unread is not None else []
        return
    published = [*_published(told, body, facts)]
    yield from published
    if _enters(subject, function, body.function, facts):
        yield "set the tenant", _switch(told, facts)
    given = subject.given(body.function, facts)
    for role in _executors(subject, function, facts):
        ways = acts(function, role, facts)
        reached = [o for act in ways for o in may_reach(act.function, act.role, facts)]
        if reached and confinement(function, facts, given, role) is not Keeps.KEPT:
            if not published or any(_writes(act.function, reached, facts) for act in ways):
                yield "write", _reaches(told, reached, role, facts)
            return


def _published(told: "_Told", body: Body, facts: Facts) -> Iterator[tuple[str, Flaw]]:
    """Yield the ways by which the row, or what the function reads, comes to where other tenants find it."""
    subject, function = told.subject, told.function
    rows = Rows(subject.row, frozenset(("new", "old", *subject.transitions)))
    variables = variables_of(body.function, rows, facts)
    read = with_tenants(rows, function, facts)
    if sends(body.statements, read, variables_of(body.function, read, facts), facts):
        yield "send", _news(told.name(facts))
    helper = next(_helpers(body.statements, rows, variables, facts), None)
    if helper is not None:
        why = f"which hands the row to {facts.show(helper.qname)}()"
        yield "hand on", _doubt(told, why, _PUBLISHES, facts)
    copied = copies(body.statements, rows, variables, facts, plain_variables(body.function, rows, facts))
    if copied and (any(c.of_row or c.doubtful for c in copied) or reads_tenants(function, facts)):
        yield "copy", _copy(told, copied, facts)


def _writes(function: cat.Function, reached: list[Opening], facts: Facts) -> bool:
    """Tell whether a function may write to one of the tables, or to a view."""
    try:
        nodes = [*syntax.walk(*body_of(function).statements)]
    except Unreadable:
        return True
    names = {o.table.qname.name for o in reached} | {name.name for name in facts.views_by_name}
    written = (n.table.name for n in nodes if isinstance(n, (syntax.Insert, syntax.Update, syntax.Delete)))
    merges = any(isinstance(n, syntax.Unknown) and n.kind == "MergeStmt" for n in nodes)
    return merges or has_door(function, facts) or not names.isdisjoint(written)


class _Told(NamedTuple):
    """A trigger and its function, and how a finding begins."""

    subject: FiredTrigger
    function: cat.Function
    runs: str

    def name(self, facts: Facts) -> str:
        return self.subject.named(self.runs, facts)


def _executors(subject: FiredTrigger, function: cat.Function, facts: Facts) -> Iterator[str]:
    """Yield the roles with whose rights the function may run, but for that of the app: of its owner; or,
    of an invoker's, those of who writes the table for the app, which are functions with their owners'
    rights, and the table's owner where a foreign key carries a change here. Before such a change nothing
    forces policies on the owner. Source: PostgreSQL's ri_triggers.c, ri_PerformCheck."""
    if function.security_definer:
        yield function.owner
        return
    relation = subject.relation
    yield from sorted(facts.once(_writers_of).get(relation.qname, ()))
    if isinstance(relation, cat.Table):
        actions = {
            event: {"cascade"} if event == "DELETE" else {"cascade", "set null", "set default"}
            for event in subject.trigger.events
        }
        carried = any(
            key.on_delete in actions.get("DELETE", ())
            or {key.on_delete, key.on_update} & actions.get("UPDATE", set())
            for key in relation.foreign_keys
        )
        if carried:
            yield "" if subject.trigger.timing == "before" else relation.owner


def _writers_of(facts: Facts) -> dict[cat.QName, set[str]]:
    """Return the owners of the functions that may write to each relation with their rights."""
    found: dict[cat.QName, set[str]] = {}
    functions = facts.catalog.functions
    definers = (Act(f, f.owner) for f in functions if f.security_definer and f.extension is None)
    for act in acts_of(definers, facts):
        if act.role is not None and act.function.touches and verbs_of(act.function) - {"SELECT"}:
            for name in act.function.touches:
                found.setdefault(name, set()).add(act.role)
    return found


def _enters(
    subject: FiredTrigger, function: cat.Function, read: plpgsql.Function | None, facts: Facts
) -> bool:
    """Tell whether a trigger may set the tenant of the session to another one. What is set before the policies look
    is what they look with: NEW is nobody's then."""
    if not sets_for_policies(function, facts):
        return False
    before = subject.trigger.timing == "before"
    given = Given(subject.row, ("old",)) if before else subject.given(read, facts)
    return any(
        confinement(function, facts, given, role) is not Keeps.KEPT for role in facts.app_roles or ("",)
    )


def _switch(told: _Told, facts: Facts) -> Flaw:
    return Flaw(
        message=f"{told.name(facts)}, which may set the tenant of the session to another one",
        expected="the application alone sets the tenant; a trigger at most to what it is",
        observed=f"it sets {facts.tenancy.setting}",
        severity=Severity.WARNING,
        undecided=True,
        remedy=Remedy(
            note="Have the trigger name the tenant in its own conditions, and leave the setting alone."
        ),
    )


def _helpers(
    statements: tuple[syntax.Node, ...], rows: Rows, variables: frozenset[str], facts: Facts
) -> Iterator[cat.Function]:
    """Yield the functions of the database that are given the row and may hand it on to all tenants."""
    for node in syntax.walk(*statements):
        if isinstance(node, syntax.Call) and any(rows.told_by(a, variables, facts) for a in node.args):
            yield from (f for f in candidates(node, facts) if publishes(f, rows, facts))


def _news(named: str) -> Flaw:
    return Flaw(
        message=f"{named}, which sends what stands in tenants' rows to every session that listens, or "
        "puts it into a sequence or a large object",
        expected="a payload without the row's values: a key that the listener has to look up",
        observed="a notification, setval() or lo_put() with values of NEW, OLD or what the function reads",
        severity=Severity.WARNING,
        undecided=True,
        remedy=Remedy(note="Send the key alone, and have the listener read the row under its own policies."),
    )


def _copy(told: _Told, found: list[Copy], facts: Facts) -> Flaw:
    """Return the flaw of writing to what all can read: the row itself, or what came of tenants' rows."""
    certain = any(copy.certain for copy in found)
    found = [copy for copy in found if copy.certain] or found
    listed = ", ".join(dict.fromkeys(facts.show(copy.table.qname) for copy in found))
    what = (
        "copies from the row into"
        if any(copy.of_row for copy in found)
        else "reads tenants' rows and writes to"
    )
    if not any(copy.of_row for copy in found) and not reads_tenants(told.function, facts):
        what = "may have values of the row in what it writes to"
    return Flaw(
        message=f"{told.name(facts)}, which {what} {listed}, {shown_to(found)}",
        expected="a table with the tenant column and row security, or one that no app role may read",
        observed=f"{listed} belongs to no tenant and may be read by {', '.join(readers(found[0].table, facts))}",
        severity=None if certain else Severity.WARNING,
        undecided=not certain,
        remedy=Remedy(
            note=f"Give {listed} the tenant column and policies, or REVOKE SELECT on it from the app."
        ),
    )


def _reaches(told: _Told, reached: list[Opening], role: str, facts: Facts) -> Flaw:
    listed = ", ".join(dict.fromkeys(facts.show(o.table.qname) for o in reached))
    early = told.subject.is_early(facts)
    return _doubt(
        told,
        f"on {listed}, by statements that are not all tied to the row's tenant"
        + (": no policy has looked at that row when the function says what it found" if early else ""),
        f"runs as {why_open(reached, facts)}" if role else _BY_KEY,
        facts,
    )


def _unread(told: _Told, facts: Facts) -> Flaw | None:
    """Return the doubt about a body that cannot be read: past the policies it could reach anything; within
    them it could send or copy the row, as far as the app could do that itself."""
    executors = [*_executors(told.subject, told.function, facts)]
    past = next((found for role in executors if (found := past_guards(role, facts))), ())
    if past:
        runs = f"runs as {why_open(past, facts)}" if past[0].role else _BY_KEY
        return _doubt(told, "whose body cannot be read", runs, facts)
    shared = [
        t for t in facts.catalog.tables if facts.class_of(t.qname) not in OWNED and not is_guarded(t, facts)
    ]
    open_ones = [
        t for t in shared if readers(t, facts) and may(t.owner, t.grants, t.columns, facts, *_WRITES[:2])
    ]
    if told.function.security_definer or not (open_ones or "notify" in (told.function.body or "").lower()):
        return None
    return _doubt(told, "whose body cannot be read", "runs as the caller", facts)


def _doubt(told: _Told, why: str, observed: str, facts: Facts) -> Flaw:
    return Flaw(
        message=f"{told.name(facts)}{',' if why.startswith('whose') else ''} {why}",
        expected="every statement tied to the tenant: tenant column = NEW's, or = the tenant context",
        observed=observed,
        severity=Severity.WARNING,
        remedy=Remedy(
            note="Tie each statement by the tenant column of NEW or OLD; or read it, and accept it with a reason."
        ),
        undecided=True,
    )


def _goes_on(function: plpgsql.Function | None, row: str = "new") -> bool:
    """Tell whether the function returns that row wherever it returns."""
    returned = (
        [n for n in syntax.walk(function) if isinstance(n, plpgsql.Return)] if function is not None else []
    )
    return bool(returned) and all(
        isinstance(found.value, syntax.Column) and found.value.names == (row,) for found in returned
    )


def _function_of(trigger: cat.Trigger, facts: Facts) -> cat.Function | None:
    functions = (*facts.catalog.functions, *facts.catalog.extension_functions)
    return next((f for f in functions if f.qname == trigger.function and not f.arguments), None)


@check(
    "EFF002",
    "Rule acts beside statements on tenants' rows",
    subjects=acting_rules,
    severity=Severity.WARNING,
    remediable=False,
    explains=("rows", "surface"),
    why="A rule's statements run with the rights of the table's owner, on whatever rows they name: one tenant's statement reaches another's rows.",
    bad=f"""{_TABLE}
        create table feed (body text);
        grant select on feed to app_user;
        create rule tell as on insert to invoice do also insert into feed values (new.title);
    """,
    good=f"""{_TABLE}
        create rule keep as on delete to invoice do instead nothing;
    """,
)
def rule(subject: ActingRule, facts: Facts) -> Flaw | None:
    """A rule on a tenants' table, or on a view over one, does more than nothing.

    Examined: the enabled INSERT, UPDATE and DELETE rules of root, tenant and inherited tables, of views
    over them, and of other tables that an app role may write to. Their statements run with the rights of
    the relation's owner, OLD being the rows that the policies let the statement reach. Undecided where they set the
    tenant of the session. Passes for those
    that are tied to the tenant of OLD or to the tenant context, or under the policies of the owner; and
    for ``DO INSTEAD NOTHING``. Undecided for all others. Source: PostgreSQL documentation, "Rules and
    Privileges".
    """
    if _NOTHING.search(subject.rule.definition):
        return None
    owner = subject.relation.owner
    try:
        actions = _actions(subject.rule)
    except Unreadable:
        actions = ()
    if actions and not _acts_apart(subject, actions, facts):
        return None
    return Flaw(
        message=f"Rule {subject.rule.name} on {facts.show(subject.relation.qname)} has statements of its own, with "
        f"the rights of {owner}",
        expected="no rule, DO INSTEAD NOTHING, or statements tied to the tenant of OLD",
        observed=subject.rule.definition,
        remedy=Remedy(
            note="Write it as a trigger that keeps to the tenant of the row; or read it, and accept it with a reason."
        ),
        undecided=True,
    )


def _actions(rule: cat.Rule) -> tuple[syntax.Node, ...]:
    """Return the statements of a rule. Raises `Unreadable`."""
    (created,) = read_statements(rule.definition)
    found = dict(created.rest).get("actions", ()) if isinstance(created, syntax.Unknown) else ()
    return tuple(n for n in found if isinstance(n, syntax.Node)) if isinstance(found, tuple) else ()


def _acts_apart(subject: ActingRule, actions: tuple[syntax.Node, ...], facts: Facts) -> bool:
    """Tell whether the statements may reach rows of other tenants, or hand on what stands in the row."""
    rows = Rows(subject.row, frozenset({"new", "old"}))
    if (
        sends(actions, rows, frozenset(), facts)
        or copies(actions, rows, frozenset(), facts)
        or any(_helpers(actions, rows, frozenset(), facts))
        or sets_tenant(actions, facts)
    ):
        return True
    named = syntax.relations(*actions)
    names = [n for t in named for n in _known(t, facts)]
    users = facts.app_roles or ("PUBLIC",)
    if not openings(subject.relation.owner, names, facts, ROW_PRIVILEGES, users):
        return False
    own = subject.owned and isinstance(subject.relation, cat.Table) and subject.row.qname not in facts.loose
    trusted = ("old",) if own else ()
    return rule_confinement(actions, Given(subject.row, trusted), facts) is not Keeps.KEPT


def _known(table: syntax.Table, facts: Facts) -> Iterator[cat.QName]:
    for name in (*facts.tables_by_name, *facts.views_by_name):
        if name.name == table.name and table.schema in ("", name.schema):
            yield name
