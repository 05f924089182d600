"""Sessions of people: rows of their own, members of tenants, joining another, claims."""

import json

import pytest

from tests.fix_cli import Terminal
from tests.fix_proof import PROTECTED, TENANT, Bed, execute
from validate_schema.evidence.isolation import ContextSetup
from validate_schema.model.isolation import Outcome, Probe
from validate_schema.scratch import Database

ME = "nullif(current_setting('app.person', true), '')::uuid"
CLAIM = "(nullif(current_setting('request.jwt.claims', true), '')::json ->> 'sub')::uuid"
TOML = """
[tenancy]
root = "team"
column = "team_id"
app_roles = ["app_user"]
"""
TEAM = """
create role app_user login;
create table person (id uuid primary key, nick text);
create table team (id uuid primary key, name text);
create table seat (
    team_id uuid not null references team (id), person_id uuid not null {references}, rank text not null default 'low',
    primary key (team_id, person_id)
);
create table doc (id uuid primary key, team_id uuid not null references team (id), body text);
alter table team enable row level security;
alter table seat enable row level security;
alter table doc enable row level security;
create function mine() returns setof uuid stable language sql security definer
    as $$ select team_id from seat where person_id = {me} $$;
create policy own on team for select using (id in (select mine()));
create policy own on doc using (team_id in (select mine()));
grant select on team, seat to app_user;
grant select, insert, update, delete on doc to app_user;
"""
READ_SEATS = "create policy own on seat for select using (team_id in (select mine()));"
PEOPLE = {
    "people in a table": TEAM.format(me=ME, references="references person (id)"),
    "people who are nowhere": TEAM.format(me=ME, references=""),
    "people by a claim": TEAM.format(me=CLAIM, references="references person (id)"),
}


@pytest.mark.parametrize("name", PEOPLE)
def test_members_work_with_the_rows_of_their_team_alone(bed: Bed, name: str) -> None:
    cells = bed.proven(PEOPLE[name] + READ_SEATS, toml=TOML).cells

    found = {(c.table.name, c.probe): c.outcome for c in cells if c.table.name in ("doc", "team", "seat")}
    assert {o for (table, _), o in found.items() if table == "doc"} == {Outcome.ISOLATED}
    assert Outcome.ISOLATED is found["team", Probe.OWN] is found["seat", Probe.OWN]
    assert not {Outcome.LEAK, Outcome.BLOCKED} & set(found.values())


JOINING = {
    "who checks himself alone": (
        f"grant insert on seat to app_user; create policy join_in on seat for insert with check (person_id = {ME});",
        Probe.INSERT,
    ),
    "who moves his own seat": (
        "grant update on seat to app_user; create policy move on seat for update"
        f" using (person_id = {ME}) with check (person_id = {ME});",
        Probe.REHOME,
    ),
    "who may seat anybody": (
        "grant insert on seat to app_user; create policy join_in on seat for insert with check (rank = 'low');",
        Probe.INSERT,
    ),
}


@pytest.mark.parametrize("name", JOINING)
def test_who_joins_another_team_is_found(bed: Bed, name: str) -> None:
    more, probe = JOINING[name]
    script = PEOPLE["people in a table"] + READ_SEATS + more

    cell = next(c for c in bed.proven(script, toml=TOML).cells if c.table.name == "seat" and c.probe is probe)

    assert cell.outcome is Outcome.LEAK


def test_a_member_may_seat_others_in_his_own_team(bed: Bed) -> None:
    script = PEOPLE["people in a table"] + READ_SEATS + (
        "grant insert on seat to app_user; create policy seat_others on seat for insert"
        " with check (team_id in (select mine()));"
    )  # fmt: skip

    found = {c.probe: c.outcome for c in bed.proven(script, toml=TOML).cells if c.table.name == "seat"}

    assert (found[Probe.INSERT], found[Probe.OWN]) == (Outcome.ISOLATED, Outcome.ISOLATED)


@pytest.mark.parametrize("type", ["uuid", "text", "bigint"])
def test_rows_of_a_person_within_the_tenant_work(bed: Bed, type: str) -> None:
    script = PROTECTED + (
        f"alter table note add owner_id {type} not null; create policy own on note using ({TENANT}"
        f" and owner_id = nullif(current_setting('app.person', true), '')::{type});"
    )

    assert set(bed.outcomes(script).values()) == {Outcome.ISOLATED}


