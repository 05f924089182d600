"""The member of a fleet that is judged, what stands beside it, and the roles that have rights in it."""

from typing import NamedTuple

from validate_schema.pack import Facts, ObjectRef
from validate_schema.pack.roles import data_roles

FEW = 3  # names in a message
TWO = """
        create schema tenant_a;
        create table tenant_a.invoice (id bigint primary key, total numeric not null);
        create schema tenant_b;
        create table tenant_b.invoice (id bigint primary key, total numeric not null);
"""
_EVERYWHERE = data_roles(("SELECT", "INSERT"))


class MemberRole(NamedTuple):
    """A role that can log in, and the members of the fleet that it has rights in, by its own grants and by
    those of the roles that it may become. `migrates`: it owns the member, and others use it."""

    role: str
    members: frozenset[str]
    migrates: bool

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef("role", name=self.role)


def own_schema(facts: Facts) -> str:
    """Return the schema of the member that is judged, "" where members are no schemas."""
    return facts.fleet.member.schema if facts.fleet else ""


def members_of(facts: Facts) -> frozenset[str]:
    """Return the schemas of all members in the database of the one that is judged."""
    return frozenset({facts.fleet.member.schema, *facts.fleet.others} - {""}) if facts.fleet else frozenset()


def shared_schemas(facts: Facts) -> tuple[str, ...]:
    """Return the schemas beside the members, none where members are no schemas."""
    members = members_of(facts)
    return tuple(s.name for s in facts.catalog.schemas if s.name not in members) if members else ()


def member_roles(facts: Facts) -> tuple[MemberRole, ...]:
    """Return the roles that can log in, that rights bind, and that have some in the member.

    Who is, or may become, a superuser, or reads or writes all data, has rights in all of them. Superusers
    themselves are left out. Source: PostgreSQL documentation, "Predefined Roles".
    """
    return facts.once(_member_roles)


def _member_roles(facts: Facts) -> tuple[MemberRole, ...]:
    own, roles = own_schema(facts), facts.memberships
    if facts.fleet is None or not own:
        return ()
    every = members_of(facts)
    held = {role: frozenset(members) for role, members in facts.fleet.roles}
    owner = next((s.owner for s in facts.catalog.schemas if s.name == own), "")
    found = []
    for role in facts.catalog.roles:
        if role.superuser or not role.login:
            continue
        rights = roles.rights_of(role.name)
        anywhere = rights & _EVERYWHERE or any(
            facts.roles[name].superuser for name in roles.reached_from(role.name) if name in facts.roles
        )
        members = every if anywhere else frozenset().union(*(held[r] for r in rights if r in held))
        if own in members:
            found.append(MemberRole(role.name, members, owner in rights))
    used = any(not role.migrates for role in found)
    return tuple(role._replace(migrates=role.migrates and used) for role in found)
