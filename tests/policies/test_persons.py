"""Persons who are members of tenants: what is said of a schema is what a person can do to another tenant."""

import psycopg
import pytest

from tests.fix_bench import Bench, execute
from tests.fix_examples import facts_of
from validate_schema.model.catalog import QName
from validate_schema.model.principals import Kind, Variable
from validate_schema.model.reading import Analysis, Flow, Reach

A, B = "11111111-1111-4111-8111-111111111111", "11111111-1111-4111-8111-111111111112"
ME, OTHER = "22222222-2222-4222-8222-222222222221", "22222222-2222-4222-8222-222222222222"
WORLD = """
create function uid() returns uuid language sql stable as $$ select nullif(current_setting('app.user_id', true), '')::uuid $$;
create table member (org_id uuid not null references organization, user_id uuid not null, role text not null default 'admin',
  primary key (org_id, user_id));
create table doc (id uuid primary key default gen_random_uuid(), org_id uuid not null references organization,
  owner_id uuid, body text not null default '');
alter table organization enable row level security;
alter table member enable row level security;
alter table doc enable row level security;
grant select on organization to app_user;
grant select, insert, update, delete on doc to app_user;
"""
SEES_OWN = "create policy sees on member for select using (user_id = uid());"
READS = "grant select on member to app_user;"
WRITES = "grant select, insert, update on member to app_user;"
MINE = "org_id in (select m.org_id from member m where m.user_id = uid())"
IS_MEMBER = """create function is_member(o uuid) returns boolean language {} stable security definer set search_path = public, pg_temp as
  $$ {} $$;"""
TEST = "exists (select 1 from member m where m.org_id = o and m.user_id = uid())"
TOML = '[tenancy]\nroot = "organization"\ncolumn = "org_id"\napp_roles = ["app_user"]\n'
ROWS = f"""
insert into organization (id, name) values ('{A}', 'a'), ('{B}', 'b');
insert into member (org_id, user_id) values ('{A}', '{ME}'), ('{B}', '{OTHER}');
insert into doc (org_id, owner_id) values ('{A}', '{ME}'), ('{B}', '{OTHER}');
"""
JOINS = (
    f"insert into member (org_id, user_id) values ('{B}', '{ME}')",
    f"insert into member (org_id, user_id) values ('{A}', '{ME}') on conflict (org_id, user_id) do update set org_id = '{B}'",
    f"update member set org_id = '{B}'",
    f"update member set user_id = '{ME}'",
)


def policy(using: str, rest: str = "") -> str:
    return f"create policy p on doc using ({using}) {rest};"


def analysis_of(conn: psycopg.Connection, toml: str = TOML) -> Analysis:
    return facts_of(conn, toml).analysis


def reaches(conn: psycopg.Connection) -> bool:
    """Tell whether the person gets, or writes, a row of B, after all attempts to join it."""
    execute(conn, ROWS)
    conn.execute("set local role app_user")
    conn.execute(f"set local app.user_id = '{ME}'")
    for statement in (*JOINS, f"insert into doc (org_id, owner_id) values ('{B}', '{ME}')"):
        try:
            with conn.transaction():
                conn.execute(statement)
        except psycopg.Error:
            pass
    seen = conn.execute("select 1 from doc where org_id = %s", (B,)).fetchall()
    conn.execute("reset role")
    planted = conn.execute("select 1 from doc where (org_id, owner_id) = (%s, %s)", (B, ME)).fetchall()
    return bool(seen or planted)


