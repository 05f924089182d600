"""Rows that an UPDATE may give to another tenant: what refers to such a row tells whose it was, not whose it is."""

import psycopg
import pytest

from tests.fix_bench import Bench, execute
from tests.policies.test_persons import ME, TOML, A, B, analysis_of
from validate_schema.model.reading import Reach

WORLD = """
create function uid() returns uuid language sql stable as $$ select nullif(current_setting('app.user_id', true), '')::uuid $$;
create table team (id uuid primary key, org_id uuid not null references organization, name text not null default '');
create table team_member (team_id uuid not null references team, user_id uuid not null, primary key (team_id, user_id));
create table doc (id uuid primary key default gen_random_uuid(), org_id uuid not null references organization);
alter table organization enable row level security;
alter table team enable row level security;
alter table team_member enable row level security;
alter table doc enable row level security;
grant select on team, team_member, doc to app_user;
create policy mine on team_member for select using (user_id = uid());
create policy docs on doc using (org_id in (
    select t.org_id from team t join team_member m on m.team_id = t.id where m.user_id = uid()));
"""
MY_TEAM = "id in (select m.team_id from team_member m where m.user_id = uid())"
MY_ORG = (
    "org_id in (select t.org_id from team t join team_member m on m.team_id = t.id where m.user_id = uid())"
)
TENANT = "nullif(current_setting('app.org_id', true), '')::uuid"
LAST_TEAM = "33333333-3333-4333-8333-333333333333"
MOVES = {
    "by its id": f"create policy teams on team using ({MY_TEAM}); grant update on team to app_user;",
    "by a row that refers to it": "create policy teams on team using (exists (select from team_member m"
    " where m.team_id = team.id and m.user_id = uid())); grant update on team to app_user;",
    "the tenant alone may be set": f"create policy teams on team using ({MY_TEAM}); grant update (org_id) on team to app_user;",
    "a check of its own": f"create policy teams on team for select using ({MY_TEAM});"
    f"create policy moves on team for update using ({MY_TEAM}) with check ({MY_TEAM}); grant update on team to app_user;",
}
TURNED = "create function turn() returns trigger language plpgsql as $$ {} $$; create trigger turn before update on team for each row execute function turn();"
NAMED = f"create policy teams on team using ({MY_TEAM}); grant update (name) on team to app_user;"
BY_TRIGGERS = {
    "another record": "declare r record; begin r := new; r.org_id := new.name::uuid; return r; end",
    "what is made of the row": "begin return jsonb_populate_record(new, jsonb_build_object('org_id', new.name)); end",
    "by a call": "begin call pick(o => new.org_id, n => new.name); return new; end",
    "by an assignment": "begin new.org_id := new.name::uuid; return new; end",
}
STAYS = {
    "its name alone may be set": f"create policy teams on team using ({MY_TEAM}); grant update (name) on team to app_user;",
    "nothing may be set": f"create policy teams on team using ({MY_TEAM});",
}


def reach_of(conn: psycopg.Connection, table: str) -> dict[tuple[str, str], Reach]:
    said = analysis_of(conn, TOML).judgements
    return {(j.command, j.half): j.reach for j in reversed(said) if j.table.name == table}


def moves(conn: psycopg.Connection) -> bool:
    """Tell whether a member of a team of A reads B's rows once he has tried to move it there."""
    execute(
        conn,
        f"""insert into organization (id, name) values ('{A}', 'a'), ('{B}', 'b');
        insert into team (id, org_id) values ('{LAST_TEAM}', '{A}');
        insert into team_member values ('{LAST_TEAM}', '{ME}');
        insert into doc (org_id) values ('{B}');""",
    )
    conn.execute("set local role app_user")
    conn.execute(f"set local app.user_id = '{ME}'")
    try:
        with conn.transaction():
            conn.execute("update team set org_id = %s", (B,))
    except psycopg.Error:
        pass
    seen = conn.execute("select 1 from doc where org_id = %s", (B,)).fetchall()
    conn.execute("reset role")
    return bool(seen)


@pytest.mark.parametrize("policies", MOVES.values(), ids=MOVES)
def test_a_row_that_may_be_moved_is_not_tied_by_what_refers_to_it(bench: Bench, policies: str) -> None:
    with bench.open(policies) as conn:
        execute(conn, WORLD + policies)
        assert reach_of(conn, "team")["UPDATE", "check"] in (Reach.UNSAFE, Reach.UNVERIFIED)
        assert moves(conn)


