"""BYP: privileges that lead around row-level security."""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from validate_schema.pack import Facts, Flaw, ObjectRef, Remedy, Severity, Step, check
from validate_schema.pack.model import catalog as cat
from validate_schema.pack.model import listed
from validate_schema.pack.roles import (
    DATABASE_OWNER,
    estates,
    platform_of,
    sends_statements,
    tables_with_parts,
)
from validate_schema.pack.sql import own_path, quote_ident, quote_qname, quote_role, schemas_of
from validate_schema.pack.subjects import TableRole, tenant_tables

from ._grants import (
    DESTRUCTIVE,
    NO_LOCK,
    ROW_PRIVILEGES,
    UNFILTERED,
    Privilege,
    given_to,
    granted_line,
    privilege_list,
    revoke,
)


class SchemaRole(NamedTuple):
    """A schema as one role, or PUBLIC, meets it."""

    schema: cat.Schema
    role: str
    searched_by: tuple[str, ...] = ()  # other roles that have a search path of their own with it

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef("schema", self.schema.name, name=self.role)


class DefaultAcl(NamedTuple):
    """The default privileges for tables that one role will create."""

    default: cat.DefaultPrivileges

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef("default privileges", self.default.schema or "", name=self.default.role)


def guarded_tables_by_app_role(facts: Facts) -> Iterator[TableRole]:
    """Tables of the tenants, and their partitions, × app roles."""
    for table in tables_with_parts(facts):
        yield from (TableRole(table, role) for role in facts.app_roles)


def schemas_by_app_role(facts: Facts) -> Iterator[SchemaRole]:
    """Schemas on a search path × the app roles that have it, or meet it on another role's, and PUBLIC."""
    paths = {role: _search_path(role, facts) for role in facts.app_roles}
    others = {r.name: _search_path(r.name, facts) for r in facts.catalog.roles if own_path(r.settings)}
    paths_of_all = (*paths.values(), *others.values())
    searched = frozenset[str]().union(*paths_of_all) if paths else _usual_path("", facts)
    for schema in facts.catalog.schemas:
        if schema.name not in searched:
            continue
        yield SchemaRole(schema, "PUBLIC")
        for role, own in paths.items():
            alien = tuple(o for o, path in others.items() if o != role and schema.name in path)
            if schema.name in own or alien:
                yield SchemaRole(schema, role, alien)


def default_table_privileges(facts: Facts) -> Iterator[DefaultAcl]:
    """ALTER DEFAULT PRIVILEGES settings that concern tables."""
    return (DefaultAcl(d) for d in facts.catalog.default_privileges if d.object_type == "tables")


@check(
    "BYP007",
    "Privileges that row security does not filter",
    subjects=guarded_tables_by_app_role,
    severity=Severity.WARNING,
    explains=("beside",),
    why="Policies do not apply to TRUNCATE, which empties the table for all tenants, nor to foreign keys (REFERENCES), which "
    "reveal what exists; a TRIGGER runs the app's code on every tenant's rows; MAINTAIN locks all tenants out.",
    bad="""
        create table invoice (
            id uuid primary key default gen_random_uuid(),
            org_id uuid not null references organization (id)
        );
        create role writers;
        grant writers to app_user;
        grant all on invoice to writers;
        grant references (id) on invoice to app_user;
    """,
    good="""
        create table invoice (
            id uuid primary key default gen_random_uuid(),
            org_id uuid not null references organization (id)
        );
        grant select, insert, update, delete on invoice to app_user;
    """,
)
def truncate(subject: TableRole, facts: Facts) -> Flaw | None:
    """An app role holds TRUNCATE, TRIGGER, REFERENCES or MAINTAIN on a table of the tenants.

    Examined: roots, tenant and inherited tables and their partitions × app roles, with what the role holds
    itself or through roles whose rights it has; REFERENCES on single columns counts. An error for TRUNCATE
    and TRIGGER, and for REFERENCES where the role may create tables: their keys tell which rows exist, and keep
    them from being deleted. A warning for REFERENCES else, for MAINTAIN (PostgreSQL 17), and for
    every one of them where the platform lets nobody send statements of their own as the role (Supabase: ``anon``,
    ``authenticated``). What it holds as owner is BYP002's, what PUBLIC holds is BYP008's, what comes with a role that
    BYP001 reports is mended there.
    """
    table, role = subject.table, subject.role
    grantees = facts.memberships.plain_rights_of(role) - {table.owner}
    given = [(g, p) for g, p in given_to(table, grantees) if p.word in UNFILTERED]
    if not given:
        return None
    words = sorted({p.word for _, p in given})
    sources = sorted({g for g, _ in given} - {role})
    reaches = any(word in DESTRUCTIVE for word in words) or (
        "REFERENCES" in words and _may_create(role, facts)
    )
    harmful = reaches and sends_statements(role, facts.catalog)
    return Flaw(
        message=f"App role {role} holds {listed(words)} on {facts.show(table.qname)}, which no policy restrains",
        expected="at most SELECT, INSERT, UPDATE and DELETE",
        observed=granted_line(given),
        severity=Severity.ERROR if harmful else None,
        remedy=Remedy(
            steps=revoke(table, given),
            note=f"All members of {', '.join(sources)} lose them with it." if sources else "",
            lock=NO_LOCK,
        ),
    )


