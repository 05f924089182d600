"""A person who belongs to both tenants: what his session for one of them may not do to the other."""

import pytest

from tests.fix_proof import Bed
from validate_schema.model.isolation import Cell, Isolation, Outcome, Probe

TOML = """
[tenancy]
root = "org"
column = "org_id"
app_roles = ["app_user"]
global = ["person"]
"""
WORLD = """
create role app_user login;
create table person (id uuid primary key, nick text);
create table org (id uuid primary key, name text);
create table seat (
    org_id uuid not null references org, person_id uuid not null references person, rank text not null default 'low',
    primary key (org_id, person_id)
);
create table doc (id uuid primary key, org_id uuid not null references org, owner_id uuid references person, body text);
create function me() returns uuid stable language sql
    as $$ select nullif(current_setting('app.person', true), '')::uuid $$;
create function ctx() returns uuid stable language sql
    as $$ select nullif(current_setting('app.org', true), '')::uuid $$;
create function mine() returns setof uuid stable language sql security definer
    as $$ select org_id from seat where person_id = me() $$;
alter table org enable row level security;
alter table seat enable row level security;
alter table doc enable row level security;
grant select on org, seat, person to app_user;
grant select, insert, update, delete on doc to app_user;
"""
BY_TENANT = (
    WORLD + "create policy own on org using (id = ctx()); create policy own on seat using (org_id = ctx());"
)
BY_PERSON = (
    WORLD
    + "create policy own on org using (id in (select mine()));"
    + " create policy own on seat for select using (org_id in (select mine()));"
)
READS = "create policy r on doc for select using (org_id = ctx());"


def cells(proof: Isolation, table: str) -> dict[Probe, Cell]:
    return {c.probe: c for c in proof.cells if c.table.name == table}


LEAKS = {
    "reads what he owns elsewhere": (
        "create policy r on doc for select using (org_id = ctx() or owner_id = me());",
        Probe.READ,
    ),
    "changes what he owns elsewhere": (
        READS + "create policy w on doc for update using (org_id = ctx() or owner_id = me())"
        " with check (org_id = ctx() or owner_id = me());",
        Probe.UPDATE,
    ),
    "deletes what he owns elsewhere": (
        READS + "create policy d on doc for delete using (org_id = ctx() or owner_id = me());",
        Probe.DELETE,
    ),
    "is asked for any of his tenants": (
        "create policy r on doc for select using (org_id in (select mine())"
        " and exists (select from seat s where s.org_id = ctx() and s.person_id = me()));",
        Probe.READ,
    ),
    "moves rows between his tenants": (
        READS + "create policy w on doc for update using (org_id = ctx())"
        " with check (org_id in (select mine()));",
        Probe.REHOME,
    ),
}


@pytest.mark.parametrize("name", LEAKS)
def test_a_session_for_one_tenant_keeps_a_person_of_two_out_of_the_other(bed: Bed, name: str) -> None:
    policies, probe = LEAKS[name]

    cell = cells(bed.proven(BY_TENANT, policies, toml=TOML), "doc")[probe]

    assert (cell.outcome, "person of both" in cell.why) == (Outcome.LEAK, True), cell.why
    assert bed.repeats_alone(cell, BY_TENANT, policies) > 0


HEALTHY = {
    "the tenant alone": BY_TENANT + "create policy own on doc using (org_id = ctx());",
    "the tenant, whose member he is": BY_TENANT
    + "create policy own on doc using (org_id = ctx() and org_id in (select mine()));",
    "his own within the tenant": BY_TENANT
    + "create policy own on doc using (org_id = ctx() and (owner_id = me() or owner_id is null));",
    "all of his tenants, told by who he is": BY_PERSON
    + "create policy own on doc using (org_id in (select mine()));",
    "the tenant, or all of his tenants": BY_TENANT
    + "create policy own on doc using (org_id = ctx() or org_id in (select mine()));",
    "his memberships, to choose from": WORLD + "create policy own on org using (id in (select mine()));"
    " create policy own on seat for select using (org_id = ctx() or person_id = me());"
    " create policy own on doc using (org_id = ctx());",
}


@pytest.mark.parametrize("name", HEALTHY)
def test_what_keeps_a_person_of_two_to_his_tenants_holds(bed: Bed, name: str) -> None:
    proof = bed.proven(HEALTHY[name], toml=TOML)

    wrong = [
        (c.table.name, c.probe, c.why)
        for c in proof.cells
        if c.probe is not Probe.SURFACE and c.outcome not in (Outcome.ISOLATED, Outcome.DENIED)
    ]
    assert not wrong
    asked = name != "the tenant alone"  # no session says which person asks there
    assert proof.people == ("two people of A, two of B, one of both" if asked else "")
    assert not [note for note in proof.notes if "two tenants" in note]


def test_a_person_of_two_may_move_rows_where_he_alone_says_who_asks(bed: Bed) -> None:
    script = BY_PERSON + "create policy own on doc using (org_id in (select mine()));"

    assert cells(bed.proven(script, toml=TOML), "doc")[Probe.REHOME].outcome is Outcome.ISOLATED


