"""What holds is said to hold; what is not known is never said to hold."""

import pytest

from tests.fix_proof import HEALTHY, NOTE, PROTECTED, TENANT, Bed, prove_here
from validate_schema.evidence.isolation import ContextSetup
from validate_schema.model.isolation import AppRole, Outcome, Probe
from validate_schema.scratch import Database

TABLE_PROBES = {
    Probe.READ,
    Probe.INSERT,
    Probe.UPDATE,
    Probe.DELETE,
    Probe.REHOME,
    Probe.NO_CONTEXT,
    Probe.OWN,
}
ISOLATED = dict.fromkeys(TABLE_PROBES, Outcome.ISOLATED)
SETTING = "current_setting('app.tenant_id', true)"
HEALTHY_VARIANTS = {
    "using alone": HEALTHY,
    "cast of an unset setting": f"{PROTECTED} create policy p on note using (org_id = {SETTING}::uuid);",
    "without missing_ok": f"{PROTECTED} create policy p on note using (org_id = current_setting('app.tenant_id')::uuid);",
    "as text": f"{PROTECTED} create policy p on note using (org_id::text = (select {SETTING}));",
    "restrictive floor": f"{PROTECTED} create policy p on note using (true);"
    f" create policy f on note as restrictive using ({TENANT});",
    "by command": f"{PROTECTED} create policy r on note for select using ({TENANT});"
    f" create policy i on note for insert with check ({TENANT});"
    f" create policy u on note for update using ({TENANT}); create policy d on note for delete using ({TENANT});",
    "helper": f"create function org() returns uuid stable language sql as $$ select nullif({SETTING}, '')::uuid $$;"
    f"{PROTECTED} create policy p on note to app_user using (org_id = org());",
    "a trigger that stamps": f"{HEALTHY} create function stamp() returns trigger language plpgsql as"
    " $$ begin new.body := upper(new.body); return new; end $$;"
    " create trigger stamp before insert or update on note for each row execute function stamp();",
    "one row for each tenant": HEALTHY + "alter table note add unique (org_id);",
    "soft deletes": f"{PROTECTED} alter table note add deleted_at timestamptz;"
    f" create policy p on note using ({TENANT} and deleted_at is null);",
    "an owner within the tenant": f"{PROTECTED} alter table note add is_public boolean not null;"
    f" create policy p on note using ({TENANT} and (is_public or body is not null));",
}


@pytest.mark.parametrize("name", HEALTHY_VARIANTS)
def test_a_healthy_table_is_isolated_in_every_probe(bed: Bed, name: str) -> None:
    found = bed.outcomes(HEALTHY_VARIANTS[name])

    assert found.pop(Probe.EFFECT, Outcome.ISOLATED) is Outcome.ISOLATED
    assert found == ISOLATED


def test_every_server_proves_a_healthy_table(any_bed: Bed) -> None:
    assert any_bed.outcomes(HEALTHY) == ISOLATED


def test_what_is_not_granted_is_denied(bed: Bed) -> None:
    found = bed.outcomes(HEALTHY + "revoke update, delete on note from app_user;")

    denied = {Probe.UPDATE, Probe.DELETE, Probe.REHOME}
    assert found == {p: Outcome.DENIED if p in denied else Outcome.ISOLATED for p in TABLE_PROBES}


def test_a_key_that_the_server_alone_makes_is_moved_by_nobody(bed: Bed) -> None:
    tenant = "nullif(current_setting('app.tenant_id', true), '')::bigint"
    found = bed.proven(
        f"""create role app_user login;
        create table organization (id bigint generated always as identity primary key, name text not null);
        create table note (id uuid primary key default gen_random_uuid(), org_id bigint not null references organization, body text);
        alter table organization enable row level security; alter table note enable row level security;
        create policy own on organization using (id = {tenant}); create policy own on note using (org_id = {tenant});
        grant select, update on organization to app_user;
        grant select, insert, update, delete on note to app_user;"""
    )
    cells = {(c.table.name, c.probe): c for c in found.cells}
    moved = cells["organization", Probe.REHOME]
    assert (moved.outcome, "GENERATED ALWAYS" in moved.why) == (Outcome.DENIED, True)
    assert cells["note", Probe.REHOME].outcome is Outcome.ISOLATED


def test_columns_that_may_be_read_are_enough(bed: Bed) -> None:
    script = NOTE + "revoke select on note from app_user; grant select (body) on note to app_user;"

    assert bed.outcomes(script)[Probe.READ] is Outcome.LEAK


