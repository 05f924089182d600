"""EFF: expressions that the server evaluates with a row, and that hand it on to where every tenant can read."""

from collections.abc import Iterator
from typing import NamedTuple

from validate_schema.pack import Facts, Flaw, ObjectRef, Remedy, Severity, check
from validate_schema.pack.model import OWNED
from validate_schema.pack.model import catalog as cat
from validate_schema.pack.rights import is_trusted, sets_tenant, switches_tenant
from validate_schema.pack.roles import relied_on
from validate_schema.pack.sql import Unreadable, read_statements

from ._access import may, sources
from ._copies import Rows, publishes

_PLACES = ("policy ", "CHECK ", "column ", "index ", "domain ", "view ")


class Given(NamedTuple):
    """A function that an expression of a table, a domain or a view calls, and the first of these."""

    function: cat.Function
    caller: str

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef.of_routine(self.function.routine)


class Entered(NamedTuple):
    """A view that an app role reads and whose query calls set_config() itself."""

    view: cat.View

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef("view", self.view.schema, name=self.view.name)


def given_rows(facts: Facts) -> Iterator[Given | Entered]:
    """Functions that policies, checks, defaults, generated columns, indexes and domains call, and views over tables of
    the tenants; and views that set a setting."""
    relied = relied_on(facts).values()
    found = {r.function.routine: Given(r.function, r.caller) for r in relied if r.caller.startswith(_PLACES)}
    for view in facts.catalog.views:
        if view.security_invoker and sources(view.depends_on, facts):
            for function in facts.named_functions.within(view.definition):
                found.setdefault(function.routine, Given(function, f"view {facts.show(view.qname)}"))
        if "set_config" in view.definition:
            yield Entered(view)
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
def hands_on(subject: Given | Entered, facts: Facts) -> Flaw | None:
    """A function that is called with rows of the tenants sends them to every session, or writes to what all may read.

    Examined: functions that policies, CHECKs, defaults, generated columns, indexes and domains call, and views over
    tables of the tenants; with those that they call. Undecided when one sends a notification that is no
    constant, puts something into a sequence or a large object, or writes to a table of no tenant that an app role may
    read; when it sets the tenant of the session, as a view's own query may; or when it cannot be read. What triggers and rules do is EFF001's and EFF002's.
    Source: PostgreSQL documentation, CREATE FUNCTION, "Constraints", NOTIFY.
    """
    if isinstance(subject, Entered):
        return _enters(subject.view, facts)
    function = subject.function
    if not is_trusted(function) and switches_tenant(function, facts):
        return _sets(
            f"{subject.caller} calls {facts.show(function.qname)}({function.arguments}), which", facts
        )
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


def _enters(view: cat.View, facts: Facts) -> Flaw | None:
    try:
        sets = sets_tenant(read_statements(view.definition), facts)
    except Unreadable:
        sets = True
    if not sets or not may(
        view.owner, view.grants, view.altered, facts, "SELECT", "INSERT", "UPDATE", "DELETE"
    ):
        return None
    return _sets(f"View {facts.show(view.qname)}", facts)


def _sets(what: str, facts: Facts) -> Flaw:
    return Flaw(
        message=f"{what} may set the tenant of the session to another one",
        expected="the application alone sets the tenant",
        observed=f"set_config() of {facts.tenancy.setting}",
        undecided=True,
        remedy=Remedy(
            note="Leave the setting to the application; or read what sets it, and accept it with a reason."
        ),
    )
