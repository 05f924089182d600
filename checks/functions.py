"""BYP: functions that run with their owner's rights."""

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from validate_schema.pack import Facts, Flaw, ObjectRef, Remedy, Severity, Step, check
from validate_schema.pack.model import catalog as cat
from validate_schema.pack.rights import (
    Act,
    Opening,
    acts_that,
    has_door,
    is_trusted,
    may_reach,
    some_act,
    why_open,
)
from validate_schema.pack.roles import relied_on
from validate_schema.pack.scoping import Keeps, confinement
from validate_schema.pack.sql import (
    Unreadable,
    own_path,
    quote_ident,
    quote_qname,
    read_body,
    read_expression,
    schemas_of,
    syntax,
)

from ._access import sources, users_of
from ._copies import published, shown_to, tells_all
from ._lookup import (
    looks_up,
    may_take_types,
    names_a_table,
    places,
    shared_schemas,
    statements_of,
    takes_temporary,
    takes_types,
    temporary_makers,
)

_SUPPORT = re.compile(r'([\w$]+)"?\(')
_NO_LOCK = "none on rows"
_TRIGGERS = ("trigger", "event_trigger")


class Definer(NamedTuple):
    """A function that runs as its owner, itself or by what it calls; who may run it, and tables that it
    touches, as far as a check asks for these."""

    function: cat.Function
    users: tuple[str, ...] = ()
    tables: tuple[cat.Table, ...] = ()

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef.of_routine(self.function.routine)


def definers(facts: Facts) -> Iterator[Definer]:
    """SECURITY DEFINER functions and procedures."""
    return (Definer(f) for f in facts.catalog.functions if f.security_definer)


def touching_definers(facts: Facts) -> Iterator[Definer]:
    """SECURITY DEFINER functions, and aggregates over such, that touch guarded tables, themselves or by what
    they call, that have a statement by which anything may come, or whose body cannot be read."""
    facts.require_tenancy()
    fired = {t.function for t in facts.catalog.event_triggers if t.enabled != "disabled"}
    for function in (*facts.catalog.functions, *facts.catalog.extension_functions):
        if function.returns == "trigger" or not _touches_some(function, facts):
            continue
        if function.returns == "event_trigger":  # whoever may make a temporary table fires it
            users = (facts.app_roles or ("PUBLIC",)) if function.qname in fired else ()
        elif function.name in facts.once(_support):
            users = facts.app_roles or ("PUBLIC",)
        else:
            users = users_of(function.owner, function.grants, facts, ("EXECUTE",))
        yield Definer(function, users)


def _support(facts: Facts) -> frozenset[str]:
    """Return the names of the functions that the server calls for operator classes and ranges, and asks nobody for
    EXECUTE. Source: PostgreSQL documentation, CREATE OPERATOR CLASS, CREATE TYPE (SUBTYPE_DIFF, CANONICAL)."""
    kinds, words = ("operator family", "range type"), ("functions", "canonical", "difference")
    found = (d for d in facts.catalog.definitions if d.kind in kinds)
    texts = (str(said) for d in found for word, said in d.details if word in words)
    return frozenset(name for text in texts for name in _SUPPORT.findall(text))


def _touches_some(function: cat.Function, facts: Facts) -> bool:
    """Tell whether one of `_acts` touches a guarded table."""
    if not (function.security_definer or function.aggregate is not None):
        return False
    itself = Act(function, function.owner)
    return (function.security_definer and _touches(itself, facts)) or some_act(function, None, facts, _counts)


def _counts(act: Act, facts: Facts) -> bool:
    return _is_part(act, facts) and _touches(act, facts)


def _is_part(act: Act, facts: Facts) -> bool:
    """Tell whether what runs is judged as part of what called it."""
    return act.role is not None and not _is_judged(act.function, facts)


def _is_judged(function: cat.Function, facts: Facts) -> bool:
    """Tell whether the app can call a definer itself."""
    return function.security_definer and bool(users_of(function.owner, function.grants, facts, ("EXECUTE",)))


def _acts(function: cat.Function, facts: Facts) -> tuple[Act, ...]:
    """Return what runs with an owner's rights when the function does, but for functions that the app can call
    itself, which are judged by themselves."""
    if not (function.security_definer or function.aggregate is not None):
        return ()
    itself = (Act(function, function.owner),) if function.security_definer else ()
    return tuple(dict.fromkeys((*itself, *acts_that(function, None, facts, _is_part))))


