"""Who sets what of a session: switches are ways in until they are accepted, and a gateway signs what it says."""

import pytest

from tests.fix_bench import Bench, execute
from tests.fix_examples import facts_of, flaws
from validate_schema.config import parse_toml
from validate_schema.model.errors import ConfigError
from validate_schema.model.reading import Analysis, Flow, Reach

pytestmark = pytest.mark.every_server

WORLD = """
create role anon; create role authenticated; create role service_role bypassrls;
create schema if not exists auth;
create or replace function auth.uid() returns uuid language sql stable as $$ select nullif(current_setting('request.jwt.claim.sub', true), '')::uuid $$;
create table member (org_id uuid not null references organization, user_id uuid not null, role text, primary key (org_id, user_id));
create table staff (user_id uuid primary key);
create table doc (id uuid primary key default gen_random_uuid(), org_id uuid not null references organization);
alter table organization enable row level security; alter table member enable row level security; alter table doc enable row level security;
grant select on organization, member to anon, authenticated;
grant select, insert, update, delete on doc to anon, authenticated;
create policy own on member for select using (user_id = auth.uid());
"""
CLAIMS = "nullif(current_setting('request.jwt.claims', true), '')::jsonb"
MINE = "org_id in (select m.org_id from member m where m.user_id = auth.uid())"
TOML = '[tenancy]\nroot = "organization"\ncolumn = "org_id"\napp_roles = ["anon", "authenticated"]\n'
STAFF = "exists (select from staff s where s.user_id = auth.uid())"


def reach_of(bench: Bench, using: str, more: str = "", role: str = "authenticated") -> set[Reach]:
    return {
        j.reach for j in analysis_of(bench, using, more).judgements if (j.table.name, j.role) == ("doc", role)
    }


def analysis_of(bench: Bench, using: str, more: str = "") -> Analysis:
    script = WORLD + f"create policy p on doc using ({using});"
    with bench.open(script) as conn:
        execute(conn, script)
        return facts_of(conn, TOML + more).analysis


SWITCHES = {
    "a setting": ("current_setting('app.bypass', true) = 'on'", 'trusted = [{ setting = "app.bypass", reason = "set by jobs" }]'),
    "a value of a setting": ("current_setting('app.mode', true) = 'support'", 'trusted = [{ setting = "App.Mode", values = ["support"], reason = "r" }]'),
    "a claim": (f"{CLAIMS} ->> 'user_role' = 'support'", 'trusted = [{ claim = "user_role", values = ["support"], reason = "r" }]'),
    "a deeper claim": (f"({CLAIMS} -> 'app_metadata' ->> 'staff')::boolean", 'trusted = [{ claim = "app_metadata.staff", reason = "r" }]'),
}  # fmt: skip


@pytest.mark.parametrize(("switch", "accepted"), SWITCHES.values(), ids=SWITCHES)
def test_a_switch_is_a_way_in_until_it_is_accepted(bench: Bench, switch: str, accepted: str) -> None:
    using = f"{MINE} or {switch}"

    assert Reach.UNSAFE in reach_of(bench, using)
    assert reach_of(bench, using, accepted) == {Reach.SAFE}


def test_what_is_accepted_of_a_switch_is_no_more_than_its_values(bench: Bench) -> None:
    using = f"{MINE} or current_setting('app.mode', true) in ('support', 'audit')"
    accepted = 'trusted = [{ setting = "app.mode", values = ["support"], reason = "r" }]'

    assert Reach.UNSAFE in reach_of(bench, using, accepted)


def test_people_of_the_operator_are_not_decided_until_they_are_accepted(bench: Bench) -> None:
    using = f"{MINE} or {STAFF}"

    assert reach_of(bench, using) == {Reach.UNVERIFIED}
    assert reach_of(bench, using, 'trusted = [{ table = "staff", reason = "support" }]') == {Reach.SAFE}


def test_a_gateway_says_no_other_role_than_it_gives(bench: Bench) -> None:
    using = f"{MINE} or {CLAIMS} ->> 'role' = 'service_role'"

    assert reach_of(bench, using) == {Reach.SAFE}
    assert Reach.UNSAFE in reach_of(bench, using, '[threat]\nsession = "sql"')
    assert Reach.UNSAFE in reach_of(bench, f"{MINE} or {CLAIMS} ->> 'role' = 'authenticated'")


def test_whoever_is_not_logged_in_is_no_person(bench: Bench) -> None:
    own = f"{MINE} or id = auth.uid()"

    assert reach_of(bench, MINE, role="anon") == {Reach.SAFE}
    assert Reach.UNSAFE in reach_of(bench, f"{MINE} or auth.uid() is null", role="anon")
    assert reach_of(bench, own, role="anon") == {Reach.SAFE}


@pytest.mark.parametrize(
    "taken",
    [
        f"({CLAIMS} -> 'user_metadata' ->> 'org_id')::uuid",
        "nullif(current_setting('request.headers', true), '')::json ->> 'x-org'",
        "nullif(current_setting('request.header.x-org', true), '')",
    ],
)
def test_a_tenant_that_whoever_asks_writes_himself_is_open(bench: Bench, taken: str) -> None:
    said = analysis_of(bench, f"org_id::text = ({taken})::text").judgements

    assert {j.flow for j in said if j.table.name == "doc" and j.half == "using"} == {Flow.READ}
    assert any("himself" in j.reason for j in said)