@pytest.mark.parametrize("verb", [Probe.INSERT, Probe.REHOME])
def test_a_third_tenant_that_only_a_person_of_two_may_join_is_found(bed: Bed, verb: Probe) -> None:
    many = "person_id = me() and (select count(*) from mine()) > 1"
    command = "insert" if verb is Probe.INSERT else "update"
    using = f"using ({many})" if verb is Probe.REHOME else ""
    script = BY_PERSON + (
        "create policy his on seat for select using (person_id = me());"
        f"create policy join_in on seat for {command} {using} with check ({many});"
        f" grant {command} on seat to app_user; create policy own on doc using (org_id in (select mine()));"
    )

    found = cells(bed.proven(script, toml=TOML), "seat")

    assert (found[verb].outcome, "of a third one" in found[verb].why) == (Outcome.LEAK, True)


@pytest.mark.parametrize("kind", ["view", "function"])
def test_a_view_or_function_that_adds_what_he_owns_elsewhere_leaks(bed: Bed, kind: str) -> None:
    rows = "select d.id, d.org_id, d.body from doc d where d.org_id = ctx() or d.owner_id = me()"
    made = {
        "view": f"create view docs as {rows}; grant select on docs to app_user;",
        "function": "create function docs() returns table (id uuid, org_id uuid, body text) stable language sql"
        f" security definer as $$ {rows} $$;",
    }
    script = HEALTHY["his own within the tenant"] + made[kind]

    proof = bed.proven(script, toml=TOML)

    found = [c for c in proof.cells if c.probe is Probe.SURFACE and "docs" in c.table.name]

    assert [(c.outcome, "person of both" in c.why) for c in found] == [(Outcome.LEAK, True)]


def test_a_view_of_his_own_memberships_is_no_leak(bed: Bed) -> None:
    script = HEALTHY["his memberships, to choose from"] + (
        "create view seats with (security_invoker) as select s.org_id, o.name from seat s join org o"
        " on o.id = s.org_id; grant select on seats to app_user;"
    )

    found = [c for c in bed.proven(script, toml=TOML).cells if c.table.name == "seats"]

    assert [c.outcome for c in found] == [Outcome.ISOLATED], found


def test_rows_of_another_tenant_that_name_who_asks_decide_nothing(bed: Bed) -> None:
    """Whether there is such a row hangs on what is in the database."""
    script = BY_PERSON + (
        "create policy r on doc for select using (owner_id = me());"
        " create policy d on doc for delete using (owner_id = me());"
    )

    found = cells(bed.proven(script, toml=TOML), "doc")

    assert {found[p].outcome for p in (Probe.READ, Probe.DELETE)} == {Outcome.INCONCLUSIVE}
    assert "name the person who asks" in found[Probe.READ].why


@pytest.mark.parametrize("name", ["read", "write"])
def test_what_asks_for_the_one_tenant_of_a_person_is_noted(bed: Bed, name: str) -> None:
    one = "org_id = (select org_id from seat where person_id = me())"
    policies = {
        "read": f"create policy own on doc using ({one});",
        "write": "create policy own on doc for select using (org_id in (select mine()));"
        f" create policy w on doc for insert with check ({one});",
    }

    proof = bed.proven(BY_PERSON, policies[name], toml=TOML)

    notes = [n for n in proof.notes if n.startswith("doc does not work for a person of two tenants")]
    assert ["21000 more than one row" in n for n in notes] == [True], proof.notes


def test_nobody_is_of_both_where_a_person_has_one_tenant(bed: Bed) -> None:
    script = BY_TENANT + (
        "alter table seat add unique (person_id); create policy own on doc using (org_id = ctx() or owner_id = me());"
    )

    proof = bed.proven(script, toml=TOML)

    assert proof.people == "two people of A, two of B, none of both"
    assert cells(proof, "doc")[Probe.READ].outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize("counts", ["", "and s.left_at is null"])
def test_a_rank_in_ones_own_tenant_opens_no_other(bed: Bed, counts: str) -> None:
    """The first person of A has no rank of his own: every rank that a policy names is tried for him."""
    script = BY_PERSON + (
        "alter table seat add left_at timestamptz;"
        f"create policy own on doc using (exists (select from seat s where s.person_id = me() and s.rank = 'chair' {counts}));"
    )

    found = cells(bed.proven(script, toml=TOML), "doc")

    assert (found[Probe.READ].outcome, found[Probe.OWN].outcome) == (Outcome.LEAK, Outcome.ISOLATED)


@pytest.mark.parametrize("counts", ["s.until > now()", "s.until < now()"])
def test_a_membership_that_runs_out_is_one_until_then(bed: Bed, counts: str) -> None:
    script = BY_PERSON + (
        "alter table seat add until timestamptz not null default 'infinity';"
        f"create policy own on doc using (exists (select from seat s where s.person_id = me() and {counts}));"
    )

    found = cells(bed.proven(script, toml=TOML), "doc")

    assert (found[Probe.READ].outcome, found[Probe.OWN].outcome) == (Outcome.LEAK, Outcome.ISOLATED)


def test_a_reference_is_tried_with_what_policies_look_at(bed: Bed) -> None:
    script = BY_TENANT + (
        "create policy own on doc using (org_id = ctx());"
        "create table line (id uuid primary key, org_id uuid not null references org, kind text not null,"
        " doc_id uuid not null references doc);"
        " alter table line enable row level security; grant select, insert on line to app_user;"
        " create policy own on line for select using (org_id = ctx());"
        " create policy w on line for insert with check (org_id = ctx() and (kind = 'shared'"
        " or exists (select from doc d where d.id = line.doc_id)));"
    )

    assert cells(bed.proven(script, toml=TOML), "line")[Probe.REFERENCE].outcome is Outcome.LEAK
