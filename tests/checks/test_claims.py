"""What a caller may write of himself and a gateway signs is no word to rest on."""

import pytest

from tests.fix_bench import Bench
from tests.fix_examples import look

ME = "nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'"
TABLES = f"""
create table account (id uuid primary key, raw_app_meta_data jsonb);
create table member (org_id uuid not null references organization, user_id uuid not null references account, primary key (org_id, user_id));
create table doc (id uuid primary key, org_id uuid not null references organization);
alter table doc enable row level security;
alter table member enable row level security;
create policy own on member for select using (user_id = ({ME})::uuid);
create policy mine on doc using (org_id in (select m.org_id from member m where m.user_id = ({ME})::uuid));
grant select on doc, member to app_user;
"""
TOML = """
[tenancy]
root = "organization"
column = "org_id"
app_roles = ["app_user"]
global = ["account"]
"""
SET = "update account set raw_app_meta_data = raw_app_meta_data || jsonb_build_object('org_id', {}) where id = ({}) :: uuid;"
HEAD = "create function act(o uuid) returns void language {} security definer set search_path = public, pg_temp as $$ {} $$;"
GUARD = (
    f"if not exists (select from member m where m.org_id = o and m.user_id = ({ME})::uuid)"
    " then raise exception 'no'; end if;"
)
CASES = {
    "of his own choice": (HEAD.format("sql", SET.format("o", ME)), "undecided"),
    "by a variable": (
        HEAD.format("plpgsql", f"declare j uuid; begin j := o; {SET.format('j', ME)} end"),
        "undecided",
    ),
    "by a helper": (
        "create function put(v uuid) returns void language sql as $$ " + SET.format("v", ME) + " $$;"
        " revoke execute on function put(uuid) from public;" + HEAD.format("sql", "select put(o)"),
        "undecided",
    ),
    "after a test": (HEAD.format("plpgsql", f"begin {GUARD} {SET.format('o', ME)} end"), "passed"),
    "a constant": (HEAD.format("sql", SET.format("'none'", ME)), "passed"),
    "for the server": (
        HEAD.format("sql", SET.format("o", ME)) + "revoke execute on function act(uuid) from public;",
        "not_applicable",
    ),
}


@pytest.mark.parametrize(("script", "status"), CASES.values(), ids=CASES)
def test_what_a_caller_writes_of_himself_is_told(bench: Bench, script: str, status: str) -> None:
    judged = look(bench, "BYP023", TABLES + script, TOML)

    assert judged.result.status == status, judged.said
