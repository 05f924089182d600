"""RLS: whom the policies of a table leave out, and the partitions and children they do not reach."""

from collections.abc import Iterator

from validate_schema.pack import Facts, Flaw, Remedy, Severity, Step, check
from validate_schema.pack.model import TableClass
from validate_schema.pack.model import catalog as cat
from validate_schema.pack.remedies import enable_row_security, tenant_policy
from validate_schema.pack.rights import ROW_PRIVILEGES, nearest_above
from validate_schema.pack.sql import quote_qname, quote_role
from validate_schema.pack.subjects import TableRole

from ._access import holders_of, users_of

_GUARDED = (TableClass.TENANT, TableClass.INHERITED)
_LOCK = "ACCESS EXCLUSIVE for a moment: only the catalog changes, no row is read"


def used_tables(facts: Facts) -> Iterator[TableRole]:
    """Protected tables with policies in force × the app roles that hold a privilege on rows there and
    are subject to policies, but for a gateway's role of those who are not logged in."""
    for table in facts.protected_tables:
        if not (table.row_security and table.policies):
            continue
        grants = [*table.grants, *(g for c in table.columns for g in c.grants)]
        holders = {g.grantee for g in grants if ROW_PRIVILEGES.intersection(g.privileges)}
        for role in facts.app_roles:
            if facts.principals.is_nobody(role):
                continue
            exempt = table.owner in facts.rights_of(role) and not table.force_row_security
            if holders & facts.grantees_of(role) and not facts.memberships.bypasses(role) and not exempt:
                yield TableRole(table, role)


def children(facts: Facts) -> Iterator[cat.Table]:
    """Partitions and inheritance children of protected tables whose row security is on."""
    facts.require_tenancy()
    for table in facts.catalog.tables:
        if (table.parent or table.inherits) and _guard_of(table, facts) is not None:
            yield table


def _guard_of(table: cat.Table, facts: Facts) -> cat.Table | None:
    """Return the nearest protected table above this one whose row security is on."""
    return facts.once(_guards).get(table.qname)


def _guards(facts: Facts) -> dict[cat.QName, cat.Table]:
    guards = [t for t in facts.catalog.tables if t.row_security and facts.class_of(t.qname) in _GUARDED]
    return nearest_above(guards, facts)


@check(
    "RLS012",
    "No policy lets the app role in",
    concern="integrity",
    subjects=used_tables,
    severity=Severity.ERROR,
    why="Without a permissive policy for its role the app reads nothing from the table, until somebody in a hurry switches row security off.",
    bad="""
        create table invoice (
            id uuid primary key default gen_random_uuid(),
            org_id uuid not null references organization (id)
        );
        create policy tenant_isolation on invoice to app_owner
            using (org_id = (select nullif(current_setting('app.tenant_id', true), '')::uuid));
        alter table invoice enable row level security;
        alter table invoice force row level security;
        grant select, insert on invoice to app_user;
    """,
    good="""
        create table invoice (
            id uuid primary key default gen_random_uuid(),
            org_id uuid not null references organization (id)
        );
        create role writers;
        grant writers to app_user;
        create policy tenant_isolation on invoice to writers
            using (org_id = (select nullif(current_setting('app.tenant_id', true), '')::uuid));
        alter table invoice enable row level security;
        alter table invoice force row level security;
        grant select, insert on invoice to writers;
    """,
)
def applies_to_app(subject: TableRole, facts: Facts) -> Flaw | None:
    """No permissive policy of a table applies to an app role that uses it.

    Examined: tenant and inherited tables with policies and row security on × the app roles that hold
    SELECT, INSERT, UPDATE or DELETE there and are subject to policies. A policy applies when it is
    for PUBLIC, for the role, or for one it is a member of. Restrictive policies let nobody in. A
    table without any policy is RLS003's. Locked out on purpose are the role that a gateway runs requests as before
    anybody has logged in (Supabase: ``anon``), and whom a restrictive policy tells ``false``.

    Not covered: a role that has a policy for one command and a privilege for another, which denies
    that command, as an append-only table means to.
    Source: PostgreSQL documentation, CREATE POLICY.
    """
    table, role = subject.table, subject.role
    let_in = facts.rights_of(role) | {"PUBLIC"}
    permissive = [p for p in table.policies if p.permissive]
    if any(let_in.intersection(p.roles) for p in permissive) or _is_locked(table, let_in):
        return None
    name = facts.show(table.qname)
    policies = "; ".join(f"{p.name} for {', '.join(p.roles)}" for p in permissive)
    steps = tenant_policy(table, facts, role)
    return Flaw(
        message=f"No permissive policy on {name} applies to {role}, who may use it: it sees no row and can write none",
        expected=f"a permissive policy for {role} or PUBLIC",
        observed=policies or "restrictive policies alone, which only take away",
        remedy=Remedy(
            steps=steps,
            note=""
            if steps
            else f"Write a policy for {role} that binds the tenant, or revoke its privileges.",
            lock=_LOCK if steps else "",
        ),
    )


