"""Whom policies let in, and what stands open beside a protected table."""

import pytest

from tests.fix_bench import Bench, execute
from tests.fix_examples import check_of, findings
from tests.fix_guarded import CONTEXT, TABLE, found
from validate_schema.model.finding import Finding, Severity

pytestmark = pytest.mark.every_server

OWN = f"using (org_id = (select {CONTEXT}));"
LEFT_OUT = "error: No permissive policy on invoice applies to app_user, who may use it: it sees no row and can write none"
LEAVES_OUT = {
    "another role": f"create policy own on invoice to app_owner {OWN}",
    "restrictive only": f"create policy own on invoice as restrictive {OWN}",
    "another locked out": f"create role clerk; create policy own on invoice as restrictive {OWN}"
    " create policy nobody on invoice as restrictive to clerk using (false);",
}
LETS_IN = {
    "public": f"create policy own on invoice {OWN}",
    "the role": f"create policy own on invoice to app_user {OWN}",
    "a group": f"create role staff; grant staff to app_user; create policy own on invoice to staff {OWN}",
    "one command": f"create policy own on invoice for select {OWN}",
    "nobody uses it": f"revoke all on invoice from app_user; create policy own on invoice to app_owner {OWN}",
    "no policy at all": "",
    "locked out in so many words": "create policy nobody on invoice as restrictive using (false) with check (false);",
    "locked out of every verb": "create policy r on invoice as restrictive for select to app_user using (false);"
    "create policy w on invoice as restrictive for insert to app_user with check (false);",
}
PARTITIONED = f"""
create table event (id bigint, org_id uuid not null references organization (id), at date) partition by range (at);
create table event_1 partition of event for values from ('2026-01-01') to ('2027-01-01') partition by list (id);
create table event_1_a partition of event_1 default;
alter table event enable row level security;
alter table event force row level security;
create policy own on event {OWN}
grant select on event to app_user;
"""
CHILD = "create table archived () inherits (invoice);"


@pytest.mark.parametrize("script", LEAVES_OUT.values(), ids=LEAVES_OUT)
def test_a_role_that_no_policy_admits_is_one_error(bench: Bench, script: str) -> None:
    assert found(bench, "RLS012", script, TABLE) == [LEFT_OUT]


@pytest.mark.parametrize("script", LETS_IN.values(), ids=LETS_IN)
def test_a_role_that_is_let_in_or_not_meant_to_be_is_no_finding(bench: Bench, script: str) -> None:
    assert found(bench, "RLS012", script, TABLE) == []


def test_a_partition_that_the_app_may_use_is_one_error_at_any_depth(bench: Bench) -> None:
    script = PARTITIONED + "grant select (id) on event_1_a to app_user;"

    assert found(bench, "RLS013", script, "") == [
        "error: event_1_a, a partition of event, is open to app_user past the policies of event"
    ]


@pytest.mark.parametrize(
    "script",
    ["", "grant select on event_1 to app_user; alter table event_1 enable row level security;"],
    ids=["no privilege", "row security of its own"],
)
def test_a_partition_behind_its_table_is_no_finding(bench: Bench, script: str) -> None:
    assert found(bench, "RLS013", PARTITIONED + script, "") == []


@pytest.mark.parametrize(
    ("policy", "grant", "errors"),
    [
        pytest.param("using (true)", "grant select on event_1_a to app_user;", 1, id="open"),
        pytest.param("using (true)", "", 0, id="open, and not used"),
        pytest.param(
            "to app_owner using (true)", "grant select on event_1_a to app_user;", 0, id="another's"
        ),
        pytest.param(OWN.rstrip(";"), "grant select on event_1_a to app_user;", 0, id="the tenant's"),
    ],
)
def test_the_policies_of_a_partition_are_judged_where_it_is_used(
    bench: Bench, policy: str, grant: str, errors: int
) -> None:
    own = (
        f"alter table event_1_a enable row level security; create policy part on event_1_a {policy}; {grant}"
    )

    assert len(found(bench, "RLS005", PARTITIONED + own, "")) == errors
    assert found(bench, "RLS013", PARTITIONED + own, "") == []


def test_an_open_inheritance_child_is_one_error_of_this_check_alone(bench: Bench) -> None:
    script = f"create policy own on invoice {OWN} {CHILD} grant select on archived to public;"

    assert found(bench, "RLS013", script, TABLE) == [
        "error: archived, an inheritance child of invoice, is open to app_user past the policies of invoice"
    ]
    assert found(bench, "RLS001", script, TABLE) == []


PLATFORM = f"""
create role anon; create role authenticated; create role service_role bypassrls; create role supabase_auth_admin login;
create schema auth; create function auth.uid() returns uuid language sql stable as $$ select null::uuid $$;
create table invoice (id bigint primary key, org_id uuid not null references organization (id));
create table receipt (id bigint primary key, org_id uuid not null references organization (id));
alter table invoice enable row level security; alter table receipt enable row level security;
grant all on invoice, receipt to anon, authenticated;
create policy own on receipt {OWN}
"""
NAMED = "[tenancy]\nroot = 'organization'\ncolumn = 'org_id'\n"


def test_a_table_that_a_gateway_gives_no_row_of_is_the_servers_own(bench: Bench) -> None:
    (told,) = _inferred(bench, "RLS003", PLATFORM)
    (lost,) = _inferred(bench, "RLS003", f"{PLATFORM} create role app login; grant select on invoice to app;")

    assert (told.severity, told.remedy.steps) == (Severity.INFO, ())
    assert lost.severity is Severity.ERROR


def test_a_role_by_which_a_platform_works_is_no_app_role(bench: Bench) -> None:
    hook = "grant select on receipt to {0}; create policy hook on receipt for select to {0} using (true);"

    (told,) = _inferred(bench, "RLS005", PLATFORM + hook.format("supabase_auth_admin"))
    (open_,) = _inferred(bench, "RLS005", PLATFORM + hook.format("anon"))

    assert (told.severity, open_.severity) == (Severity.WARNING, Severity.ERROR)


def _inferred(bench: Bench, id: str, script: str) -> tuple[Finding, ...]:
    """Return the findings where the config names no app role."""
    with bench.open(script) as conn:
        execute(conn, script)
        return findings(check_of(id), conn, NAMED).findings