def _taking_types(function: cat.Function, facts: Facts) -> cat.Function | None:
    """Return what `takes_types` finds among `_acts`; they are listed only where one of them may."""
    itself = Act(function, function.owner)
    if not (may_take_types(itself, facts) or some_act(function, None, facts, _may_take)):
        return None
    return takes_types(_acts(function, facts), function, facts)


def _may_take(act: Act, facts: Facts) -> bool:
    return _is_part(act, facts) and may_take_types(act, facts)


def _is_ours(function: cat.Function) -> bool:
    """Tell whether somebody of the project wrote the function, or gave one of the server's own another name."""
    return not is_trusted(function) and function.extension is None and function.aggregate is None


def _touches(act: Act, facts: Facts) -> bool:
    function = act.function
    if function.language == "internal" and not is_trusted(function):
        return True  # the server's own, under another name
    if function.touches is None:
        return _is_ours(function)
    return has_door(function, facts) or bool(sources(function.touches, facts))


@check(
    "BYP005",
    "SECURITY DEFINER function past the policies",
    subjects=touching_definers,
    severity=Severity.ERROR,
    remediable=False,
    explains=("surface",),
    why="Such a function runs with its owner's rights: where no policy holds for the owner, whoever may call it reaches every tenant.",
    bad="""
        create table invoice (
            id uuid primary key default gen_random_uuid(),
            org_id uuid not null references organization (id),
            amount numeric not null
        );
        create policy tenant_isolation on invoice
            using (org_id = (select nullif(current_setting('app.tenant_id', true), '')::uuid));
        alter table invoice enable row level security;
        alter table invoice force row level security;
        grant select on invoice to app_user;
        create function invoice_total(wanted uuid) returns numeric language sql stable security definer
            as 'select amount from invoice where id = wanted';
    """,
    good="""
        create table invoice (
            id uuid primary key default gen_random_uuid(),
            org_id uuid not null references organization (id),
            amount numeric not null
        );
        create policy tenant_isolation on invoice
            using (org_id = (select nullif(current_setting('app.tenant_id', true), '')::uuid));
        alter table invoice enable row level security;
        alter table invoice force row level security;
        grant select on invoice to app_user;
        create function invoice_total(wanted uuid) returns numeric language sql stable security definer as $$
            select amount from invoice
            where id = wanted and org_id = nullif(current_setting('app.tenant_id', true), '')::uuid
        $$;
    """,
)
def security_definer(subject: Definer, facts: Facts) -> Flaw | None:
    """A SECURITY DEFINER function reaches protected tables with rights for which no policy holds.

    Examined: SECURITY DEFINER functions and procedures, those of extensions among them, and aggregates
    over such, whose body names a table of the tenants whose row security is on, directly or through views,
    and those whose body cannot be read (another language, or statements built at run time). Fails when an
    app role or PUBLIC may execute it and its owner is a superuser, has BYPASSRLS, has the rights of a
    table's owner where row security is not forced, or is a role that the policies open the rows of every
    tenant to.

    - It passes when every statement ties the protected tables to the tenant context by conditions
      of its own; a parameter is no context, for the caller chooses it.
    - A trigger function is EFF001's; one of an event trigger runs for whoever may make a temporary table.
    - What it calls counts as its own, and a statement in a text where the text is known. What an app role may
      call by itself is judged by itself.
    - Undecided where it copies rows of the tenant to where all can read them.
    - Where policies call it, which need a helper that sees past them: an info when it says yes or no, else
      undecided.
    - Undecided where the body cannot be read: only a person can say what it reaches. So it is where a statement
      runs others (DO), gives rights away (GRANT), takes guards down (DROP, ALTER, CREATE of policies, functions
      and the like) or goes on as somebody else (SET ROLE).

    Source: PostgreSQL documentation, CREATE FUNCTION, "Writing SECURITY DEFINER Functions Safely".
    """
    function, users = subject.function, subject.users
    if not users:
        return None
    ways = _acts(function, facts)
    found = tuple(o for act in ways for o in may_reach(act.function, act.role, facts))
    keeps = confinement(function, facts) if found else Keeps.KEPT
    if keeps is Keeps.KEPT:
        return _publishes(subject, facts) if found else None
    unread = next(
        (act.function for act in ways if act.function.touches is None and _is_ours(act.function)), None
    )
    if unread is not None and keeps is Keeps.UNCLEAR:
        return _unread(subject, unread, found, facts)
    name, listed = _name(subject, facts), ", ".join(dict.fromkeys(facts.show(o.table.qname) for o in found))
    observed = f"runs as {why_open(found, facts)}"
    if _in_policies(function, facts):
        one_bit = function.returns == "boolean"
        return Flaw(
            message=f"{name} reads {listed} past the policies, for the policies that call it; {', '.join(users)} may call it too",
            expected="a helper that tells no more than whether the caller belongs to the tenant",
            observed=observed,
            severity=Severity.INFO if one_bit else Severity.WARNING,
            undecided=not one_bit,
            remedy=Remedy(note="See that it returns nothing about other tenants, whatever it is asked."),
        )
    certain = keeps is Keeps.OPEN and any(o.certain for o in found)
    return Flaw(
        message=f"{name} {'reaches' if certain else 'may reach'} every tenant's rows of {listed} for {', '.join(users)}",
        expected="SECURITY INVOKER, conditions on the tenant context, or an owner for whom the policies hold",
        observed=observed,
        remedy=Remedy(note=_decide(function, listed)),
        severity=None if certain else Severity.WARNING,
        undecided=not certain,
    )