HEALTHY = {
    "in": policy(MINE),
    "in with what is selected": policy("org_id in (select m.org_id from member m where m.user_id = (select uid()))"),
    "exists": policy("exists (select from member m where m.org_id = doc.org_id and m.user_id = uid())"),
    "administrators of the row's tenant": policy("exists (select from member m where m.org_id = doc.org_id and m.user_id = uid() and m.role = 'admin')"),
    "what its policies show of the members": policy("org_id in (select m.org_id from member m)"),
    "any of an array": policy("org_id = any (array(select m.org_id from member m where m.user_id = uid()))"),
    "person among the members": policy("uid() in (select m.user_id from member m where m.org_id = doc.org_id)"),
    "the members of both": policy("org_id in (select m.org_id from member m where m.user_id = uid() union select o.id from organization o where false)"),
    "its own row besides": policy(f"{MINE} and (owner_id = uid() or body <> '')"),
    "sql helper": IS_MEMBER.format("sql", f"select {TEST}") + policy("is_member(org_id)"),
    "sql helper that finds a row": IS_MEMBER.format("sql", "select true from member where org_id = o and user_id = uid()") + policy("is_member(org_id)"),
    "standard body": "create function is_member(o uuid) returns boolean language sql stable security definer "
    f"begin atomic select {TEST}; end; " + policy("is_member(org_id)"),
    "plpgsql helper": IS_MEMBER.format("plpgsql", f"begin return {TEST}; end") + policy("is_member(org_id)"),
    "plpgsql helper that finds out first": IS_MEMBER.format("plpgsql", "declare found_one boolean; begin if o is null then return false; end if; "
    "select true into found_one from member m where m.org_id = o and m.user_id = uid(); return coalesce(found_one, false); end") + policy("is_member(org_id)"),
    "plpgsql helper that asks twice": IS_MEMBER.format("plpgsql", f"begin if not {TEST} then return false; end if; return true; end") + policy("is_member(org_id)"),
    "helper of a helper": IS_MEMBER.format("sql", f"select {TEST}") + "create function may(x uuid) returns boolean language sql stable as $$ select is_member(x) $$;"
    + policy("may(org_id)"),
    "rows of a helper": "create function my_orgs() returns setof uuid language sql stable security definer set search_path = public, pg_temp as "
    "$$ select org_id from member where user_id = uid() $$;" + policy("org_id in (select my_orgs())"),
    "array of a helper": "create function my_orgs() returns uuid[] language sql stable security definer set search_path = public, pg_temp as "
    "$$ select coalesce(array_agg(org_id), '{}') from member where user_id = uid() $$;" + policy("org_id = any (my_orgs())"),
    "array of a helper, or none": "create function my_orgs() returns uuid[] language sql stable security definer set search_path = '' as "
    "$$ select coalesce(array_agg(distinct m.org_id), '{}'::uuid[]) from public.member m where m.user_id = (select public.uid()) $$;"
    + policy("org_id = any (coalesce((select my_orgs()), '{}'::uuid[]))"),
    "rows of a plpgsql helper": "create function my_orgs() returns setof uuid language plpgsql stable security definer set search_path = public, pg_temp as "
    "$$ begin return query select m.org_id from member m where m.user_id = uid(); end $$;" + policy("org_id in (select * from my_orgs())"),
}  # fmt: skip


@pytest.mark.parametrize("script", HEALTHY.values(), ids=HEALTHY)
def test_what_is_bound_by_memberships_is_safe_while_nobody_writes_them(bench: Bench, script: str) -> None:
    with bench.open(script) as conn:
        execute(conn, WORLD + SEES_OWN + READS + script)
        said = analysis_of(conn).judgements

        assert {j.reach for j in said if j.table.name == "doc"} == {Reach.SAFE}, said
        assert not reaches(conn)


LEAKING = {
    "anywhere": (policy("exists (select from member m where m.user_id = uid() and m.role = 'admin')"), Flow.ANYWHERE),
    "anywhere by a helper": ("create function is_admin() returns boolean language sql stable security definer set search_path = public, pg_temp as "
    "$$ select exists (select from member where user_id = uid() and role = 'admin') $$;" + policy(f"{MINE} or is_admin()"), Flow.ANYWHERE),
    "anywhere to write": (f"create policy r on doc for select using ({MINE});"
    "create policy w on doc for insert with check (exists (select from member m where m.user_id = uid()));", Flow.ANYWHERE),
    "the column hides the argument": ("create function is_member(org_id uuid) returns boolean language sql stable security definer set search_path = public, pg_temp as "
    "$$ select exists (select from member m where m.org_id = org_id and m.user_id = uid()) $$;" + policy("is_member(org_id)"), Flow.ANYWHERE),
    "members of all": ("create function tenants() returns setof uuid language sql stable security definer set search_path = public, pg_temp as "
    "$$ select org_id from member $$;" + policy("org_id in (select tenants())"), Flow.READ),
    "whoever is not a member": (policy("not exists (select from member m where m.org_id = doc.org_id and m.user_id = uid())"), Flow.READ),
    "without a person": (policy(f"{MINE} or uid() is null"), Flow.FAIL_OPEN),
    "a tenant's own author": (policy(MINE, "with check (owner_id = uid())"), Flow.WRITE),
}  # fmt: skip


