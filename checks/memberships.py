"""RLS: who belongs to which tenant, where a table of memberships says so."""

from collections.abc import Iterator
from typing import NamedTuple

from validate_schema.pack import Facts, Flaw, ObjectRef, Promise, Remedy, Severity, Undecided, check
from validate_schema.pack.model import Filler, TableClass, reading
from validate_schema.pack.model import catalog as cat
from validate_schema.pack.sql import syntax
from validate_schema.pack.subjects import TablePolicy

from ._policies import Subject, among, compared, defects, nodes_of, permissive, policies_of, verdict

_MEMBER = """
    create table member (
        org_id uuid not null references organization (id),
        user_id uuid not null,
        role text not null default 'member',
        primary key (org_id, user_id)
    );
    alter table member enable row level security;
    alter table member force row level security;
    grant select, insert, update, delete on member to app_user;
    create table invoice (id uuid primary key, org_id uuid not null references organization (id));
    alter table invoice enable row level security;
    alter table invoice force row level security;
    grant select, insert, update, delete on invoice to app_user;
"""
_WHO = "nullif(current_setting('app.user_id', true), '')::uuid"
_MINE = f"(select m.org_id from member m where m.user_id = {_WHO})"
_OWN = f"    create policy own on member for select using (user_id = {_WHO});\n"
_BOUND = f"    create policy members on invoice using (org_id in {_MINE});\n"


class Filling(NamedTuple):
    """A function that writes the tenant of a membership as the user gives it."""

    filler: Filler

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef.of_routine(self.filler.function)


def joining_policies(facts: Facts) -> Iterator[Subject | Filling]:
    """Permissive policies for INSERT, UPDATE or ALL on tables of memberships, and functions that fill one from
    what a user writes of himself."""
    yield from map(Filling, facts.principals.fillers)
    tables = {m.table for m in facts.principals.memberships if m.asked}
    found = permissive(facts, "RLS017", ("ALL", "INSERT", "UPDATE"))
    yield from (s for s in found if s.table.qname in tables or "RLS017" in defects(s, facts))


def member_policies(facts: Facts) -> Iterator[Subject]:
    """Permissive policies of schemas in which a table says who belongs to which tenant."""
    if facts.principals.memberships:
        yield from permissive(facts, "RLS018", ("ALL", "SELECT", "INSERT", "UPDATE", "DELETE"))


def asking_policies(facts: Facts) -> Iterator[TablePolicy]:
    """Policies of schemas in which a table says who belongs to which tenant."""
    if facts.principals.memberships:
        yield from policies_of(facts)


@check(
    "RLS017",
    "A person may join any tenant",
    subjects=joining_policies,
    severity=Severity.ERROR,
    remediable=False,
    promise=Promise("{n} policies for writing memberships keep strangers out", place=55, if_any=True),
    explains=("rows", "writes"),
    why="Whoever is logged in writes himself into a tenant, and then every policy that asks for members lets him in.",
    bad=f"{_MEMBER}{_BOUND}    create policy own on member using (user_id = {_WHO});\n",
    good=f"""{_MEMBER}{_BOUND}{_OWN}    create policy invite on member for insert
        with check (org_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
""",
)
def joinable(subject: Subject | Filling, facts: Facts) -> Flaw | Undecided | None:
    """A policy lets whoever asks write a row that makes him a member of a tenant he is not in.

    Examined: the policies for INSERT, UPDATE or ALL of the tables that policies ask for the tenants of a
    person, where an app role may write the tenant (by INSERT, an upsert, or an UPDATE that moves his own
    row). It is taken that no row ties the person to another tenant; the check fails where he can write one,
    as with ``WITH CHECK (user_id = auth.uid())`` alone. Policies that rest on such a table count as
    undecided until it is mended.

    Fails as well for a function that takes the tenant from ``raw_user_meta_data``, which a user writes himself
    when he signs up, itself or by a function that it calls; undecided where it looks the tenant up by that, or by part
    of his e-mail address, which nobody has confirmed then. A secret token may be asked for. Not covered: other functions and triggers that write memberships (BYP005, EFF).
    """
    if isinstance(subject, Filling):
        return _filled(subject.filler, facts)
    return _told(verdict(subject, "RLS017", facts, "join any tenant"), "joins")


@check(
    "RLS018",
    "A member of any tenant passes for every tenant",
    subjects=member_policies,
    severity=Severity.ERROR,
    remediable=False,
    explains=("rows", "reads", "writes"),
    why="An administrator of one tenant, which anybody is who founded one, reads and changes the rows of all.",
    bad=f"""{_MEMBER}{_OWN}    create policy admins on invoice using (exists (
        select from member m where m.user_id = {_WHO} and m.role = 'admin'));
""",
    good=f"""{_MEMBER}{_OWN}    create policy admins on invoice using (exists (
        select from member m where m.user_id = {_WHO} and m.role = 'admin' and m.org_id = invoice.org_id));
""",
)
def anywhere(subject: Subject, facts: Facts) -> Flaw | Undecided | None:
    """A policy asks whether a person is a member, or an administrator, and not of which tenant.

    Examined: permissive policies on tables of the tenants, where tables say who belongs to which tenant.
    Fails when a membership of another tenant than the row's lets the row pass, also through a helper
    function such as ``is_admin()``. Undecided where the policy compares the tenant of the membership with another column
    of the row (``owner_org``, ``buyer_id`` or ``seller_id``), or with such a key of a row beside it: that may well say
    whose it is.

    Policies that the analysis cannot decide count as undecided; RLS014 lists them.
    """
    said = _told(verdict(subject, "RLS018", facts, "in as a member of any tenant"), "asks")
    open_ = defects(subject, facts).get("RLS018")
    column = _own_claim(subject.table, open_.branch or "", facts) if open_ is not None else ""
    if not column or not isinstance(said, Flaw):
        return said
    return Flaw(
        message=f"{facts.show(subject.table.qname)}: a policy asks for members of {column}, which nothing ties to the row's tenant",
        expected=said.expected,
        observed=said.observed,
        evidence=said.evidence,
        remedy=Remedy(note=f"Give {column} a foreign key to the tenants, or name it in tenancy.column."),
        severity=Severity.WARNING,
        undecided=True,
    )


