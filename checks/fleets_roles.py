"""FLT: who has rights in several members of a fleet, where the members are schemas of one database."""

from collections.abc import Iterator
from typing import NamedTuple

from validate_schema.pack import Facts, Flaw, ObjectRef, Remedy, Severity, Step, check
from validate_schema.pack.model import catalog as cat
from validate_schema.pack.model import first_of, listed, some
from validate_schema.pack.sql import quote_ident, quote_role

from ._fleet import FEW, TWO, MemberRole, member_roles, members_of, own_schema
from ._roles import NO_LOCK


class MemberSchema(NamedTuple):
    """The schema of a member."""

    schema: cat.Schema

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef("schema", name=self.schema.name)


class MemberDefaults(NamedTuple):
    """Default privileges that hold in the member."""

    given: cat.DefaultPrivileges

    @property
    def ref(self) -> ObjectRef:
        name = f"{self.given.object_type} of {self.given.role}"
        return ObjectRef("default privileges", self.given.schema or "", name=name)


def using_roles(facts: Facts) -> Iterator[MemberRole]:
    """Roles with rights in the member, but for those that migrate it."""
    yield from (role for role in member_roles(facts) if not role.migrates)


@check(
    "FLT003",
    "Role has rights in several members",
    subjects=using_roles,
    severity=Severity.ERROR,
    needs="fleet",
    remediable=False,
    why="Nothing but a search_path that the application sets keeps such a session in one tenant's schema: a forgotten or forged one reads another's.",
    bad=f"""
        {TWO.strip()}
        create role tenant_a_app login;
        grant usage on schema tenant_a, tenant_b to tenant_a_app;
        grant select on all tables in schema tenant_a, tenant_b to tenant_a_app;
    """,
    good=f"""
        {TWO.strip()}
        create role tenant_a_app login;
        grant usage on schema tenant_a to tenant_a_app;
        grant select on all tables in schema tenant_a to tenant_a_app;
    """,
)
def role_of_several(subject: MemberRole, facts: Facts) -> Flaw | None:
    """A role has rights in the member and in others.

    Examined: roles that can log in and are no superusers, with the rights of all roles that each may become,
    those to all data and those of a superuser among them.
    An error when it has rights in some of the other members; a warning when it has them in all: then the
    fleet is kept apart by search_path alone, which is what it is. The owner of the member is left out where
    another role has rights there: it is the one that migrates; the application must not log in as it.
    Source: PostgreSQL documentation, "Schemas" (Privileges), "Role Membership".
    """
    others = subject.members - {own_schema(facts)}
    if not others:
        return None
    every = subject.members >= members_of(facts)
    if every:
        message = f"Role {subject.role} has rights in every member: search_path alone keeps tenants apart"
    else:
        message = f"Role {subject.role} has rights in {some(len(subject.members), 'member')}"
    return Flaw(
        message=message,
        expected="a role for each member, with rights in that one alone",
        observed=f"rights in {first_of(sorted(others), FEW)} as well",
        severity=Severity.WARNING if every else None,
        remedy=Remedy(
            note="Give each member a role of its own that the application switches to (SET LOCAL ROLE), and"
            " take from this one what it does not need."
        ),
    )


def member_schema(facts: Facts) -> Iterator[MemberSchema]:
    """The schema of the member."""
    own = own_schema(facts)
    yield from (MemberSchema(s) for s in facts.catalog.schemas if own and s.name == own)