HEADER = "nullif(current_setting('request.headers', true), '')::json ->> 'x-key'"
KEYS = """create table api_key (org_id uuid not null references organization, key text not null unique, label text);
alter table api_key enable row level security; grant select on api_key to anon, authenticated;"""
BY_KEY = {
    "the row of a key": (f"key = ({HEADER})", Reach.UNVERIFIED),
    "beside one's own": (f"{MINE.replace('org_id in', 'api_key.org_id in')} or key = ({HEADER})", Reach.UNVERIFIED),
    "what is no key": (f"label = ({HEADER})", Reach.UNSAFE),
    "a key or anything": (f"key = ({HEADER}) or label is not null", Reach.UNSAFE),
    "any other key": (f"key <> ({HEADER})", Reach.UNSAFE),
    "the tenant in its place": (f"org_id::text = ({HEADER})", Reach.UNSAFE),
}  # fmt: skip


@pytest.mark.parametrize(("using", "reach"), BY_KEY.values(), ids=BY_KEY)
def test_whoever_knows_the_key_of_a_row_may_have_been_given_it(
    bench: Bench, using: str, reach: Reach
) -> None:
    script = WORLD + KEYS + f"create policy p on api_key for select using ({using});"
    with bench.open(script) as conn:
        execute(conn, script)
        said = facts_of(conn, TOML).analysis.judgements

        assert {j.reach for j in said if (j.table.name, j.command) == ("api_key", "SELECT")} == {reach}, said


def test_rows_of_the_tenant_whose_key_is_known_are_not_decided(bench: Bench) -> None:
    using = f"exists (select from api_key k where k.key = ({HEADER}) and k.org_id = doc.org_id)"
    script = (
        WORLD
        + KEYS.replace("alter table api_key enable row level security;", "")
        + f"create policy p on doc using ({using});"
    )
    with bench.open(script) as conn:
        execute(conn, script)
        said = facts_of(conn, TOML).analysis.judgements

        assert {j.reach for j in said if j.table.name == "doc"} == {Reach.UNVERIFIED}, said


TAKEN = {
    "at sign-up": ("insert into member (org_id, user_id) values ((new.raw_user_meta_data ->> 'org')::uuid, new.id);", True),
    "by a variable": ("o := new.raw_user_meta_data ->> 'org'; insert into member (org_id, user_id) select o, new.id;", True),
    "later": ("update member set org_id = (new.raw_user_meta_data ->> 'org')::uuid where user_id = new.id;", True),
    "by a helper": ("perform put((new.raw_user_meta_data ->> 'org')::uuid, new.id);", True),
    "by the name of a tenant": ("insert into member (org_id, user_id) select i.id, new.id from organization i where i.name = new.raw_user_meta_data ->> 'company';", True),
    "by the domain of an address": ("select i.id into o from organization i where i.name = split_part(new.email, '@', 2); insert into member (org_id, user_id) values (o, new.id);", True),
    "of one that may be there": ("insert into organization (name) values (new.raw_user_meta_data ->> 'company') on conflict (id) do update set name = excluded.name returning id into o; insert into member (org_id, user_id) values (o, new.id);", True),
    "of one that he founds": ("insert into organization (name) values (new.raw_user_meta_data ->> 'company') returning id into o; insert into member (org_id, user_id) values (o, new.id);", False),
    "by a secret": ("insert into member (org_id, user_id) select i.org_id, new.id from invite i where i.token = new.raw_user_meta_data ->> 'token';", False),
    "by an invitation to the address": ("insert into member (org_id, user_id) select i.org_id, new.id from invite i where lower(i.email) = lower(new.email);", False),
    "his name alone": ("insert into member (org_id, user_id, role) select i.id, new.id, new.raw_user_meta_data ->> 'role' from organization i limit 1;", False),
    "what the server writes": ("insert into member (org_id, user_id, role) values ((new.raw_app_meta_data ->> 'org')::uuid, new.id, new.raw_user_meta_data ->> 'role');", False),
}  # fmt: skip


@pytest.mark.parametrize(("statements", "taken"), TAKEN.values(), ids=TAKEN)
def test_a_tenant_taken_from_what_a_user_writes_lets_anybody_join(
    bench: Bench, statements: str, taken: bool
) -> None:
    trigger = f"""create table account (id uuid primary key, email text, raw_user_meta_data jsonb, raw_app_meta_data jsonb);
    create table invite (org_id uuid not null references organization, email text, token text);
    create function put(o uuid, u uuid) returns void language sql as
      $$ insert into member (org_id, user_id) values (o, u) $$;
    revoke execute on function put(uuid, uuid) from public;
    create function joined() returns trigger language plpgsql security definer set search_path = public, pg_temp as
      $$ declare o uuid; begin {statements} return new; end $$;
    create trigger joined after insert on account for each row execute function joined();"""
    script = WORLD + trigger + f"create policy p on doc using ({MINE});"
    with bench.open(script) as conn:
        execute(conn, script)
        facts = facts_of(conn, TOML)
        reach = {
            j.reach for j in facts.analysis.judgements if (j.table.name, j.role) == ("doc", "authenticated")
        }

        assert reach == {Reach.UNVERIFIED if taken else Reach.SAFE}
        assert len(flaws("RLS017", facts)) == int(taken)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('trusted = [{ setting = "a", claim = "b", reason = "r" }]', "name one of setting, claim and table"),
        ('trusted = [{ setting = "a" }]', "reason"),
        ('[threat]\nsession = "none"', "session"),
    ],
)
def test_a_threat_that_cannot_be_is_refused(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        parse_toml(TOML + text, "test")
