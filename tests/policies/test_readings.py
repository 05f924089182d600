"""What one policy says by itself; and schemas of other shapes."""

import psycopg
import pytest

from tests.fix_bench import Bench, execute
from tests.fix_examples import facts_of
from validate_schema import policies as rls
from validate_schema.model.reading import Analysis, PolicyReading, Reach

pytestmark = pytest.mark.every_server

TABLE = """
create table item (id bigint primary key, org_id uuid not null references organization, is_shared boolean, user_id text);
alter table item enable row level security;
"""
MINE = "org_id = nullif(current_setting('app.tenant_id', true), '')::uuid"


def analysis_of(bench: Bench, script: str, toml: str = "") -> Analysis:
    with bench.open(script) as conn:
        execute(conn, script)
        facts = facts_of(conn, toml)
        return rls.analyse(facts.catalog, facts.tenancy)


def reading_of(bench: Bench, using: str) -> PolicyReading:
    return analysis_of(bench, f"{TABLE} create policy p on item using ({using})").policies[0]


def reach_of(bench: Bench, script: str, toml: str = "") -> set[Reach]:
    return {j.reach for j in analysis_of(bench, script, toml).judgements}


@pytest.mark.parametrize(
    ("using", "settings", "unwrapped", "brittle"),
    [
        ("org_id = (select nullif(current_setting('app.tenant_id', true), '')::uuid)", (("app.tenant_id", True),), 0, 0),
        (MINE, (("app.tenant_id", True),), 1, 0),
        ("org_id = (select current_setting('app.tenant_id', true)::uuid)", (("app.tenant_id", True),), 0, 1),
        ("org_id::text = (select current_setting('app.tenant_id'))", (("app.tenant_id", False),), 0, 1),
        ("user_id = current_setting('app.user', true)", (("app.user", True),), 1, 0),
        ("true", (), 0, 0),
    ],
)  # fmt: skip
def test_a_policy_tells_its_settings_and_what_breaks_a_session(
    bench: Bench, using: str, settings: tuple[tuple[str, bool], ...], unwrapped: int, brittle: int
) -> None:
    said = reading_of(bench, using)
    assert (said.settings, len(said.unwrapped), len(said.brittle)) == (settings, unwrapped, brittle)


def test_what_cannot_be_read_is_named(bench: Bench) -> None:
    assert reading_of(bench, "has_table_privilege('item', 'select')").undecided == (
        "the function has_table_privilege()",
    )


@pytest.mark.parametrize(
    "using",
    [
        MINE,
        f"{MINE} and (user_id = current_setting('app.user', true) or is_shared)",
        "org_id::text = (current_setting('app.tenant_id', true))::varchar",
    ],
)
def test_healthy_policies_on_uuid_keys_are_safe_for_every_command(bench: Bench, using: str) -> None:
    assert reach_of(bench, f"{TABLE} create policy p on item to app_user using ({using})") == {Reach.SAFE}


def test_quoted_names_and_keys_of_whole_numbers_are_ordinary(bench: Bench) -> None:
    script = """
    create table "Org Unit" ("Id" bigint primary key);
    create table "Line Item" ("Id" bigint primary key, "orgId" bigint not null references "Org Unit");
    alter table "Line Item" enable row level security;
    create policy "p q" on "Line Item" using ("orgId" = (current_setting('app.tenant_id', true))::bigint);
    """
    toml = (
        '[tenancy]\nroot = "Org Unit"\ncolumn = "orgId"\nsetting = "app.tenant_id"\napp_roles = ["app_user"]'
    )
    assert reach_of(bench, script, toml) == {Reach.SAFE}


def test_a_configured_membership_helper_stands_for_the_tenant(bench: Bench) -> None:
    script = f"""
    create table member (org_id uuid not null references organization, user_id text not null);
    create function my_orgs() returns setof uuid language sql stable security definer set search_path = public
      as $$ select org_id from member where user_id = current_setting('app.user', true) $$;
    {TABLE} create policy p on item using (org_id in (select my_orgs()));
    """
    toml = '[tenancy]\nroot = "organization"\ncolumn = "org_id"\napp_roles = ["app_user"]\n'
    assert reach_of(bench, script, toml + 'current_tenant = "my_orgs()"') == {Reach.SAFE}


def test_rows_of_whoever_has_a_session_are_data(bench: Bench) -> None:
    script = f"""
    create table ticket (org_id uuid not null references organization, word text not null);
    {TABLE} create policy p on item using (
      org_id in (select t.org_id from ticket t where t.word = current_setting('app.ticket', true)));
    """
    said = analysis_of(bench, script).judgements[0]
    assert (said.reach, said.reason) == (
        Reach.UNVERIFIED,
        "not decided by the text: rows that say who belongs to which tenant",
    )


def test_a_captured_name_in_a_sub_select_is_unsafe(bench: Bench) -> None:
    script = f"""
    create table project (id bigint primary key, org_id uuid not null references organization);
    {TABLE} create policy p on item using (exists (select from project where {MINE} and org_id = org_id));
    """
    assert reach_of(bench, script) == {Reach.UNSAFE}


def test_without_row_security_there_is_nothing_to_say(bench: Bench) -> None:
    assert (
        analysis_of(bench, "create table item (org_id uuid not null references organization)") == Analysis()
    )


def test_what_the_planner_works_out_beforehand_may_fail_in_a_branch_that_is_not_taken(bench: Bench) -> None:
    setting = "current_setting('app.tenant_id', true)"
    theirs = f"exists (select from organization o where o.id = item.org_id and o.id = ({setting})::uuid)"
    script = f"{TABLE} create policy p on item for insert with check (case when {setting} = '' then true else {theirs} end)"
    write = "set local role app_user; set local app.tenant_id = ''; insert into item (org_id) values (null)"

    assert Reach.UNVERIFIED in reach_of(bench, script)
    with bench.open(script) as conn:
        execute(
            conn, f"{script}; grant insert on item to app_user; alter table item alter org_id drop not null"
        )
        with pytest.raises(psycopg.errors.InvalidTextRepresentation):
            conn.execute(write)
