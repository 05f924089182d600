"""Policies that ask for members of another column than the tenant's."""

import pytest

from tests.fix_bench import Bench
from tests.fix_examples import look

CONFIG = '[tenancy]\nroot = "organization"\ncolumn = "org_id"\napp_roles = ["app_user"]\n'
ME = "(select nullif(current_setting('app.user', true), '')::uuid)"
SCHEMA = f"""
create table member (org_id uuid not null references organization (id), user_id uuid not null, primary key (org_id, user_id));
alter table member enable row level security; alter table member force row level security;
create policy own on member for select using (user_id = {ME});
create table app (id text primary key, org_id uuid not null references organization (id));
create table history (id int primary key, app_id text not null references app (id), owner_org uuid not null, buyer_org uuid);
alter table history enable row level security; alter table history force row level security;
grant select on member, history to app_user;
create policy members on history for select using ({{}});
"""
OF_OWNER = f"exists (select 1 from member m where m.user_id = {ME} and m.org_id = history.owner_org)"
OF_ANY = f"exists (select 1 from member m where m.user_id = {ME})"


@pytest.mark.parametrize(
    ("condition", "severity", "undecided"),
    [
        (OF_OWNER.replace(" m ", " ").replace("m.", "member."), "warning", True),
        (
            OF_OWNER.replace("= history.owner_org", "= any (array[history.owner_org, history.buyer_org])"),
            "warning",
            True,
        ),
        (OF_ANY, "error", False),
        (f"{OF_ANY} or history.owner_org is null", "error", False),
    ],
    ids=[
        "of a column that nothing ties",
        "of one of two parties",
        "of any tenant",
        "of any tenant, beside the column",
    ],
)
def test_a_column_that_may_hold_the_tenant_leaves_it_open(
    bench: Bench, condition: str, severity: str, undecided: bool
) -> None:
    found = look(bench, "RLS018", SCHEMA.format(condition), CONFIG).findings

    assert [(str(f.severity), f.undecided) for f in found] == [(severity, undecided)]