@pytest.mark.parametrize(("script", "flow"), LEAKING.values(), ids=LEAKING)
def test_what_memberships_do_not_bind_is_unsafe(bench: Bench, script: str, flow: Flow) -> None:
    with bench.open(script) as conn:
        execute(conn, WORLD + SEES_OWN + READS + script)
        said = analysis_of(conn).judgements

        assert flow in {j.flow for j in said if j.table.name == "doc" and j.reach is Reach.UNSAFE}
        if flow is Flow.FAIL_OPEN:
            execute(conn, ROWS)
            conn.execute("set local role app_user")
            assert conn.execute("select 1 from doc where org_id = %s", (B,)).fetchall()
        else:
            assert reaches(conn)


UNREAD = "create function may() returns boolean language plpgsql stable as $$ begin execute 'select 1'; return false; end $$;"
JOINING = {
    "by inserting": ("create policy j on member for insert with check (user_id = uid());", WRITES),
    "by all": ("create policy j on member using (user_id = uid());", WRITES),
    "by moving his own row": ("create policy j on member for update using (user_id = uid());", "grant select, update on member to app_user;"),
    "by moving it by its column alone": ("create policy j on member for update using (user_id = uid());", "grant select, update (org_id) on member to app_user;"),
    "beside what cannot be read": (UNREAD + "create policy j on member for update using (user_id = uid()); create policy k on member for update using (may());", WRITES),
    "or what cannot be read": (UNREAD + "create policy j on member for insert with check (may() or user_id = uid());", WRITES),
    "beside rows of operators": ("create table operator (user_id uuid primary key); alter table operator enable row level security;"
    "create function operates() returns boolean language sql stable security definer set search_path = public, pg_temp as "
    "$$ select exists (select from operator o where o.user_id = uid()) $$;"
    "create policy j on member for update using (user_id = uid()); create policy k on member for update using (operates());", WRITES),
    "or as a member": (f"create policy j on member for insert with check (user_id = uid() or {MINE.replace('org_id in', 'member.org_id in')});", WRITES),
}  # fmt: skip


@pytest.mark.parametrize(("script", "grant"), JOINING.values(), ids=JOINING)
def test_whoever_makes_himself_a_member_is_told_and_nothing_rests_on_it(
    bench: Bench, script: str, grant: str
) -> None:
    helper = IS_MEMBER.format("sql", f"select {TEST}")
    script = script.replace(f"member.{MINE}", "is_member(org_id)")
    with bench.open(script) as conn:
        execute(conn, WORLD + SEES_OWN + helper + script + grant + policy("is_member(org_id)"))
        said = analysis_of(conn).judgements

        assert Flow.JOIN in {j.flow for j in said if j.table.name == "member"}
        assert {j.reach for j in said if j.table.name == "doc"} == {Reach.UNVERIFIED}
        assert any("lets a person join any tenant" in j.reason for j in said if j.table.name == "doc")
        assert reaches(conn)


CLOSED = {
    "no privilege": ("create policy j on member using (user_id = uid());", READS),
    "no privilege on the tenant": ("create policy j on member for update using (user_id = uid());", "grant select, update (role) on member to app_user;"),
    "members invite": ("create policy j on member for insert with check (is_member(org_id));", WRITES),
    "who is invited": ("create table invitation (org_id uuid not null references organization, user_id uuid not null, primary key (org_id, user_id));"
    "alter table invitation enable row level security; create policy i on invitation using (is_member(org_id));"
    "grant select, insert on invitation to app_user;"
    "create function invited(o uuid) returns boolean language sql stable security definer set search_path = public, pg_temp as "
    "$$ select exists (select from invitation i where i.org_id = o and i.user_id = uid()) $$;"
    "create policy j on member for insert with check (user_id = uid() and invited(org_id));", WRITES),
}  # fmt: skip


@pytest.mark.parametrize(("script", "grant"), CLOSED.values(), ids=CLOSED)
def test_memberships_that_no_stranger_writes_hold(bench: Bench, script: str, grant: str) -> None:
    with bench.open(script) as conn:
        helper = IS_MEMBER.format("sql", f"select {TEST}")
        execute(conn, WORLD + SEES_OWN + helper + script + grant + policy("is_member(org_id)"))
        said = analysis_of(conn).judgements

        assert {j.reach for j in said} <= {Reach.SAFE, Reach.CLOSED}
        assert not reaches(conn)


