"""BYP: what an app role may do on the server, owns beside tables, or starts its sessions with."""

from collections.abc import Iterator
from typing import NamedTuple

from validate_schema.pack import Facts, Flaw, ObjectRef, Remedy, Severity, Step, check
from validate_schema.pack.model import catalog as cat
from validate_schema.pack.model import listed
from validate_schema.pack.roles import Estate, Power, Reliance, estates, powers_of, relied_on
from validate_schema.pack.sql import quote_ident, quote_qname

from ._roles import (
    NO_LOCK,
    RoleReach,
    estate_words,
    how_reached,
    leave_owner,
    owners_acted_as,
    plain_rights,
    take_membership,
)

_SEVERITIES = {
    "past the policies": Severity.ERROR,
    "beside the policies": Severity.WARNING,
    "in the way": Severity.WARNING,
}


class OwnedContainer(NamedTuple):
    """The database (`schema` empty) or a schema, and an app role."""

    schema: str
    role: str
    database: str

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef("schema" if self.schema else "database", self.schema, name=self.role)


class OwnedType(NamedTuple):
    """A type that columns of the tenants have, and the app role that owns it."""

    name: cat.QName
    role: str

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef("type", self.name.schema, name=self.name.name)


class OwnedExtension(NamedTuple):
    """An extension that brought a type which columns of the tenants have, and the app role that owns it."""

    name: str
    role: str

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef("extension", "", name=self.name)


class OwnedFunction(NamedTuple):
    """A function that the isolation rests on, and an app role."""

    reliance: Reliance
    role: str

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef.of_routine(self.reliance.function.routine)


@check(
    "BYP013",
    "App role has a power that no policy restrains",
    subjects=plain_rights,
    severity=Severity.ERROR,
    explains=("beside",),
    why="Policies guard rows in statements; who reads the log of changes or the server's files, or runs programs there, needs none.",
    bad="""
        grant pg_execute_server_program to app_user;
    """,
    good="""
        grant pg_read_all_settings to app_user;
    """,
)
def server_powers(reach: RoleReach, facts: Facts) -> Flaw | None:
    """An app role has an attribute, or is a member of a predefined role, that leads around the policies.

    Examined: each app role, and each role whose rights it has (inherited, by SET ROLE, or by ADMIN OPTION,
    with which it may grant itself the rest). An error: REPLICATION, CREATEROLE before PostgreSQL 16,
    pg_execute_server_program, pg_read_server_files, pg_write_server_files. Undecided:
    pg_read_all_data and pg_write_all_data, which the policies bind, and which read and write all that has none;
    what of the tenants lies there has findings of its own. A warning: what only keeps others from working.
    Roles that BYP001 reports are not told again.
    Source: PostgreSQL documentation, "Role Attributes", "Predefined Roles".
    """
    role = facts.roles.get(reach.becomes)
    own = facts.roles[reach.role]
    if role is None or own.superuser:
        return None
    attributes = reach.becomes in facts.can_become(reach.role)
    powers = tuple(powers_of(role, facts.catalog.server.version_num, attributes=attributes))
    if not powers:
        return None
    worst = min(powers, key=lambda p: list(_SEVERITIES).index(p.grade))
    held = listed([p.what for p in powers])
    allows = "; and ".join(p.allows for p in powers)
    message = f"App role {reach.role} may {allows}: it has {held}"
    if reach.role != reach.becomes:
        message = f"{reach.ref.name} may {allows}: the app role {reach.role} {how_reached(reach, facts)}"
        message += "" if held == reach.becomes else f", which has {held}"
    return Flaw(
        message=message,
        expected="no attribute and no predefined role that reaches past the policies",
        observed=held,
        severity=_SEVERITIES[worst.grade],
        undecided=worst.grade == "beside the policies",
        remedy=_take(reach, powers, facts),
    )


def _take(reach: RoleReach, powers: tuple[Power, ...], facts: Facts) -> Remedy:
    if reach.role != reach.becomes:
        return take_membership(reach, facts)
    words = " ".join(f"NO{p.what}" for p in powers)
    return Remedy(
        steps=(Step(f"ALTER ROLE {quote_ident(reach.role)} {words};"),),
        note="Let what needs it log in with a role of its own.",
        lock=NO_LOCK,
    )