def _own_claim(table: cat.Table, branch: str, facts: Facts) -> str:
    """Return the column of the row, or the key to the tenants of a row beside it, that the branch which lets rows pass
    compares with the tenant of a membership, where it is not the tenant column; empty where there is none."""
    members = {(m.table.name, m.tenant) for m in facts.principals.memberships}
    names = _tables_in(branch)
    for mine, other in (*compared(branch), *among(branch)):
        one, member = syntax.uncast(mine), syntax.uncast(other)
        if not isinstance(one, syntax.Column) or not isinstance(member, syntax.Column):
            continue
        named = (names.get(member.qualifier or "", member.qualifier), member.name) in members
        if not named or one.name == facts.tenant_column(table):
            continue
        if one.qualifier == table.name and table.column(one.name) is not None:
            return one.name
        beside = names.get(one.qualifier or "")
        if any(t.name == beside and _leads_to_root(t, one.name, facts) for t in facts.catalog.tables):
            return f"{beside}.{one.name}"
    return ""


def _tables_in(text: str) -> dict[str, str]:
    """Return the tables that an expression names, by what they are called there."""
    return {t.known_as: t.name for t in nodes_of(text) if isinstance(t, syntax.Table)}


def _leads_to_root(table: cat.Table, column: str, facts: Facts) -> bool:
    keys = (key.references for key in table.foreign_keys if key.columns == (column,))
    return any(facts.class_of(name) is TableClass.ROOT for name in keys if name is not None)


def _filled(filler: Filler, facts: Facts) -> Flaw:
    if not filler.certain:
        return Flaw(
            message=f"{filler.function.name}() looks up the {filler.tenant} of {facts.show(filler.table)} by what a user"
            " writes of himself: whoever knows the word joins that tenant",
            expected="a tenant from an invitation to the confirmed address, or one that is founded with the user",
            observed=f"{filler.tenant} by raw_user_meta_data or a part of an e-mail address",
            severity=Severity.WARNING,
            undecided=True,
            remedy=Remedy(
                note="Look up an invitation to the user's confirmed e-mail address, or by a secret token."
            ),
        )
    return Flaw(
        message=f"{filler.function.name}() takes the {filler.tenant} of {facts.show(filler.table)} from what a user writes"
        " of himself: whoever signs up joins any tenant",
        expected="a tenant from an invitation, or one that is founded with the user",
        observed=f"{filler.tenant} from raw_user_meta_data",
        remedy=Remedy(
            note="Look up an invitation to the user's confirmed e-mail address instead, or take it from app_metadata, which only the server writes."
        ),
    )


def _told(said: Flaw | Undecided | None, what: str) -> Flaw | Undecided | None:
    """Return the flaw with what is to be done about memberships."""
    if not isinstance(said, Flaw):
        return said
    joins = what == "joins"
    note = (
        "Let only those write memberships who belong to the tenant already, or are invited to it: compare the"
        " tenant of the new row with the tenants of the person, or leave it to a function that checks the"
        " invitation, and revoke INSERT and UPDATE from the app."
        if joins
        else "Compare the tenant of the membership with that of the row: a member of its own tenant."
    )
    return Flaw(
        message=said.message,
        expected="nobody writes himself into a tenant" if joins else "members of the row's own tenant alone",
        observed=said.observed,
        evidence=said.evidence,
        remedy=Remedy(note=note),
        severity=said.severity,
    )


@check(
    "RLS019",
    "Policy breaks for a person in two tenants",
    concern="integrity",
    subjects=asking_policies,
    severity=Severity.WARNING,
    remediable=False,
    why="With a second membership every query of that person fails, or shows one of his tenants, whichever comes first.",
    bad=f"{_MEMBER}{_OWN}    create policy members on invoice using (org_id = {_MINE});\n",
    good=f"{_MEMBER}{_OWN}{_BOUND}",
)
def one_tenant(subject: TablePolicy, facts: Facts) -> Flaw | None:
    """A policy asks for the one tenant of a person, and a person may have several.

    Examined: policies on tables of the tenants. Fails for a scalar sub-select, or a function that returns
    one value, over a table of memberships picked by the person alone, where no unique key keeps a person
    to one row. PostgreSQL raises "more than one row returned by a subquery" for a sub-select.
    """
    table, policy = subject
    found = facts.policy_readings.get((table.qname, policy.name), reading.PolicyReading(table.qname, ""))
    if not found.lone:
        return None
    members = ", ".join(map(facts.show, found.lone))
    return Flaw(
        message=f"Policy {policy.name} on {facts.show(table.qname)} asks for the one tenant of a person, who may be"
        f" in several by {members}",
        expected="the tenant is among those of the person, or each person has one row",
        observed=policy.using or policy.check or "",
        remedy=Remedy(
            note=f"Write IN (SELECT …) instead of = (SELECT …); or, where a person has one tenant, a unique key on the person in {members}."
        ),
    )
