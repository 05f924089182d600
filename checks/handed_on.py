"""EFF: expressions that the server evaluates with a row, and that hand it on to where every tenant can read."""

from collections.abc import Iterator
from typing import NamedTuple

from validate_schema.pack import Facts, Flaw, ObjectRef, Remedy, Severity, check
from validate_schema.pack.model import OWNED
from validate_schema.pack.model import catalog as cat
from validate_schema.pack.roles import relied_on

from ._access import sources
from ._copies import Rows, publishes

_PLACES = ("policy ", "CHECK ", "column ", "index ", "domain ", "view ")


class Given(NamedTuple):
    """A function that an expression of a table, a domain or a view calls, and the first of these."""

    function: cat.Function
    caller: str

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef.of_routine(self.function.routine)


def given_rows(facts: Facts) -> Iterator[Given]:
    """Functions that policies, checks, defaults, generated columns, indexes and domains call, and views over tables of
    the tenants."""
    relied = relied_on(facts).values()
    found = {r.function.routine: Given(r.function, r.caller) for r in relied if r.caller.startswith(_PLACES)}
    for view in facts.catalog.views:
        if view.security_invoker and sources(view.depends_on, facts):
            for function in facts.named_functions.within(view.definition):
                found.setdefault(function.routine, Given(function, f"view {facts.show(view.qname)}"))
    yield from found.values()


@check(
    "EFF008",
    "Expression hands rows on to every tenant",
    subjects=given_rows,
    severity=Severity.WARNING,
    remediable=False,
    explains=("rows", "surface"),
    why="What a CHECK, a default, a policy or a view calls runs with each row: what it sends or writes there, other tenants read.",
    bad="""
        create table feed (what text);
        grant select, insert on feed to app_user;
        create function note(what text) returns boolean language sql
            begin atomic insert into feed values (note.what) returning true; end;
        create table invoice (
            id uuid primary key default gen_random_uuid(),
            org_id uuid not null references organization (id),
            title text not null check (note(title))
        );
    """,
    good="""
        create function is_short(what text) returns boolean language sql immutable
            begin atomic select length(is_short.what) < 100; end;
        create table invoice (
            id uuid primary key default gen_random_uuid(),
            org_id uuid not null references organization (id),
            title text not null check (is_short(title))
        );
    """,
)
def hands_on(subject: Given, facts: Facts) -> Flaw | None:
    """A function that is called with rows of the tenants sends them to every session, or writes to what all may read.

    Examined: functions that policies, CHECKs, defaults, generated columns, indexes and domains call, and views over
    tables of the tenants; with those that they call. Undecided when one sends a notification that is no
    constant, puts something into a sequence or a large object, or writes to a table of no tenant that an app role may
    read; or when it cannot be read. What triggers and rules do is EFF001's and EFF002's.
    Source: PostgreSQL documentation, CREATE FUNCTION, "Constraints", NOTIFY.
    """
    function = subject.function
    tenants = facts.of_class(*OWNED)
    if not tenants or not publishes(function, Rows(tenants[0], frozenset()), facts):
        return None
    return Flaw(
        message=f"{subject.caller} calls {facts.show(function.qname)}({function.arguments}), which may hand rows on to "
        "every tenant: by a notification, or in what all may read",
        expected="an expression that does no more than answer",
        observed=subject.caller,
        undecided=True,
        remedy=Remedy(
            note="Do that in a trigger, tied to the tenant of the row; or read it, and accept it with a reason."
        ),
    )