def containers(facts: Facts) -> Iterator[OwnedContainer | OwnedType | OwnedExtension | RoleReach]:
    """The database, and the schemas with something of the tenants in them, × app roles; the types of app roles that
    the tenants' columns have, and extensions that brought some; and the owners of these whose rights an app role has."""
    names = {name for estate in estates(facts).values() for name in estate.schemas}
    schemas = [s.name for s in facts.catalog.schemas if s.name in names]
    for role in facts.app_roles:
        for schema in ("", *schemas):
            yield OwnedContainer(schema, role, facts.catalog.server.database)
        mine = estates(facts).get(role, Estate())
        yield from (OwnedType(name, role) for name in mine.types)
        yield from (OwnedExtension(name, role) for name in mine.extensions)
    yield from owners_acted_as(facts)


@check(
    "BYP014",
    "App role owns what the tenants' tables lie in or are made of",
    subjects=containers,
    severity=Severity.ERROR,
    explains=("beside",),
    remediable=False,
    why="The owner of a schema, a database or a type drops or changes what lies in it or has it, every tenant's; no policy is asked.",
    bad="""
        create schema billing;
        create table billing.invoice (
            id uuid primary key default gen_random_uuid(),
            org_id uuid not null references organization (id)
        );
        alter schema billing owner to app_user;
    """,
    good="""
        create schema billing;
        create table billing.invoice (
            id uuid primary key default gen_random_uuid(),
            org_id uuid not null references organization (id)
        );
        grant usage on schema billing to app_user;
        create schema drafts;
        alter schema drafts owner to app_user;
    """,
)
def container_owner(
    subject: OwnedContainer | OwnedType | OwnedExtension | RoleReach, facts: Facts
) -> Flaw | None:
    """An app role owns the database, a schema of the tenants, or a type of their columns.

    Examined: the database and each schema with tables of the tenants or functions that guard them × app roles, the
    types that columns of the tenants' tables have, the extensions that brought some, and the owners whose rights an
    app role has, as far as they own no table of the tenants (else BYP002 tells all of it). The owner of a schema
    drops every object in it; the owner of the database does so with the schema ``public`` (PostgreSQL 15), may
    create others, and sets what every session starts with. The owner of a type drops it with all columns that have
    it, renames the labels of an enum, takes attributes from a composite, and gives a domain a CHECK, which is then
    asked of every tenant's values and tells of them. The owner of an extension drops it with its types. A schema
    with nothing of the tenants in it, or a type, may be the app's own.
    Source: PostgreSQL documentation, DROP SCHEMA, ALTER DATABASE, "Predefined Roles" (pg_database_owner), ALTER
    TYPE, ALTER DOMAIN, DROP TYPE, DROP EXTENSION.
    """
    if isinstance(subject, OwnedType):
        return _type_owner(subject, facts)
    if isinstance(subject, OwnedExtension):
        return _extension_owner(subject)
    if isinstance(subject, RoleReach):
        estate = estates(facts)[subject.becomes]
        if estate.tables or not estate.holds_tables:
            return None
        return Flaw(
            message=f"App role {subject.role} {how_reached(subject, facts)}, which owns {estate_words(estate, facts)}, "
            "and can drop or change that with every tenant's rows",
            expected="an owner that no app role is or can act as",
            observed=f"{subject.role} has the rights of {subject.becomes}",
            remedy=Remedy(note=leave_owner(subject, facts)),
        )
    mine = estates(facts).get(subject.role)
    owns = mine is not None and (subject.schema in mine.schemas if subject.schema else bool(mine.database))
    if not owns:
        return None
    what = f"schema {subject.schema}" if subject.schema else f"the database {subject.database}"
    word = (
        f"SCHEMA {quote_ident(subject.schema)}"
        if subject.schema
        else f"DATABASE {quote_ident(subject.database)}"
    )
    return Flaw(
        message=f"App role {subject.role} owns {what} and can drop what lies there with every tenant's rows",
        expected="an owner that no app role is or can act as",
        observed=f"owner {subject.role}",
        remedy=Remedy(
            note=f"ALTER {word} OWNER TO the role that runs migrations, never one the app can act as; then grant "
            f"{quote_ident(subject.role)} what it needs."
        ),
    )


def _type_owner(subject: OwnedType, facts: Facts) -> Flaw:
    name = facts.show(subject.name)
    word = "DOMAIN" if subject.name in {d.qname for d in facts.catalog.domains} else "TYPE"
    return Flaw(
        message=f"App role {subject.role} owns the type {name}, which columns of the tenants have, and can change or "
        "drop it with every tenant's values",
        expected="an owner that no app role is or can act as",
        observed=f"owner {subject.role}",
        remedy=Remedy(
            note=f"ALTER {word} {quote_qname(subject.name)} OWNER TO the role that runs migrations, never one the app "
            "can act as."
        ),
    )


