"""FLT: what leads from one member of a fleet to another, where the members are schemas of one database."""

from collections.abc import Iterator

from validate_schema.pack import Facts, Flaw, Remedy, Severity, check
from validate_schema.pack.model import first_of

from ._crossings import Crossing, crossings
from ._fleet import FEW, TWO, members_of, own_schema, shared_schemas


def own_objects(facts: Facts) -> Iterator[Crossing]:
    """What stands in the member, with the schemas that it leads to."""
    if own := own_schema(facts):
        yield from crossings(facts, (own,))


@check(
    "FLT001",
    "Member reaches into another member",
    subjects=own_objects,
    severity=Severity.ERROR,
    needs="fleet",
    remediable=False,
    why="What stands in one tenant's schema reads, changes or refers to what is another tenant's.",
    bad=f"""
        {TWO.strip()}
        create view tenant_b.totals as select sum(total) as total from tenant_a.invoice;
    """,
    good=f"""
        {TWO.strip()}
        create view tenant_b.totals as select sum(total) as total from tenant_b.invoice;
    """,
)
def reaches_another(subject: Crossing, facts: Facts) -> Flaw | None:
    """Something in a member's schema names another member.

    Examined: foreign keys, checks, defaults, types, policies, indexes, triggers, rules, inheritance, views and
    functions of the member. Fails when one of them leads to the schema of another member, by its record or by
    a name in its text. A function whose body only holds another's name in a text that is put together when it
    runs is undecided. Not seen: a name that is worked out, as by `format('%I', …)`.
    Source: PostgreSQL documentation, "Schemas".
    """
    return _leads(subject, members_of(facts) - {own_schema(facts)}, "another member")


def shared_objects(facts: Facts) -> Iterator[Crossing]:
    """What stands beside the members, with the schemas that it leads to."""
    yield from crossings(facts, shared_schemas(facts))


@check(
    "FLT002",
    "Shared object reaches into a member",
    subjects=shared_objects,
    severity=Severity.WARNING,
    needs="fleet",
    remediable=False,
    why="Whoever may use an object that all share gets at the tenant's rows that it leads to, whatever tenant he is of.",
    bad=f"""
        {TWO.strip()}
        create view public.largest as select max(total) as total from tenant_a.invoice;
    """,
    good=f"""
        {TWO.strip()}
        create view tenant_a.largest as select max(total) as total from tenant_a.invoice;
        create view public.organizations as select id from organization;
    """,
)
def shared_reaches_member(subject: Crossing, facts: Facts) -> Flaw | None:
    """Something in a schema that is no member names one.

    Examined: the same kinds of objects as by FLT001, in the schemas beside the members. Fails when one leads
    to the member that is judged, or to another. A report over all tenants is such an object: accept it with a
    reason, and let only its readers use it.
    """
    return _leads(subject, members_of(facts), "a member")


def _leads(subject: Crossing, members: frozenset[str], whom: str) -> Flaw | None:
    led, unsure = sorted(subject.leads_to & members), sorted(subject.unsure & members)
    if not led and not unsure:
        return None
    names = first_of(led or unsure, FEW)
    ref = subject.ref
    name = ".".join(filter(None, (ref.schema, ref.table, ref.name)))
    return Flaw(
        message=f"{subject.what} {name} {'leads' if led else 'may lead'} to {whom}: {names}",
        expected="no member is named outside of its own schema",
        observed=f"{'names' if led else 'holds a text with'} {names}",
        undecided=not led,
        remedy=Remedy(note="Let it name what stands in its own schema or in one that all share."),
    )
