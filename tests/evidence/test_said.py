"""Policies that ask a session for more than its tenant: its own rows are tried as one that says it, and so is all
else."""

import pytest

from tests.fix_proof import PROTECTED, TENANT, Bed
from validate_schema.model.isolation import Outcome, Probe

CLAIMS = "nullif(current_setting('request.jwt.claims', true), '')::json"
RANK = f"({CLAIMS} ->> 'user_role') = 'admin'"
DEEP = f"({CLAIMS} -> 'app_metadata' ->> 'user_role') in ('owner', 'admin')"
SETTING = "current_setting('app.rank', true) = 'admin'"
READ = f"create policy r on note for select using ({TENANT});"
ASKING = {
    "a claim": f"create policy p on note using ({TENANT} and {RANK});",
    "a claim of claims": f"create policy p on note using ({TENANT} and {DEEP});",
    "a setting": f"create policy p on note using ({TENANT} and {SETTING});",
    "a claim and a setting": f"create policy p on note using ({TENANT} and {RANK} and {SETTING});",
    "a claim to change": READ + f"create policy w on note using ({TENANT} and {RANK});",
}
OPEN = {
    "to whoever says it": (f"create policy p on note using ({RANK});", Probe.READ),
    "to be read": (f"create policy p on note using ({TENANT} and {RANK}); create policy r on note for select using ({RANK});", Probe.READ),
    "to be changed": (READ + f"create policy w on note for insert with check ({TENANT}); create policy u on note for update using ({RANK}) with check ({RANK});", Probe.UPDATE),
    "to be deleted": (READ + f"create policy d on note for delete using ({RANK});", Probe.DELETE),
    "without a tenant": (READ + f"create policy n on note using ({RANK} and nullif(current_setting('app.tenant_id', true), '') is null);"
    f" create policy w on note using ({TENANT} and {RANK});", Probe.NO_CONTEXT),
    "to be added": (READ + f"create policy i on note for insert with check ({RANK});", Probe.INSERT),
}  # fmt: skip


@pytest.mark.parametrize("policies", ASKING.values(), ids=ASKING)
def test_a_session_that_says_what_policies_ask_for_has_its_own_rows(bed: Bed, policies: str) -> None:
    found = bed.outcomes(PROTECTED + policies)

    assert set(found.values()) == {Outcome.ISOLATED}


@pytest.mark.parametrize(("policies", "probe"), OPEN.values(), ids=OPEN)
def test_what_opens_to_such_a_session_leaks(bed: Bed, policies: str, probe: Probe) -> None:
    assert bed.outcomes(PROTECTED + policies)[probe] is Outcome.LEAK


def test_what_no_session_can_say_is_still_an_outage(bed: Bed) -> None:
    found = bed.outcomes(PROTECTED + f"create policy p on note using ({TENANT} and {RANK} and false);")

    assert found[Probe.OWN] is Outcome.BLOCKED


def test_a_tenant_that_policies_name_is_none_of_the_made_up_ones(bed: Bed) -> None:
    script = """create role app_user login; create table org (id int primary key, name text);
      create table doc (id int primary key, org_id int not null references org, body text);
      alter table org enable row level security; alter table doc enable row level security;
      grant select, insert, update, delete on doc to app_user;
      create policy p on doc to app_user using (org_id = 1);"""
    toml = '[tenancy]\nroot = "org"\ncolumn = "org_id"\napp_roles = ["app_user"]\n'
    cells = [c for c in bed.proven(script, toml=toml).cells if (c.table.name, c.probe) == ("doc", Probe.OWN)]

    assert [cell.outcome for cell in cells] == [Outcome.INCONCLUSIVE]
    assert "mean no made-up one" in cells[0].why
