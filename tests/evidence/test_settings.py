"""Every attempt is made with every setting in sight: what a switch opens is found by the probe that it opens."""

import pytest

from tests.fix_proof import HEALTHY, PROTECTED, TENANT, Bed
from validate_schema.evidence.isolation import ContextSetup
from validate_schema.model.isolation import Cell, Outcome, Probe

READ_AND_WRITE = (
    f"create policy r on note for select using ({TENANT}); create policy i on note for insert with check ({TENANT});"
    f" create policy d on note for delete using ({TENANT});"
)
LINE = (
    "create table line (id int primary key, org_id uuid not null references organization (id),"
    " note_id uuid not null references note (id));"
    " grant select, insert, update, delete on line to app_user; alter table line enable row level security;"
)
SWITCHES = {
    "rows are taken in maintenance": (
        f"{PROTECTED} {READ_AND_WRITE} create policy u on note for update using"
        f" (current_setting('app.mode', true) = 'maintenance' or {TENANT}) with check ({TENANT});",
        "note",
        Probe.REHOME,
    ),
    "rows are given away by an importer": (
        f"{PROTECTED} {READ_AND_WRITE} create policy u on note for update using ({TENANT})"
        f" with check ({TENANT} or current_setting('app.import', true) = 'running');",
        "note",
        Probe.REHOME,
    ),
    "a reference past its check": (
        f"{HEALTHY} {LINE} create policy p on line using ({TENANT}) with check ({TENANT} and"
        " (current_setting('app.bulk', true) = 'yes' or exists (select from note n where n.id = note_id)));",
        "line",
        Probe.REFERENCE,
    ),
    "an update that reads no column": (
        f"{PROTECTED} alter table note add done boolean not null default false, drop body;"
        f" create policy p on note using ({TENANT}); create policy w on note for update"
        " using (current_setting('app.worker', true) = 'on' and not done)"
        " with check (current_setting('app.worker', true) = 'on');",
        "note",
        Probe.UPDATE,
    ),
    "an update that must set a flag": (
        f"{PROTECTED} alter table note add seen boolean not null default false;"
        f" create policy p on note using ({TENANT}); create policy w on note for update"
        " using (not seen) with check (seen);",
        "note",
        Probe.UPDATE,
    ),
    "a level that is a number": (
        f"{PROTECTED} create policy p on note using ({TENANT}"
        " or nullif(current_setting('app.level', true), '')::integer >= 7);",
        "note",
        Probe.READ,
    ),
    "a setting that a helper of a helper reads": (
        "create function raw_mode() returns text stable language sql as $$ select current_setting('app.mode', true) $$;"
        " create function may_all() returns boolean stable language sql as $$ select raw_mode() = 'root' $$;"
        f"{PROTECTED} create policy p on note using ({TENANT} or may_all());",
        "note",
        Probe.DELETE,
    ),
    "a word in place of the tenant's key": (
        f"{PROTECTED} create policy p on note using (current_setting('app.tenant_id', true) = 'everything'"
        " or org_id::text = current_setting('app.tenant_id', true));",
        "note",
        Probe.NO_CONTEXT,
    ),
    "a row moved away where no tenant is set": (
        f"{PROTECTED} {READ_AND_WRITE} create policy u on note for update"
        " using (nullif(current_setting('app.tenant_id', true), '') is null) with check (body is not null);",
        "note",
        Probe.NO_CONTEXT,
    ),
    "a view with a switch": (
        f"{HEALTHY} create view seen as select * from note where {TENANT}"
        " or current_setting('app.audit', true) = 'on'; grant select on seen to app_user;",
        "seen",
        Probe.SURFACE,
    ),
    "a function with a switch": (
        f"{HEALTHY} create function seen() returns setof note language sql security definer as"
        f" $$ select * from note where {TENANT} or current_setting('app.role', true) = 'support' $$;",
        "seen()",
        Probe.SURFACE,
    ),
    "a view that is open without a tenant": (
        f"{HEALTHY} create view seen as select * from note where org_id::text"
        " = coalesce(nullif(current_setting('app.tenant_id', true), ''), org_id::text);"
        " grant select on seen to app_user;",
        "seen",
        Probe.SURFACE,
    ),
}


@pytest.mark.parametrize("name", SWITCHES)
def test_what_a_setting_opens_is_found_where_it_opens_it(bed: Bed, name: str) -> None:
    script, table, probe = SWITCHES[name]

    cell = bed.cells(script, table=table)[probe]

    assert cell.outcome is Outcome.LEAK
    assert bed.repeats(cell, script) > 0


PEOPLE = (
    "create table person (id uuid primary key); alter table note add author_id uuid not null references person (id);"
    f"{READ_AND_WRITE} create policy u on note for update using ({TENANT})"
    " with check (author_id = nullif(current_setting('app.person', true), '')::uuid);"
)
ME = ContextSetup(
    (
        "select set_config('app.tenant_id', :tenant, false)",
        "select set_config('app.person', '5e5e5e5e-0000-4000-8000-000000000001', false)",
    )
)


def test_a_row_that_is_the_authors_may_be_moved_past_a_check_of_the_author_alone(bed: Bed) -> None:
    found = _note(bed, PROTECTED + PEOPLE)[Probe.REHOME]

    assert found.outcome in (Outcome.LEAK, Outcome.INCONCLUSIVE)


