"""RLS: what the branches of the policies let through, as the analysis of their expressions tells."""

from collections.abc import Iterator

from validate_schema.pack import Facts, Flaw, Promise, Remedy, Severity, Undecided, check
from validate_schema.pack.subjects import TablePolicy

from ._policies import (
    UNDECIDED,
    Subject,
    opens,
    permissive,
    policies_of,
    stopped_by,
    undecided,
    verdict,
)

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
    """Permissive policies for SELECT or ALL and combinations of policies."""
    return permissive(facts, "RLS005", ("ALL", "SELECT"))


def writing_policies(facts: Facts) -> Iterator[Subject]:
    """Permissive policies for INSERT, UPDATE, DELETE or ALL and combinations."""
    return permissive(facts, "RLS006", ("ALL", "INSERT", "UPDATE", "DELETE"))


def closing_policies(facts: Facts) -> Iterator[Subject]:
    """Permissive policies and combinations of policies."""
    return permissive(facts, "RLS007", ("ALL", "SELECT", "INSERT", "UPDATE", "DELETE"))


def owning_policies(facts: Facts) -> Iterator[Subject]:
    """Permissive policies and combinations of policies."""
    return permissive(facts, "RLS008", ("ALL", "SELECT", "INSERT", "UPDATE", "DELETE"))


@check(
    "RLS005",
    "Policy shows other tenants' rows",
    subjects=reading_policies,
    severity=Severity.ERROR,
    promise=Promise("policies for reading: {parts}", place=53),
    explains=("rows", "reads"),
    why="Permissive policies are joined by OR: one branch without the tenant opens the table to every tenant.",
    bad=f"{_TABLE}    create policy tenant_isolation on invoice using (org_id = {_CONTEXT} or is_public);\n",
    good=_GOOD,
)
def reads_bound(subject: Subject, facts: Facts) -> Flaw | Undecided | None:
    """A branch of a policy that lets rows be read does not bind the tenant.

    Examined: permissive policies for SELECT or ALL on tables of the tenants whose row security is on,
    for every app role and every role it can become, together with the restrictive policies that
    apply. Fails when the analysis shows a row of another tenant that passes: ``true``, ``OR
    is_public``, the wrong column, an inverted comparison, a fixed tenant, a setting that any session
    may set. Where USING stands in for WITH CHECK, writes are part of the same finding. Where only
    the policies together open the table, the finding is about the table and the command.

    Policies that the analysis cannot decide count as undecided; RLS014 lists them. Of several policies
    that open a table for a command, each is named that would still open it without those named before.
    """
    writes = isinstance(subject, TablePolicy) and opens(subject, "RLS006", facts)
    return verdict(subject, "RLS005", facts, f"read {'and write ' if writes else ''}other tenants' rows")


@check(
    "RLS006",
    "Policy lets rows of other tenants be written",
    subjects=writing_policies,
    severity=Severity.ERROR,
    promise=Promise("policies for writing: {parts}", place=54),
    explains=("rows", "writes"),
    why="A tenant can plant rows in another's account, give rows away, or change what is not its own.",
    bad=f"{_TABLE}    create policy tenant_isolation on invoice using (org_id = {_CONTEXT}) with check (true);\n",
    good=_GOOD,
)
def writes_bound(subject: Subject, facts: Facts) -> Flaw | Undecided | None:
    """A policy's own WITH CHECK, or the USING of an UPDATE or DELETE policy, does not bind the tenant.

    Examined: permissive policies for INSERT, UPDATE, DELETE or ALL, as RLS005 does. A USING that
    stands in for WITH CHECK and is open for reading as well is told by RLS005, RLS007, RLS008 or RLS018, or
    undecided by RLS014. Who accepts that has not accepted that rows are written: it stays undecided here,
    where an app role has the privilege to write.

    Policies that the analysis cannot decide count as undecided; RLS014 lists them.
    Source: PostgreSQL documentation, CREATE POLICY.
    """
    return verdict(subject, "RLS006", facts, "write other tenants' rows")


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
def fail_open(subject: Subject, facts: Facts) -> Flaw | Undecided | None:
    """A branch of a policy holds when the tenant context is unset or empty.

    Examined: permissive policies on tables of the tenants whose row security is on. The expression is
    evaluated with the context NULL, then ``''``: it fails when rows pass then, as with
    ``COALESCE(context, org_id)`` or ``context IS NULL OR …``.

    Policies that the analysis cannot decide count as undecided; RLS014 lists them.
    """
    return verdict(subject, "RLS007", facts, "in without a tenant context")


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
def null_tenant(subject: Subject, facts: Facts) -> Flaw | Undecided | None:
    """Rows with NULL in the tenant column pass a policy for every tenant.

    Examined: permissive policies on tables of the tenants whose row security is on. Tables whose
    rows without a tenant are declared as shared (``null_means``) may show them.

    Policies that the analysis cannot decide count as undecided; RLS014 lists them.
    """
    return verdict(subject, "RLS008", facts, "at rows that belong to no tenant")


@check(
    UNDECIDED,
    "Policy that could not be decided",
    subjects=policies_of,
    severity=Severity.WARNING,
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
    stopped it, such as a function whose body cannot be read. The run is INCOMPLETE (exit 3) until the proof
    settled it with rows (``--prove``; with ``--migrations`` it is made by itself, unless ``--no-prove``), or
    somebody accepted it with a reason (``[[checks.suppress]]``). Rows settle a function that does nothing with
    a key but compare it: the policy is called tested then.
    """
    stuck = undecided(subject, facts)
    if stuck is None:
        return None
    table, policy = subject
    what = ", ".join(stopped_by(table, policy.name, facts)) or stuck.reason
    return Flaw(
        message=f"Policy {policy.name} on {facts.show(table.qname)} could not be decided: {what}",
        expected="an expression that can be read, or a proof with rows (--prove)",
        observed=stuck.branch or policy.using or policy.check or "",
        evidence=stuck.reason,
        remedy=Remedy(
            note="Run with --prove, which tries it with the rows of two tenants on a copy; or read it, and accept it"
            " with a reason. Until then the run is INCOMPLETE."
        ),
        undecided=True,
    )
