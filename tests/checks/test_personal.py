"""TBL003 on tables whose rows are people's own: profiles, settings, devices."""

import psycopg
import pytest

from tests.fix_bench import Bench, execute
from tests.fix_examples import CONFIG, flaws_of
from validate_schema.model.finding import Severity

ME = "nullif(current_setting('app.person', true), '')::uuid"
OWN = f"create policy own on profile using (id = {ME});"
BASE = f"""
create table human (id uuid primary key);
create table seat (org_id uuid not null references organization (id), human_id uuid not null references human (id),
  primary key (org_id, human_id));
create table task (id uuid primary key, org_id uuid not null references organization (id));
create table profile (id uuid primary key references human (id) on delete cascade, nick text not null default '', seen_at timestamptz);
alter table human enable row level security; alter table seat enable row level security;
alter table task enable row level security; alter table profile enable row level security;
create policy own on human using (id = {ME});
create policy own on seat for select using (human_id = {ME});
create policy own on task using (org_id in (select s.org_id from seat s where s.human_id = {ME}));
grant select on human, seat to app_user; grant select, insert, update, delete on task, profile to app_user;
"""
FUNCTION = (
    "create function {} language plpgsql security definer set search_path = public, pg_temp as $$ {} $$;"
)
SIGN_UP = FUNCTION.format(
    "greet() returns trigger",
    "begin insert into profile (id, nick) values (new.id, 'new') on conflict do nothing; return new; end",
)
PRIVATE = {
    "by a policy for all": OWN,
    "by a policy for each command": f"create policy r on profile for select using (id = {ME});"
    f"create policy i on profile for insert with check (id = {ME});"
    f"create policy u on profile for update using ({ME} = id) with check (id = {ME});",
    "added at sign-up": OWN + SIGN_UP + "create trigger greet after insert on human for each row execute function greet();",
    "with the time of a change": OWN + "create function now_seen() returns trigger language plpgsql as $$ begin new.seen_at := now(); return new; end $$;"
    "create trigger now_seen before update on profile for each row execute function now_seen();",
    "with a key of its own": "drop table profile; create table profile (id bigint generated always as identity primary key,"
    " owner uuid not null references human (id), nick text); alter table profile enable row level security;"
    f"create policy own on profile using (owner = {ME}); grant select, insert, update, delete on profile to app_user;",
    "under a view of whoever reads it": OWN + "create view mine with (security_invoker) as select * from profile;",
}  # fmt: skip
SHOWN = {
    "to all": (OWN + "create policy r on profile for select using (true);", None),
    "to all without row security": (OWN + "alter table profile disable row level security;", None),
    "to who shares a tenant": (f"create policy r on profile using (id = {ME} or exists (select from seat s where s.human_id = profile.id"
    f" and s.org_id in (select m.org_id from seat m where m.human_id = {ME})));", True),
    "by a view": (OWN + "create view every_nick as select nick from profile;", True),
    "by a view of a view": (OWN + "create view mine with (security_invoker) as select * from profile; create view every_nick as select nick from mine;", True),
    "by a function of a view": (OWN + "create view mine with (security_invoker) as select * from profile;"
    + FUNCTION.format("nick_of(p uuid) returns text", "begin return (select nick from mine where id = p); end"), True),
    "by a stored view": (OWN + "create materialized view every_nick as select nick from profile;", True),
    "by a function": (OWN + FUNCTION.format("nick_of(p uuid) returns text", "begin return (select nick from profile where id = p); end"), True),
    "by a function of text": (OWN + FUNCTION.format("nick_of(p text) returns void", "begin execute p; end"), True),
    "by a trigger that reads": (OWN + FUNCTION.format("peek() returns trigger", "begin insert into profile (id, nick) select new.id, nick from profile; return new; end")
    + "create trigger peek after insert on human for each row execute function peek();", True),
    "by a trigger that changes": (OWN + FUNCTION.format("greet() returns trigger", "begin insert into profile (id) values (new.id) on conflict (id) do update set nick = ''; return new; end")
    + "create trigger greet after insert on human for each row execute function greet();", True),
    "by a trigger that tells": (OWN + "create function tell() returns trigger language plpgsql as $$ begin perform pg_notify('x', new.nick); return new; end $$;"
    "create trigger tell after update on profile for each row execute function tell();", True),
    "by a trigger that the app fires": (OWN + SIGN_UP + "grant insert on human to app_user;"
    "create trigger greet after insert on human for each row execute function greet();", True),
    "by a rule": (OWN + "create rule also as on update to profile do also select nick from profile;", True),
    "by a unique": (OWN + "create unique index on profile (nick);", True),
    "beside another condition": (f"create function loud(t text) returns boolean language plpgsql cost 0.1 as $$ begin raise notice '%', t; return true; end $$;"
    f"create policy own on profile using (loud(nick) and id = {ME});", True),
    "to another role": (OWN + "create policy r on profile for select to pg_monitor using (true);", True),
    "by truncation": (OWN + "grant truncate on profile to app_user;", True),
    "to its owner": (OWN + "alter table profile owner to app_user;", True),
    "by a row that nobody owns": (OWN + "create table p2 (id uuid references human (id), nick text); drop table profile; alter table p2 rename to profile;"
    f"alter table profile enable row level security; create policy own on profile using (id = {ME});", True),
    "by a column that leads nowhere": ("alter table profile add owner uuid not null;" + f"create policy own on profile using (owner = {ME});", True),
    "by a child": (OWN + "create table old_profile () inherits (profile);", True),
    "by a key to what the app deletes": (OWN + "create table theme (id int primary key); grant delete on theme to app_user;"
    "alter table profile add theme int references theme (id) on delete cascade;", True),
}  # fmt: skip