SHADOWED = {
    "public alone": "security definer set search_path = public",
    "no path": "security definer",
    "the caller's own rights": "",
}


@pytest.mark.parametrize("how", SHADOWED.values(), ids=SHADOWED)
def test_a_helper_that_may_read_a_temporary_table_instead_is_not_decided(bench: Bench, how: str) -> None:
    helper = (
        f"create function is_member(o uuid) returns boolean language sql stable {how} as $$ select {TEST} $$;"
    )
    with bench.open(helper) as conn:
        execute(conn, WORLD + SEES_OWN + READS + helper + policy("is_member(org_id)"))
        said = [j for j in analysis_of(conn).judgements if j.table.name == "doc"]

        assert {j.reach for j in said} == {Reach.UNVERIFIED}
        assert "a temporary table that may stand in for member in is_member()" in said[0].reason
        execute(conn, ROWS)
        conn.execute("set local role app_user")
        conn.execute(f"set local app.user_id = '{ME}'")
        execute(conn, f"create temporary table member (org_id uuid, user_id uuid); insert into member values ('{B}', '{ME}');"
        "grant select on member to public;")  # fmt: skip
        assert conn.execute("select 1 from doc where org_id = %s", (B,)).fetchall()


TEMPORARY = {
    "a variable": ("plpgsql", "", "declare b text := lower(t); begin return {bound} and b <> ''; end", True),
    "a cast": ("plpgsql", "", "begin return {bound} and t::uuid is not null; end", True),
    "a cast in SQL": ("sql", "", "select {bound} and t::text <> ''", True),
    "pg_temp first": ("sql", "set search_path = pg_temp, public", "select {bound} and t::text <> ''", True),
    "pg_temp last": ("sql", "set search_path = public, pg_temp", "select {bound} and t::text <> ''", False),
    "the type named in full": ("sql", "", "select {bound} and t::pg_catalog.text <> ''", False),
    "a type of the grammar": ("plpgsql", "", "declare n integer := length(t); begin return {bound} and n > 0; end", False),
    "a value of the session": ("sql", "", "select o::text = current_setting('app.tenant_id', true)::text", False),
}  # fmt: skip


@pytest.mark.parametrize(("language", "path", "body", "shown"), TEMPORARY.values(), ids=TEMPORARY)
def test_a_helper_that_may_make_a_row_a_temporary_type_is_not_decided(
    bench: Bench, language: str, path: str, body: str, shown: bool
) -> None:
    text = body.format(bound="o = nullif(current_setting('app.tenant_id', true), '')::uuid")
    helper = f"create function shows(o uuid, t text) returns boolean language {language} stable {path} as $$ {text} $$;"
    with bench.open(helper) as conn:
        execute(conn, WORLD + helper + policy("shows(org_id, body)", "with check (false)"))
        known = analysis_of(conn, TOML + 'setting = "app.tenant_id"\n').judgements
        said = [j for j in known if j.table.name == "doc" and j.half == "using"]

        assert {j.reach for j in said} == {Reach.UNVERIFIED if shown else Reach.SAFE}
        told = "shows(), which may tell of rows that another condition hides"
        assert all(told in j.reason for j in said if shown)


def test_a_temporary_type_tells_its_maker_of_rows(bench: Bench) -> None:
    text = "declare b text := lower(t); begin return o = nullif(current_setting('app.tenant_id', true), '')::uuid and b <> ''; end"
    helper = f"create function shows(o uuid, t text) returns boolean language plpgsql stable as $$ {text} $$;"
    told: list[str] = []
    with bench.open(helper) as conn:
        execute(conn, WORLD + helper + policy("shows(org_id, body)"))
        execute(conn, ROWS)
        conn.add_notice_handler(lambda notice: told.append(notice.message_primary or ""))
        conn.execute("set local role app_user")
        conn.execute(f"set local app.tenant_id = '{A}'")
        execute(conn, "create function pg_temp.spy(t pg_catalog.text) returns boolean language plpgsql as "
        "$$ begin raise notice 'seen %', t; return true; end $$;"
        "create domain pg_temp.text as pg_catalog.text check (pg_temp.spy(value));")  # fmt: skip
        shown = conn.execute("select org_id from doc").fetchall()

    assert B not in {str(org) for (org,) in shown}
    assert len(told) > len(shown)


