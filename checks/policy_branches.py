"""RLS: what the branches of the policies let through, as the analysis of their expressions tells."""

from collections.abc import Iterator

from validate_schema.pack import Facts, Flaw, Promise, Remedy, Severity, check
from validate_schema.pack.model import reading
from validate_schema.pack.subjects import TablePolicy

from ._policies import Subject, decided, defects, flaw, judgements_of, policies_of

_TABLE = """
    create table invoice (
        id uuid primary key default gen_random_uuid(),
        org_id uuid not null references organization (id),
        is_public boolean not null default false
    );
    alter table invoice enable row level security;
    alter table invoice force row level security;
    grant select, insert, update, delete on invoice to app_user;
"""
_CONTEXT = "(select nullif(current_setting('app.tenant_id', true), '')::uuid)"
_GOOD = f"{_TABLE}    create policy tenant_isolation on invoice using (org_id = {_CONTEXT});\n"


def reading_policies(facts: Facts) -> Iterator[Subject]:
    """Permissive policies for SELECT or ALL that could be decided, and combinations of policies."""
    return decided(facts, "RLS005", ("ALL", "SELECT"))


def writing_policies(facts: Facts) -> Iterator[Subject]:
    """Permissive policies for INSERT, UPDATE, DELETE or ALL that could be decided, and combinations."""
    return decided(facts, "RLS006", ("ALL", "INSERT", "UPDATE", "DELETE"))


def closing_policies(facts: Facts) -> Iterator[Subject]:
    """Permissive policies that could be decided, and combinations of policies."""
    return decided(facts, "RLS007", ("ALL", "SELECT", "INSERT", "UPDATE", "DELETE"))


def owning_policies(facts: Facts) -> Iterator[Subject]:
    """Permissive policies that could be decided, and combinations of policies."""
    return decided(facts, "RLS008", ("ALL", "SELECT", "INSERT", "UPDATE", "DELETE"))


@check(
    "RLS005",
    "Policy shows other tenants' rows",
    subjects=reading_policies,
    severity=Severity.ERROR,
    promise=Promise("{n} policies for reading bind the tenant", place=53),
    explains=("rows", "reads"),
    why="Permissive policies are joined by OR: one branch without the tenant opens the table to every tenant.",
    bad=f"{_TABLE}    create policy tenant_isolation on invoice using (org_id = {_CONTEXT} or is_public);\n",
    good=_GOOD,
)
def reads_bound(subject: Subject, facts: Facts) -> Flaw | None:
    """A branch of a policy that lets rows be read does not bind the tenant.

    Examined: permissive policies for SELECT or ALL on tables of the tenants whose row security is on,
    for every app role and every role it can become, together with the restrictive policies that
    apply. Fails when the analysis shows a row of another tenant that passes: ``true``, ``OR
    is_public``, the wrong column, an inverted comparison, a fixed tenant, a setting that any session
    may set. Where USING stands in for WITH CHECK, writes are part of the same finding. Where only
    the policies together open the table, the finding is about the table and the command.

    Not covered: policies that the analysis cannot decide, which RLS014 lists. Of several policies
    that open a table for a command, one is named: the next shows when it is mended.
    """
    return flaw(subject, "RLS005", facts, "read other tenants' rows")


@check(
    "RLS006",
    "Policy lets rows of other tenants be written",
    subjects=writing_policies,
    severity=Severity.ERROR,
    promise=Promise("{n} policies for writing bind the tenant", place=54),
    explains=("rows", "writes"),
    why="A tenant can plant rows in another's account, give rows away, or change what is not its own.",
    bad=f"{_TABLE}    create policy tenant_isolation on invoice using (org_id = {_CONTEXT}) with check (true);\n",
    good=_GOOD,
)
def writes_bound(subject: Subject, facts: Facts) -> Flaw | None:
    """A policy's own WITH CHECK, or the USING of an UPDATE or DELETE policy, does not bind the tenant.

    Examined: permissive policies for INSERT, UPDATE, DELETE or ALL, as RLS005 does. A USING that
    stands in for WITH CHECK and is open for reading as well is RLS005's.

    Not covered: policies that the analysis cannot decide, which RLS014 lists.
    Source: PostgreSQL documentation, CREATE POLICY.
    """
    return flaw(subject, "RLS006", facts, "write other tenants' rows")


