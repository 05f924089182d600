"""RLS: how policies read the tenant context: under which setting, how safely, how often."""

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from validate_schema.pack import Facts, Flaw, ObjectRef, Remedy, Severity, check
from validate_schema.pack.model import Kind, reading
from validate_schema.pack.sql import (
    quote_literal,
    setting_of,
    syntax,
    with_calls_replaced,
)
from validate_schema.pack.subjects import TablePolicy

from ._policies import defects, mentions, nodes_of, policies_of, rewritten


class Read(NamedTuple):
    """A policy with what the analysis says of it alone."""

    policy: TablePolicy
    found: reading.PolicyReading

    @property
    def ref(self) -> ObjectRef:
        return self.policy.ref

    @property
    def texts(self) -> tuple[str, ...]:
        policy = self.policy.policy
        return tuple(t for t in (policy.using, policy.check) if t is not None)


def read_policies(facts: Facts) -> Iterator[Read]:
    """Policies of the tables of the tenants whose row security is on."""
    for subject in policies_of(facts):
        one = facts.policy_readings.get((subject.table.qname, subject.policy.name))
        if one is not None:
            yield Read(subject, one)


def setting_readers(facts: Facts) -> Iterator[Read]:
    """Policies that read settings, where the setting of the tenant is known."""
    if facts.tenancy.setting:
        yield from (r for r in read_policies(facts) if r.found.settings)


@check(
    "RLS009",
    "Policy reads another setting",
    subjects=setting_readers,
    severity=Severity.WARNING,
    why="The app sets one name and this policy waits for another: it denies everything, or trusts what nobody set.",
    bad="""
        create table invoice (
            id uuid primary key default gen_random_uuid(),
            org_id uuid not null references organization (id)
        );
        create policy tenant_isolation on invoice
            using (org_id = (select nullif(current_setting('app.tenant_id', true), '')::uuid));
        create policy tenant_floor on invoice as restrictive
            using (org_id = (select nullif(current_setting('app.current_tenant_id', true), '')::uuid));
        alter table invoice enable row level security;
        alter table invoice force row level security;
    """,
    good="""
        create table invoice (
            id uuid primary key default gen_random_uuid(),
            org_id uuid not null references organization (id)
        );
        create policy tenant_isolation on invoice
            using (org_id = (select nullif(current_setting('app.tenant_id', true), '')::uuid));
        create policy tenant_floor on invoice as restrictive
            using (org_id = (select nullif(current_setting('app.tenant_id', true), '')::uuid));
        alter table invoice enable row level security;
        alter table invoice force row level security;
    """,
)
def context_name(subject: Read, facts: Facts) -> Flaw | None:
    """A policy compares the tenant column with another setting than the tenant context.

    Examined: policies that read a setting, where the tenant context is a setting. Passes when the
    policy reads that setting too, or does not name the tenant column (a user within the tenant). A
    policy that opens the table is left to the check that says so.
    """
    table, policy = subject.policy
    wanted = facts.tenancy.setting or ""
    names = [name for name, _ in subject.found.settings]
    column = facts.tenant_column(table)
    if wanted.lower() in (n.lower() for n in names) or column is None:
        return None
    if not any(mentions(t, column) for t in subject.texts) or defects(subject.policy, facts):
        return None
    if facts.principals.memberships and all(_of_a_person(name, facts) for name in names):
        return None
    other = "'" + names[0].replace("'", "''") + "'"
    right = "'" + wanted.replace("'", "''") + "'"
    remedy = rewritten(subject.policy, {t: t.replace(f"({other}", f"({right}") for t in subject.texts})
    return Flaw(
        message=f"Policy {policy.name} on {facts.show(table.qname)} reads {', '.join(names)}, not {wanted}",
        expected=f"current_setting('{wanted}', true)",
        observed=", ".join(names),
        remedy=remedy or Remedy(note=f"Have it read {wanted}, or have the app set {names[0]} as well."),
    )


def _of_a_person(name: str, facts: Facts) -> bool:
    """Tell whether a setting says which person asks: memberships lead from there to the tenants."""
    persons = facts.principals.of_kind(Kind.PERSON)
    return name in {v.variable.setting for v in persons}


