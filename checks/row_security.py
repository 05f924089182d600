"""RLS: row security is on, is forced, and has a policy."""

from collections.abc import Iterator

from validate_schema.pack import Facts, Flaw, Promise, Remedy, Severity, check
from validate_schema.pack.model import OWNED, TableClass
from validate_schema.pack.model import catalog as cat
from validate_schema.pack.remedies import LONGEST_WAY, enable_row_security, tenant_policy
from validate_schema.pack.rights import ROW_PRIVILEGES, is_guarded
from validate_schema.pack.roles import data_roles, platform_of

from ._access import may, users_of

_LOCK = "ACCESS EXCLUSIVE for a moment each: only the catalog changes, no row is read"
_NO_CONTEXT = (
    "Set tenancy.setting (or tenancy.current_tenant) in the config to have the policy written, or write "
    "one that compares the tenant column with the tenant of the session"
)


def _in_scope(facts: Facts) -> Iterator[cat.Table]:
    return (t for t in facts.tables if facts.class_of(t.qname) is not TableClass.EXEMPT)


def unprotected_candidates(facts: Facts) -> tuple[cat.Table, ...]:
    """Tenant and inherited tables, but for those whose policies are switched off (RLS004) and the
    inheritance children of protected tables (RLS013)."""
    return tuple(
        t
        for t in facts.protected_tables
        if t.row_security or not (t.policies or (t.inherits and is_guarded(t, facts)))
    )


def row_security_tables(facts: Facts) -> tuple[cat.Table, ...]:
    """User tables with row security on, exempt ones left out."""
    return tuple(t for t in _in_scope(facts) if t.row_security)


def forcible_tables(facts: Facts) -> tuple[cat.Table, ...]:
    """Tables with row security on that somebody is meant to use; those of BYP002 left out."""
    return tuple(
        t
        for t in row_security_tables(facts)
        if not _denied_to_all(t, facts) and not (facts.class_of(t.qname) in OWNED and _app_owners(t, facts))
    )


def tables_with_policies(facts: Facts) -> tuple[cat.Table, ...]:
    """User tables that have policies, exempt ones left out."""
    return tuple(t for t in _in_scope(facts) if t.policies)


