"""Sessions as gateways make them: claims of a token, the role, and what the config says instead."""

import pytest

from tests.fix_examples import facts_of
from tests.fix_proof import Bed, execute
from tests.fix_server import fresh
from validate_schema.config import parse_toml
from validate_schema.evidence.isolation import prove
from validate_schema.model.isolation import Isolation, Outcome
from validate_schema.run.proof import context_of

ROLES = {
    "supabase": ("anon", "authenticated", "service_role"),
    "postgrest": ("web_user",),
    "hasura": ("app_user",),
}
JWT = "nullif(current_setting('request.jwt.claims', true), '')::json"
PERSON = {
    "supabase": f"(coalesce(nullif(current_setting('request.jwt.claim.sub', true), ''), ({JWT} ->> 'sub')))::uuid",
    "postgrest": "nullif(current_setting('request.jwt.claim.sub', true), '')::uuid",
    "hasura": "(nullif(current_setting('hasura.user', true), '')::json ->> 'x-hasura-user-id')::uuid",
}
ROLE = {
    "supabase": f"({JWT} ->> 'role') = 'authenticated'",
    "postgrest": "current_setting('request.jwt.claim.role', true) = 'web_user'",
    "hasura": "(nullif(current_setting('hasura.user', true), '')::json ->> 'x-hasura-role') = 'app_user'",
}
ASKS = {"supabase": "authenticated", "postgrest": "web_user", "hasura": "app_user"}
WORLD = """
create table person (id uuid primary key);
create table team (id uuid primary key, name text);
create table seat (team_id uuid not null references team, person_id uuid not null references person,
    primary key (team_id, person_id));
create table doc (id uuid primary key, team_id uuid not null references team, body text);
alter table team enable row level security;
alter table seat enable row level security;
alter table doc enable row level security;
create policy own on team for select using (id in (select team_id from seat where person_id = {person}));
create policy own on seat for select using (person_id = {person});
grant select on team, seat to {role};
grant select, insert, update, delete on doc to {role};
"""
BOUND = "create policy own on doc using (team_id in (select team_id from seat where person_id = {person}) and {said});"
OPEN = "create policy own on doc using ({said});"
TOML = """
[tenancy]
root = "team"
column = "team_id"
app_roles = ["{role}"]
global = ["person"]
"""


def schema(gateway: str, policy: str) -> str:
    given = {"person": PERSON[gateway], "role": ASKS[gateway], "said": ROLE[gateway]}
    roles = "".join(f"create role {name} nologin;" for name in ROLES[gateway])
    return roles + (WORLD + policy).format(**given)


@pytest.mark.parametrize("gateway", ROLES)
def test_a_gateways_sessions_are_inferred_and_work(bed: Bed, gateway: str) -> None:
    proof = bed.proven(schema(gateway, BOUND), toml=TOML.format(role=ASKS[gateway]))

    assert proof.preset == gateway
    assert {c.outcome for c in proof.cells} <= {Outcome.ISOLATED, Outcome.DENIED}, [
        (c.table.name, c.probe, c.outcome, c.why) for c in proof.cells
    ]


@pytest.mark.parametrize("gateway", ROLES)
def test_what_a_gateways_sessions_get_past_leaks(bed: Bed, gateway: str) -> None:
    """The claim says no more than the role: it is true of everybody who asks."""
    proof = bed.proven(schema(gateway, OPEN), toml=TOML.format(role=ASKS[gateway]))

    found = {c.probe.value: c.outcome for c in proof.cells if c.table.name == "doc"}
    assert (found["read"], found["insert"]) == (Outcome.LEAK, Outcome.LEAK)


OPAQUE = """
create function uid() returns uuid language sql stable as
    $$ select (nullif(current_setting(replace('request#jwt#claims', '#', '.'), true), '')::json ->> 'sub')::uuid $$;
"""


def configured(bed: Bed, prove_toml: str) -> Isolation:
    script = OPAQUE + schema("postgrest", BOUND.replace(" and {said}", "")).replace(
        PERSON["postgrest"], "uid()"
    )
    toml = TOML.format(role="web_user") + prove_toml
    with fresh(bed.server) as database:
        with database.connect(autocommit=True) as conn:
            execute(conn, script)
            facts = facts_of(conn, toml)
        return prove(database, facts, context=context_of(parse_toml(toml, "a config").prove, facts))