def test_the_person_of_the_config_is_a_row_of_people(bed: Bed) -> None:
    script = PROTECTED + (
        "create table person (id uuid primary key); alter table note add author_id uuid not null references person (id);"
        f" create policy own on note using ({TENANT} and author_id = {ME});"
    )
    context = ContextSetup(
        ("select set_config('app.tenant_id', :tenant, false), set_config('app.person', :user, false)",),
        "5e5e5e5e-0000-4000-8000-000000000001",
    )

    cells = [c for c in bed.prove(script, context=context).cells if c.table.name == "note"]

    assert {c.outcome for c in cells} == {Outcome.ISOLATED}, [(c.probe, c.why) for c in cells]


def test_what_asks_for_a_rank_works_for_who_has_it(bed: Bed) -> None:
    script = PEOPLE["people in a table"] + READ_SEATS + (
        "create function ranks(team uuid, wanted text) returns boolean stable language sql security definer as"
        f" $$ select exists (select from seat where team_id = team and person_id = {ME} and rank = wanted) $$;"
        " grant insert, delete on seat to app_user;"
        " create policy seat_others on seat for insert with check (ranks(team_id, 'chair'));"
        " create policy unseat on seat for delete using (ranks(team_id, 'chair'));"
    )  # fmt: skip

    found = {c.probe: c.outcome for c in bed.proven(script, toml=TOML).cells if c.table.name == "seat"}

    assert (found[Probe.INSERT], found[Probe.OWN]) == (Outcome.ISOLATED, Outcome.ISOLATED)


def test_what_a_gateway_signs_is_no_switch(bed: Bed) -> None:
    uid = (
        "coalesce(nullif(current_setting('request.jwt.claim.sub', true), ''),"
        " nullif(current_setting('request.jwt.claims', true), '')::json ->> 'sub')::uuid"
    )
    script = TEAM.format(me=uid, references="references person (id)") + READ_SEATS

    cells = bed.proven(script, toml=TOML).cells

    assert not {Outcome.LEAK, Outcome.BLOCKED} & {c.outcome for c in cells}, [
        (c.table.name, c.probe, c.why) for c in cells if c.outcome in (Outcome.LEAK, Outcome.BLOCKED)
    ]


PINNED = PEOPLE["people in a table"].replace(
    "security definer", "security definer set search_path = public, pg_temp"
)
BESIDE = {
    "nothing": ("select 1", True),
    "a function": (
        "create function join_team(team uuid) returns void language sql security definer set search_path = public"
        f" as $$ insert into seat (team_id, person_id) values (team, {ME}) $$",
        False,
    ),
    "a view": (
        f"create view my_seat as select team_id, person_id from seat where person_id = {ME};"
        " grant select, insert on my_seat to app_user",
        False,
    ),
    "a rule": (
        "create table wish (team_id uuid references team (id), person_id uuid);"
        " create rule grant_it as on insert to wish do also insert into seat values (new.team_id, new.person_id);"
        " grant insert on wish to app_user",
        False,
    ),
}


@pytest.mark.parametrize("name", BESIDE)
def test_what_rests_on_memberships_is_as_tight_as_whatever_writes_them(
    terminal: Terminal, database: Database, name: str
) -> None:
    terminal.write("validate-schema.toml", TOML)
    beside, expected = BESIDE[name]
    with database.connect(autocommit=True) as conn:
        execute(conn, PINNED, READ_SEATS, beside)
    ran = terminal.run("--database-url", database.conninfo, "--prove", "--format", "json")
    assert ("doc" in json.loads(ran.out)["isolation"]["proven"]) is expected


RANKED = TEAM.format(me=CLAIM, references="references person (id)").replace(
    "create policy own on doc using (team_id in (select mine()));",
    f"""alter table seat add extra jsonb not null default '{{}}';
create function may(want text) returns setof uuid stable language plpgsql security definer as $$ begin
    return query select s.team_id from seat s where s.person_id = {CLAIM} and s.extra ->> 'rank' = want; end $$;
create policy own on doc using (team_id in (select may('boss')));""",
)


def test_a_rank_that_no_made_up_member_has_is_in_doubt(bed: Bed) -> None:
    found = {c.probe: c for c in bed.proven(RANKED, toml=TOML).cells if c.table.name == "doc"}

    assert found[Probe.OWN].outcome is Outcome.INCONCLUSIVE
    assert found[Probe.OWN].why.endswith(
        "; the policies ask seat.extra as well, whose values are not the real ones"
    )
    assert found[Probe.READ].outcome is Outcome.INCONCLUSIVE
