"""BYP: ways around row-level security that roles and privileges open."""

from typing import NamedTuple

from validate_schema.pack import Facts, Flaw, ObjectRef, Remedy, Severity, Step, Unexamined, check
from validate_schema.pack.model import catalog as cat
from validate_schema.pack.roles import estates
from validate_schema.pack.sql import quote_ident, quote_qname
from validate_schema.pack.subjects import TableRole

from ._roles import (
    NO_LOCK,
    RoleReach,
    estate_words,
    how_reached,
    leave_owner,
    owned_tables,
    reachable_roles,
    take_membership,
)


class Connection(NamedTuple):
    """The connection that the catalog was read with."""

    role: cat.ConnectedRole

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef("role", name=self.role.name)


def connection(facts: Facts) -> tuple[Connection]:
    """The connection of this run."""
    return (Connection(facts.catalog.server.role),)


@check(
    "BYP001",
    "App role bypasses row security",
    subjects=reachable_roles,
    severity=Severity.ERROR,
    explains=("role",),
    why="A superuser or a role with BYPASSRLS is subject to no policy: whatever the policies say, it sees every tenant.",
    bad="""
        alter role app_user bypassrls;
        create role support_admin bypassrls;
        create role support;
        grant support_admin to support;
        grant support to app_user;
    """,
    good="""
        create role readers;
        grant readers to app_user;
        create role nightly_job login bypassrls;
    """,
)
def app_role_privileged(subject: RoleReach, facts: Facts) -> Flaw | Unexamined | None:
    """An app role is a superuser or has BYPASSRLS, or can become a role that is or has.

    Examined: each app role, and each role that it may SET ROLE to, directly or through others. The
    two attributes are never inherited: a membership without the SET option (PostgreSQL 16) does not
    count, unless it has ADMIN OPTION, by which the app grants itself the other; nor does a job role that the
    app cannot become. What lies behind such a role is not told again. An app role that does not exist here
    cannot be examined, which leaves the run incomplete.
    Source: PostgreSQL documentation, "Role Attributes", SET ROLE.
    """
    role = facts.roles.get(subject.becomes)
    if role is None:
        return Unexamined(f"role {subject.becomes} does not exist in this database's cluster")
    attributes = [
        word for word, held in (("SUPERUSER", role.superuser), ("BYPASSRLS", role.bypassrls)) if held
    ]
    if not attributes:
        return None
    held = " and ".join(attributes)
    if subject.role == subject.becomes:
        message, remedy = f"App role {role.name} has {held}", _take_attributes(role.name, attributes)
    else:
        message = f"{subject.ref.name} has {held}: the app role {subject.role} {how_reached(subject, facts)}"
        remedy = take_membership(subject, facts)
    return Flaw(message=message, expected="NOSUPERUSER and NOBYPASSRLS", observed=held, remedy=remedy)


def _take_attributes(role: str, attributes: list[str]) -> Remedy:
    words = " ".join(f"NO{a}" for a in attributes)
    return Remedy(
        steps=(Step(f"ALTER ROLE {quote_ident(role)} {words};"),),
        note="Holds for statements from then on, in open sessions too. Let maintenance log in with a role of its own.",
        lock=NO_LOCK,
    )


