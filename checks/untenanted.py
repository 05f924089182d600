"""BYP: what is open to everybody, whoever the tenants are: examined where no tenancy is known."""

import re
from collections.abc import Iterator

from validate_schema.pack import Facts, Flaw, Remedy, Severity, check
from validate_schema.pack.model import catalog as cat
from validate_schema.pack.remedies import enable_row_security
from validate_schema.pack.rights import ROW_PRIVILEGES, escapes, verbs_of
from validate_schema.pack.roles import ANONYMOUS, platform_of
from validate_schema.pack.sql import quote_qname
from validate_schema.pack.subjects import user_tables

from ._access import users_of
from .functions import Definer, definers

_SESSION = re.compile(
    r"current_setting|session_user|current_user|current_role|\bauth\s*\.\s*(uid|jwt|role|email)\b",
    re.IGNORECASE,
)
_NO_TENANCY = """
    [tenancy]
    app_roles = []
"""
_ACCOUNT = """
    create table account (id uuid primary key, login text not null, admin boolean not null default false);
    alter table account enable row level security;
    create policy own on account using (id = nullif(current_setting('app.account', true), '')::uuid);
    grant select, update on account to app_user;
"""
_ANYBODY = frozenset({ANONYMOUS, "PUBLIC"})
_WEB = (
    "create role anon; create role authenticated; create role service_role bypassrls;"
    "create schema auth; create function auth.uid() returns uuid language sql as 'select null::uuid';"
)


def open_definers(facts: Facts) -> Iterator[Definer]:
    """SECURITY DEFINER functions over tables with row security on; none where the tenancy is known, for BYP005
    judges them by it."""
    if facts.tenancy.identified:
        return
    for function in (d.function for d in definers(facts)):
        tables = [facts.tables_by_name[n] for n in function.touches or () if n in facts.tables_by_name]
        guarded = tuple(t for t in tables if t.row_security)
        if guarded and function.returns not in ("trigger", "event_trigger"):
            yield Definer(function, tables=guarded)


@check(
    "BYP018",
    "SECURITY DEFINER function open to everybody",
    subjects=open_definers,
    severity=Severity.ERROR,
    remediable=False,
    why="It acts past the policies of its tables for whoever calls it, and asks nothing of who that is.",
    config=_NO_TENANCY,
    bad=f"""{_ACCOUNT}
        create function promote(name text) returns void language sql security definer
            as 'update account set admin = true where login = name';
    """,
    good=f"""{_ACCOUNT}
        create function promote(name text) returns void language sql security definer
            as 'update account set admin = true where login = name';
        revoke execute on function promote(text) from public;
    """,
)
def open_definer(subject: Definer, facts: Facts) -> Flaw | None:
    """A SECURITY DEFINER function reaches guarded tables without asking who calls it; no tenancy is known.

    Examined: SECURITY DEFINER functions that touch tables with row security on, in a database whose tenancy was not
    identified (BYP005 judges them where it was). Fails when PUBLIC or a role that policies bind may
    execute it, no policy holds for its owner, and neither its body nor that of a function it calls reads a setting
    or the user: an error where it changes rows, else undecided. One that looks at the session may guard itself;
    who its caller may be is not known here.
    """
    function, tables = subject.function, subject.tables
    users = users_of(function.owner, function.grants, facts, ("EXECUTE",))
    escaped = [t for t in tables if escapes(function.owner, t, facts)]
    if not users or not escaped or _looks_at_session(function, facts):
        return None
    writes = bool(verbs_of(function) - {"SELECT"})
    name, listed = (
        f"{facts.show(function.qname)}({function.arguments})",
        ", ".join(facts.show(t.qname) for t in escaped),
    )
    return Flaw(
        message=f"{name} {'changes' if writes else 'reads'} {listed} past the policies for {', '.join(users)}, "
        "whoever asks",
        expected="a condition on who is asking, or EXECUTE for trusted roles alone",
        observed=f"runs as {function.owner}; nothing in it reads the session",
        severity=None if writes else Severity.WARNING,
        undecided=not writes,
        remedy=Remedy(
            note=f"REVOKE EXECUTE ON FUNCTION {quote_qname(function.qname)}({function.arguments}) FROM PUBLIC, or have it "
            "check who is asking."
        ),
    )


def _looks_at_session(function: cat.Function, facts: Facts) -> bool:
    """Tell whether the body, or that of a function that it calls, reads a setting or the user, or may."""
    seen, queue = {function.routine}, [function]
    while queue:
        here = queue.pop()
        if here.body is None or _SESSION.search(here.body):
            return True
        for called in facts.named_functions.within(here.body):
            if called.routine not in seen:
                seen.add(called.routine)
                queue.append(called)
    return False


def exposed_tables(facts: Facts) -> Iterator[cat.Table]:
    """User tables of a platform that hands tables out to the web; none where the tenancy is known."""
    if platform_of(facts.catalog) is not None and not facts.tenancy.identified:
        yield from user_tables(facts)


@check(
    "BYP019",
    "Table open to the web",
    subjects=exposed_tables,
    severity=Severity.ERROR,
    why="The platform serves the table to whoever has the project's public key, which every browser gets.",
    config=_NO_TENANCY,
    bad=f"""{_WEB}
        create table secret (id uuid primary key, words text);
        grant select, insert, update, delete on secret to anon;
    """,
    good=f"""{_WEB}
        create table secret (id uuid primary key, words text);
        grant select, insert, update, delete on secret to anon;
        alter table secret enable row level security;
        create policy shown on secret for select using (true);
    """,
)
def exposed(table: cat.Table, facts: Facts) -> Flaw | None:
    """A table is open to the role of those who are not logged in, where no tenancy is known.

    Examined: user tables of a Supabase project whose tenancy was not identified (else the RLS checks judge them).
    Fails when row security is off and ``anon`` or PUBLIC holds a privilege on rows; or when it is on, and a
    policy for one of these lets every row be changed or deleted (``USING (true)``). Rows that everybody may read or
    add by such a policy pass: that is what it says.
    Source: Supabase documentation, "Row Level Security".
    """
    grants = [*table.grants, *(g for c in table.columns for g in c.grants)]
    held = {p for g in grants if g.grantee in _ANYBODY for p in g.privileges} & ROW_PRIVILEGES
    open_to_change = [
        p
        for p in table.policies
        if p.permissive
        and p.command in ("ALL", "UPDATE", "DELETE")
        and p.using == "true"
        and _ANYBODY.intersection(p.roles)
    ]
    name = facts.show(table.qname)
    if not held:
        return None
    if not table.row_security:
        return Flaw(
            message=f"{name} is open to whoever has the public key: row security is off",
            expected="row security on, and policies that say who may do what",
            observed=f"{', '.join(sorted(held))} for anon or PUBLIC",
            remedy=Remedy(
                steps=enable_row_security(table),
                note="It denies every row until policies say who may do what: write them first.",
                lock="ACCESS EXCLUSIVE for a moment each: only the catalog changes, no row is read",
            ),
        )
    if not open_to_change or not held - {"SELECT", "INSERT"}:
        return None
    names = ", ".join(p.name for p in open_to_change)
    return Flaw(
        message=f"Whoever has the public key changes every row of {name} by policy {names}",
        expected="a condition on who is asking",
        observed="USING (true)",
        remedy=Remedy(note="Compare a column with auth.uid(), or take UPDATE and DELETE from anon."),
    )