def _may_create(role: str, facts: Facts) -> bool:
    """Tell whether the role may create tables, in some schema or in one that it makes."""
    rights = facts.grantees_of(role)
    database = facts.catalog.database
    given = [g for schema in facts.catalog.schemas for g in schema.grants]
    given += database.grants if database else ()
    return any(g.grantee in rights and "CREATE" in g.privileges for g in given)


@check(
    "BYP008",
    "Tenant table granted to PUBLIC",
    subjects=tenant_tables,
    severity=Severity.ERROR,
    why="Every role, those of tomorrow included, may use the table; only the policies stand between it and all tenants' rows.",
    bad="""
        create table invoice (
            id uuid primary key default gen_random_uuid(),
            org_id uuid not null references organization (id),
            number text
        );
        grant select, truncate on invoice to public;
        grant update (number) on invoice to public;
    """,
    good="""
        create table invoice (
            id uuid primary key default gen_random_uuid(),
            org_id uuid not null references organization (id),
            number text
        );
        grant select on invoice to app_user;
    """,
)
def public_grant(table: cat.Table, facts: Facts) -> Flaw | None:
    """PUBLIC, that is every role, holds a privilege on a tenant table.

    Examined: tenant tables, with the privileges on their columns. The remedy first grants to the app
    roles what they held as part of PUBLIC, so that the app goes on working.
    """
    given = list(given_to(table, frozenset({"PUBLIC"})))
    if not given:
        return None
    keep = [
        Step(f"GRANT {privilege_list(lost)} ON TABLE {quote_qname(table.qname)} TO {quote_ident(role)};")
        for role in facts.app_roles
        if (lost := _lost_with_public(table, role, given, facts))
    ]
    return Flaw(
        message=f"PUBLIC holds {listed(sorted({p.word for _, p in given}))} on {facts.show(table.qname)}",
        expected="no privilege for PUBLIC",
        observed=granted_line(given),
        remedy=Remedy(
            steps=(*keep, *revoke(table, given)),
            note="Other roles that rely on it need a grant of their own first.",
            lock=NO_LOCK,
        ),
    )


def _lost_with_public(
    table: cat.Table, role: str, given: Iterable[tuple[str, Privilege]], facts: Facts
) -> list[Privilege]:
    own = {p for _, p in given_to(table, facts.rights_of(role))}
    return [p for _, p in given if p.word in ROW_PRIVILEGES and p not in own and Privilege(p.word) not in own]


@check(
    "BYP010",
    "CREATE on a searched schema",
    subjects=schemas_by_app_role,
    severity=Severity.WARNING,
    why="Whoever may create in a schema on the search path can put a table or function of their own before the real one.",
    bad="""
        do $$ begin execute format('grant create on schema %I to public, app_user', current_schema()); end $$;
    """,
    good="""
        do $$ begin execute format('revoke create on schema %I from public, app_user', current_schema()); end $$;
    """,
)
def schema_create(subject: SchemaRole, facts: Facts) -> Flaw | None:
    """An app role, or PUBLIC, may create objects in a schema that is searched for names.

    Examined: schemas on an app role's search path (its own setting, else the database's, else ``"$user"``,
    ``public`` and the default schema), and on the paths that other roles have of their own, × the app roles, and
    × PUBLIC; without an app role, PUBLIC alone. PUBLIC may create in ``public`` by default in databases made
    before PostgreSQL 15. An error where a role that no
    policy binds, or an owner, has the schema on a path of its own: it runs what the app put there. A path set by
    the app itself is not known here. A schema that BYP002 or BYP014 says an
    app role owns is left to these. Source: PostgreSQL documentation, "The Schema Search Path".
    """
    schema, role = subject.schema, subject.role
    grantees = frozenset({role}) if role == "PUBLIC" else facts.memberships.plain_rights_of(role)
    told = {schema.owner} if _told_as_owner(schema, facts) else set()
    givers = sorted(
        g.grantee for g in schema.grants if g.grantee in grantees - told and "CREATE" in g.privileges
    )
    if not givers:
        return None
    owned = schema.owner in givers
    searched = f", which {listed(subject.searched_by)} searches too" if subject.searched_by else ""
    target = quote_ident(schema.name)
    others = [g for g in givers if g not in (schema.owner, role)]
    note = f"All members of {', '.join(others)} lose it with it." if others else ""
    if owned:
        note = f"{schema.owner} owns the schema: ALTER SCHEMA {target} OWNER TO a role that the app cannot act as."
    return Flaw(
        message=f"{role if role == 'PUBLIC' else f'App role {role}'} may CREATE in schema {schema.name}{searched}",
        expected="no CREATE for app roles and PUBLIC",
        severity=Severity.ERROR if any(_has_more(other, facts) for other in subject.searched_by) else None,
        observed=f"owner {schema.owner}" if owned else f"CREATE granted to {', '.join(givers)}",
        remedy=Remedy(
            steps=tuple(
                Step(f"REVOKE CREATE ON SCHEMA {target} FROM {quote_role(g)};")
                for g in givers
                if g != schema.owner
            ),
            note=note,
            lock=NO_LOCK,
        ),
    )


