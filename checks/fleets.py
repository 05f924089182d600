"""FLT: what leads from one member of a fleet to another, where the members are schemas of one database."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from validate_schema.pack import Facts, Flaw, ObjectRef, Remedy, Severity, Step, check
from validate_schema.pack.model import TableClass, first_of, listed, some
from validate_schema.pack.model import catalog as cat
from validate_schema.pack.sql import own_path, quote_ident, quote_qname

from ._crossings import Crossing, crossings
from ._roles import NO_LOCK

_FEW = 3
_PUBLIC = ""  # what a fleet's roles call everybody
_WRITES = ("INSERT", "UPDATE", "DELETE", "TRUNCATE")
_READ = ("sql", "plpgsql")
_TWO = """
        create schema tenant_a;
        create table tenant_a.invoice (id bigint primary key, total numeric not null);
        create schema tenant_b;
        create table tenant_b.invoice (id bigint primary key, total numeric not null);
"""


class MemberRole(NamedTuple):
    """A role that can log in, and the members of the fleet that it has rights in, by its own grants and by
    those of the roles that it may become."""

    role: str
    members: frozenset[str]
    owns: bool

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef("role", name=self.role)


class MemberSchema(NamedTuple):
    """The schema of a member."""

    schema: cat.Schema

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef("schema", name=self.schema.name)


class MemberFunction(NamedTuple):
    """A function in a member."""

    function: cat.Function

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef("function", self.function.schema, name=_signature(self.function))


class Named(NamedTuple):
    """An extension, a publication, or default privileges, by what a finding calls it."""

    record: object
    ref: ObjectRef


def _own_schema(facts: Facts) -> str:
    """Return the schema of the member that is judged, "" where members are no schemas."""
    return facts.fleet.member.schema if facts.fleet else ""


def _shared_schemas(facts: Facts) -> tuple[str, ...]:
    """Return the schemas of the database that are no members."""
    if facts.fleet is None:
        return ()
    members = {facts.fleet.member.schema, *facts.fleet.others}
    return tuple(s.name for s in facts.catalog.schemas if s.name not in members)


def own_objects(facts: Facts) -> Iterator[Crossing]:
    """What stands in the member, with the schemas that it leads to."""
    if own := _own_schema(facts):
        yield from crossings(facts, (own,))


@check(
    "FLT001",
    "Member reaches into another member",
    subjects=own_objects,
    severity=Severity.ERROR,
    needs="fleet",
    remediable=False,
    why="What stands in one tenant's schema reads, changes or refers to what is another tenant's.",
    bad=f"""
        {_TWO.strip()}
        create view tenant_b.totals as select sum(total) as total from tenant_a.invoice;
    """,
    good=f"""
        {_TWO.strip()}
        create view tenant_b.totals as select sum(total) as total from tenant_b.invoice;
    """,
)
def reaches_another(subject: Crossing, facts: Facts) -> Flaw | None:
    """Something in a member's schema names another member.

    Examined: foreign keys, checks, defaults, types, policies, indexes, triggers, rules, inheritance, views and
    functions of the member. Fails when one of them leads to the schema of another member, by its record or by
    a name in its text. A function whose body only holds another's name in a text that is put together when it
    runs is undecided. Not seen: a name that is worked out, as by `format('%I', …)`.
    Source: PostgreSQL documentation, "Schemas".
    """
    others = frozenset(facts.fleet.others) if facts.fleet else frozenset()
    return _leads(subject, others, "another member")


def shared_objects(facts: Facts) -> Iterator[Crossing]:
    """What stands beside the members, with the schemas that it leads to."""
    if _own_schema(facts):
        yield from crossings(facts, _shared_schemas(facts))


@check(
    "FLT002",
    "Shared object reaches into a member",
    subjects=shared_objects,
    severity=Severity.WARNING,
    needs="fleet",
    remediable=False,
    why="Whoever may use an object that all share gets at the tenant's rows that it leads to, whatever tenant he is of.",
    bad=f"""
        {_TWO.strip()}
        create view public.largest as select max(total) as total from tenant_a.invoice;
    """,
    good=f"""
        {_TWO.strip()}
        create view tenant_a.largest as select max(total) as total from tenant_a.invoice;
        create view public.organizations as select id from organization;
    """,
)
def shared_reaches_member(subject: Crossing, facts: Facts) -> Flaw | None:
    """Something in a schema that is no member names one.

    Examined: the same kinds of objects as by FLT001, in the schemas beside the members. Fails when one leads
    to the member that is judged, or to another. A report over all tenants is such an object: accept it with a
    reason, and let only its readers use it.
    """
    fleet = facts.fleet
    members = frozenset({fleet.member.schema, *fleet.others}) if fleet else frozenset()
    return _leads(subject, members, "a member")


def _leads(subject: Crossing, members: frozenset[str], whom: str) -> Flaw | None:
    led, unsure = sorted(subject.leads_to & members), sorted(subject.unsure & members)
    if not led and not unsure:
        return None
    names = first_of(led or unsure, _FEW)
    ref = subject.ref
    name = ".".join(filter(None, (ref.schema, ref.table, ref.name)))
    return Flaw(
        message=f"{subject.what} {name} {'leads' if led else 'may lead'} to {whom}: {names}",
        expected="no member is named outside of its own schema",
        observed=f"{'names' if led else 'holds a text with'} {names}",
        undecided=not led,
        remedy=Remedy(note="Let it name what stands in its own schema or in one that all share."),
    )


def member_roles(facts: Facts) -> Iterator[MemberRole]:
    """Roles that can log in, that rights bind, and that have some in the member."""
    own = _own_schema(facts)
    if facts.fleet is None or not own:
        return
    held = {role: frozenset(members) for role, members in facts.fleet.roles}
    owner = next((s.owner for s in facts.catalog.schemas if s.name == own), "")
    for role in facts.catalog.roles:
        if role.superuser or not role.login:
            continue
        rights = facts.memberships.rights_of(role.name)
        members = frozenset().union(*(held[r] for r in rights if r in held))
        if own in members:
            yield MemberRole(role.name, members, owner in rights)


@check(
    "FLT003",
    "Role has rights in several members",
    subjects=member_roles,
    severity=Severity.ERROR,
    needs="fleet",
    remediable=False,
    why="Nothing but a search_path that the application sets keeps such a session in one tenant's schema: a forgotten or forged one reads another's.",
    bad=f"""
        {_TWO.strip()}
        create role tenant_a_app login;
        grant usage on schema tenant_a, tenant_b to tenant_a_app;
        grant select on all tables in schema tenant_a, tenant_b to tenant_a_app;
    """,
    good=f"""
        {_TWO.strip()}
        create role tenant_a_app login;
        grant usage on schema tenant_a to tenant_a_app;
        grant select on all tables in schema tenant_a to tenant_a_app;
    """,
)
def role_of_several(subject: MemberRole, facts: Facts) -> Flaw | None:
    """A role has rights in the member and in others.

    Examined: roles that can log in and are no superusers, with the rights of all roles that each may become.
    An error when it has rights in some of the other members; a warning when it has them in all: then the
    fleet is kept apart by search_path alone, which is what it is. The owner of the member is left out where
    another role has rights there: it is the one that migrates; the application must not log in as it.
    Source: PostgreSQL documentation, "Schemas" (Privileges), "Role Membership".
    """
    fleet = facts.fleet
    others = subject.members - {_own_schema(facts)}
    if fleet is None or not others or (subject.owns and _has_users(facts)):
        return None
    every = others >= frozenset(fleet.others)
    names = first_of(sorted(others), _FEW)
    if every:
        message = f"Role {subject.role} has rights in every member: search_path alone keeps tenants apart"
    else:
        message = f"Role {subject.role} has rights in {some(len(subject.members), 'member')}"
    return Flaw(
        message=message,
        expected="a role for each member, with rights in that one alone",
        observed=f"rights in {names} as well",
        severity=Severity.WARNING if every else None,
        remedy=Remedy(
            note="Give each member a role of its own that the application switches to (SET LOCAL ROLE), and"
            " take from this one what it does not need."
        ),
    )


def _has_users(facts: Facts) -> bool:
    return any(not role.owns for role in member_roles(facts))


def member_schema(facts: Facts) -> Iterator[MemberSchema]:
    """The schema of the member."""
    own = _own_schema(facts)
    yield from (MemberSchema(s) for s in facts.catalog.schemas if own and s.name == own)


@check(
    "FLT004",
    "Everybody may use the schema of a member",
    subjects=member_schema,
    severity=Severity.ERROR,
    needs="fleet",
    why="With USAGE for PUBLIC every role of the server gets at what it is granted in the tenant's schema; with CREATE it puts tables and functions into it.",
    bad=f"""
        {_TWO.strip()}
        grant usage on schema tenant_a to public;
    """,
    good=_TWO,
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


def member_functions(facts: Facts) -> Iterator[MemberFunction]:
    """Functions of the member in SQL and PL/pgSQL whose body is a text."""
    own = _own_schema(facts)
    for function in facts.catalog.functions:
        if own and function.schema == own and function.language in _READ and function.body:
            yield MemberFunction(function)


@check(
    "FLT005",
    "Function of a member follows its caller into another",
    subjects=member_functions,
    severity=Severity.WARNING,
    needs="fleet",
    why="Names without a schema are looked up along the caller's search_path: called from another tenant's session, the function reads and changes that tenant's rows.",
    bad=f"""
        {_TWO.strip()}
        create function tenant_a.total() returns numeric language plpgsql stable as
            'begin return (select sum(total) from invoice); end';
    """,
    good=f"""
        {_TWO.strip()}
        create function tenant_a.total() returns numeric language plpgsql stable
            set search_path = tenant_a, pg_temp as
            'begin return (select sum(total) from invoice); end';
    """,
)
def follows_the_caller(subject: MemberFunction, _: Facts) -> Flaw | None:
    """A function of a member names relations without a schema, and has no search_path of its own.

    Examined: functions in SQL and PL/pgSQL with a body that is a text; one whose body was bound when it was
    made (BEGIN ATOMIC) is not looked up again. Fails when its body touches a relation by a bare name and no
    search_path is set for it; undecided when the body could not be read.
    Source: PostgreSQL documentation, "The Schema Search Path", CREATE FUNCTION (SET).
    """
    function = subject.function
    if own_path(function.settings) is not None:
        return None
    bare = [n.name for n in function.touches or () if _is_bare(n.name, function.body or "")]
    if function.touches is not None and not bare:
        return None
    name, own = quote_qname(function.qname), quote_ident(function.schema)
    kind = "PROCEDURE" if function.kind == "procedure" else "FUNCTION"
    routine = f"{kind} {name}({function.arguments})"
    names = first_of(bare, _FEW)
    return Flaw(
        message=f"Function {_signature(function)} finds "
        f"{names if bare else 'what it names'} along its caller's search_path",
        expected="a search_path of its own, or names with their schema",
        observed=f"{names} without a schema" if bare else "its body could not be read",
        undecided=not bare,
        remedy=Remedy(
            steps=(
                Step(
                    f"ALTER {routine} SET search_path = {own}, pg_temp;",
                    undo=(Step(f"ALTER {routine} RESET search_path;", undo=()),),
                ),
            ),
            note="Put the schemas that all members share between the two where it needs them.",
            lock="none on tables",
        ),
    )


def _is_bare(name: str, body: str) -> bool:
    return re.search(rf'(?<![\w$."]){re.escape(name)}(?![\w$"])', body) is not None or (
        re.search(rf"(?<![.]){re.escape(quote_ident(name))}(?![\w$])", body) is not None
    )


def _signature(function: cat.Function) -> str:
    return f"{function.name}({function.arguments})"


def shared_tables(facts: Facts) -> Iterator[cat.Table]:
    """Tables beside the members, but for ledgers and those that the config calls global."""
    shared = frozenset(_shared_schemas(facts)) if _own_schema(facts) else frozenset()
    for table in facts.tables:
        if table.schema in shared and not _is_declared_global(table, facts):
            yield table


def _is_declared_global(table: cat.Table, facts: Facts) -> bool:
    return facts.class_of(table.qname) in (TableClass.GLOBAL, TableClass.EXEMPT)


@check(
    "FLT006",
    "Shared table keeps the rows of members together",
    subjects=shared_tables,
    severity=Severity.WARNING,
    needs="fleet",
    remediable=False,
    why="Rows that tenants' sessions write into one table beside their schemas are read and changed by all of them.",
    bad=f"""
        {_TWO.strip()}
        create role app login;
        grant usage on schema tenant_a, tenant_b, public to app;
        grant select on tenant_a.invoice, tenant_b.invoice to app;
        create table public.audit_log (id bigint primary key, said text);
        grant select, insert on public.audit_log to app;
    """,
    good=f"""
        {_TWO.strip()}
        create role app login;
        grant usage on schema tenant_a, tenant_b, public to app;
        grant select on tenant_a.invoice, tenant_b.invoice to app;
        create table public.country (code text primary key);
        grant select on public.country to app;
    """,
)
def unkept_shared_table(subject: cat.Table, facts: Facts) -> Flaw | None:
    """A table beside the members may be written by the roles of members, and has no row security.

    Examined: tables in schemas that are no members, but for ledgers of migrations, and for those that the
    config calls global or exempt. Fails when a role with rights in the member that is judged may insert,
    update or delete there and row security is off. Its rows are not looked at. Where row security is on, its
    policies are judged as those of any table.
    """
    if subject.row_security:
        return None
    able = {subject.owner} | {
        g.grantee
        for g in (*subject.grants, *(g for c in subject.columns for g in c.grants))
        if any(p in _WRITES for p in g.privileges)
    }
    users = [
        r.role
        for r in member_roles(facts)
        if not (r.owns and _has_users(facts)) and able & facts.grantees_of(r.role)
    ]
    if not users:
        return None
    names = first_of(users, _FEW)
    return Flaw(
        message=f"{facts.show(subject.qname)} is shared by all members, and {names} may write to it",
        expected="a tenant column with a policy, a table in each member, or a table that members only read",
        observed="row security is off",
        remedy=Remedy(
            note="Move the table into the members, or give it a tenant column and policies; if its rows are"
            " no tenant's, name it in tenancy.global."
        ),
    )


def member_extensions(facts: Facts) -> Iterator[Named]:
    """Extensions of the database."""
    if _own_schema(facts):
        yield from (Named(e, ObjectRef("extension", name=e.name)) for e in facts.catalog.extensions)


@check(
    "FLT007",
    "Extension is installed into a member",
    subjects=member_extensions,
    severity=Severity.WARNING,
    needs="fleet",
    remediable=False,
    why="A database has an extension once: all other members depend on what stands in this one, and lose it when the tenant leaves.",
    bad=f"""
        {_TWO.strip()}
        create extension pgcrypto schema tenant_a;
    """,
    good=f"""
        {_TWO.strip()}
        create extension pgcrypto schema public;
    """,
)
def extension_in_member(subject: Named, facts: Facts) -> Flaw | None:
    """The objects of an extension stand in the schema of a member.

    Examined: the extensions of the database. Source: PostgreSQL documentation, CREATE EXTENSION (SCHEMA).
    """
    extension = subject.record
    own = _own_schema(facts)
    if not isinstance(extension, cat.Extension) or extension.schema != own:
        return None
    return Flaw(
        message=f"The extension {extension.name} stands in the schema of {own}",
        expected="extensions in a schema that all members share",
        observed=f"installed into {own}",
        remedy=Remedy(
            note=f"ALTER EXTENSION {quote_ident(extension.name)} SET SCHEMA, where the extension allows it;"
            " what calls it with the member's name has to be changed with it."
        ),
    )


def default_privileges(facts: Facts) -> Iterator[Named]:
    """Default privileges that hold in the member: its own, and those of the whole database."""
    own = _own_schema(facts)
    for given in facts.catalog.default_privileges:
        if own and given.schema in (None, own):
            where = given.schema or ""
            yield Named(
                given, ObjectRef("default privileges", where, name=f"{given.object_type} of {given.role}")
            )


@check(
    "FLT008",
    "Default privileges open what is made in a member later",
    subjects=default_privileges,
    severity=Severity.WARNING,
    needs="fleet",
    why="Every table that a migration makes is granted to these roles by itself, whichever tenant's schema it is made in.",
    bad=f"""
        {_TWO.strip()}
        create role tenant_b_app login;
        grant usage on schema tenant_b to tenant_b_app;
        alter default privileges in schema tenant_a grant select on tables to tenant_b_app;
    """,
    good=f"""
        {_TWO.strip()}
        create role tenant_a_app login;
        grant usage on schema tenant_a to tenant_a_app;
        alter default privileges in schema tenant_a grant select on tables to tenant_a_app;
    """,
)
def opens_later(subject: Named, facts: Facts) -> Flaw | None:
    """ALTER DEFAULT PRIVILEGES grants tables or sequences of a member to PUBLIC, or to roles of other members.

    Examined: the default privileges of the member's schema, and those of the whole database. Fails when a
    grantee is PUBLIC, or has rights in other members and none in this one; and, for the whole database, when
    it has rights in some of the members. Source: PostgreSQL documentation, ALTER DEFAULT PRIVILEGES.
    """
    given, fleet = subject.record, facts.fleet
    if fleet is None or not isinstance(given, cat.DefaultPrivileges):
        return None
    if given.object_type not in ("tables", "sequences"):
        return None
    held = {role: frozenset(members) for role, members in fleet.roles}
    members = frozenset({fleet.member.schema, *fleet.others})
    wrong = [
        g.grantee
        for g in given.grants
        if g.grantee != given.role
        and _is_foreign(g.grantee, given.schema, held, members, fleet.member.schema)
    ]
    if not wrong:
        return None
    names = first_of(wrong, _FEW)
    where = f" in the schema {given.schema}" if given.schema else " in every schema"
    inside = f" IN SCHEMA {quote_ident(given.schema)}" if given.schema else ""
    return Flaw(
        message=f"{given.object_type.capitalize()} that {given.role} makes{where} are granted to {names}",
        expected="default privileges for the roles of the member alone",
        observed=f"granted to {names}",
        remedy=Remedy(
            steps=tuple(
                Step(
                    f"ALTER DEFAULT PRIVILEGES FOR ROLE {quote_ident(given.role)}{inside}"
                    f" REVOKE ALL ON {given.object_type.upper()} FROM"
                    f" {'PUBLIC' if name == 'PUBLIC' else quote_ident(name)};"
                )
                for name in wrong
            ),
            note="What was made already keeps its privileges: REVOKE them there.",
            lock=NO_LOCK,
        ),
    )


def _is_foreign(
    grantee: str,
    schema: str | None,
    held: dict[str, frozenset[str]],
    members: frozenset[str],
    own: str,
) -> bool:
    if grantee == "PUBLIC":
        return True
    has = held.get(grantee, frozenset())
    if schema is None:
        return bool(has) and not has >= members
    return bool(has) and own not in has


def publications(facts: Facts) -> Iterator[Named]:
    """Publications of the database."""
    if _own_schema(facts):
        yield from (Named(p, ObjectRef("publication", name=p.name)) for p in facts.catalog.publications)


@check(
    "FLT009",
    "Publication carries rows of several members",
    subjects=publications,
    severity=Severity.WARNING,
    needs="fleet",
    remediable=False,
    why="Whoever subscribes gets the rows of all tenants whose tables the publication has.",
    bad=f"""
        {_TWO.strip()}
        create publication everything for all tables;
    """,
    good=f"""
        {_TWO.strip()}
        create publication of_a for table tenant_a.invoice;
    """,
)
def publishes_several(subject: Named, facts: Facts) -> Flaw | None:
    """A publication has tables of the member that is judged and of others.

    Examined: publications of all tables, of schemas and of tables. Source: PostgreSQL documentation, CREATE
    PUBLICATION.
    """
    publication, fleet = subject.record, facts.fleet
    if fleet is None or not isinstance(publication, cat.Publication):
        return None
    published = {*publication.schemas, *(name.schema for name in publication.tables)}
    others = sorted(published & set(fleet.others))
    if publication.all_tables:
        others = list(fleet.others)
    elif fleet.member.schema not in published:
        return None
    if not others:
        return None
    return Flaw(
        message=f"Publication {publication.name} carries the rows of {some(len(others) + 1, 'member')}",
        expected="a publication for each member",
        observed="all tables" if publication.all_tables else f"also {first_of(others, _FEW)}",
        remedy=Remedy(note="Publish each member by itself, or accept it for a subscriber that serves all."),
    )