def _publishes(subject: Definer, facts: Facts) -> Flaw | None:
    """A function that keeps to the tenant may hand its rows to all."""
    function = subject.function
    try:
        body = read_body(function.language, function.body or "", function.arguments, function.returns or "")
    except Unreadable:
        return None
    copied = published(function, body.statements, body.function, facts)
    sent = tells_all(function, body.statements, body.function, facts)
    if not (copied or sent):
        return None
    listed = ", ".join(dict.fromkeys(facts.show(copy.table.qname) for copy in copied))
    if not copied:
        return _sent(subject, facts)
    return Flaw(
        message=f"{_name(subject, facts)} copies rows of the tenant into {listed}, {shown_to(copied)}",
        expected="a table with the tenant column and row security, or one that no app role may read",
        observed=f"{listed} belongs to no tenant, and {', '.join(subject.users)} may call the function",
        severity=Severity.WARNING,
        remedy=Remedy(
            note="Where that is meant, accept it with a reason; else give the table the tenant column."
        ),
        undecided=True,
    )


def _sent(subject: Definer, facts: Facts) -> Flaw:
    return Flaw(
        message=f"{_name(subject, facts)} sends rows of the tenant to every session that listens, or puts them into a "
        "sequence or a large object",
        expected="a payload without the rows' values",
        observed=f"{', '.join(subject.users)} may call the function",
        severity=Severity.WARNING,
        remedy=Remedy(note="Send a key alone, and have the listener read the row under its own policies."),
        undecided=True,
    )


def _decide(function: cat.Function, tables: str) -> str:
    """Return the ways to mend it in words: what a function is for, a person decides."""
    signature = _signature(function)
    return (
        f"Add the tenant context to its conditions; or revoke EXECUTE from the app and PUBLIC (REVOKE EXECUTE ON ROUTINE "
        f"{signature} FROM PUBLIC;); or, where it need not see past the policies, have it run with the rights of its "
        f"caller, who then needs them on {tables}."
    )


def _unread(subject: Definer, unread: cat.Function, found: tuple[Opening, ...], facts: Facts) -> Flaw:
    """A function whose body cannot be read could reach whatever its owner can."""
    name, by = _name(subject, facts), facts.show(unread.qname)
    what = name if unread is subject.function else f"{name}, which calls {by}(),"
    return Flaw(
        message=f"What {what} reaches cannot be read, and {', '.join(subject.users)} may call it with the rights of "
        f"{found[0].role}",
        expected="a body that can be read, SECURITY INVOKER, or an owner for whom the policies hold",
        observed=f"{unread.language}, runs as {why_open(found, facts)}",
        severity=Severity.WARNING,
        remedy=Remedy(note="Look at what it does with the tables of the tenants, or revoke EXECUTE on it."),
        undecided=True,
    )


