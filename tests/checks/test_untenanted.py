"""What is open to everybody is told whoever the tenants are; what looks at the session may guard itself."""

import pytest

from tests.fix_bench import Bench
from tests.fix_examples import look

PREFIX = """
create table account (id uuid primary key, login text not null, admin boolean not null default false);
alter table account enable row level security;
create policy own on account using (id = nullif(current_setting('app.account', true), '')::uuid);
create function me() returns uuid language sql stable as $$ select nullif(current_setting('app.account', true), '')::uuid $$;
"""
TOML = "[tenancy]\napp_roles = []"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        pytest.param(
            "update account set admin = true where login = who",
            ["act(who text) changes account past the policies for PUBLIC, whoever asks"],
            id="writes",
        ),
        pytest.param(
            "select admin from account where login = who",
            ["act(who text) reads account past the policies for PUBLIC, whoever asks"],
            id="reads",
        ),
        pytest.param("update account set admin = true where id = me()", [], id="asks a helper"),
        pytest.param("update account set admin = true where login = session_user", [], id="asks the user"),
        pytest.param("select true from pg_class where relname = who", [], id="touches nothing guarded"),
    ],
)
def test_a_definer_that_never_asks_is_open(bench: Bench, body: str, said: list[str]) -> None:
    returns = "void" if body.startswith("update") else "boolean"
    script = (
        PREFIX
        + f"create function act(who text) returns {returns} language sql security definer as $${body}$$;"
    )

    assert look(bench, "BYP018", script, TOML).said == said


def test_the_tenancy_is_left_to_the_check_that_knows_it(bench: Bench) -> None:
    script = PREFIX + (
        "create table note (id int primary key, org_id uuid not null references organization (id));"
        "create function act() returns void language sql security definer as 'update account set admin = true';"
    )

    assert look(bench, "BYP018", script).result.status == "not_applicable"


@pytest.mark.parametrize(
    ("made", "found"),
    [
        pytest.param("grant select on account to anon; alter table account disable row level security", 1, id="off"),
        pytest.param("grant select on account to anon", 0, id="on"),
        pytest.param("alter table account disable row level security", 0, id="not granted"),
        pytest.param(
            "grant select, delete on account to anon; create policy gone on account for delete using (true)", 1,
            id="anybody deletes",
        ),
        pytest.param(
            "grant select on account to anon; create policy seen on account for select using (true)", 0,
            id="anybody reads, says the policy",
        ),
    ],
)  # fmt: skip
def test_what_the_web_may_do_to_a_table_of_a_platform(bench: Bench, made: str, found: int) -> None:
    web = (
        "create role anon; create role authenticated; create role service_role bypassrls;"
        "create schema auth; create function auth.uid() returns uuid language sql as 'select null::uuid';"
    )

    assert len(look(bench, "BYP019", web + PREFIX + made, TOML).findings) == found
