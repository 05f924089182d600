"""BYP: functions that write what a gateway later signs as the truth about a person."""

from collections.abc import Iterator

from validate_schema.pack import Facts, Flaw, Remedy, Severity, check
from validate_schema.pack.model import catalog as cat
from validate_schema.pack.rights import body_of, parameters
from validate_schema.pack.scoping import tested_parameters
from validate_schema.pack.sql import Unreadable, syntax

from ._access import users_of
from .functions import Definer, definers

_SIGNED = ("raw_app_meta_data", "app_metadata")
_PEOPLE = """
        create table account (id uuid primary key, raw_app_meta_data jsonb);
        create table invoice (id uuid primary key, org_id uuid not null references organization (id));
        alter table invoice enable row level security;
        alter table invoice force row level security;
        create policy own on invoice using (
            org_id = (current_setting('request.jwt.claims', true)::jsonb -> 'app_metadata' ->> 'org_id')::uuid);
        grant select on invoice to app_user;
"""


def writers_of_claims(facts: Facts) -> Iterator[Definer]:
    """SECURITY DEFINER functions that app roles may call and that name what is signed of people, themselves or by
    what they call."""
    naming = _naming(facts)
    for function in (d.function for d in definers(facts) if d.function.routine in naming):
        users = users_of(function.owner, function.grants, facts, ("EXECUTE",))
        if users and function.returns not in ("trigger", "event_trigger"):
            yield Definer(function, users)


def _naming(facts: Facts) -> set[cat.Routine]:
    """Return the functions that name what is signed, and those that call one, however indirectly."""
    queue = [f.routine for f in facts.catalog.functions if _names(f)]
    callers: dict[cat.Routine, list[cat.Routine]] = {}
    for function in facts.catalog.functions if queue else ():
        for called in facts.named_functions.within(function.body or ""):
            callers.setdefault(called.routine, []).append(function.routine)
    found = {*queue}
    while queue:
        fresh = [caller for caller in callers.get(queue.pop(), ()) if caller not in found]
        found.update(fresh)
        queue += fresh
    return found


def _names(function: cat.Function) -> bool:
    return any(word in (function.body or "") for word in _SIGNED)


def _with_helpers(function: cat.Function, facts: Facts) -> Iterator[cat.Function]:
    """Yield the function and those that it calls, however deep."""
    seen, queue = {function.routine}, [function]
    while queue:
        here = queue.pop()
        yield here
        for called in facts.named_functions.within(here.body or ""):
            if called.routine not in seen:
                seen.add(called.routine)
                queue.append(called)


@check(
    "BYP023",
    "Function lets its caller write signed claims",
    subjects=writers_of_claims,
    severity=Severity.WARNING,
    remediable=False,
    explains=("beside",),
    why="The next token says what the caller wrote of himself, and every policy that reads the claim believes it.",
    bad=f"""{_PEOPLE}
        create function switch_org(wanted uuid) returns void language sql security definer as $$
            update account set raw_app_meta_data = raw_app_meta_data || jsonb_build_object('org_id', wanted)
            where id = nullif(current_setting('app.user_id', true), '')::uuid $$;
    """,
    good=f"""{_PEOPLE}
        create function my_org() returns text language sql stable security definer as $$
            select raw_app_meta_data ->> 'org_id' from account
            where id = nullif(current_setting('app.user_id', true), '')::uuid $$;
    """,
)
def signs_claims(subject: Definer, facts: Facts) -> Flaw | None:
    """A function that the app may call writes what its caller gives into the claims that a gateway signs.

    Examined: SECURITY DEFINER functions that app roles may call and that name ``raw_app_meta_data`` or
    ``app_metadata``, themselves or by what they call. Undecided when one writes such a column with what it is given,
    unless all its parameters are tested to be the caller's own tenant before; or when the body cannot be read.
    Source: Supabase documentation, "Custom Claims and Role-based Access Control", auth.users.
    """
    function = subject.function
    given = _given(function, facts)
    if given is not None and given <= tested_parameters(function, facts):
        return None
    what = f"takes {', '.join(filter(None, given)) or 'it'} from its caller" if given else "cannot be read"
    return Flaw(
        message=f"{facts.show(function.qname)}({function.arguments}) writes what the gateway signs of people, and {what}: "
        f"{', '.join(subject.users)} may call it",
        expected="a test that the caller belongs to the tenant, or EXECUTE for the server alone",
        observed=f"runs as {function.owner}",
        undecided=True,
        remedy=Remedy(
            note="Test the membership of the caller in the function before it writes, or REVOKE EXECUTE from the app and "
            "PUBLIC and have the server call it."
        ),
    )


def _given(function: cat.Function, facts: Facts) -> frozenset[str] | None:
    """Return the parameters that may go into what is signed; None where a body cannot be read."""
    try:
        values = [*_values(body_of(function).statements)]
        helpers = [f for f in _with_helpers(function, facts) if f != function and _names(f)]
        hands = any(True for f in helpers for _ in _values(body_of(f).statements))
    except Unreadable:
        return None
    columns = {n.name for value in values for n in syntax.walk(value) if isinstance(n, syntax.Column)}
    numbered = any(isinstance(n, syntax.Param) for value in values for n in syntax.walk(value))
    if not (hands or numbered or columns - {*_SIGNED, "raw_user_meta_data"}):
        return frozenset()
    return frozenset(parameters(function))


def _values(statements: tuple[syntax.Node, ...]) -> Iterator[syntax.Node]:
    """Yield what statements write to columns of what is signed."""
    for node in syntax.walk(*statements):
        match node:
            case syntax.Update(sets=sets) | syntax.Insert(columns=sets):
                for target in sets:
                    if target.name in _SIGNED:
                        yield from (target.value,) if target.value is not None else ()
                        yield from (p for p in target.path if isinstance(p, syntax.Node))
                        yield from (node.source,) if isinstance(node, syntax.Insert) and node.source else ()
