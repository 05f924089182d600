"""An error that is not the policy's own says nothing, and where own rows are kept back nothing is proven."""

import pytest

from tests.fix_proof import ORGANIZATION, PROTECTED, TENANT, Bed
from validate_schema.model.isolation import Outcome, Probe

WRITES = f"create policy w on note for insert with check ({TENANT});"
ODD = {
    "a cast of a text": f"alter table note add level text; create policy p on note using (level::integer = 7 or {TENANT});",
    "a division by nothing": "alter table note add a int not null, add b int not null generated always as (0) stored;"
    f" create policy p on note using (a / b = 1 or {TENANT});",
    "a function that calls what is not there": "create function odd(text) returns boolean language plpgsql stable as"
    f" $$ begin return nowhere($1); end $$; create policy p on note using (odd(body) or {TENANT});",
    "a number out of range": f"create policy p on note using (length(body) * 2000000000 > 1 or {TENANT});",
}


@pytest.mark.parametrize("name", ODD)
def test_an_error_that_hangs_on_what_a_row_holds_is_not_held(bed: Bed, name: str) -> None:
    found = bed.outcomes(PROTECTED + ODD[name])

    assert Outcome.ISOLATED not in found.values()


def test_rows_beside_one_that_raises_an_error_are_reached(bed: Bed) -> None:
    script = (
        f"{PROTECTED} alter table note add code text not null; create policy p on note"
        " using (case when code ~ '^[0-9]+$' then true when code = 'odd' then (code || body)::integer > 0"
        f" else {TENANT} end);"
    )

    assert bed.outcomes(script)[Probe.READ] is Outcome.LEAK


KEPT_BACK = {
    "another setting": "create policy p on note using"
    " (org_id = nullif(current_setting('app.other', true), '')::uuid);",
    "nobody": "create policy p on note using (false);",
    "inserts alone": f"create policy p on note using ({TENANT}) with check (false);",
}


@pytest.mark.parametrize("name", KEPT_BACK)
def test_own_rows_that_are_kept_back_are_no_leak_and_leave_nothing_isolated(bed: Bed, name: str) -> None:
    found = bed.outcomes(PROTECTED + KEPT_BACK[name])

    assert found[Probe.OWN] is Outcome.BLOCKED
    assert Outcome.ISOLATED not in found.values()


def test_what_no_policy_lets_in_is_kept_out_on_purpose(bed: Bed) -> None:
    script = f"{PROTECTED} create policy r on note for select using ({TENANT}); {WRITES}"

    cells = bed.cells(script)

    assert {c.outcome for c in cells.values()} == {Outcome.ISOLATED}
    assert "no policy lets the role: UPDATE, DELETE" in cells[Probe.OWN].why


TEXT_KEYS = ORGANIZATION.replace(
    "id uuid primary key default gen_random_uuid()", "id text primary key"
).replace(
    "nullif(current_setting('app.tenant_id', true), '')::uuid", "current_setting('app.tenant_id', true)"
)


def test_the_word_of_another_setting_is_no_tenant(bed: Bed) -> None:
    note = (
        "create table paper (id int primary key, org_id text not null references organization (id));"
        " grant select, insert, update, delete on paper to app_user; alter table paper enable row level security;"
        " create policy p on paper using (org_id::bigint = nullif(current_setting('app.tenant_id', true), '')::bigint);"
        " create policy night on paper for select using (current_setting('app.shift', true) = 'night');"
    )

    found = {c.probe: c.outcome for c in bed.proven(TEXT_KEYS, note).cells if c.table.name == "paper"}

    assert (found[Probe.OWN], found[Probe.READ]) == (Outcome.ISOLATED, Outcome.LEAK)