@pytest.mark.parametrize(
    ("granted", "expected"),
    [
        ("grant update on note to app_user;", Outcome.LEAK),
        # A privilege on the table is not taken away by a column's.
        ("grant update on note to app_user; revoke update (org_id) on note from app_user;", Outcome.LEAK),
        (
            "grant update (id, org_id, body) on note to app_user; revoke update (org_id) on note from app_user;",
            Outcome.DENIED,
        ),
        ("grant update (body) on note to app_user;", Outcome.DENIED),
    ],
)
def test_what_is_granted_on_a_column_is_what_the_role_may(bed: Bed, granted: str, expected: Outcome) -> None:
    script = (
        f"{PROTECTED} revoke update on note from app_user; {granted}"
        f" create policy r on note for select using ({TENANT});"
        f" create policy u on note for update using ({TENANT}) with check (true);"
    )
    found = bed.outcomes(script)

    assert (found[Probe.REHOME], found[Probe.UPDATE]) == (expected, Outcome.ISOLATED)


TRIGGER = (
    "create function guard() returns trigger language plpgsql as $$ begin {} end $$;"
    " create trigger guard before insert or update or delete on note for each row execute function guard();"
)


@pytest.mark.parametrize("body", ["raise exception 'no';", "return null;"])
def test_a_trigger_in_the_way_of_an_open_policy_is_no_proof(bed: Bed, body: str) -> None:
    found = bed.cells(NOTE + TRIGGER.format(body))

    blocked = {Probe.INSERT, Probe.UPDATE, Probe.DELETE, Probe.REHOME}
    assert {p: c.outcome for p, c in found.items() if p in blocked} == dict.fromkeys(
        blocked, Outcome.INCONCLUSIVE
    )
    assert all(found[p].why for p in blocked)


def test_a_check_in_the_way_is_no_proof(bed: Bed) -> None:
    script = (
        NOTE
        + "create function never() returns boolean volatile language sql as 'select current_user <> ''app_user''';"
        + "alter table note add check (never());"
    )

    found = bed.cells(script)[Probe.INSERT]

    assert found.outcome is Outcome.INCONCLUSIVE
    assert "violates check constraint" in found.why


def test_a_probe_that_cannot_see_is_caught(bed: Bed) -> None:
    script = PROTECTED + (
        f"create policy p on note using ({TENANT}); create function hide() returns trigger language plpgsql"
        " as $$ begin return null; end $$; create trigger hide before delete on note for each row"
        " execute function hide(); alter table note enable always trigger hide;"
    )

    found = bed.cells(script)[Probe.DELETE]

    assert (found.outcome, "self-check failed" in found.why) == (Outcome.INCONCLUSIVE, True)


def test_no_rows_no_proof(bed: Bed) -> None:
    script = HEALTHY + (
        "create function broken(uuid) returns uuid immutable language plpgsql as $$ begin raise exception 'no'; end $$;"
        " create index on note (broken(id));"
    )

    found = bed.cells(script)

    assert {c.outcome for c in found.values()} == {Outcome.INCONCLUSIVE}
    assert "no rows could be made" in found[Probe.READ].why


def test_own_rows_that_no_policy_lets_through_are_told(bed: Bed) -> None:
    found = bed.cells(PROTECTED)[Probe.OWN]

    assert (found.outcome, found.why.split(":")[0]) == (Outcome.BLOCKED, "SELECT on its own rows")


def test_surfaces_that_filter_by_tenant_are_isolated(bed: Bed) -> None:
    script = HEALTHY + (
        "create view seen with (security_invoker) as select * from note; grant select on seen to app_user;"
        " create view filtered as select * from note where org_id = nullif(current_setting('app.tenant_id', true), '')::uuid;"
        " grant select on filtered to app_user;"
        " create function mine() returns setof note language sql security definer as"
        " $$ select * from note where org_id = nullif(current_setting('app.tenant_id', true), '')::uuid $$;"
    )
    if bed.server.version_num < 150000:
        pytest.skip("no security_invoker")

    found = {c.table.name: c.outcome for c in bed.prove(script).cells if c.probe is Probe.SURFACE}

    assert found == dict.fromkeys(("seen", "filtered", "mine()"), Outcome.ISOLATED)


def test_rows_without_a_tenant_are_shared_where_that_is_declared(bed: Bed) -> None:
    script = (
        f"{PROTECTED} alter table note alter org_id drop not null;"
        f" create policy p on note for select using ({TENANT} or org_id is null);"
    )
    toml = """
[tenancy]
root = "organization"
column = "org_id"
setting = "app.tenant_id"
app_roles = ["app_user"]
[[tenancy.null_rows]]
table = "note"
"""

    cells = bed.prove(script, toml=toml).cells

    assert {
        c.outcome for c in cells if c.table.name == "note" and c.probe in (Probe.READ, Probe.NO_CONTEXT)
    } == {Outcome.ISOLATED}