SETTING = {
    "in the policy": policy("set_config('app.tenant_id', org_id::text, true) is not null and org_id = nullif(current_setting('app.tenant_id', true), '')::uuid"),
    "in a variable that nobody reads": "create function mine(o uuid) returns boolean language plpgsql as $$ declare x text; begin "
    "x := set_config('app.tenant_id', o::text, true); return o = nullif(current_setting('app.tenant_id', true), '')::uuid; end $$;"
    + policy("mine(org_id)"),
    "by another function": "create function enter(o uuid) returns void language plpgsql as $$ begin perform set_config('app.tenant_id', o::text, true); end $$;"
    "create function mine(o uuid) returns boolean language sql as $$ select enter(o) is not null and o = nullif(current_setting('app.tenant_id', true), '')::uuid $$;"
    + policy("mine(org_id)"),
}  # fmt: skip


@pytest.mark.parametrize("script", SETTING.values(), ids=SETTING)
def test_a_policy_that_sets_what_it_compares_with_is_not_decided(bench: Bench, script: str) -> None:
    with bench.open(script) as conn:
        execute(conn, WORLD + script)
        said = analysis_of(conn, TOML + 'setting = "app.tenant_id"').judgements

        assert {j.reach for j in said if j.table.name == "doc"} == {Reach.UNVERIFIED}
        execute(conn, ROWS)
        conn.execute("set local role app_user")
        conn.execute(f"set local app.tenant_id = '{A}'")
        seen = conn.execute("select 1 from doc where org_id = %s", (B,)).fetchall()
        assert seen or "x := " not in script  # the others hang on what the planner puts first


def test_what_is_open_is_open_beside_a_helper_that_is_not_known(bench: Bench) -> None:
    body = "declare found_one boolean; begin select true into found_one from member where org_id = o and user_id = uid(); return coalesce(found_one, false); end"
    helper = f"create function is_member(o uuid) returns boolean language plpgsql stable security definer as $$ {body} $$;"
    with bench.open(helper) as conn:
        execute(conn, WORLD + SEES_OWN + READS + helper + policy("is_member(org_id)"))
        execute(conn, "create policy q on doc for select using (true);")
        said = [j for j in analysis_of(conn).judgements if j.table.name == "doc" and j.command == "SELECT"]

        assert [(j.reach, j.policy, j.branch) for j in said] == [
            (Reach.UNSAFE, "q", "true"),
            (Reach.UNVERIFIED, "p", ""),
        ]


LOOSE = {
    "cut short": "m.user_id::text::varchar(3) = uid()::text::varchar(3)",
    "in one case": "lower(m.user_id::text) = lower(uid()::text)",
    "or anybody": "m.user_id = coalesce(uid(), m.user_id)",
    "spelled in another way": "m.role::uuid = uid()",
}


@pytest.mark.parametrize("test", LOOSE.values(), ids=LOOSE)
def test_what_may_hold_for_another_person_makes_no_member(bench: Bench, test: str) -> None:
    body = f"select exists (select from member m where m.org_id = o and {test})"
    script = IS_MEMBER.format("sql", body) + policy("is_member(org_id)")
    with bench.open(script) as conn:
        execute(conn, WORLD + SEES_OWN + READS + script)
        said = [j for j in analysis_of(conn).judgements if j.table.name == "doc"]

        assert Reach.SAFE not in {j.reach for j in said}


def test_a_default_that_names_who_asks_joins_him_as_well(bench: Bench) -> None:
    script = """alter table member alter user_id set default nullif(current_setting('app.user_id', true), '')::uuid;
    create policy j on member for insert with check (user_id = uid());
    grant select, insert (org_id) on member to app_user;"""
    with bench.open(script) as conn:
        execute(conn, WORLD + SEES_OWN + script + policy(MINE))
        said = analysis_of(conn).judgements

        assert Flow.JOIN in {j.flow for j in said if j.table.name == "member"}
        assert {j.reach for j in said if j.table.name == "doc"} == {Reach.UNVERIFIED}


