"""Tenants that another system names: the root's own key is not what the tenant columns hold."""

import pytest

from tests.fix_bench import Bench, execute
from tests.fix_examples import facts_of
from validate_schema.model.reading import Reach

ORG = "(nullif(current_setting('request.jwt.claims', true), '')::json ->> 'org_id')"
ROOT = """
create table team (id uuid primary key default gen_random_uuid(), clerk_id text {}, slug text not null unique, name text not null);
create table task (id bigint primary key, org_id text not null default {}, body text);
create table memo (id bigint primary key, org_id text not null, body text);
alter table team enable row level security; alter table task enable row level security; alter table memo enable row level security;
create policy own on task using (org_id = {}); create policy own on memo using (org_id = {});
grant select on team to app_user; grant select, insert, update, delete on task, memo to app_user;
"""
TOML = '[tenancy]\nroot = "team"\ncolumn = "org_id"\napp_roles = ["app_user"]\n'
OWN = f"create policy own on team using (clerk_id = {ORG});"
RIGHT = {
    "compared by its policy": ("not null unique", OWN, "clerk_id"),
    "by two policies": ("not null unique", OWN + f"create policy again on team for select using ({ORG} = clerk_id);", "clerk_id"),
    "not unique": ("not null", OWN, "id"),
    "which may be NULL": ("unique", OWN, "id"),
    "of which another is compared too": ("not null unique", OWN + f"create policy named on team for select using (slug = {ORG});", "id"),
    "compared with nothing": ("not null unique", "create policy own on team using (true);", "id"),
    "that a foreign key does not mean": ("not null unique", OWN + "create table old (team_id uuid not null references team, org_id text);", "clerk_id"),
}  # fmt: skip


@pytest.mark.parametrize(("column", "more", "key"), RIGHT.values(), ids=RIGHT)
def test_the_roots_key_is_what_its_policies_compare_where_its_own_is_of_another_type(
    bench: Bench, column: str, more: str, key: str
) -> None:
    script = ROOT.format(column, ORG, ORG, ORG) + more
    with bench.open(script) as conn:
        execute(conn, script)
        facts = facts_of(conn, TOML)

        assert facts.tenancy.levels[0].key == key
        said = {
            j.reach for j in facts.analysis.judgements if j.table.name == "team" and j.command == "SELECT"
        }
        assert (said == {Reach.SAFE}) == (key == "clerk_id")


@pytest.mark.parametrize(
    "using",
    [
        f"clerk_id = {ORG} or name <> ''",
        "clerk_id = current_setting('app.other', true)",
        f"clerk_id <> {ORG}",
    ],
    ids=["and others", "another setting", "all but one's own"],
)
def test_a_root_that_is_open_stays_so(bench: Bench, using: str) -> None:
    script = ROOT.format("not null unique", ORG, ORG, ORG) + f"create policy own on team using ({using});"
    with bench.open(script) as conn:
        execute(conn, script)
        said = facts_of(conn, TOML).analysis.judgements

        assert Reach.UNSAFE in {j.reach for j in said if j.table.name == "team"}