def test_a_check_of_author_and_tenant_holds(bed: Bed) -> None:
    script = PROTECTED + PEOPLE.replace("with check (author", f"with check ({TENANT} and author")

    assert _note(bed, script)[Probe.REHOME].outcome is Outcome.ISOLATED


def _note(bed: Bed, script: str) -> dict[Probe, Cell]:
    return {c.probe: c for c in bed.prove(script, context=ME).cells if c.table.name == "note"}


def test_a_setting_that_opens_nothing_is_no_leak(bed: Bed) -> None:
    script = (
        f"{PROTECTED} create policy p on note using ({TENANT});"
        " create policy quiet on note as restrictive using (current_setting('app.locked', true) is distinct from 'on');"
    )

    assert set(bed.outcomes(script).values()) == {Outcome.ISOLATED}


BY_PATH = (
    f"{PROTECTED} create schema theirs; grant usage on schema theirs to app_user;"
    f" create function ok(org_id uuid) returns boolean language sql stable as $$ select {TENANT} $$;"
    " create function theirs.ok(uuid) returns boolean language sql stable as $$ select true $$;"
    " create function passes(uuid) returns boolean language plpgsql stable as $$ begin return ok($1); end $$;"
    " create policy own on note using (passes(org_id));"
)


def test_a_role_has_the_settings_that_it_would_log_in_with(bed: Bed) -> None:
    """Whose function the policy's helper calls hangs on the search path of ALTER ROLE."""
    assert bed.outcomes(BY_PATH)[Probe.READ] is Outcome.ISOLATED
    script = f"{BY_PATH} alter role app_user set search_path = theirs, public;"
    assert bed.outcomes(script)[Probe.READ] is Outcome.LEAK


ACCEPTED = """
[tenancy]
trusted = [{{ setting = "App.mode", reason = "set by the support tool alone"{values} }}]
"""
BY_MODE = (
    f"{PROTECTED} create policy p on note using ({TENANT} or current_setting('app.mode', true) = 'support'{{more}})"
    f" with check ({TENANT});"
)


@pytest.mark.parametrize(
    ("values", "more", "outcome"),
    [
        pytest.param("", "", Outcome.ISOLATED, id="a switch"),
        pytest.param(', values = ["support"]', "", Outcome.ISOLATED, id="one word of it"),
        pytest.param(
            ', values = ["support"]',
            " or current_setting('app.mode', true) = 'root'",
            Outcome.LEAK,
            id="another word",
        ),
        pytest.param("", " or current_setting('app.other', true) = 'on'", Outcome.LEAK, id="another switch"),
    ],
)
def test_what_is_accepted_is_not_tried(bed: Bed, values: str, more: str, outcome: Outcome) -> None:
    found = bed.prove(BY_MODE.format(more=more), toml=ACCEPTED.format(values=values))

    assert {c.probe: c.outcome for c in found.cells if c.table.name == "note"}[Probe.READ] is outcome


PART = "part_id = nullif(current_setting('app.part', true), '')::uuid"
MORE = {
    "a part that the session works in": (
        "create table part (org_id uuid not null references organization (id), id uuid primary key,"
        " unique (org_id, id)); alter table note add part_id uuid not null,"
        " add foreign key (org_id, part_id) references part (org_id, id);",
        f"{TENANT} and {PART}",
        Outcome.ISOLATED,
    ),
    "a part alone": (
        "create table part (org_id uuid not null references organization (id), id uuid primary key);"
        " alter table note add part_id uuid not null references part (id);",
        PART,
        Outcome.LEAK,
    ),
    "an author beside the tenant": (
        "create table person (org_id uuid not null references organization (id), id uuid primary key,"
        " unique (org_id, id)); alter table note add author_id uuid not null,"
        " add foreign key (org_id, author_id) references person (org_id, id);",
        f"{TENANT} and author_id = nullif(current_setting('app.user_id', true), '')::uuid",
        Outcome.ISOLATED,
    ),
}


@pytest.mark.parametrize("name", MORE)
def test_own_rows_are_tried_by_a_session_that_says_all_that_the_policy_asks(bed: Bed, name: str) -> None:
    tables, policy, outcome = MORE[name]
    found = bed.outcomes(f"{PROTECTED} {tables} create policy p on note using ({policy});")

    assert found[Probe.READ] is outcome
    assert found[Probe.OWN] is Outcome.ISOLATED
    assert outcome is Outcome.LEAK or set(found.values()) == {Outcome.ISOLATED}


@pytest.mark.parametrize("key", ["text", "bigint"])
def test_people_whose_table_is_elsewhere_are_the_tenants(bed: Bed, key: str) -> None:
    claim = "nullif(nullif(current_setting('request.jwt.claims', true), '')::json ->> 'sub', '')"
    found = bed.proven(
        f"create role app_user login; create function me() returns {key} stable language sql as $$ select {claim}::{key} $$;"
        f" create table todo (id int primary key, user_id {key} not null, task text);"
        " alter table todo enable row level security; create policy own on todo using ((select me() = user_id));"
        " grant select, insert, update, delete on todo to app_user;",
        toml='[tenancy]\ncolumn = "user_id"',
    )

    assert {c.outcome for c in found.cells} == {Outcome.ISOLATED}