def test_whoever_joins_by_another_role_is_in_by_his_own(bench: Bench) -> None:
    script = """create role writer; grant writer to app_user with inherit false, set true;
    create policy j on member for insert to writer with check (user_id = uid());
    grant select, insert on member to writer; grant select on member to app_user;"""
    with bench.open(script) as conn:
        if conn.info.server_version < 160000:
            script = script.replace(" with inherit false, set true", "").replace(
                "create role", "alter role app_user noinherit; create role"
            )
        execute(conn, WORLD + SEES_OWN + script + policy(MINE, "with check (false)"))
        said = [j for j in analysis_of(conn).judgements if j.table.name == "doc" and j.half == "using"]

        assert {j.reach for j in said if j.role == "app_user"} == {Reach.UNVERIFIED}


ASKED = "exists (select from member m where m.org_id = o and m.user_id = uid() and m.role = 'accepted')"
REQUESTS = {
    "a request that nobody accepted": ("create policy j on member for insert with check (user_id = uid() and role = 'asked');", "insert", Reach.SAFE),
    "a request of any kind": ("create policy j on member for insert with check (user_id = uid());", "insert", Reach.UNVERIFIED),
    "a request that he accepts himself": ("create policy j on member for insert with check (user_id = uid() and role = 'asked');"
    "create policy u on member for update using (user_id = uid());", "insert, update (role)", Reach.UNVERIFIED),
    "a request that a trigger accepts": ("create policy j on member for insert with check (user_id = uid() and role = 'asked');"
    "create policy u on member for update using (user_id = uid()); alter table member add note text;"
    "create function act() returns trigger language plpgsql as $$ begin new.role := 'accepted'; return new; end $$;"
    "create trigger act before update on member for each row execute function act();", "insert, update (note)", Reach.UNVERIFIED),
    "a request with a trigger beside": ("create policy j on member for insert with check (user_id = uid() and role = 'asked');"
    "create policy u on member for update using (user_id = uid()); alter table member add note text;"
    "create function act() returns trigger language plpgsql as $$ begin new.note := lower(new.note); return new; end $$;"
    "create trigger act before update on member for each row execute function act();", "insert, update (note)", Reach.SAFE),
}  # fmt: skip


@pytest.mark.parametrize(("script", "grant", "reach"), REQUESTS.values(), ids=REQUESTS)
def test_only_memberships_that_count_join(bench: Bench, script: str, grant: str, reach: Reach) -> None:
    helper = IS_MEMBER.format("sql", f"select {ASKED}")
    with bench.open(script) as conn:
        execute(conn, WORLD + SEES_OWN + script + f"grant select, {grant} on member to app_user;")
        execute(conn, helper + policy("is_member(org_id)"))
        said = analysis_of(conn).judgements
        assert {j.reach for j in said if j.table.name == "doc"} == {reach}
        assert (Flow.JOIN in {j.flow for j in said}) == (reach is not Reach.SAFE)

        execute(conn, ROWS)
        conn.execute("set local role app_user")
        conn.execute(f"set local app.user_id = '{ME}'")
        role = "asked" if "'asked'" in script else "accepted"
        conn.execute(f"insert into member values ('{B}', '{ME}', '{role}')")
        if "update" in grant:
            column = "note" if "(note)" in grant else "role"
            conn.execute(f"update member set {column} = 'accepted'")
        assert bool(conn.execute("select 1 from doc where org_id = %s", (B,)).fetchall()) == (
            reach is not Reach.SAFE
        )


BY_SETTING = "create policy d on doc using (org_id = nullif(current_setting('app.org', true), '')::uuid);"
MARKED = {
    "with a mark": ("user_id = uid() and role = 'asked'", Reach.UNVERIFIED),
    "with no time": ("user_id = uid() and joined_at is null", Reach.UNVERIFIED),
    "with no mark": ("user_id = uid()", Reach.UNSAFE),
    "with any of two marks": (
        "user_id = uid() and (role = 'asked' or role = 'admin' or org_id is not null)",
        Reach.UNSAFE,
    ),
    "with any mark but one": ("user_id = uid() and role <> 'asked'", Reach.UNSAFE),
    "with a mark, for anybody": ("role = 'asked'", Reach.UNSAFE),
    "with a mark of the person": ("user_id = uid() and user_id is not null", Reach.UNSAFE),
}


