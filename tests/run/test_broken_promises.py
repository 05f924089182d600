"""A healthy schema that is broken in one place does not pass: the product's own promise, mutated."""

import pytest

from tests.fix_bench import Bench, execute
from tests.fix_soundness import CTX
from tests.run.test_soundness import judged, verdict
from validate_schema.model.finding import Severity

OWN = f"org_id = (select {CTX})"
HEALTHY = f"""
create function uid() returns uuid language sql stable as $$ select nullif(current_setting('app.user_id', true), '')::uuid $$;
create function current_org() returns uuid language sql stable as $$ select {CTX} $$;
alter table organization enable row level security; alter table organization force row level security;
create policy self on organization using (id = (select {CTX})); grant select on organization to app_user;
create table member (org_id uuid not null references organization, user_id uuid not null, primary key (org_id, user_id));
alter table member enable row level security; alter table member force row level security;
create policy sees on member for select using (user_id = uid()); grant select on member to app_user;
create table plan (id int primary key, name text not null); grant select on plan to app_user;
create table item (id bigint generated always as identity, org_id uuid not null references organization on delete cascade,
  plan_id int references plan, title text not null, is_public boolean not null default false check (not is_public),
  primary key (org_id, id), unique (org_id, title));
create index on item (org_id, plan_id); create index on item (plan_id);
alter table item enable row level security; alter table item force row level security;
create policy own on item using ({OWN}); grant select, insert, update, delete on item to app_user;
create table note (id bigint generated always as identity, org_id uuid not null references organization on delete cascade,
  item_id bigint not null, body text not null, primary key (org_id, id),
  foreign key (org_id, item_id) references item (org_id, id) on delete cascade);
create index on note (org_id, item_id);
alter table note enable row level security; alter table note force row level security;
create policy own on note using (org_id in (select m.org_id from member m where m.user_id = uid()));
grant select, insert, update, delete on note to app_user;
create table history (id bigint generated always as identity, org_id uuid not null references organization, title text, primary key (org_id, id));
alter table history enable row level security; alter table history force row level security;
create policy own on history using (org_id = current_org()); grant select on history to app_user;
create function keep() returns trigger language plpgsql security definer set search_path = public, pg_temp as
  $$ begin insert into history (org_id, title) values (old.org_id, old.title); return new; end $$;
create trigger keep after update on item for each row execute function keep();
create view open_item with (security_invoker = true) as select id, org_id, title from item; grant select on open_item to app_user;
create view shown with (security_barrier = true) as select id, org_id, title from item where org_id = {CTX} with cascaded check option;
grant select on shown to app_user;
create function titles(o uuid) returns setof text language sql stable security definer set search_path = public, pg_temp as
  $$ select title from item where org_id = o and o = {CTX} $$;
revoke execute on all functions in schema public from public; grant execute on all functions in schema public to app_user;
"""
_BODY = "returns setof text language sql stable security definer set search_path = public, pg_temp as"
MUTATIONS = {
    "row security off": "alter table item disable row level security",
    "row security off on the root": "alter table organization disable row level security",
    "row security off on memberships": "alter table member disable row level security",
    "owned by the app, not forced": "alter table item owner to app_user; alter table item no force row level security",
    "policy widened": "alter policy own on item using (true)",
    "policy widened by a column": f"alter policy own on item using ({OWN} or title = 'x')",
    "policy widened by a setting": f"alter policy own on item using ({OWN} or current_setting('app.x', true) = 'y')",
    "policy widened without a context": f"alter policy own on item using (org_id = coalesce({CTX}, org_id))",
    "a column that a check no longer closes": f"alter table item drop constraint item_is_public_check; alter policy own on item using ({OWN} or is_public)",
    "check widened": "alter policy own on item with check (true)",
    "policy beside it": "create policy also on item for select using (is_public is not null)",
    "restrictive turned permissive": "create policy also on item for delete using (true)",
    "policy for everybody on the root": "create policy all_of_them on organization for select using (true)",
    "whoever inserts himself": "create policy joins on member for insert with check (user_id = uid()); grant insert on member to app_user",
    "whoever moves himself": "create policy moves on member for update using (user_id = uid()); grant update on member to app_user",
    "a member anywhere": "alter policy own on note using (exists (select from member m where m.user_id = uid()))",
    "the column hides the outer one": "alter policy own on note using (exists (select from member m where m.org_id = org_id and m.user_id = uid()))",
    "helper opened": f"create or replace function current_org() returns uuid language sql stable security definer set search_path = public, pg_temp as $$ select coalesce({CTX}, (select id from organization limit 1)) $$",
    "helper immutable": "alter function current_org() immutable",
    "bypass role in reach": "create role boss bypassrls; grant boss to app_user",
    "bypass role by ADMIN": "create role boss bypassrls; grant boss to app_user with admin option",
    "app bypasses": "alter role app_user bypassrls",
    "app is superuser": "alter role app_user superuser",
    "app inherits the owner": "create role keeper; alter table item owner to keeper; alter table item no force row level security; grant keeper to app_user",
    "server programs": "grant pg_execute_server_program to app_user",
    "server files": "grant pg_read_server_files to app_user",
    "truncate": "grant truncate on item to app_user",
    "owner's view without a condition": "create or replace view shown with (security_barrier = true) as select id, org_id, title from item",
    "owner's view of another": f"create or replace view shown with (security_barrier = true) as select id, org_id, title from item where org_id = {CTX} or title like '%a%'",
    "invoker taken away": "alter view open_item reset (security_invoker)",
    "barrier taken away": "alter view shown reset (security_barrier)",
    "materialized": "create materialized view all_items as select * from item; grant select on all_items to app_user",
    "function unbound": f"create or replace function titles(o uuid) {_BODY} $$ select title from item where org_id = o $$",
    "function bound if told": f"create or replace function titles(o uuid) {_BODY} $$ select title from item where org_id = coalesce(o, {CTX}) $$",
    "function that deletes": "create function wipe(i bigint) returns void language sql security definer set search_path = public, pg_temp as $$ delete from item where id = i $$",
    "function that cannot be read": "create function dyn(t text) returns void language plpgsql security definer set search_path = public, pg_temp as $$ begin execute t; end $$",
    "trigger forgets the tenant": "create or replace function keep() returns trigger language plpgsql security definer set search_path = public, pg_temp as "
    "$$ begin update history set title = new.title where id = old.id; return new; end $$",
    "trigger moves the row": "create function moved() returns trigger language plpgsql as $$ begin new.org_id := (select id from organization order by id desc limit 1); return new; end $$; "
    "create trigger moved before insert on history for each row execute function moved(); grant insert on history to app_user; alter policy own on history with check (true)",
    "rule": "create rule also as on delete to item do also delete from note where item_id = old.id",
    "cascade from a shared table": "alter table item drop constraint item_plan_id_fkey; alter table item add foreign key (plan_id) references plan on delete cascade; grant delete on plan to app_user",
    "key across tenants": "alter table note drop constraint note_org_id_item_id_fkey; alter table item add unique (id); alter table note add foreign key (item_id) references item (id)",
    "unique across tenants": "alter table item add unique (title)",
    "child beside the table": "create table item_old () inherits (item); grant select on item_old to app_user",
    "tenant may be nobody": "alter table note drop constraint note_pkey; alter table note alter org_id drop not null; alter policy own on note using (org_id is null or org_id in (select m.org_id from member m where m.user_id = uid()))",
    "copy without protection": "create table item_copy as select * from item; grant select on item_copy to app_user",
    "default tenant of the role": "alter role app_user set app.tenant_id = '11111111-1111-4111-8111-111111111111'",
    "search path that the app can write": "create schema open_to_all; grant create, usage on schema open_to_all to app_user; alter function titles(uuid) set search_path = open_to_all, public",
    "leakproof": "create function peek(text) returns boolean language plpgsql leakproof cost 0.0001 as $$ begin raise notice '%', $1; return true; end $$; grant execute on function peek(text) to app_user",
    "operator": "create function eq(a uuid, b text) returns boolean language sql immutable as $$ select left(a::text, 2) = left(b, 2) $$; create operator = (leftarg = uuid, rightarg = text, function = eq); "
    "alter policy own on item using (org_id = current_setting('app.tenant_id', true))",
}  # fmt: skip


def test_the_schema_as_it_is_passes(bench: Bench) -> None:
    with bench.open(HEALTHY) as conn:
        execute(conn, HEALTHY)
        outcome = judged(conn)
    told = [
        f"{f.severity.value} {f.check} {f.message}"
        for f in outcome.findings
        if f.severity is not Severity.INFO or f.undecided
    ]
    assert (verdict(outcome), told) == ("PASS", [])


@pytest.mark.parametrize("mutation", MUTATIONS.values(), ids=MUTATIONS)
def test_broken_in_one_place_it_does_not_pass(bench: Bench, mutation: str) -> None:
    with bench.open(HEALTHY, mutation) as conn:
        execute(conn, HEALTHY)
        execute(conn, mutation)
        assert verdict(judged(conn)) != "PASS"
