"""Who asks, and what is assumed: how a session says which tenant and which person it works for, each with its
reason, and what the verdict rests on that nobody examined."""

from collections.abc import Iterator

from ..facts.facts import Facts
from ..model.principals import Kind, Principals, Trusted
from ..model.report import AskedFacts, AssumptionFacts, ContextVariableFacts, MembershipFacts
from ..model.wording import listed
from ..sql.ident import visible

_SESSIONS = {True: "claims signed (gateway)", False: "settings set by the session (sql)"}


def asked_facts(facts: Facts) -> AskedFacts:
    """Return who asks, as the policies tell; empty where none reads anything of the session."""
    principals = facts.principals
    if not (principals.variables or principals.memberships):
        return AskedFacts()
    return AskedFacts(
        line=visible(_line(facts)),
        session="gateway" if principals.gateway else "sql",
        session_why=visible(principals.threat),
        people=facts.show(principals.people) if principals.people else None,
        variables=tuple(
            ContextVariableFacts(name=visible(v.variable.shown), kind=v.kind.value, why=visible(v.why))
            for v in principals.variables
        ),
        memberships=tuple(
            MembershipFacts(
                table=facts.show(m.table),
                tenant=m.tenant,
                person=m.person,
                variable=visible(m.variable.shown),
                why=visible(m.why),
            )
            for m in principals.memberships
        ),
    )


def _line(facts: Facts) -> str:
    principals = facts.principals
    tenants = [v.variable.shown for v in principals.of_kind(Kind.TENANT)]
    tenants += dict.fromkeys(f"{facts.show(m.table)}.{m.tenant}" for m in principals.memberships)
    persons = [v.variable.shown for v in principals.of_kind(Kind.PERSON)]
    switches = [v.variable.shown for v in principals.of_kind(Kind.SWITCH, Kind.CLIENT)]
    parts = [
        f"{what} {listed(names)}"
        for what, names in (("tenant by", tenants), ("person by", persons), ("switches:", switches))
        if names
    ]
    signed = _SESSIONS[principals.gateway]
    if facts.isolation.preset:
        signed += f", as {facts.isolation.preset} makes them"
    people = [f"tried with {facts.isolation.people}"] if facts.isolation.people else []
    return "; ".join([*people, *parts, signed])


def assumptions(facts: Facts) -> tuple[AssumptionFacts, ...]:
    """Return what the verdict rests on that is not examined, in the order of docs/soundness.md; nothing where
    the tenancy was not identified."""
    if not facts.tenancy.identified or not facts.analysis.judgements:
        return ()
    said = (
        *(("principals", text) for text in _of_principals(facts.principals, facts)),
        *(("accepted", _accepted(trusted, facts)) for trusted in facts.tenancy.trusted),
        (
            "equality",
            "keys differ where PostgreSQL's = says so; foreign keys stay within a tenant (FKY001)",
        ),
        ("effects", "what extensions, functions in C and the server's own views tell is not looked at"),
        ("roles", _of_roles(facts)),
    )
    return tuple(AssumptionFacts(about=about, text=visible(text)) for about, text in said)


def _of_principals(principals: Principals, facts: Facts) -> Iterator[str]:
    who = [v.variable.shown for v in principals.of_kind(Kind.TENANT, Kind.PERSON)]
    if who and principals.gateway:
        yield f"the gateway checks the token that {listed(who)} comes from, and nobody else sets it"
    elif who:
        yield f"the application sets {listed(who)} to who is asking: another's is a log-in, not a leak"
    if principals.memberships:
        tables = listed([*dict.fromkeys(facts.show(m.table) for m in principals.memberships)])
        yield f"the rows of {tables} are true today; whether a person can write one for himself is examined"


def _accepted(trusted: Trusted, facts: Facts) -> str:
    if trusted.table is not None:
        what = f"people in {facts.show(trusted.table)} pass for every tenant"
    else:
        name = f"the claim {trusted.claim}" if trusted.claim else trusted.setting
        what = f"{name}{f' = {listed(trusted.values)}' if trusted.values else ''} opens policies"
    return f"{what}, which is accepted: {trusted.reason}"


def _of_roles(facts: Facts) -> str:
    owners = {t.owner for t in facts.tables} - set(facts.tenancy.app_roles)
    named = [f"{name}, an owner of tables," for name in sorted(owners)[:3]]
    everybody = listed(["superusers", "roles with BYPASSRLS", *named])
    return f"{everybody} serve nobody but operators and migrations"