def said_of(bench: Bench, script: str) -> list[tuple[Severity | None, bool]]:
    found = flaws_of(bench, "TBL003", BASE + script, CONFIG)
    return [(f.severity, f.undecided) for f in found if f.message.startswith("Table profile ")]


@pytest.mark.parametrize("script", PRIVATE.values(), ids=PRIVATE)
def test_rows_that_nobody_but_one_person_sees_have_a_known_owner(bench: Bench, script: str) -> None:
    assert said_of(bench, script) == []


@pytest.mark.parametrize(("script", "undecided"), SHOWN.values(), ids=SHOWN)
def test_rows_of_people_that_others_may_see_do_not_pass(
    bench: Bench, script: str, undecided: bool | None
) -> None:
    assert said_of(bench, script) == [(Severity.WARNING, True) if undecided else (None, False)]


@pytest.mark.parametrize("script", PRIVATE.values(), ids=PRIVATE)
def test_one_person_gets_at_no_row_of_another(bench: Bench, script: str) -> None:
    mine, other = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
    with bench.open(script) as conn:
        execute(conn, BASE + script)
        execute(conn, f"insert into human (id) values ('{mine}'), ('{other}')")
        column = "owner" if "owner uuid" in script else "id"
        execute(
            conn, f"insert into profile ({column}, nick) values ('{other}', 'theirs') on conflict do nothing"
        )
        before = conn.execute("select * from profile order by 1").fetchall()
        execute(conn, f"set local app.person = '{mine}'; set local role app_user")
        for statement in (
            "update profile set nick = 'x'",
            f"update profile set {column} = '{mine}'",
            f"delete from profile where {column} <> '{mine}'",
            f"insert into profile ({column}, nick) values ('{other}', 'planted')",
        ):
            try:
                with conn.transaction():
                    conn.execute(statement)
            except psycopg.Error:
                pass
        assert conn.execute(f"select from profile where {column} <> '{mine}'").fetchall() == []
        conn.execute("reset role")
        after = conn.execute("select * from profile order by 1").fetchall()
        theirs = [row for row in before if other in map(str, row)]
        assert [row for row in after if other in map(str, row)] == theirs