@pytest.mark.parametrize(("check", "reach"), MARKED.values(), ids=MARKED)
def test_a_row_that_ties_its_writer_to_a_tenant_for_no_policy_is_a_request(
    bench: Bench, check: str, reach: Reach
) -> None:
    script = "alter table member add joined_at timestamptz;" + SEES_OWN + BY_SETTING
    script += f"create policy j on member for insert with check ({check}); grant select, insert on member to app_user;"
    with bench.open(script) as conn:
        execute(conn, WORLD + script)
        said = analysis_of(conn, TOML + 'setting = "app.org"\n').judgements

        assert {j.reach for j in said if (j.table.name, j.command) == ("member", "INSERT")} == {reach}


RUNS_OUT = """alter table member add until timestamptz not null default 'infinity', add gone_at timestamptz,
  add gone boolean generated always as (gone_at is not null) stored;
create policy u on member for update using (user_id = uid());"""
COUNTED = {
    "until a time": ("m.until > now()", "until"),
    "until he left": ("m.gone_at is null", "gone_at"),
    "until he left, as a column says": ("not m.gone", "gone_at"),
}


@pytest.mark.parametrize(("counts", "column"), COUNTED.values(), ids=COUNTED)
def test_whoever_brings_his_membership_back_joins(bench: Bench, counts: str, column: str) -> None:
    with bench.open(RUNS_OUT) as conn:
        mine = f"org_id in (select m.org_id from member m where m.user_id = uid() and {counts})"
        grants = f"grant select, update ({column}) on member to app_user;"
        execute(conn, WORLD + SEES_OWN + RUNS_OUT + grants + policy(mine))
        said = analysis_of(conn).judgements

        assert {j.reach for j in said if j.table.name == "doc"} == {Reach.UNVERIFIED}


OPEN_ENDED = {
    "where a trigger may refuse it": """create policy j on member for update using (user_id = uid());
    create function keep() returns trigger language plpgsql as $$ begin
      if new.org_id <> old.org_id then raise exception 'no'; end if; return new; end $$;
    create trigger keep before update on member for each row execute function keep();
    grant select, update on member to app_user;""",
    "where nobody is a member yet": """create function has_members(o uuid) returns boolean language sql stable security definer
      set search_path = public, pg_temp as $$ select exists (select from member m where m.org_id = o) $$;
    create policy j on member for insert with check (user_id = uid() and not has_members(org_id));
    grant select, insert on member to app_user;""",
}  # fmt: skip


@pytest.mark.parametrize("script", OPEN_ENDED.values(), ids=OPEN_ENDED)
def test_whether_a_person_may_join_is_left_open(bench: Bench, script: str) -> None:
    with bench.open(script) as conn:
        execute(conn, WORLD + SEES_OWN + script + policy(MINE))
        said = analysis_of(conn).judgements

        assert {j.reach for j in said if j.table.name == "doc"} == {Reach.UNVERIFIED}
        assert Flow.JOIN not in {j.flow for j in said}


def test_the_last_arguments_of_a_helper_have_their_defaults(bench: Bench) -> None:
    helper = """create function has_role(org_id uuid, wanted text default null) returns boolean language sql stable security definer
      set search_path = public, pg_temp as $$ select exists (select from member m where m.user_id = uid()
      and m.org_id = has_role.org_id and (m.role = has_role.wanted or has_role.wanted is null)) $$;"""
    with bench.open(helper) as conn:
        bound = policy("has_role(org_id)", "with check (has_role(org_id, 'admin'))")
        execute(conn, WORLD + SEES_OWN + READS + helper + bound)
        said = analysis_of(conn).judgements

        assert {j.reach for j in said if j.table.name == "doc"} == {Reach.SAFE}
        assert not reaches(conn)


def test_whoever_founds_a_tenant_takes_no_other(bench: Bench) -> None:
    script = """create policy f on organization for insert with check (true);
    create policy s on organization for select using (exists (select from member m where m.org_id = organization.id and m.user_id = uid()));
    grant insert on organization to app_user;"""
    with bench.open(script) as conn:
        execute(conn, WORLD + SEES_OWN + READS + script + policy(MINE))
        said = analysis_of(conn).judgements

        assert {j.reach for j in said} <= {Reach.SAFE, Reach.CLOSED}


