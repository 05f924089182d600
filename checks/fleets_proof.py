"""FLT: what the roles of one member of a fleet reached of another's rows, where that was tried."""

from collections.abc import Iterator
from typing import NamedTuple

from validate_schema.pack import Facts, Flaw, ObjectRef, Remedy, Severity, Undecided, Unexamined, check
from validate_schema.pack.model import crossing as records
from validate_schema.pack.model import first_of, isolation, some

from ._fleet import FEW, TWO, member_roles, members_of

_ROLES = """
        create role tenant_a_app login;
        create role tenant_b_app login;
        grant usage on schema tenant_a to tenant_a_app;
        grant usage on schema tenant_b to tenant_b_app;
        grant select, insert, update, delete on all tables in schema tenant_a to tenant_a_app;
        grant select, insert, update, delete on all tables in schema tenant_b to tenant_b_app;
"""


class TriedRole(NamedTuple):
    """A role of the member, and what was tried as it; "" and why where nothing could be tried at all."""

    role: str
    attempted: tuple[records.Attempted, ...]
    reason: str = ""

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef("role", name=self.role)


def tried_roles(facts: Facts) -> Iterator[TriedRole]:
    """The roles as which another member's rows were tried."""
    proof = facts.fleet.proof if facts.fleet else None
    if proof is None:
        return
    if proof.reason:
        yield TriedRole("", (), f"{proof.member}: {proof.reason}")
    for role in proof.roles:
        yield TriedRole(role, tuple(a for a in proof.attempted if a.role == role))


@check(
    "FLT014",
    "Role of a member reached another member's rows",
    subjects=tried_roles,
    severity=Severity.ERROR,
    needs="fleet proof",
    remediable=False,
    why="What a session of one tenant did to another tenant's rows on a copy, it can do in the database.",
    bad=f"""
        {TWO.strip()}
        {_ROLES.strip()}
        grant usage on schema tenant_b to tenant_a_app;
        grant select on tenant_b.invoice to tenant_a_app;
    """,
    good=f"""
        {TWO.strip()}
        {_ROLES.strip()}
    """,
)
def reached_another(subject: TriedRole, facts: Facts) -> Flaw | Undecided | Unexamined | None:
    """As a role of the member a row of another member was read, written, changed or deleted.

    Examined with ``--prove`` alone, on a copy of the member, of a neighbour and of what they share, with rows
    that were made for it: SELECT, INSERT, UPDATE, DELETE and TRUNCATE of each table of the neighbour, and of
    its rows in shared tables that lead to the tenants' table, by the table's full name, with its schema first
    in search_path, and after SET ROLE. An error when a row was reached; a warning when the role has rights in
    every member: then search_path alone keeps tenants apart. Undecided when a verb met no row: what is refused
    counts as held only where a superuser's same statement reached one. Not covered: functions, and members that
    are databases.
    """
    if subject.reason:
        return Unexamined(subject.reason)
    reached = [a for a in subject.attempted if a.outcome == "reached"]
    if not reached:
        open_still = [a for a in subject.attempted if a.outcome == "not tried"]
        if not open_still:
            return None
        first = open_still[0]
        return Undecided(
            f"{subject.role}: {some(len(open_still), 'verb')} not tried: {first.table.name}: {first.why}"
        )
    proof = facts.fleet.proof if facts.fleet else None
    tables = sorted({a.table for a in reached})
    verbs = ", ".join(dict.fromkeys(a.verb for a in reached))
    whose = proof.other if proof else ""
    every = any(r.role == subject.role and r.members >= members_of(facts) for r in member_roles(facts))
    alone = ": search_path alone keeps tenants apart" if every else ""
    return Flaw(
        message=f"Role {subject.role} reached rows of {whose} ({verbs} on {some(len(tables), 'table')}){alone}",
        expected="no verb reaches a row of another member",
        observed=f"{first_of([t.name for t in tables], FEW)}, {first_of(sorted({w for a in reached for w in a.ways}), FEW)}",
        evidence=isolation.psql_script(reached[0].statements),
        severity=Severity.WARNING if every else None,
        remedy=Remedy(
            note="Give each member a role with rights in it alone; of tables that members share, a policy for the rows."
        ),
    )