def _has_more(role: str, facts: Facts) -> bool:
    """Tell whether what runs as the role reaches rows that the policies keep from others."""
    estate = estates(facts).get(role) if facts.tenancy.identified else None
    owns = estate is not None and bool(estate.database or estate.schemas or estate.tables or estate.functions)
    return owns or facts.memberships.bypasses(role)


def _told_as_owner(schema: cat.Schema, facts: Facts) -> bool:
    """Tell whether another check reports who owns the schema."""
    if schema.owner == DATABASE_OWNER:
        return facts.tenancy.identified
    owned = estates(facts).get(schema.owner) if facts.tenancy.identified else None
    return owned is not None and schema.name in owned.schemas


def _search_path(role: str, facts: Facts) -> frozenset[str]:
    """Return the schemas that a role's sessions search, as far as the catalog tells."""
    database = facts.catalog.database
    setting = own_path(facts.roles[role].settings) or own_path(database.settings if database else ())
    if setting is None:
        return _usual_path(role, facts)
    return frozenset(role if name == "$user" else name for name in schemas_of(setting))


def _usual_path(role: str, facts: Facts) -> frozenset[str]:
    return frozenset({role, "public", facts.default_schema} - {""})


@check(
    "BYP011",
    "Future tables granted to PUBLIC",
    subjects=default_table_privileges,
    severity=Severity.WARNING,
    why="The next migration's table is open to every role before anybody has looked at it.",
    bad="""
        alter default privileges grant select on tables to public;
    """,
    good="""
        alter default privileges grant select on tables to app_user;
    """,
)
def default_privileges(subject: DefaultAcl, facts: Facts) -> Flaw | None:
    """Default privileges grant every future table to PUBLIC, or to a role of those who are not logged in.

    Examined: ALTER DEFAULT PRIVILEGES settings for tables (views included), one for each creating
    role and schema. Tables that exist keep what they have: BYP008 reports those. A warning for PUBLIC; an info
    for a role that is called anonymous (``web_anon``), but for what a platform sets up itself.
    """
    default = subject.default
    platform = platform_of(facts.catalog)
    strangers = [
        "PUBLIC",
        *sorted(g.grantee for g in default.grants if platform is None and _is_anyone(g.grantee)),
    ]
    given = {g.grantee: g.privileges for g in default.grants if g.privileges}
    grantee = next((name for name in strangers if name in given), None)
    if grantee is None:
        return None
    words = ", ".join(sorted(given[grantee]))
    where = f" in schema {default.schema}" if default.schema else ""
    scope = f" IN SCHEMA {quote_ident(default.schema)}" if default.schema else ""
    return Flaw(
        message=f"{grantee} will be granted {words} on every table that {default.role} creates{where}",
        expected="no default privilege on tables for PUBLIC, or for those who are not logged in",
        observed=f"{words} to {grantee}",
        severity=None if grantee == "PUBLIC" else Severity.INFO,
        remedy=Remedy(
            steps=(
                Step(
                    f"ALTER DEFAULT PRIVILEGES FOR ROLE {quote_ident(default.role)}{scope} "
                    f"REVOKE {words} ON TABLES FROM {quote_role(grantee)};"
                ),
            ),
            note="Tables that exist keep their privileges.",
            lock=NO_LOCK,
        ),
    )


def _is_anyone(role: str) -> bool:
    """Tell whether a role is named as that of those who are not logged in."""
    return not {"anon", "anonymous", "guest", "nobody"}.isdisjoint(re.split(r"[^a-z]+", role.lower()))