@pytest.mark.parametrize("body", BY_TRIGGERS.values(), ids=BY_TRIGGERS)
def test_a_trigger_may_move_it(bench: Bench, body: str) -> None:
    pick = "create procedure pick(inout o uuid, n text) language plpgsql as $$ begin o := n::uuid; end $$;"
    with bench.open(NAMED) as conn:
        execute(conn, WORLD + pick + TURNED.format(body) + NAMED)
        assert reach_of(conn, "team")["UPDATE", "check"] is Reach.UNVERIFIED


def test_a_trigger_of_a_partition_may_move_it(bench: Bench) -> None:
    body = BY_TRIGGERS["by an assignment"]
    split = WORLD.replace(
        "name text not null default '');", "name text not null default '') partition by hash (id);"
    )
    with bench.open(NAMED) as conn:
        execute(
            conn, split + "create table team_0 partition of team for values with (modulus 1, remainder 0);"
        )
        execute(conn, TURNED.format(body).replace("on team for", "on team_0 for") + NAMED)
        assert reach_of(conn, "team")["UPDATE", "check"] is Reach.UNVERIFIED


def test_a_trigger_that_hands_the_row_on_does_not(bench: Bench) -> None:
    with bench.open(NAMED) as conn:
        execute(conn, WORLD + TURNED.format("begin new.name := upper(new.name); return new; end") + NAMED)
        assert reach_of(conn, "team")["UPDATE", "check"] is Reach.SAFE


def test_a_row_that_may_be_deleted_may_be_another_tenants_when_it_is_there_again(bench: Bench) -> None:
    policies = f"create policy teams on team using ({MY_TEAM});"
    with bench.open(policies) as conn:
        execute(conn, WORLD + policies + "grant insert, delete on team to app_user;")
        assert reach_of(conn, "team")["INSERT", "check"] is Reach.UNVERIFIED


@pytest.mark.parametrize("policies", STAYS.values(), ids=STAYS)
def test_one_whose_tenant_nobody_may_set_is(bench: Bench, policies: str) -> None:
    with bench.open(policies) as conn:
        execute(conn, WORLD + policies)
        assert set(reach_of(conn, "team").values()) <= {Reach.SAFE, Reach.CLOSED}
        assert not moves(conn)


@pytest.mark.parametrize(
    ("check", "reach"),
    [
        ("exists (select from task t where t.project_id = project.id and t.org_id = {0})", Reach.UNSAFE),
        ("org_id = {0} and exists (select from task t where t.project_id = project.id)", Reach.SAFE),
        ("exists (select from task t where t.project_id = project.id and t.org_id = project.org_id and t.org_id = {0})", Reach.SAFE),
    ],
    ids=["by the children's tenant alone", "by its own tenant", "by both"],
)  # fmt: skip
def test_children_do_not_say_whose_their_parent_becomes(bench: Bench, check: str, reach: Reach) -> None:
    script = f"""
        create table project (id uuid primary key, org_id uuid not null references organization);
        create table task (id uuid primary key, org_id uuid not null references organization,
            project_id uuid not null references project);
        alter table project enable row level security;
        alter table task enable row level security;
        grant select, update on project to app_user;
        grant select on task to app_user;
        create policy own on task using (org_id = {TENANT});
        create policy own on project using (org_id = {TENANT}) with check ({check.format(TENANT)});
    """
    with bench.open(script) as conn:
        execute(conn, script)
        found = reach_of(conn, "project")["UPDATE", "check"]
        assert (found is Reach.SAFE) == (reach is Reach.SAFE), found


def test_every_policy_that_opens_a_table_is_named(bench: Bench) -> None:
    script = f"""
        create table note (id uuid primary key, org_id uuid not null references organization, is_public boolean, body text);
        alter table note enable row level security;
        grant select on note to app_user;
        create policy own on note using (org_id = {TENANT});
        create policy a_legacy on note for select using (length(body) > 0);
        create policy z_public on note for select using (is_public);
    """
    with bench.open(script) as conn:
        execute(conn, script)
        said = [j for j in analysis_of(conn).judgements if j.table.name == "note" and j.command == "SELECT"]
        assert sorted((str(j.policy), j.reach) for j in said) == [
            ("a_legacy", Reach.UNSAFE),
            ("z_public", Reach.UNSAFE),
        ]
