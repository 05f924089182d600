"""What an app role may become or act as, how it comes to that, and how that is taken from it."""

from collections.abc import Iterator
from typing import NamedTuple

from validate_schema.pack import Facts, ObjectRef, Remedy, Step
from validate_schema.pack.model import first_of, listed
from validate_schema.pack.roles import DATABASE_OWNER, Estate, estates, guarded_tables
from validate_schema.pack.sql import quote_ident
from validate_schema.pack.subjects import TableRole

NO_LOCK = "none on rows: only privileges change"
_SHOWN = 5


class RoleReach(NamedTuple):
    """An app role and a role that it is, or that it may become or act as."""

    role: str
    becomes: str

    @property
    def ref(self) -> ObjectRef:
        name = self.role if self.role == self.becomes else f"{self.role} as {self.becomes}"
        return ObjectRef("role", name=name)

    @classmethod
    def named(cls, ref: ObjectRef) -> "RoleReach":
        """Return what a finding about a role is about."""
        role, as_other, other = ref.name.partition(" as ")
        return cls(role, other if as_other else role)


def reachable_roles(facts: Facts) -> Iterator[RoleReach]:
    """App roles, with every role that each may SET ROLE to; what lies behind one that no policy binds is
    left out, for it is mended with that one."""
    for role in facts.tenancy.app_roles:
        for other in sorted(facts.memberships.nearest_from(role)):
            yield RoleReach(role, other)


def plain_rights(facts: Facts) -> Iterator[RoleReach]:
    """App roles that exist, with every role whose rights each has. Left out is what only comes with a role
    that BYP001 reports: all of it is mended with that one membership."""
    for role in facts.app_roles:
        for other in sorted(facts.memberships.plain_rights_of(role)):
            yield RoleReach(role, other)


def owned_tables(facts: Facts) -> Iterator[TableRole | RoleReach]:
    """Tables of the tenants × app roles that exist, and the other owners whose rights these have."""
    for table in guarded_tables(facts):
        yield from (TableRole(table, role) for role in facts.app_roles)
    yield from owners_acted_as(facts)


def owners_acted_as(facts: Facts) -> Iterator[RoleReach]:
    """App roles × the other roles whose rights they have and that own what the isolation rests on."""
    for reach in plain_rights(facts):
        if reach.role != reach.becomes != DATABASE_OWNER and reach.becomes in estates(facts):
            yield reach


def estate_words(estate: Estate, facts: Facts) -> str:
    """Return in words what somebody owns."""
    parts = [f"the database {estate.database}"] if estate.database else []
    parts += [f"schema {name}" for name in estate.schemas]
    tables = [facts.show(t.qname) for t in estate.tables]
    functions = [f"{facts.show(f.qname)}({f.arguments})" for f in estate.functions]
    types = [f"type {facts.show(name)}" for name in estate.types]
    types += [f"extension {name}" for name in estate.extensions]
    parts += [first_of(names, _SHOWN) for names in (tables, functions, types) if names]
    return listed(parts)


def leave_owner(reach: RoleReach, facts: Facts) -> str:
    """Return in words how the app role comes to do without the owner's rights."""
    revoke = " ".join(take_membership(reach, facts).sql)
    return (
        f"Grant {reach.role} itself what it needs (SELECT, INSERT, UPDATE, DELETE on its tables), then {revoke} "
        "Let migrations log in with a role of their own."
    )


def how_reached(reach: RoleReach, facts: Facts) -> str:
    """Return in words how the one comes to the rights of the other."""
    role, other = reach
    if other in facts.memberships.set_from(role):
        return f"may SET ROLE to {other}"
    if other in facts.memberships.inherited_by(role):
        return f"is a member of {other}"
    if other in facts.can_become(role):
        return f"may grant itself {other} by ADMIN OPTION"
    return f"is a member of {other} through others"


def take_membership(reach: RoleReach, facts: Facts) -> Remedy:
    """Return the REVOKEs that cut every last step from the app role to the other."""
    members = sorted(name for name in facts.rights_of(reach.role) if _leads(name, reach, facts))
    target = quote_ident(reach.becomes)
    others = [m for m in members if m != reach.role]
    note = f"All members of {', '.join(others)} lose {reach.becomes} with it." if others else ""
    revoke = tuple(Step(f"REVOKE {target} FROM {quote_ident(m)};") for m in members)
    return Remedy(steps=revoke, note=note, lock=NO_LOCK)


def _leads(name: str, reach: RoleReach, facts: Facts) -> bool:
    """Tell whether a membership of `name` is one by which the app role comes to the other."""
    known = facts.roles.get(name)
    becomes = name in facts.can_become(reach.role)
    return known is not None and any(
        m.role == reach.becomes and (m.admin or (m.set_role and becomes) or m.inherit)
        for m in known.member_of
    )
