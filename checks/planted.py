"""BYP: relations in which an app role can plant code that a function with its owner's rights runs."""

from collections.abc import Iterator
from typing import NamedTuple

from validate_schema.pack import Facts, Flaw, ObjectRef, Remedy, Severity, check
from validate_schema.pack.model import OWNED
from validate_schema.pack.model import catalog as cat
from validate_schema.pack.roles import relied_on, sends_statements
from validate_schema.pack.sql import quote_qname

from ._access import users_of


class Used(NamedTuple):
    """A relation that a function uses with the rights of `runs_as`, and an app role."""

    relation: cat.Table | cat.View
    function: cat.Function
    runs_as: str
    role: str

    @property
    def ref(self) -> ObjectRef:
        kind = "table" if isinstance(self.relation, cat.Table) else "view"
        schema, name = self.relation.qname
        return ObjectRef(kind, schema, name, self.role)


def used_relations(facts: Facts) -> Iterator[Used]:
    """Relations that functions use with their owners' rights × app roles, each with the first such function; what
    is a table of the tenants, or runs as a role whose rights the app has anyway, is left out."""
    with_rights = [(f, f.owner) for f in facts.catalog.functions if f.security_definer and _may_run(f, facts)]
    with_rights += [(r.function, r.runs_as) for r in relied_on(facts).values() if r.runs_as]
    found: dict[tuple[cat.QName, str], Used] = {}
    for role in facts.app_roles:
        if not sends_statements(role, facts.catalog):
            continue
        mine = facts.rights_of(role)
        for function, runs_as in with_rights:
            for name in function.touches or () if runs_as not in mine else ():
                relation = facts.tables_by_name.get(name) or facts.views_by_name.get(name)
                if relation is not None and facts.class_of(name) not in OWNED:
                    found.setdefault((name, role), Used(relation, function, runs_as, role))
    yield from found.values()


@check(
    "BYP022",
    "App role can plant code in what a definer uses",
    subjects=used_relations,
    severity=Severity.ERROR,
    explains=("beside",),
    remediable=False,
    why="Triggers of a table and functions in a view run with the rights of whoever uses it: those of the function's owner, past the policies.",
    bad="""
        create table audit_line (id bigint generated always as identity primary key, what text);
        grant trigger on audit_line to app_user;
        create function note(what text) returns void language sql security definer
            begin atomic insert into audit_line (what) values (note.what); end;
    """,
    good="""
        create table audit_line (id bigint generated always as identity primary key, what text);
        grant select on audit_line to app_user;
        create function note(what text) returns void language sql security definer
            begin atomic insert into audit_line (what) values (note.what); end;
    """,
)
def plants_code(subject: Used, facts: Facts) -> Flaw | None:
    """An app role owns, or may put triggers on, a relation that SECURITY DEFINER functions use.

    Examined: relations that SECURITY DEFINER functions, and what these call, read or write × app roles, but for
    tables of the tenants (BYP002 and BYP007 tell those), and for functions that run as a role whose rights the
    app has anyway. The owner of a table gives it triggers, defaults, checks and policies, the owner of a view another
    query, whoever holds TRIGGER a trigger: what these call runs as the owner of the function. Left out where the
    platform lets nobody send statements of their own as the role. What a body uses by statements put together
    is not seen. Source: PostgreSQL documentation, CREATE TRIGGER, CREATE RULE, "Rules and Privileges".
    """
    relation, role = subject.relation, subject.role
    rights = facts.rights_of(role)
    owns = relation.owner in rights
    if not owns and not _may_trigger(relation, rights):
        return None
    name, function = (
        facts.show(relation.qname),
        f"{facts.show(subject.function.qname)}({subject.function.arguments})",
    )
    word = "TABLE" if isinstance(relation, cat.Table) else "VIEW"
    return Flaw(
        message=f"App role {role} {'owns' if owns else 'holds TRIGGER on'} {name}, which {function} uses as "
        f"{subject.runs_as}: code that it plants there runs with these rights",
        expected="an owner that no app role is or can act as, and no TRIGGER for the app",
        observed=f"owner {relation.owner}" if owns else "TRIGGER",
        remedy=Remedy(
            note=f"ALTER {word} {quote_qname(relation.qname)} OWNER TO the role that runs migrations, then grant the app "
            "what it needs."
            if owns
            else f"REVOKE TRIGGER ON {quote_qname(relation.qname)} FROM the app."
        ),
    )


def _may_run(function: cat.Function, facts: Facts) -> bool:
    """Tell whether an app role may have the function run: by a call, or by a trigger."""
    fires = function.returns in ("trigger", "event_trigger")
    return fires or bool(users_of(function.owner, function.grants, facts, ("EXECUTE",)))


def _may_trigger(relation: cat.Table | cat.View, rights: frozenset[str]) -> bool:
    held = rights | {"PUBLIC"}
    return any("TRIGGER" in g.privileges and g.grantee in held for g in relation.grants)