@check(
    "RLS001",
    "Row security is off",
    subjects=unprotected_candidates,
    severity=Severity.ERROR,
    promise=Promise("{n} tenant and inherited tables have row-level security", place=51),
    explains=("rows",),
    why="Nothing in the database keeps one tenant from reading and changing another's rows: one forgotten WHERE is a leak.",
    bad="""
        create table invoice (
            id uuid primary key default gen_random_uuid(),
            org_id uuid not null references organization (id)
        );
        create table invoice_line (
            id uuid primary key default gen_random_uuid(),
            invoice_id uuid not null references invoice (id),
            amount numeric not null
        );
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
def enabled(table: cat.Table, facts: Facts) -> Flaw | None:
    """A table that holds tenants' rows has row security switched off.

    Examined: tenant and inherited tables; a partitioned table stands for its partitions. Fails when
    row security is off, even where privileges keep the app out today: the finding says who may use
    the table. Tables that have policies are left to RLS004, which says that these do nothing, and
    inheritance children of a table whose row security is on to RLS013.
    A foreign table cannot have row security: it fails only while somebody but its owner may use it.
    """
    if table.row_security:
        return None
    users = _users(table, facts)
    if table.kind == "foreign" and not users:
        return None
    name = facts.show(table.qname)
    return Flaw(
        message=f"Row security is off for {name}, which holds the rows of many tenants",
        expected="row security on and forced, with a policy that binds the tenant",
        observed="row security off, no policy",
        evidence=_users_line(users, facts),
        remedy=_foreign_remedy() if table.kind == "foreign" else _protect(table, facts),
    )


@check(
    "RLS002",
    "Row security is not forced",
    subjects=forcible_tables,
    severity=Severity.ERROR,
    promise=Promise("{n} tables force row-level security on their owner", place=52),
    explains=("rows",),
    why="The owner of a table is not subject to its policies unless row security is forced: whatever runs as the owner sees every tenant.",
    bad="""
        create table invoice (
            id uuid primary key default gen_random_uuid(),
            org_id uuid not null references organization (id)
        );
        create policy tenant_isolation on invoice
            using (org_id = (select nullif(current_setting('app.tenant_id', true), '')::uuid));
        alter table invoice enable row level security;
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
def forced(table: cat.Table, facts: Facts) -> Flaw | None:
    """A table's own policies do not hold for its owner.

    Examined: tables with row security on. An error when an app role owns the table or has the
    owner's rights, else a warning. Left out: tables of the tenants that an app role owns (BYP002 reports
    them, with the role), and tables denied to everybody on purpose: no policy, no grant.
    Superusers and roles with BYPASSRLS are never subject to policies, forced or not.
    Source: PostgreSQL documentation, "Row Security Policies".
    """
    if table.force_row_security:
        return None
    name, owner = facts.show(table.qname), facts.roles.get(table.owner)
    roles = _app_owners(table, facts)
    who = f"its owner {table.owner}"
    if roles and roles != (table.owner,):
        who += f" ({', '.join(roles)} can act as it)"
    note = "Whatever runs as the owner (migrations, backfills, pg_dump) is filtered too from then on."
    if owner is not None and (owner.superuser or owner.bypassrls):
        kind = "a superuser" if owner.superuser else "a role with BYPASSRLS"
        note = (
            f"{table.owner} is {kind}, whom no policy ever holds back: forcing takes effect once another role "
            "owns the table."
        )
    return Flaw(
        message=f"Row security is not forced for {name}: its policies do not hold for {who}",
        expected="FORCE ROW LEVEL SECURITY",
        observed="row security on, not forced",
        severity=Severity.ERROR if roles else Severity.WARNING,
        remedy=Remedy(steps=enable_row_security(table), note=note, lock=_LOCK),
    )


@check(
    "RLS003",
    "Row security without a policy",
    subjects=row_security_tables,
    severity=Severity.ERROR,
    explains=("rows", "reads", "writes"),
    why="Without a policy everything is denied: the app reads nothing and every write fails, until somebody switches row security off.",
    bad="""
        create table invoice (
            id uuid primary key default gen_random_uuid(),
            org_id uuid not null references organization (id)
        );
        alter table invoice enable row level security;
        alter table invoice force row level security;
        grant select, insert on invoice to app_user;
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
        grant select, insert on invoice to app_user;

        create table vault (id bigint primary key, org_id uuid not null references organization (id));
        alter table vault enable row level security;
    """,
)
def has_policy(table: cat.Table, facts: Facts) -> Flaw | None:
    """Row security is on and no policy admits a row.

    Examined: tables with row security on. A table without a policy that no app role and not PUBLIC
    may use is denied on purpose, and passes. When no app role is known, any role that is subject to
    policies and holds a privilege counts as a user of the table. An info where they are those that a gateway runs
    requests as (Supabase: ``anon``, ``authenticated``), which its default privileges give every table: without a policy
    the server alone uses it.
    """
    if table.policies:
        return None
    users = _users(table, facts)
    if not users:
        return None
    platform = platform_of(facts.catalog)
    if platform is not None and platform.web_roles.issuperset(users):
        return Flaw(
            message=f"Row security is on for {facts.show(table.qname)} and it has no policy: requests see no row of it",
            expected="a table that the server alone uses, or a policy that admits the rows of who asks",
            observed=f"no policy; granted to {', '.join(users)}",
            severity=Severity.INFO,
            remedy=Remedy(note="Nothing to do where the server alone uses it; a REVOKE from them says so."),
        )
    policy = tenant_policy(table, facts)
    note = _reads_note(table, facts) if policy else _policy_note(table, facts)
    return Flaw(
        message=f"Row security is on for {facts.show(table.qname)} and it has no policy: whoever is subject "
        "to it sees no row and can write none",
        expected="a policy that admits the tenant's own rows, or no privilege for anybody",
        observed=f"no policy; used by {', '.join(users)}",
        remedy=Remedy(steps=policy, note=note, lock=_LOCK if policy else ""),
    )


@check(
    "RLS004",
    "Policies on a table with row security off",
    subjects=tables_with_policies,
    severity=Severity.ERROR,
    explains=("rows",),
    why="Policies are ignored until row security is enabled: the table looks protected and is not.",
    bad="""
        create table invoice (
            id uuid primary key default gen_random_uuid(),
            org_id uuid not null references organization (id)
        );
        create policy tenant_isolation on invoice
            using (org_id = (select nullif(current_setting('app.tenant_id', true), '')::uuid));
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
def policy_enabled(table: cat.Table, facts: Facts) -> Flaw | None:
    """A table has policies, and row security is switched off.

    Examined: user tables with policies, of any class but exempt. What the policies say is the
    business of other checks.
    """
    if table.row_security:
        return None
    names = ", ".join(p.name for p in table.policies)
    note = "The policies hold from that moment on: make sure that the app sets the tenant context first."
    if not any(p.permissive for p in table.policies):
        note = "All its policies are restrictive: without a permissive one, enabling denies every row."
    return Flaw(
        message=f"Row security is off for {facts.show(table.qname)}: its policies do nothing",
        expected="row security on and forced",
        observed=f"row security off; policies: {names}",
        evidence=_users_line(_users(table, facts), facts),
        remedy=Remedy(steps=enable_row_security(table), note=note, lock=_LOCK),
    )


def _app_owners(table: cat.Table, facts: Facts) -> tuple[str, ...]:
    """Return the app roles that are the owner or have its rights."""
    return tuple(r for r in facts.app_roles if table.owner in facts.rights_of(r))


def _users(table: cat.Table, facts: Facts) -> tuple[str, ...]:
    """Return who is meant to use the table and is subject to its policies."""
    grants = [*table.grants, *(g for c in table.columns for g in c.grants)]
    granted = {g.grantee for g in grants if g.privileges} - {table.owner}
    if facts.app_roles:
        able = granted | {table.owner} | data_roles(ROW_PRIVILEGES)
        users = [r for r in facts.app_roles if able & facts.grantees_of(r)]
        return tuple(users) or (("PUBLIC",) if "PUBLIC" in granted else ())
    return tuple(sorted(g for g in granted if not facts.memberships.bypasses(g)))


def _denied_to_all(table: cat.Table, facts: Facts) -> bool:
    return not table.policies and not _users(table, facts)


def _users_line(users: tuple[str, ...], facts: Facts) -> str:
    if users:
        return f"used by {', '.join(users)}"
    return "no app role holds a privilege on it today" if facts.app_roles else ""


def _protect(table: cat.Table, facts: Facts) -> Remedy:
    """Return the remedy for a table without any protection: the policy first, so that the app is
    never blind in between."""
    policy = tenant_policy(table, facts)
    if not policy:
        return Remedy(note=_policy_note(table, facts))
    context = facts.tenancy.current_tenant or facts.tenancy.setting
    note = (
        f"From then on a session sees rows only after it has set {context}; see that the app does so first."
    )
    return Remedy(
        steps=(*policy, *enable_row_security(table)),
        note=f"{note} {_reads_note(table, facts)}".strip(),
        lock=_LOCK,
    )


def _policy_note(table: cat.Table, facts: Facts) -> str:
    if facts.tenancy.setting or facts.tenancy.current_tenant:
        standing = facts.standings.get(table.qname)
        if standing is not None and len(standing.path) > LONGEST_WAY:
            return (
                f"The tenant is {len(standing.path)} tables away: give {facts.show(table.qname)} the tenant column, "
                "and then a policy on it."
            )
        return f"Nothing says which rows of {facts.show(table.qname)} belong to a tenant: decide who may see them, and write the policy."
    return f"The tenant context is not known. {_NO_CONTEXT}."


def _reads_note(table: cat.Table, facts: Facts) -> str:
    """Say which parents an inherited table's policy reads: policies run with the caller's rights."""
    standing = facts.standings.get(table.qname)
    if standing is None or not standing.path:
        return ""
    return f"The policy reads {', '.join(map(facts.show, standing.path))}: the app role needs SELECT there."


def _foreign_remedy() -> Remedy:
    return Remedy(
        note="PostgreSQL has no row security for foreign tables: revoke the privileges on it, and let the app "
        "read through a view that filters by tenant, or protect the table on the remote server."
    )


def roots(facts: Facts) -> tuple[cat.Table, ...]:
    """Root tables."""
    return facts.of_class(TableClass.ROOT)


@check(
    "RLS016",
    "List of the tenants is open",
    subjects=roots,
    severity=Severity.ERROR,
    remediable=False,
    explains=("rows",),
    why="Every tenant reads who the others are, and what stands beside their names.",
    bad="grant select on organization to app_user;",
    good="""
        alter table organization enable row level security;
        alter table organization force row level security;
        create policy itself on organization
            using (id = (select nullif(current_setting('app.tenant_id', true), '')::uuid));
        grant select on organization to app_user;
    """,
)
def root_open(table: cat.Table, facts: Facts) -> Flaw | None:
    """An app role may use the table of the tenants itself, and row security is off.

    Examined: root tables. Fails when an app role or PUBLIC may read or change rows of one, on some column,
    through a view with its owner's rights or by a SECURITY DEFINER function, while row security is off. With it on, its policies are judged by RLS005 to RLS008.
    """
    users = dict.fromkeys(may(table.owner, table.grants, table.columns, facts, *ROW_PRIVILEGES))
    for view in facts.catalog.views:
        if table.qname in view.depends_on and not view.security_invoker:
            users |= dict.fromkeys(may(view.owner, view.grants, view.altered, facts, *ROW_PRIVILEGES))
    for function in facts.catalog.functions:
        if function.security_definer and table.qname in (function.touches or ()):
            users |= dict.fromkeys(users_of(function.owner, function.grants, facts, ("EXECUTE",)))
    if table.row_security or not users:
        return None
    name = facts.show(table.qname)
    return Flaw(
        message=f"{name} lists every tenant, and {', '.join(users)} may use it with row security off",
        expected="row security with a policy on its key, or no privilege for the app",
        observed="row security off",
        remedy=Remedy(
            note=f"Switch row security on and let each tenant see its own row: a policy that compares the key of {name} with the tenant of the session."
        ),
    )
