"""EFF: what triggers and rules do beside a statement, in tables that the statement does not name."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from validate_schema.pack import Facts, Flaw, ObjectRef, Remedy, Severity, check
from validate_schema.pack.model import TableClass
from validate_schema.pack.model import catalog as cat
from validate_schema.pack.rights import ROW_PRIVILEGES, is_guarded, openings, verbs_of, why_open
from validate_schema.pack.scoping import Given, keeps_to_tenant

from ._access import may, sources

_WRITES = ("INSERT", "UPDATE", "DELETE")
_OWNED = (TableClass.ROOT, TableClass.TENANT, TableClass.INHERITED)
_RETURNED = re.compile(r"\breturn\s+(?:new|old)\s*;", re.IGNORECASE)
_EXIT = re.compile(r"\breturn\s+([\w.]+)\s*;", re.IGNORECASE)
_NOTIFY = re.compile(r"\bpg_notify\s*\(|(?:^|;|\bbegin|\bthen|\belse)\s*notify\s+\w", re.IGNORECASE)
_STEP = re.compile(r";|\b(?:begin|then|else|loop)\b", re.IGNORECASE)
_PROSE = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'", re.DOTALL)
_NOTHING = re.compile(r"\bDO\s+INSTEAD\s+NOTHING\s*;?\s*$", re.IGNORECASE)
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
    """A trigger that an app role can fire, and the table whose row it is given; `owned`: one of tenants."""

    relation: cat.Table | cat.View
    trigger: cat.Trigger
    row: cat.Table
    owned: bool = True

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef.on_table("trigger", self.relation.qname, self.trigger.name)

    def given(self, body: str) -> Given:
        """Return the rows that the function is given, with the names of those that are the session's own. Policies check NEW after the last BEFORE
        trigger: before that only where it is what goes on, unchanged in the columns that tell whose it is;
        of a view nobody checks it. Nothing is known of the rows of other tables."""
        timing, owned = self.trigger.timing, self.owned
        if not owned or timing == "instead of":
            return Given(self.row, ("old",) if owned else ())
        exits = {word.lower() for word in _EXIT.findall(body)}
        names = ("new", "old") if timing == "after" or exits <= {"new"} else ("old",)
        tables = (self.trigger.old_table, self.trigger.new_table)
        return Given(self.row, names, tuple(name for name in tables if name))


class ActingRule(NamedTuple):
    """A rule on tenants' rows, but for what makes a view."""

    relation: cat.Table | cat.View
    rule: cat.Rule

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef.on_table("rule", self.relation.qname, self.rule.name)


def _written_relations(facts: Facts) -> Iterator[tuple[cat.Table | cat.View, cat.Table, bool]]:
    """Tables of the tenants, with their partitions, views over them on which something acts, and whatever
    else an app role writes to; each with the table whose rows are meant, and whether they are tenants' rows."""
    facts.require_tenancy()
    owned = {t.qname for t in facts.of_class(*_OWNED)}
    for table in facts.catalog.tables:
        ours = table.qname in owned or (table.parent is not None and is_guarded(table, facts))
        if ours or may(table.owner, table.grants, table.columns, facts, *_WRITES):
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
                yield FiredTrigger(relation, trigger, row, owned)