@check(
    "BYP002",
    "App role owns a tenant table",
    subjects=owned_tables,
    severity=Severity.ERROR,
    remediable=False,
    explains=("role", "beside"),
    why="Policies do not hold for an owner unless forced, and an owner can switch them off, drop them or drop the table.",
    bad="""
        create table invoice (
            id uuid primary key default gen_random_uuid(),
            org_id uuid not null references organization (id)
        );
        create policy tenant_isolation on invoice
            using (org_id = (select nullif(current_setting('app.tenant_id', true), '')::uuid));
        alter table invoice enable row level security;
        alter table invoice owner to app_user;
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
        alter table invoice owner to app_owner;
        grant select, insert, update, delete on invoice to app_user;
    """,
)
def app_role_owner(subject: TableRole | RoleReach, facts: Facts) -> Flaw | None:
    """An app role owns a table of the tenants, or has the rights of the role that owns it.

    Examined: roots, tenant and inherited tables (and partitions that have another owner) × app roles, and each
    role that owns some and whose rights an app role has, inherited, by SET ROLE or by ADMIN OPTION: that is
    one finding, whatever else the role owns. An error while row security is on: not forced, no policy
    holds for the app (RLS002 leaves these tables to this check); forced, one statement of the owner takes it
    off. A warning while it is off, which RLS001 reports. Owners that BYP001 reports are not told again.
    Source: PostgreSQL documentation, "Row Security Policies", ALTER TABLE.
    """
    if isinstance(subject, RoleReach):
        return _acts_as_owner(subject, facts)
    table, role = subject.table, subject.role
    if table.owner != role:
        return None
    name = facts.show(table.qname)
    unforced = table.row_security and not table.force_row_security
    state = "not forced" if unforced else "forced" if table.row_security else "off"
    return Flaw(
        message=f"App role {role} owns {name}, so its policies do not hold for {role}"
        if unforced
        else f"App role {role} owns {name} and can change or drop its policies",
        expected="an owner that no app role is or can act as",
        observed=f"owner {table.owner}, row security {state}",
        severity=Severity.ERROR if table.row_security else Severity.WARNING,
        remedy=Remedy(note=_new_owner(table, role, unforced=unforced)),
    )


def _acts_as_owner(reach: RoleReach, facts: Facts) -> Flaw | None:
    estate = estates(facts).get(reach.becomes)
    if estate is None or not estate.tables:
        return None
    role, owner = reach
    guarded = [t for t in estate.tables if t.row_security]
    unforced = [t for t in guarded if not t.force_row_security]
    allows = "so their policies do not hold for it" if unforced else "and can change or drop their policies"
    return Flaw(
        message=f"App role {role} {how_reached(reach, facts)}, which owns {estate_words(estate, facts)}, {allows}",
        expected="an owner that no app role is or can act as",
        observed=f"{role} has the rights of {owner}",
        severity=Severity.ERROR if guarded else Severity.WARNING,
        remedy=Remedy(note=leave_owner(reach, facts)),
    )


def _new_owner(table: cat.Table, role: str, *, unforced: bool) -> str:
    target = quote_qname(table.qname)
    first = f"At once: ALTER TABLE {target} FORCE ROW LEVEL SECURITY; then decide" if unforced else "Decide"
    return (
        f"{first} which role should own the table (the one that runs migrations, never one the app can act as): "
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON {target} TO {quote_ident(role)}; "
        f"ALTER TABLE {target} OWNER TO that role."
    )


@check(
    "BYP009",
    "Connected role bypasses row security",
    subjects=connection,
    severity=Severity.WARNING,
    remediable=False,
    why="When nothing says which role the app connects as, nobody can say whether the policies hold for it.",
    config="""
        [tenancy]
        root = "organization"
        column = "org_id"
        setting = "app.tenant_id"
    """,
    bad="""
        create table invoice (
            id uuid primary key default gen_random_uuid(),
            org_id uuid not null references organization (id)
        );
    """,
    good="""
        create table invoice (
            id uuid primary key default gen_random_uuid(),
            org_id uuid not null references organization (id)
        );
        create policy tenant_isolation on invoice to app_user
            using (org_id = (select nullif(current_setting('app.tenant_id', true), '')::uuid));
        alter table invoice enable row level security;
        alter table invoice force row level security;
        grant select on invoice to app_user;
    """,
)
def connected_role(subject: Connection, facts: Facts) -> Flaw | None:
    """The validator connected as a role that bypasses row security, and no app role is known.

    Examined: the connection (in a snapshot, the one that took it). Passes when an app role is known,
    from the config or from policies and grants, or when the connected role is subject to policies.
    """
    role = subject.role
    if facts.tenancy.app_roles or not (role.superuser or role.bypassrls):
        return None
    kind = "a superuser" if role.superuser else "a role with BYPASSRLS"
    return Flaw(
        message=f"Validated as {role.name}, {kind}, and no app role is known: whether the policies hold for the "
        "app is unproven",
        expected="a known app role",
        observed=f"connected as {role.name}, {kind}; no app role configured or inferred",
        remedy=Remedy(note="Name the role that production connects as in the config: tenancy.app_roles."),
    )