@pytest.mark.parametrize(
    ("section", "outcome"),
    [
        ("", Outcome.BLOCKED),
        ('[prove]\npreset = "postgrest"', Outcome.ISOLATED),
        (
            "[prove]\ncontext = [\"select set_config('request.jwt.claims',"
            " json_build_object('sub', :person, 'role', :role)::text, false)\"]",
            Outcome.ISOLATED,
        ),
    ],
)
def test_what_the_config_says_of_sessions_overrides_what_was_read(
    bed: Bed, section: str, outcome: Outcome
) -> None:
    """Nobody can read in `uid` who asks."""
    found = {c.probe.value: c.outcome for c in configured(bed, section).cells if c.table.name == "doc"}

    assert found["own rows"] is outcome


def test_statements_follow_those_of_the_gateway() -> None:
    toml = "[prove]\npreset = \"hasura\"\ncontext = [\"select set_config('app.x', '1', false)\"]\nuser = '7'"

    config = parse_toml(toml, "a config").prove

    assert (config.preset, config.context, config.user) == (
        "hasura",
        ("select set_config('app.x', '1', false)",),
        "7",
    )


def test_a_claim_that_is_the_tenant_is_said_as_the_tenant(bed: Bed) -> None:
    """Rows of one person each, without a table of people: who asks is the tenant, not somebody of his."""
    proof = bed.proven(
        "create role anon nologin; create role authenticated nologin; create schema auth;"
        " grant usage on schema auth to authenticated;"
        f" create function auth.uid() returns uuid language sql stable as $$ select {PERSON['supabase']} $$;"
        " create table todo (id uuid primary key, user_id uuid not null, task text);"
        " alter table todo enable row level security;"
        " create policy own on todo using (user_id = auth.uid());"
        " grant select, insert, update, delete on todo to authenticated;",
        toml='[tenancy]\ncolumn = "user_id"\nsetting = "request.jwt.claim.sub"\napp_roles = ["authenticated"]\n',
    )

    assert proof.preset == "supabase"
    assert {c.outcome for c in proof.cells} == {Outcome.ISOLATED}, [(c.probe, c.why) for c in proof.cells]


FOUNDED = "create policy found on team for insert with check ({person} is not null); grant insert on team to {role};"
LEFT_OUT = """
grant select on team, seat to anon; grant select, insert on doc to anon; grant insert on seat to anon, {role};
create policy joins on seat for insert with check (person_id = {person});
create policy known on doc using ({person} is not null);
"""
BOTH_ROLES = TOML.format(role="authenticated").replace('"authenticated"', '"anon", "authenticated"')


def test_whoever_is_not_logged_in_says_no_person(bed: Bed) -> None:
    proof = bed.proven(schema("supabase", LEFT_OUT), toml=BOTH_ROLES)

    leaks = {(c.role, c.table.name, c.probe.value) for c in proof.cells if c.outcome is Outcome.LEAK}
    assert {("authenticated", "seat", "insert"), ("authenticated", "doc", "read")} <= leaks
    assert not [leak for leak in leaks if leak[0] == "anon"]


@pytest.mark.parametrize("gateway", ROLES)
def test_whoever_founds_a_tenant_writes_nobody_elses_row(bed: Bed, gateway: str) -> None:
    proof = bed.proven(schema(gateway, BOUND + FOUNDED), toml=TOML.format(role=ASKS[gateway]))

    assert not [(c.table.name, c.probe, c.why) for c in proof.cells if c.outcome is Outcome.LEAK]


def test_whoever_may_write_over_a_tenant_is_told(bed: Bed) -> None:
    """An upsert of what is there changes it."""
    over = (
        "create policy moves on team for update using ({person} is not null); grant update on team to {role};"
    )
    proof = bed.proven(schema("supabase", BOUND + FOUNDED + over), toml=TOML.format(role="authenticated"))

    assert {c.probe.value for c in proof.cells if c.outcome is Outcome.LEAK} >= {"update"}


SIGNED_IN = """
create policy strong on doc as restrictive to authenticated using (array[{jwt} ->> 'aal'] <@ array['aal1', 'aal2']);
create policy known on doc as restrictive to authenticated using (({jwt} ->> 'is_anonymous')::boolean is false);
"""


def test_a_session_of_supabase_says_how_somebody_has_logged_in(bed: Bed) -> None:
    script = schema("supabase", BOUND) + SIGNED_IN.format(jwt=JWT)

    proof = bed.proven(script, toml=TOML.format(role="authenticated"))

    found = {c.probe.value: c.outcome for c in proof.cells if c.table.name == "doc"}
    assert (found["own rows"], found["read"]) == (Outcome.ISOLATED, Outcome.ISOLATED)