def _is_locked(table: cat.Table, names: frozenset[str]) -> bool:
    """Tell whether a policy is there to keep somebody with these names out."""
    return any(
        not p.permissive and "false" in (p.using, p.check) and names.intersection(p.roles)
        for p in table.policies
    )


@check(
    "RLS013",
    "Partition or child open beside its protected table",
    subjects=children,
    severity=Severity.ERROR,
    explains=("rows",),
    why="The policies of a table do not hold for whoever names its partition or child directly: it hands out every tenant's rows.",
    bad="""
        create table event (
            id bigint not null,
            org_id uuid not null references organization (id),
            at date not null
        ) partition by range (at);
        create table event_2026 partition of event for values from ('2026-01-01') to ('2027-01-01');
        create policy tenant_isolation on event
            using (org_id = (select nullif(current_setting('app.tenant_id', true), '')::uuid));
        alter table event enable row level security;
        alter table event force row level security;
        grant select, insert on event, event_2026 to app_user;
    """,
    good="""
        create table event (
            id bigint not null,
            org_id uuid not null references organization (id),
            at date not null
        ) partition by range (at);
        create table event_2026 partition of event for values from ('2026-01-01') to ('2027-01-01');
        create policy tenant_isolation on event
            using (org_id = (select nullif(current_setting('app.tenant_id', true), '')::uuid));
        alter table event enable row level security;
        alter table event force row level security;
        grant select, insert on event to app_user;
    """,
)
def partition_child(table: cat.Table, facts: Facts) -> Flaw | None:
    """A partition or inheritance child can be used directly, past the policies of its table.

    Examined: partitions, at any depth, and inheritance children of tenant and inherited tables whose
    row security is on. It passes while no app role and not PUBLIC holds a privilege on its rows, or
    its own row security is on: then its policies are judged like those of a table. A query of the parent is filtered by the parent's policies and needs
    no privilege on the child.
    Source: PostgreSQL documentation, "Row Security Policies", "Inheritance" (5.11.1).
    """
    if table.row_security:
        return None
    grants = [*table.grants, *(g for c in table.columns for g in c.grants)]
    users = users_of(table.owner, grants, facts, (*ROW_PRIVILEGES, "TRUNCATE"))
    guard = _guard_of(table, facts)
    if not users or guard is None:
        return None
    name, above = facts.show(table.qname), facts.show(guard.qname)
    kind = "partition" if table.parent else "inheritance child"
    return Flaw(
        message=f"{name}, a {kind} of {above}, is open to {', '.join(users)} past the policies of {above}"
        if kind == "partition"
        else f"{name}, an {kind} of {above}, is open to {', '.join(users)} past the policies of {above}",
        expected=f"no privilege on {name} for an app role, or row security of its own",
        observed=f"row security off, used by {', '.join(users)}",
        remedy=_close(table, grants, users, facts),
    )


def _close(table: cat.Table, grants: list[cat.Grant], users: tuple[str, ...], facts: Facts) -> Remedy:
    """Return the REVOKEs; an owner's rights cannot be revoked, so row security is switched on there."""
    target = quote_qname(table.qname)
    steps = [
        Step(f"REVOKE ALL PRIVILEGES ON TABLE {target} FROM {quote_role(g)};")
        for g in holders_of(grants, table.owner, users, facts)
    ]
    if any(table.owner in facts.grantees_of(u) for u in users if u != "PUBLIC"):
        steps += [*tenant_policy(table, facts), *enable_row_security(table)]
    return Remedy(
        steps=tuple(steps),
        note="Queries of the parent go on as before: they need no privilege on the child. Look at what grants "
        "privileges on new ones (ALTER DEFAULT PRIVILEGES, the partition manager).",
        lock=_LOCK if len(steps) > len(grants) else "none on rows: only privileges change",
    )