def test_inherited_tables_are_proven_through_their_parent(bed: Bed) -> None:
    line = (
        "create table line (id int primary key, note_id uuid not null references note (id), body text);"
        " grant select, insert, update, delete on line to app_user;"
    )
    policy = (
        "alter table line enable row level security; create policy own on line using"
        f" (exists (select from note where note.id = line.note_id and {TENANT}));"
    )

    assert set(bed.outcomes(HEALTHY, line, policy, table="line").values()) == {Outcome.ISOLATED}
    assert bed.outcomes(HEALTHY, line, table="line")[Probe.READ] is Outcome.LEAK


def test_the_context_may_be_claims(bed: Bed) -> None:
    script = PROTECTED + (
        "create policy p on note using (org_id::text = current_setting('request.jwt.claims', true)::json ->> 'org_id');"
    )
    context = ContextSetup(
        ("select set_config('request.jwt.claims', json_build_object('org_id', :tenant::text)::text, false)",)
    )

    cells = bed.prove(script, context=context).cells

    assert {c.probe: c.outcome for c in cells if c.table.name == "note"} == ISOLATED


def test_without_an_app_role_one_is_made_up_and_said_to_be(database: Database) -> None:
    script = (
        "create table organization (id uuid primary key, name text);"
        " create table note (id int primary key, org_id uuid not null references organization (id))"
    )
    toml = '[tenancy]\nroot = "organization"\ncolumn = "org_id"\nsetting = "app.tenant_id"\n'

    found = prove_here(database, script, toml=toml)

    assert [(r.name, r.made_up) for r in found.roles] == [("validate_schema_app", True)]
    assert {c.outcome for c in found.cells if c.probe is Probe.READ} == {Outcome.LEAK}
    with database.connect() as conn:
        assert conn.execute("select from pg_roles where rolname = 'validate_schema_app'").fetchall() == []


def test_configured_roles_are_said_to_be(bed: Bed) -> None:
    assert bed.prove(HEALTHY).roles == (AppRole("app_user", "configured"),)


def test_a_role_that_the_app_can_become_is_probed_too(bed: Bed) -> None:
    script = HEALTHY + (
        "create role support; grant support to app_user; grant select on note to support;"
        " create policy support on note for select to support using (true);"
    )

    cells = bed.prove(script).cells

    reads = {c.role: c.outcome for c in cells if c.table.name == "note" and c.probe is Probe.READ}
    assert reads["support"] is Outcome.LEAK


def test_the_copy_is_left_as_it_was(database: Database) -> None:
    prove_here(
        database, "create role app_user login; create table organization (id uuid primary key);" + NOTE
    )

    with database.connect() as conn:
        assert conn.execute("select from note").fetchall() == []


def test_an_unidentified_tenancy_is_not_attempted(database: Database) -> None:
    found = prove_here(database, "create table thing (id int)", toml="[data]\nenabled = false\n")

    assert (found.attempted, bool(found.reason)) == (False, True)


FLAG = """create table feature (name text primary key, enabled boolean not null default false);
grant select on feature to app_user;
create function is_on(f text) returns boolean stable language plpgsql as
  $$ begin return coalesce((select enabled from feature where name = f), false); end $$;"""


def test_own_rows_that_a_flag_elsewhere_keeps_back_are_in_doubt(bed: Bed) -> None:
    asks = f"{FLAG} {PROTECTED} create policy p on note using ({TENANT} and is_on('notes'));"
    other = f"{FLAG} {PROTECTED} create policy p on note using (org_id = nullif(current_setting('app.other', true), '')::uuid);"

    in_doubt = bed.cells(asks)[Probe.OWN]
    assert in_doubt.outcome is Outcome.INCONCLUSIVE
    assert in_doubt.why.endswith("; the policies ask feature as well, whose rows are not the real ones")
    assert bed.outcomes(asks)[Probe.READ] is Outcome.INCONCLUSIVE
    assert bed.outcomes(other)[Probe.OWN] is Outcome.BLOCKED


def test_own_rows_by_the_role_that_asks_are_not_decided(bed: Bed) -> None:
    by_role = "create policy own on note using (org_id::text = current_user::text);"

    cells = bed.cells(PROTECTED + by_role)

    assert cells[Probe.OWN].outcome is Outcome.INCONCLUSIVE
    assert "has a role of its own" in cells[Probe.OWN].why
    assert Outcome.ISOLATED not in {cell.outcome for cell in cells.values()}