def _in_policies(function: cat.Function, facts: Facts) -> bool:
    return function.name in facts.once(_called_in_policies)


def _called_in_policies(facts: Facts) -> frozenset[str]:
    """Return the names of the functions that policies call."""
    policies = (p for t in facts.catalog.tables for p in t.policies)
    texts = dict.fromkeys(text for p in policies for text in (p.using, p.check) if text)
    return frozenset(name for text in texts for name in _called_in(text))


def _called_in(text: str) -> Iterator[str]:
    with suppress(Unreadable):
        yield from (n.name for n in syntax.walk(read_expression(text)) if isinstance(n, syntax.Call))


def _name(subject: Definer, facts: Facts) -> str:
    function = subject.function
    return f"{facts.show(function.qname)}({function.arguments})"


def _signature(function: cat.Function) -> str:
    return f"{quote_qname(function.qname)}({function.arguments})"


@check(
    "BYP006",
    "SECURITY DEFINER function without a search path",
    subjects=definers,
    severity=Severity.WARNING,
    explains=("beside",),
    why="The caller's search path decides which tables, operators and functions it uses: a caller who may create one can have it run with the owner's rights.",
    bad="""
        create function server_note() returns text language sql stable security definer
            as $$ select upper('none') $$;
    """,
    good="""
        create function server_note() returns text language sql stable security definer
            set search_path = pg_catalog, pg_temp as $$ select upper('none') $$;
    """,
)
def search_path(subject: Definer, facts: Facts) -> Flaw | None:
    """A SECURITY DEFINER function runs with the search path of its caller.

    Examined: SECURITY DEFINER functions and procedures. Passes when the function sets search_path for
    itself, to schemas in which no app role and not PUBLIC may create anything, with ``pg_temp`` at its
    end. An error where they may, in one of these, in one of a path that the body sets, or, where the function
    has no path or sets one that is not written there, in any or in one of their own: a function or operator of theirs would run with the owner's rights. Temporary
    tables come first where the path does not name ``pg_temp``: that is told where the body names a table,
    or nobody can say whether it does; undecided where a policy rests on the function, or it reaches
    tenants' rows beside another table. So do temporary types, whose CHECKs run with the owner's rights: undecided
    where the body, or one that it calls, names a type without its schema that is no word of the grammar
    (``uuid``, ``text``, ``record``; not ``integer``), its owner is past the policies of tenants' tables, and an
    app role may send statements and make temporary objects. Source: PostgreSQL documentation, CREATE FUNCTION, "Writing
    SECURITY DEFINER Functions Safely".
    """
    function = subject.function
    own = own_path(function.settings)
    if own is not None:
        return _borrowed_path(subject, own, facts)
    lends = _may_run(subject, facts) and looks_up(function)
    shared = places(facts) if lends else {}
    schemas = [
        s for s in dict.fromkeys((function.schema, facts.default_schema)) if f"schema {s}" not in shared
    ]
    path = ", ".join(("pg_catalog", *map(quote_ident, schemas), "pg_temp"))
    made = "; ".join(f"{', '.join(users)} may create objects in {name}" for name, users in shared.items())
    return Flaw(
        message=f"{_name(subject, facts)} runs as {function.owner} with the search path of whoever calls it"
        f"{f', and {made}' if made else ''}",
        expected="SET search_path on the function, pg_temp last",
        observed="no search_path of its own",
        severity=Severity.ERROR if made else None,
        remedy=Remedy(
            steps=(Step(f"ALTER ROUTINE {_signature(function)} SET search_path = {path};"),),
            note="Make sure that it needs no other schema, and that no app role may create objects in these.",
            lock=_NO_LOCK,
        ),
        undecided=not made
        and (
            (takes_temporary(function) and _decides_rows(function, facts))
            or _taking_types(function, facts) is not None
        ),
    )


def _may_run(subject: Definer, facts: Facts) -> bool:
    """Tell whether an app role, or PUBLIC, may have the function run: by a call, or by a trigger."""
    function = subject.function
    if function.returns in _TRIGGERS:
        return any(t.function == function.qname for table in facts.catalog.tables for t in table.triggers)
    return bool(users_of(function.owner, function.grants, facts, ("EXECUTE",)))