def test_rows_of_ones_own_in_another_tenant_are_not_decided(bench: Bench) -> None:
    script = WORLD + SEES_OWN + READS + "create policy p on doc for select using (owner_id = uid());"
    with bench.open(script) as conn:
        execute(conn, script)
        said = [j for j in analysis_of(conn).judgements if j.table.name == "doc" and j.command == "SELECT"]

        assert [j.reach for j in said] == [Reach.UNVERIFIED]
        assert "name the person who asks" in said[0].reason


def test_who_asks_is_told_with_the_reason(bench: Bench) -> None:
    script = WORLD + SEES_OWN + READS + policy(f"{MINE} or current_setting('app.bypass', true) = 'on'")
    with bench.open(script) as conn:
        execute(conn, script)
        principals = analysis_of(conn).principals

        assert [(v.variable, v.kind) for v in principals.variables] == [
            (Variable("app.bypass"), Kind.SWITCH),
            (Variable("app.user_id"), Kind.PERSON),
        ]
        assert principals.variables[1].why == "compared with member.user_id"
        (found,) = principals.memberships
        assert (found.table, found.tenant, found.person) == (QName("public", "member"), "org_id", "user_id")
        assert (found.variable, found.why) == (
            Variable("app.user_id"),
            "member holds org_id and user_id, keyed by both",
        )
        assert not principals.gateway


def test_claims_of_one_setting_are_variables_of_their_own_whatever_they_are_read_by(bench: Bench) -> None:
    jwt = "nullif(current_setting('request.jwt.claims', true), '')"
    texts = (
        f"({jwt}::jsonb ->> 'sub')::uuid = user_id",
        "user_id = nullif(current_setting('request.jwt.claim.sub', true), '')::uuid",
        f"role = {jwt}::jsonb -> 'app_metadata' ->> 'role'",
        f"role = {jwt}::json #>> '{{app_metadata,role}}'",
        f"role = jsonb_extract_path_text({jwt}::jsonb, 'app_metadata', 'role')",
        f"role = {jwt}::jsonb -> 'user_metadata' ->> 'role'",
    )
    script = "".join(
        f"create policy p{n} on member for select using ({text});" for n, text in enumerate(texts)
    )
    with bench.open(script) as conn:
        execute(conn, WORLD + script)
        principals = analysis_of(conn).principals

        assert [(v.variable.shown, v.kind) for v in principals.variables] == [
            ("request.jwt.claims -> 'app_metadata' ->> 'role'", Kind.OTHER),
            ("request.jwt.claims ->> 'sub'", Kind.PERSON),
            ("request.jwt.claims -> 'user_metadata' ->> 'role'", Kind.CLIENT),
        ]
        assert principals.gateway


@pytest.mark.parametrize("name", ["auth.uid()", "auth.user_id()::uuid", "(auth.jwt() ->> 'sub')::uuid"])
def test_what_a_platform_brings_along_is_known_without_its_text(bench: Bench, name: str) -> None:
    functions = "create schema if not exists auth; create or replace function auth.{} returns {} language internal stable as 'now';"
    script = "".join(
        functions.format(*f) for f in (("uid()", "uuid"), ("user_id()", "text"), ("jwt()", "jsonb"))
    )
    with bench.open(script) as conn:
        execute(conn, WORLD + script + f"create policy p on member for select using (user_id = {name});")
        (said,) = analysis_of(conn).principals.variables

        assert (said.variable, said.kind) == (Variable("request.jwt.claims", ("sub",)), Kind.PERSON)


def test_a_table_keyed_by_tenant_and_person_ties_them_though_no_policy_asks_it(bench: Bench) -> None:
    script = f"""{WORLD} {READS} {SEES_OWN}
    create table seat (org_id uuid not null references organization, user_id uuid not null, primary key (org_id, user_id));
    alter table seat enable row level security; grant select, insert on seat to app_user;
    create policy mine on seat using (user_id = uid());
    """
    with bench.open(script) as conn:
        execute(conn, script)
        said = {(j.command, j.half): j for j in analysis_of(conn).judgements if j.table.name == "seat"}
    assert said["SELECT", "using"].reach is Reach.SAFE
    assert (said["INSERT", "check"].reach, said["INSERT", "check"].flow) == (Reach.UNSAFE, Flow.WRITE)
