"""FLT: what members of a fleet share, where the members are schemas of one database."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from validate_schema.pack import Facts, Flaw, ObjectRef, Remedy, Severity, Step, check
from validate_schema.pack.model import TableClass, first_of, some
from validate_schema.pack.model import catalog as cat
from validate_schema.pack.roles import data_roles
from validate_schema.pack.sql import own_path, quote_ident, quote_qname

from ._fleet import FEW, TWO, member_roles, members_of, own_schema, shared_schemas

_READ = ("sql", "plpgsql")
_NOBODYS = (TableClass.GLOBAL, TableClass.EXEMPT)
_JUDGED = (TableClass.ROOT, TableClass.TENANT, TableClass.INHERITED)
_WRITES = ("INSERT", "UPDATE", "DELETE", "TRUNCATE")


class MemberFunction(NamedTuple):
    """A function in a member."""

    function: cat.Function

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef.of_routine(self.function.routine)


class SharedExtension(NamedTuple):
    """An extension of the database."""

    extension: cat.Extension

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef("extension", name=self.extension.name)


class SharedPublication(NamedTuple):
    """A publication of the database."""

    publication: cat.Publication

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef("publication", name=self.publication.name)


def member_functions(facts: Facts) -> Iterator[MemberFunction]:
    """Functions of the member in SQL and PL/pgSQL whose body is a text."""
    own = own_schema(facts)
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
        {TWO.strip()}
        create function tenant_a.total() returns numeric language plpgsql stable as
            'begin return (select sum(total) from invoice); end';
    """,
    good=f"""
        {TWO.strip()}
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
    names = first_of(bare, FEW)
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
    """Tables beside the members, but for ledgers and those that are global or exempt."""
    shared = frozenset(shared_schemas(facts))
    for table in facts.tables:
        if table.schema in shared and facts.class_of(table.qname) not in _NOBODYS:
            yield table


@check(
    "FLT006",
    "Shared table keeps the rows of members together",
    subjects=shared_tables,
    severity=Severity.WARNING,
    needs="fleet",
    remediable=False,
    why="Rows that tenants' sessions write into one table beside their schemas are read and changed by all of them.",
    bad=f"""
        {TWO.strip()}
        create role app login;
        grant usage on schema tenant_a, tenant_b, public to app;
        grant select on tenant_a.invoice, tenant_b.invoice to app;
        create table public.audit_log (id bigint primary key, said text);
        grant select, insert on public.audit_log to app;
    """,
    good=f"""
        {TWO.strip()}
        create role app login;
        grant usage on schema tenant_a, tenant_b, public to app;
        grant select on tenant_a.invoice, tenant_b.invoice to app;
        create table public.country (code text primary key);
        grant select on public.country to app;
    """,
)
def unkept_shared_table(subject: cat.Table, facts: Facts) -> Flaw | None:
    """A table beside the members may be written by the roles of members, and no policy is known to part them.

    Examined: tables in schemas that are no members, but for ledgers of migrations, and for those that are
    global or exempt. Fails when a role with rights in the member that is judged may insert, update or delete
    there, and row security is off or does not hold for it, since the table is its own. Undecided where row
    security is on and nobody reads its policies, which is so where the table has no tenant column that is
    known. Its rows are not looked at. Passes where no policy lets anybody in, and where the table is judged as
    those of tenants are.
    """
    able = {subject.owner} | data_roles(_WRITES)
    given = (*subject.grants, *(grant for column in subject.columns for grant in column.grants))
    able |= {g.grantee for g in given if not set(_WRITES).isdisjoint(g.privileges)}
    users = [r.role for r in member_roles(facts) if not r.migrates and able & facts.grantees_of(r.role)]
    free = [u for u in users if not _is_bound(u, subject, facts)]
    bound = subject.row_security and not free
    if not users or (bound and (not subject.policies or facts.class_of(subject.qname) in _JUDGED)):
        return None
    return Flaw(
        message=f"{facts.show(subject.qname)} is shared by all members, and {first_of(users, FEW)} may write to it",
        expected="a tenant column with a policy, a table in each member, or a table that members only read",
        observed="policies that nobody has read"
        if bound
        else "row security is off, or does not hold for them",
        undecided=bound,
        remedy=Remedy(
            note="Move the table into the members, or give it a tenant column and policies, named in [tenancy];"
            " if its rows are no tenant's, name it in tenancy.global."
        ),
    )


def _is_bound(role: str, table: cat.Table, facts: Facts) -> bool:
    """Tell whether row security, where it is on, holds for a role: not for owners without FORCE, nor past it."""
    rights = facts.memberships.rights_of(role)
    owns = table.owner in rights and not table.force_row_security
    return not owns and not any(facts.memberships.bypasses(r) for r in facts.memberships.reached_from(role))


def extensions(facts: Facts) -> Iterator[SharedExtension]:
    """Extensions of the database."""
    if own_schema(facts):
        yield from map(SharedExtension, facts.catalog.extensions)


@check(
    "FLT007",
    "Extension is installed into a member",
    subjects=extensions,
    severity=Severity.WARNING,
    needs="fleet",
    remediable=False,
    why="A database has an extension once: all other members depend on what stands in this one, and lose it when the tenant leaves.",
    bad=f"""
        {TWO.strip()}
        create extension pgcrypto schema tenant_a;
    """,
    good=f"""
        {TWO.strip()}
        create extension pgcrypto schema public;
    """,
)
def extension_in_member(subject: SharedExtension, facts: Facts) -> Flaw | None:
    """The objects of an extension stand in the schema of a member.

    Examined: the extensions of the database. Source: PostgreSQL documentation, CREATE EXTENSION (SCHEMA).
    """
    extension, own = subject.extension, own_schema(facts)
    if extension.schema != own:
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


def publications(facts: Facts) -> Iterator[SharedPublication]:
    """Publications of the database."""
    if own_schema(facts):
        yield from map(SharedPublication, facts.catalog.publications)


@check(
    "FLT009",
    "Publication carries rows of several members",
    subjects=publications,
    severity=Severity.WARNING,
    needs="fleet",
    remediable=False,
    why="Whoever subscribes gets the rows of all tenants whose tables the publication has.",
    bad=f"""
        {TWO.strip()}
        create publication everything for all tables;
    """,
    good=f"""
        {TWO.strip()}
        create publication of_a for table tenant_a.invoice;
    """,
)
def publishes_several(subject: SharedPublication, facts: Facts) -> Flaw | None:
    """A publication has tables of the member that is judged and of others.

    Examined: publications of all tables, of schemas and of tables. Source: PostgreSQL documentation, CREATE
    PUBLICATION.
    """
    publication, own = subject.publication, own_schema(facts)
    named = {*publication.schemas, *(name.schema for name in publication.tables)}
    published = members_of(facts) if publication.all_tables else members_of(facts) & named
    others = sorted(published - {own})
    if own not in published or not others:
        return None
    return Flaw(
        message=f"Publication {publication.name} carries the rows of {some(len(published), 'member')}",
        expected="a publication for each member",
        observed="all tables" if publication.all_tables else f"also {first_of(others, FEW)}",
        remedy=Remedy(note="Publish each member by itself, or accept it for a subscriber that serves all."),
    )