@check(
    "RLS007",
    "Policy is open without a tenant context",
    subjects=closing_policies,
    severity=Severity.ERROR,
    explains=("rows", "reads", "writes"),
    why="A session that never set the tenant, or a pooled one that was reset, sees every tenant's rows.",
    bad=f"{_TABLE}    create policy tenant_isolation on invoice using (org_id = coalesce({_CONTEXT}, org_id));\n",
    good=_GOOD,
)
def fail_open(subject: Subject, facts: Facts) -> Flaw | None:
    """A branch of a policy holds when the tenant context is unset or empty.

    Examined: permissive policies on tables of the tenants whose row security is on. The expression is
    evaluated with the context NULL, then ``''``: it fails when rows pass then, as with
    ``COALESCE(context, org_id)`` or ``context IS NULL OR …``.

    Not covered: policies that the analysis cannot decide, which RLS014 lists.
    """
    return flaw(subject, "RLS007", facts, "in without a tenant context")


@check(
    "RLS008",
    "Policy shows rows without a tenant to all",
    subjects=owning_policies,
    severity=Severity.ERROR,
    explains=("rows", "reads"),
    why="A row whose tenant was lost, or never set, is handed to every tenant.",
    bad=f"""
    create table invoice (
        id uuid primary key default gen_random_uuid(),
        org_id uuid references organization (id)
    );
    alter table invoice enable row level security;
    alter table invoice force row level security;
    grant select, insert, update, delete on invoice to app_user;
    create policy tenant_isolation on invoice using (org_id is null or org_id = {_CONTEXT});
    """,
    good=f"""
    create table invoice (
        id uuid primary key default gen_random_uuid(),
        org_id uuid references organization (id)
    );
    alter table invoice enable row level security;
    alter table invoice force row level security;
    grant select, insert, update, delete on invoice to app_user;
    create policy tenant_isolation on invoice using (org_id = {_CONTEXT});
    """,
)
def null_tenant(subject: Subject, facts: Facts) -> Flaw | None:
    """Rows with NULL in the tenant column pass a policy for every tenant.

    Examined: permissive policies on tables of the tenants whose row security is on. Tables whose
    rows without a tenant are declared as shared (``null_means``) may show them.

    Not covered: policies that the analysis cannot decide, which RLS014 lists.
    """
    return flaw(subject, "RLS008", facts, "at rows that belong to no tenant")


@check(
    "RLS014",
    "Policy that could not be decided",
    subjects=policies_of,
    severity=Severity.INFO,
    remediable=False,
    explains=("unverified",),
    why="Nobody has shown that this policy keeps the tenants apart: only rows can, or a person who reads it.",
    bad=f"""{_TABLE}    create function may_see(uuid) returns boolean language plpgsql stable
        as $$ begin execute 'select 1'; return true; end $$;
    create policy tenant_isolation on invoice using (may_see(org_id));
""",
    good=_GOOD,
)
def unverified(subject: TablePolicy, facts: Facts) -> Flaw | None:
    """The expression of a policy could not be decided from its text.

    Examined: the policies of tables of the tenants whose row security is on. Fails when the analysis
    can show neither that every branch binds the tenant nor a row that gets through; it says what
    stopped it, such as a function whose body cannot be read. ``--prove`` settles it with rows.
    """
    table, policy = subject
    stuck = judgements_of(table, policy.name, facts, reading.Reach.UNVERIFIED)
    if not stuck and policy.name == _suspect(subject, facts):
        stuck = judgements_of(table, None, facts, reading.Reach.UNVERIFIED)
    if not stuck or defects(subject, facts):
        return None
    what = ", ".join(_undecided(subject, facts)) or stuck[0].reason
    return Flaw(
        message=f"Policy {policy.name} on {facts.show(table.qname)} could not be decided: {what}",
        expected="an expression that can be read, or a proof with rows (--prove)",
        observed=stuck[0].branch or policy.using or policy.check or "",
        evidence=stuck[0].reason,
        remedy=Remedy(note="Run with --prove, which tries it with the rows of two tenants on a copy."),
    )


def _undecided(subject: TablePolicy, facts: Facts) -> tuple[str, ...]:
    """Return what stopped the analysis in one policy."""
    one = facts.policy_readings.get((subject.table.qname, subject.policy.name))
    return one.undecided if one is not None else ()


def _suspect(subject: TablePolicy, facts: Facts) -> str:
    """Return the policy to name where the judgement names none: one that stopped the analysis, else the
    first permissive one."""
    policies = [p for p in subject.table.policies if p.permissive] or list(subject.table.policies)
    stopped = (p for p in policies if _undecided(TablePolicy(subject.table, p), facts))
    return next(stopped, policies[0]).name