@check(
    "FLT004",
    "Everybody may use the schema of a member",
    subjects=member_schema,
    severity=Severity.ERROR,
    needs="fleet",
    why="With USAGE for PUBLIC every role of the server gets at what it is granted in the tenant's schema; with CREATE it puts tables and functions into it.",
    bad=f"""
        {TWO.strip()}
        grant usage on schema tenant_a to public;
    """,
    good=TWO,
)
def open_to_everybody(subject: MemberSchema, _: Facts) -> Flaw | None:
    """PUBLIC has USAGE or CREATE on the schema of a member.

    Examined: the privileges on the schema. Source: PostgreSQL documentation, "Schemas" (Privileges).
    """
    given = [p for g in subject.schema.grants if g.grantee == "PUBLIC" for p in g.privileges]
    if not given:
        return None
    name = quote_ident(subject.schema.name)
    held = ", ".join(given)
    return Flaw(
        message=f"Everybody has {listed(given)} on the schema {subject.schema.name}",
        expected="no privilege for PUBLIC",
        observed=f"PUBLIC: {held}",
        remedy=Remedy(
            steps=(
                Step(
                    f"REVOKE {held} ON SCHEMA {name} FROM PUBLIC;",
                    undo=(Step(f"GRANT {held} ON SCHEMA {name} TO PUBLIC;", undo=()),),
                ),
            ),
            note="Grant it to the roles of this member first.",
            lock=NO_LOCK,
        ),
    )


def default_privileges(facts: Facts) -> Iterator[MemberDefaults]:
    """Default privileges on tables and sequences that hold in the member: its own, and the whole database's."""
    if own := own_schema(facts):
        for given in facts.catalog.default_privileges:
            if given.schema in (None, own) and given.object_type in ("tables", "sequences"):
                yield MemberDefaults(given)


@check(
    "FLT008",
    "Default privileges open what is made in a member later",
    subjects=default_privileges,
    severity=Severity.WARNING,
    needs="fleet",
    why="Every table that a migration makes is granted to these roles by itself, whichever tenant's schema it is made in.",
    bad=f"""
        {TWO.strip()}
        create role tenant_b_app login;
        grant usage on schema tenant_b to tenant_b_app;
        alter default privileges in schema tenant_a grant select on tables to tenant_b_app;
    """,
    good=f"""
        {TWO.strip()}
        create role tenant_a_app login;
        grant usage on schema tenant_a to tenant_a_app;
        alter default privileges in schema tenant_a grant select on tables to tenant_a_app;
    """,
)
def opens_later(subject: MemberDefaults, facts: Facts) -> Flaw | None:
    """ALTER DEFAULT PRIVILEGES grants tables or sequences of a member to PUBLIC, or to roles of other members.

    Examined: the default privileges of the member's schema, and those of the whole database. Fails when a
    grantee is PUBLIC, or has rights in other members and none in this one; and, for the whole database, when
    it has rights in some of the members. Source: PostgreSQL documentation, ALTER DEFAULT PRIVILEGES.
    """
    given = subject.given
    wrong = [
        g.grantee for g in given.grants if g.grantee != given.role and _is_foreign(g.grantee, given, facts)
    ]
    if not wrong:
        return None
    names = first_of(wrong, FEW)
    where = f" in the schema {given.schema}" if given.schema else " in every schema"
    inside = f" IN SCHEMA {quote_ident(given.schema)}" if given.schema else ""
    what = f"ALTER DEFAULT PRIVILEGES FOR ROLE {quote_ident(given.role)}{inside} REVOKE ALL"
    return Flaw(
        message=f"{given.object_type.capitalize()} that {given.role} makes{where} are granted to {names}",
        expected="default privileges for the roles of the member alone",
        observed=f"granted to {names}",
        remedy=Remedy(
            steps=tuple(
                Step(f"{what} ON {given.object_type.upper()} FROM {quote_role(name)};") for name in wrong
            ),
            note="What was made already keeps its privileges: REVOKE them there.",
            lock=NO_LOCK,
        ),
    )


def _is_foreign(grantee: str, given: cat.DefaultPrivileges, facts: Facts) -> bool:
    if grantee == "PUBLIC":
        return True
    known = dict(facts.fleet.roles if facts.fleet else ())
    held = frozenset(known.get(grantee, ()))
    if given.schema is None:
        return bool(held) and not held >= members_of(facts)
    return bool(held) and own_schema(facts) not in held