def acting_rules(facts: Facts) -> Iterator[ActingRule]:
    """Enabled rules of tenants' tables, of views, and of other tables that an app role may write to."""
    for relation, _, _ in _written_relations(facts):
        yield from (
            ActingRule(relation, r) for r in relation.rules if r.event != "SELECT" and r.enabled != "disabled"
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

    Examined: the enabled triggers of root, tenant and inherited tables and of views over them, with the body
    of their function. Fails when the function copies the row (NEW, OLD) into a table that is no tenant's and
    that an app role may read. Undecided when it may send the row with NOTIFY, which every session of the
    database can hear, when the function runs with its owner's rights past the policies and its statements are not all
    tied to the row's tenant, or when its body cannot be read.

    It passes when every statement on tenants' tables is tied to the tenant context or to the row that the
    trigger is given, or is under the policies of the caller or of the owner. Functions of extensions, and
    those in C, are taken to do what they are documented to do.
    Functions that it calls are not followed: undecided where one touches tenants' tables or cannot be read.
    Source: PostgreSQL documentation, "Overview of Trigger Behavior", NOTIFY.
    """
    function = _function_of(subject.trigger, facts)
    if function is None or function.language in ("c", "internal"):
        return None
    name = f"Trigger {subject.trigger.name} on {facts.show(subject.relation.qname)}"
    runs = f"runs {facts.show(function.qname)}()"
    if function.body is None or function.touches is None:
        return _undecided(name, f"{runs}, whose body cannot be read", function, facts)
    body = _PROSE.sub(" ", function.body)
    of_the_row = _rows_of(subject.trigger)
    if _NOTIFY.search(body) and of_the_row.search(_RETURNED.sub("", body)):
        return Flaw(
            message=f"{name} {runs}, which sends what stands in the row to every session that listens",
            expected="a payload without the row's values: a key that the listener has to look up",
            observed="NOTIFY with NEW or OLD in the same body",
            severity=Severity.WARNING,
            undecided=True,
            remedy=Remedy(
                note="Send the key alone, and have the listener read the row under its own policies."
            ),
        )
    shared = _shared_with(function, body, facts)
    if shared:
        copied = any(of_the_row.search(statement) for _, statement in shared)
        return _copy(name, runs, [table for table, _ in shared], function, facts, certain=copied)
    if not function.security_definer:
        return None
    reached = openings(function.owner, function.touches, facts, verbs_of(function))
    called = [f for f in facts.named_functions.within(body) if f.routine != function.routine]
    further = [f.name for f in called if f.touches is None or sources(f.touches, facts)]
    if further:
        return _undecided(name, f"{runs}, which calls {', '.join(further)}", function, facts)
    if not reached or keeps_to_tenant(function, facts, subject.given(body)):
        return None
    listed = ", ".join(facts.show(o.table.qname) for o in reached)
    why = f"{runs} as {function.owner} on {listed}, by statements that are not all tied to the row's tenant"
    return _undecided(name, why, function, facts)


def _rows_of(trigger: cat.Trigger) -> re.Pattern[str]:
    """Return what names the rows that the trigger is given, transition tables among them."""
    names = ("new", "old", *(n for n in (trigger.old_table, trigger.new_table) if n))
    return re.compile(rf"(?<![\w$])(?:{'|'.join(map(re.escape, names))})(?![\w$])", re.IGNORECASE)


def _copy(
    name: str, runs: str, shared: list[cat.Table], function: cat.Function, facts: Facts, *, certain: bool
) -> Flaw | None:
    """Return the flaw of writing to what all can read: the row itself, or what came of tenants' rows."""
    if not certain and not sources(function.touches or (), facts):
        return None
    listed = ", ".join(facts.show(t.qname) for t in shared)
    what = "copies from the row into" if certain else "reads tenants' rows and writes to"
    return Flaw(
        message=f"{name} {runs}, which {what} {listed}, open to every tenant",
        expected="a table with the tenant column and row security, or one that no app role may read",
        observed=f"{listed} belongs to no tenant and may be read by {', '.join(_readers(shared[0], facts))}",
        severity=None if certain else Severity.WARNING,
        undecided=not certain,
        remedy=Remedy(
            note=f"Give {listed} the tenant column and policies, or REVOKE SELECT on it from the app."
        ),
    )


def _undecided(name: str, why: str, function: cat.Function, facts: Facts) -> Flaw | None:
    """Return the doubt, where the function could reach what the caller cannot."""
    guarded = [t.qname for t in facts.of_class(*_OWNED) if t.row_security]
    past = openings(function.owner, guarded, facts, ROW_PRIVILEGES) if function.security_definer else ()
    if function.security_definer and not past:
        return None
    return Flaw(
        message=f"{name} {why}",
        expected="every statement tied to the tenant: tenant column = NEW's, or = the tenant context",
        observed=f"runs as {why_open(past, facts) if past else 'the caller'}",
        severity=Severity.WARNING,
        remedy=Remedy(
            note="Tie each statement by the tenant column of NEW or OLD; or read it, and accept it with a reason."
        ),
        undecided=True,
    )


def _function_of(trigger: cat.Trigger, facts: Facts) -> cat.Function | None:
    return next((f for f in facts.catalog.functions if f.qname == trigger.function and not f.arguments), None)


def _shared_with(function: cat.Function, body: str, facts: Facts) -> list[tuple[cat.Table, str]]:
    """Return the tables that the body writes, itself or through views, that are no tenant's and that the app
    may read, each with the statement."""
    found = []
    views = {v.qname: v.depends_on for v in facts.catalog.views}
    for name in function.touches or ():
        for target in (name, *views.get(name, ())):
            table = facts.tables_by_name.get(target)
            if table is None or facts.class_of(target) in _OWNED or is_guarded(table, facts):
                continue
            found += [(table, text) for text in _STEP.split(body) if _writes(text, name.name)]
    return [(table, text) for table, text in found if _readers(table, facts)]


def _writes(statement: str, relation: str) -> bool:
    """Tell whether a statement seems to write the relation: rather once too often."""
    named = rf'(?:[\w$"]+\s*\.\s*)?"?{re.escape(relation)}"?(?![\w$])'
    written = rf"\b(?:insert\s+into|update|merge\s+into)\s+(?:only\s+)?{named}"
    return re.search(written, statement, re.IGNORECASE) is not None


def _readers(table: cat.Table, facts: Facts) -> tuple[str, ...]:
    """Return who may read rows of the table: nobody where row security lets nobody in."""
    shown = any(p.permissive and p.command in ("ALL", "SELECT") for p in table.policies)
    if table.row_security and not shown:
        return ()
    return may(table.owner, table.grants, table.columns, facts, "SELECT")


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

    Examined: the enabled INSERT, UPDATE and DELETE rules of root, tenant and inherited tables and of views
    over them. Undecided whenever a rule has statements of its own: they run with the rights of the
    relation's owner and are not read. ``DO INSTEAD NOTHING`` passes.
    Source: PostgreSQL documentation, "Rules and Privileges".
    """
    if _NOTHING.search(subject.rule.definition):
        return None
    name, owner = facts.show(subject.relation.qname), subject.relation.owner
    return Flaw(
        message=f"Rule {subject.rule.name} on {name} has statements of its own, with the rights of {owner}",
        expected="no rule, or DO INSTEAD NOTHING; a trigger can be read and confined",
        observed=subject.rule.definition,
        remedy=Remedy(
            note="Write it as a trigger that keeps to the tenant of the row; or read it, and accept it with a reason."
        ),
        undecided=True,
    )