@check(
    "RLS010",
    "Policy fails in a fresh or reset session",
    concern="integrity",
    subjects=read_policies,
    severity=Severity.WARNING,
    why="Every query of such a session ends in an error rather than in no rows: an outage that shows only behind a connection pool.",
    bad="""
        create table invoice (
            id uuid primary key default gen_random_uuid(),
            org_id uuid not null references organization (id)
        );
        create policy tenant_isolation on invoice
            using (org_id = (select current_setting('app.tenant_id')::uuid));
        alter table invoice enable row level security;
        alter table invoice force row level security;
    """,
    good="""
        create table invoice (
            id uuid primary key default gen_random_uuid(),
            org_id uuid not null references organization (id)
        );
        create policy tenant_isolation on invoice
            using (org_id = (select nullif(current_setting('app.tenant_id', true), '')::uuid));
        alter table invoice enable row level security;
        alter table invoice force row level security;
    """,
)
def missing_ok(subject: Read, facts: Facts) -> Flaw | None:
    """A policy raises an error while the tenant context is unset or empty.

    Examined: policies of tables of the tenants whose row security is on. Fails for
    ``current_setting(x)`` without missing_ok, an error in a session that never set it, and for a cast
    of the setting that fails on ``''``, which is what a pooled connection holds after RESET.
    Source: PostgreSQL documentation, "Configuration Settings Functions".
    """
    table, policy = subject.policy
    if not subject.found.brittle:
        return None
    remedy = rewritten(subject.policy, {t: _tolerant(t) for t in subject.texts})
    return Flaw(
        message=f"Policy {policy.name} on {facts.show(table.qname)} fails where no tenant is set: {subject.found.brittle[0]}",
        expected="nullif(current_setting(…, true), '')",
        observed="; ".join(subject.found.brittle),
        remedy=remedy or Remedy(note="Have the function that it calls return NULL while nothing is set."),
    )


@lru_cache(maxsize=4096)
def _tolerant(text: str) -> str:
    """Return the expression with each setting as NULL while it is unset or empty."""
    guarded = [syntax.uncast(n.value).at for n in nodes_of(text) if isinstance(n, syntax.NullIf)]

    def known(call: syntax.Call, _: str) -> str | None:
        setting = setting_of(call)
        if setting is None:
            return None
        inner = f"current_setting({quote_literal(setting.name).strip()}, true)"
        return inner if call.at in guarded else f"NULLIF({inner}, '')"

    return with_calls_replaced(text, known)


@check(
    "RLS011",
    "Policy computes the tenant for each row",
    subjects=read_policies,
    severity=Severity.INFO,
    why="The same value is computed once for each row: on a large scan that costs more than the scan.",
    bad="""
        create table invoice (
            id uuid primary key default gen_random_uuid(),
            org_id uuid not null references organization (id)
        );
        create policy tenant_isolation on invoice
            using (org_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
        alter table invoice enable row level security;
        alter table invoice force row level security;
    """,
    good="""
        create table invoice (
            id uuid primary key default gen_random_uuid(),
            org_id uuid not null references organization (id)
        );
        create policy tenant_isolation on invoice
            using (org_id = (select nullif(current_setting('app.tenant_id', true), '')::uuid));
        alter table invoice enable row level security;
        alter table invoice force row level security;
    """,
)
def initplan(subject: Read, facts: Facts) -> Flaw | None:
    """A policy calls a stable function that does not depend on the row, outside a sub-select.

    Examined: policies of tables of the tenants whose row security is on. Within ``(SELECT …)`` the
    planner evaluates it once for each statement (an InitPlan).
    """
    table, policy = subject.policy
    if not subject.found.unwrapped:
        return None
    calls = ", ".join(subject.found.unwrapped)
    remedy = rewritten(subject.policy, {t: _wrapped(t) for t in subject.texts})
    return Flaw(
        message=f"Policy {policy.name} on {facts.show(table.qname)} evaluates {calls} for each row",
        expected=f"(SELECT {subject.found.unwrapped[0]})",
        observed=calls,
        remedy=remedy or Remedy(note="Write each call as (SELECT …)."),
    )


def _wrapped(text: str) -> str:
    """Return the expression with each setting, or else each call without arguments, in a sub-select."""
    nodes = nodes_of(text)
    settings = any(setting_of(node) is not None for node in nodes)
    selected = [t.value.at for n in nodes for t in _selected(n) if t.value is not None]

    def once(call: syntax.Call, written: str) -> str | None:
        wanted = setting_of(call) is not None if settings else not call.args and not call.rest
        return f"(SELECT {written})" if wanted and call.at not in selected else None

    return with_calls_replaced(text, once)


def _selected(node: syntax.Node) -> tuple[syntax.Target, ...]:
    query = node.query if isinstance(node, syntax.ScalarSelect) else None
    return query.targets if isinstance(query, syntax.Select) else ()