def _extension_owner(subject: OwnedExtension) -> Flaw:
    return Flaw(
        message=f"App role {subject.role} owns the extension {subject.name}, whose types columns of the tenants have, and "
        "can drop it with every tenant's values",
        expected="an owner that no app role is or can act as",
        observed=f"owner {subject.role}",
        remedy=Remedy(
            note="An extension changes its owner by REASSIGN OWNED alone, with all else that the role owns: let the role "
            "that runs migrations create extensions."
        ),
    )


def functions_by_app_role(facts: Facts) -> Iterator[OwnedFunction | RoleReach]:
    """Functions that the isolation rests on × app roles, and the owners of some whose rights an app role has."""
    for role in facts.app_roles:
        for reliance in relied_on(facts).values():
            yield OwnedFunction(reliance, role)
    yield from owners_acted_as(facts)


@check(
    "BYP015",
    "App role owns a function that isolation rests on",
    subjects=functions_by_app_role,
    severity=Severity.ERROR,
    explains=("beside",),
    remediable=False,
    why="Whoever owns what a policy or a definer calls decides what it says: it returns another tenant, or runs with other rights.",
    bad="""
        create function current_org() returns uuid language sql stable
            as $$ select nullif(current_setting('app.tenant_id', true), '')::uuid $$;
        create table invoice (
            id uuid primary key default gen_random_uuid(),
            org_id uuid not null references organization (id)
        );
        create policy tenant_isolation on invoice using (org_id = (select current_org()));
        alter table invoice enable row level security;
        alter table invoice force row level security;
        grant select on invoice to app_user;
        alter function current_org() owner to app_user;
    """,
    good="""
        create function current_org() returns uuid language sql stable
            as $$ select nullif(current_setting('app.tenant_id', true), '')::uuid $$;
        create table invoice (
            id uuid primary key default gen_random_uuid(),
            org_id uuid not null references organization (id)
        );
        create policy tenant_isolation on invoice using (org_id = (select current_org()));
        alter table invoice enable row level security;
        alter table invoice force row level security;
        grant select on invoice to app_user;
        create function greeting() returns text language sql as $$ select 'hello' $$;
        alter function greeting() owner to app_user;
    """,
)
def function_owner(subject: OwnedFunction | RoleReach, facts: Facts) -> Flaw | None:
    """An app role owns a function that policies, triggers, views or SECURITY DEFINER functions call.

    Examined: functions that are called by policies, checks, defaults, indexes and triggers of the tenants'
    tables, by views that read with their owner's rights, by SECURITY DEFINER functions, and by the functions that
    these call, × app roles; and the owners whose rights an app role has, as far as they own nothing else that
    counts (BYP002 and BYP014 tell those). An owner replaces the body, where it may create in the schema, and
    drops the function with the policies that call it in any case. Left out: what only runs as a role whose rights the app has anyway.
    Source: PostgreSQL documentation, ALTER FUNCTION.
    """
    if isinstance(subject, RoleReach):
        estate = estates(facts)[subject.becomes]
        if estate.tables or estate.holds_tables:
            return None
        gained = [f for f in estate.functions if _gains(relied_on(facts)[f.routine], subject.role, facts)]
        if not gained:
            return None
        callers = dict.fromkeys(relied_on(facts)[f.routine].caller for f in gained)
        return Flaw(
            message=f"App role {subject.role} {how_reached(subject, facts)}, which owns "
            f"{estate_words(estate._replace(functions=tuple(gained)), facts)}, and can rewrite what "
            f"{listed(list(callers))} relies on",
            expected="an owner that no app role is or can act as",
            observed=f"{subject.role} has the rights of {subject.becomes}",
            remedy=Remedy(note=leave_owner(subject, facts)),
        )
    function = subject.reliance.function
    if function.owner != subject.role or not _gains(subject.reliance, subject.role, facts):
        return None
    return Flaw(
        message=f"App role {subject.role} owns {facts.show(function.qname)}({function.arguments}) and can rewrite "
        f"what {subject.reliance.caller} relies on",
        expected="an owner that no app role is or can act as",
        observed=f"owner {function.owner}",
        remedy=Remedy(
            note=f"ALTER FUNCTION {quote_qname(function.qname)}({function.arguments}) OWNER TO the role that runs "
            "migrations, never one the app can act as."
        ),
    )


def _gains(reliance: Reliance, role: str, facts: Facts) -> bool:
    """Tell whether rewriting the function gives the role more than it has."""
    return reliance.runs_as not in facts.rights_of(role)