def _paths_within(function: cat.Function) -> Iterator[tuple[str, ...] | None]:
    """Yield the search paths that a body sets while it runs; None for one that is not written there."""
    try:
        nodes = syntax.walk(*statements_of(function))
    except Unreadable:
        return
    for node in nodes:
        match node:
            case syntax.SetVariable(name="search_path", values=values):
                yield tuple(str(v.value) for v in values if isinstance(v, syntax.Const))
            case syntax.Call(name="set_config", args=(name, value, *_)):
                named, given = syntax.uncast(name), syntax.uncast(value)
                if isinstance(named, syntax.Const) and str(named.value).lower() == "search_path":
                    yield schemas_of(str(given.value)) if isinstance(given, syntax.Const) else None


def _borrowed_path(subject: Definer, path: str, facts: Facts) -> Flaw | None:
    """Return what an app role could put in front of what the function means."""
    function = subject.function
    if not _may_run(subject, facts):
        return None
    schemas, shared = schemas_of(path), shared_schemas(facts)
    within = [*_paths_within(function)]
    any_path = None in within
    named = (*schemas, *(name for found in within for name in found or ()))
    open_ones = [name for name in dict.fromkeys(named) if name in shared]
    before = schemas[:-1] if schemas[-1:] == ("pg_temp",) else schemas
    temporary = takes_temporary(function) or (any_path and names_a_table(function))
    elsewhere = places(facts) if any_path else {name: shared[name] for name in open_ones}
    if not (elsewhere or temporary):
        taking = _taking_types(function, facts)
        return _finds_types(subject, taking, facts) if taking is not None else None
    why = [f"{', '.join(users)} may create objects in {name}" for name, users in elsewhere.items()]
    why += (
        ["temporary tables of the caller come first: pg_temp does not stand at its end"] if temporary else []
    )
    safe = ", ".join(
        (*(quote_ident(name) for name in before if name not in open_ones and name != "pg_temp"), "pg_temp")
    )
    return Flaw(
        message=f"{_name(subject, facts)} runs as {function.owner} and finds what its caller made: {'; '.join(why)}",
        expected="schemas that only trusted roles write to, and pg_temp at the end",
        observed=f"search_path = {path}{', and another that it sets itself' if within else ''}",
        severity=Severity.ERROR if elsewhere else None,
        remedy=Remedy(
            steps=(Step(f"ALTER ROUTINE {_signature(function)} SET search_path = {safe};"),),
            note="Make sure that it needs nothing of a schema that is left out, or write such names with their schema."
            f"{' Take out the path that the body sets.' if within else ''}",
            lock=_NO_LOCK,
        ),
        undecided=not elsewhere
        and (_decides_rows(function, facts) or _taking_types(function, facts) is not None),
    )


def _finds_types(subject: Definer, taking: cat.Function, facts: Facts) -> Flaw:
    """Return the doubt about a function that names types which its caller may have made."""
    ruled = taking if own_path(taking.settings) is not None else subject.function
    path = own_path(ruled.settings) or ""
    kept = [name for name in schemas_of(path) if name != "pg_temp"]
    safe = ", ".join((*map(quote_ident, kept or ["pg_catalog"]), "pg_temp"))
    users = ", ".join(facts.once(temporary_makers))
    return Flaw(
        message=f"{_name(subject, facts)} runs as {subject.function.owner} and finds what its caller made: "
        f"{facts.show(taking.qname)}() names types without their schema, and those of {users} in pg_temp come first",
        expected="pg_temp at the end of the path, or types with their schema",
        observed=f"search_path = {path}",
        remedy=Remedy(
            steps=(Step(f"ALTER ROUTINE {_signature(ruled)} SET search_path = {safe};"),),
            note="The CHECK of a temporary domain runs with the rights of the owner.",
            lock=_NO_LOCK,
        ),
        undecided=True,
    )


def _decides_rows(function: cat.Function, facts: Facts) -> bool:
    """Tell whether the isolation rests on what the function reads, or it reaches tenants' rows beside another
    table, and an app role can put one of its own there."""
    read = function.touches or ()
    rests = function.routine in relied_on(facts) or (len(read) > 1 and bool(sources(read, facts)))
    return rests and bool(facts.once(temporary_makers))
