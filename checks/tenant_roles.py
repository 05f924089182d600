"""BYP: tenants that are roles, of which one may take another's."""

from collections.abc import Iterator

from validate_schema.pack import Facts, Flaw, Severity, check
from validate_schema.pack.roles import guarded_tables
from validate_schema.pack.sql import word_for

from ._roles import RoleReach, how_reached, take_membership


def tenants_roles(facts: Facts) -> Iterator[RoleReach]:
    """Where each tenant is a role: roles that may be a tenant's × the others that each may become."""
    if not word_for(facts.tenancy.setting):
        return
    usable = {other for role in facts.app_roles for other in facts.can_become(role)}
    for role in sorted(usable & facts.roles.keys()):
        yield from (RoleReach(role, other) for other in sorted(facts.can_become(role) & facts.roles.keys()))


@check(
    "BYP024",
    "A tenant's role may become another's",
    subjects=tenants_roles,
    severity=Severity.WARNING,
    explains=("beside",),
    why="Policies let through what belongs to the session's role: whoever takes another tenant's role has that tenant's rows.",
    config="""
        [tenancy]
        root = "organization"
        column = "org_id"
        setting = "role"
        app_roles = ["acme", "globex"]
    """,
    bad="""
        create role acme;
        create role globex;
        grant select on organization to acme, globex;
        grant globex to acme;
    """,
    good="""
        create role tenants;
        create role acme in role tenants;
        create role globex in role tenants;
        grant select on organization to tenants;
    """,
)
def tenant_role(subject: RoleReach, facts: Facts) -> Flaw | None:
    """A role that has rights on the tenants' tables by itself may SET ROLE to another that may be a tenant's.

    Examined where the tenant context is the session's role (``current_user``): app roles, and what they can
    become. Undecided, for nobody knows from outside which roles are tenants. Passes for the groups that hold the
    rights of the tenants, and for a login that has no rights but those of the tenants whose roles it takes.
    Source: PostgreSQL documentation, SET ROLE, "Role Membership".
    """
    role, other = subject
    if role == other or not _may_be_tenant(subject, facts):
        return None
    return Flaw(
        message=f"{subject.ref.name} has another's rows where both are tenants: {role} {how_reached(subject, facts)}",
        expected="no tenant's role is a member of another's",
        observed=f"{role} has rights on the tenants' tables without {other}",
        undecided=True,
        remedy=take_membership(subject, facts),
    )


def _may_be_tenant(reach: RoleReach, facts: Facts) -> bool:
    """Tell whether both have the rights of a tenant, the one not only by becoming the other: from grants of
    their own, or from a group that both are members of."""
    granted, named = facts.once(_holders)
    role, other = reach
    if role in granted:
        return True
    groups = {m.role for m in facts.roles[role].member_of} - {other}
    return any(facts.rights_of(group) & (granted | named) for group in groups & facts.rights_of(other))


def _holders(facts: Facts) -> tuple[frozenset[str], frozenset[str]]:
    """Return the roles that grants on tenants' tables name, and those that policies of theirs do."""
    granted: set[str] = set()
    named: set[str] = set()
    for table in guarded_tables(facts):
        grants = (*table.grants, *(g for column in table.columns for g in column.grants))
        granted |= {grant.grantee for grant in grants}
        named |= {role for policy in table.policies for role in policy.roles}
    return frozenset(granted & facts.roles.keys()), frozenset(named & facts.roles.keys())
