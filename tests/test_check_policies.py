"""Policies that leak are one error that names the table and the branch; healthy ones are none."""

import pytest

from tests.fix_bench import Bench, execute
from tests.fix_examples import facts_of, survives
from tests.fix_guarded import CONTEXT, TABLE, found
from validate_schema.engine import run
from validate_schema.model.finding import Finding, Severity
from validate_schema.packs import builtin_checks

CHECKS = tuple(c for c in builtin_checks() if c.family in ("RLS", "BYP"))
OWN = f"org_id = (select {CONTEXT})"


def errors(bench: Bench, script: str) -> list[Finding]:
    """Return the errors of every check of row security and of ways around it."""
    with bench.open(script) as conn:
        execute(conn, script)
        return [f for f in run(CHECKS, facts_of(conn)).findings if f.severity is Severity.ERROR]


def policy(using: str = "", check: str = "", head: str = "") -> str:
    using = f" using ({using})" if using else ""
    check = f" with check ({check})" if check else ""
    return f"{TABLE} create policy p on invoice {head}{using}{check};"


BAD = {
    "true": ("RLS005", policy("true"), "true"),
    "insert check true": (
        "RLS006",
        policy(OWN, head="for select") + "create policy w on invoice for insert with check (true);",
        "true",
    ),
    "check true": ("RLS006", policy(OWN, "true"), "true"),
    "check drops the tenant": ("RLS006", policy(OWN, "is_public"), "is_public"),
    "or true": ("RLS005", policy(f"{OWN} or true"), "true"),
    "or tautology": ("RLS005", policy(f"{OWN} or 1 = 1"), "1 = 1"),
    "or not null": ("RLS005", policy(f"{OWN} or org_id is not null"), "org_id IS NOT NULL"),
    "or public": ("RLS005", policy(f"{OWN} or is_public"), "is_public"),
    "coalesce": ("RLS007", policy(f"org_id = coalesce({CONTEXT}, org_id)"), "COALESCE"),
    "case": ("RLS007", policy(f"case when {CONTEXT} is null then true else {OWN} end"), ""),
    "unset": ("RLS007", policy(f"current_setting('app.tenant_id', true) is null or {OWN}"), "IS NULL"),
    "empty": ("RLS007", policy(f"current_setting('app.tenant_id', true) = '' or {OWN}"), "''"),
    "admin flag": (
        "RLS005",
        policy(f"{OWN} or current_setting('app.is_admin', true) = 'on'"),
        "app.is_admin",
    ),
    "inverted": ("RLS005", policy(f"org_id <> {CONTEXT}"), "<>"),
    "wrong column": ("RLS005", policy(f"id = {CONTEXT}"), "id = "),
    "column is itself": ("RLS005", policy("org_id = org_id"), "org_id = org_id"),
    "uncorrelated exists": (
        "RLS005",
        policy(f"exists (select 1 from organization o where o.id = {CONTEXT})"),
        "EXISTS",
    ),
    "captured sub-select": (
        "RLS005",
        policy(f"exists (select 1 from organization o where org_id = org_id and o.id = {CONTEXT})"),
        "EXISTS",
    ),
    "fixed tenant": (
        "RLS005",
        policy("org_id = '00000000-0000-4000-8000-000000000001'"),
        "00000000-0000-4000-8000-000000000001",
    ),
    "another setting": ("RLS005", policy("org_id::text = current_setting('app.org', true)"), "app.org"),
    "like": ("RLS007", policy("org_id::text like current_setting('app.tenant_id', true) || '%'"), "~~"),
    "second permissive policy": (
        "RLS005",
        policy(OWN) + "create policy open on invoice for select using (is_public);",
        "is_public",
    ),
    "open policy of a role that the app can become": (
        "RLS005",
        policy(OWN)
        + "create role support; grant support to app_user; create policy open on invoice to support using (true);",
        "true",
    ),
    "delete of any row": (
        "RLS006",
        policy(OWN, head="for select") + "create policy d on invoice for delete using (true);",
        "true",
    ),
}
HEALTHY = {
    "to public": policy(OWN),
    "unwrapped": policy(f"org_id = {CONTEXT}"),
    "compared as text": policy("org_id::text = current_setting('app.tenant_id', true)"),
    "with check": policy(OWN, OWN, "to app_user"),
    "helper": f"create function current_org() returns uuid language sql stable as $$ select {CONTEXT} $$;"
    + policy("org_id = current_org()"),
    "restrictive floor": policy("true") + f"create policy floor on invoice as restrictive using ({OWN});",
    "user within tenant": policy(f"{OWN} and id::text = current_setting('app.user_id', true)"),
    "commands apart": policy(OWN, head="for select")
    + f"create policy w on invoice for insert with check ({OWN});",
    "own public rows": policy(f"{OWN} and (is_public or amount > 0)"),
    "job role": policy(OWN) + "create role job bypassrls; grant select on invoice to job;",
    "lookup table": policy(OWN)
    + "create table country (code text primary key); grant select on country to app_user;",
    "touch trigger": policy(OWN)
    + """create function touch() returns trigger language plpgsql security definer set search_path = '' as
         $$ begin new.amount := 1; return new; end $$;
         create trigger touch before update on invoice for each row execute function touch();""",
    "tenant-filtered function": policy(OWN)
    + f"""create function total() returns numeric language sql stable security definer
          as $$ select sum(amount) from invoice where org_id = {CONTEXT} $$;""",
    "partitions": f"""
        create table event (id bigint, org_id uuid not null references organization (id), at date)
            partition by range (at);
        create table event_1 partition of event for values from ('2026-01-01') to ('2027-01-01');
        alter table event enable row level security, force row level security;
        create policy own on event using ({OWN});
        grant select on event to app_user;
    """,
    "inherited through a parent": f"""{policy(OWN)}
        create table line (id uuid primary key, invoice_id uuid not null references invoice (id));
        alter table line enable row level security, force row level security;
        create policy own on line using (exists (select 1 from invoice i where i.id = invoice_id));
        grant select, insert on line to app_user;
    """,
    "root by its own key": f"""{policy(OWN)}
        alter table organization enable row level security, force row level security;
        create policy own on organization using (id = (select {CONTEXT}));
        grant select on organization to app_user;
    """,
    "security-invoker view": policy(OWN)
    + "create view listing with (security_invoker) as select * from invoice; grant select on listing to app_user;",
}


@pytest.mark.parametrize(("id", "script", "branch"), BAD.values(), ids=BAD)
def test_a_policy_that_leaks_is_one_error_that_names_the_table_and_the_branch(
    bench: Bench, id: str, script: str, branch: str
) -> None:
    (error,) = errors(bench, script)

    assert error.check == id
    assert "invoice" in error.message
    assert branch in error.message


@pytest.mark.parametrize(("id", "script"), [(id, script) for id, script, _ in BAD.values()], ids=BAD)
def test_the_remedy_of_a_leaking_policy_cures_it(bench: Bench, id: str, script: str) -> None:
    assert survives(bench, id, script) == []


@pytest.mark.parametrize("script", HEALTHY.values(), ids=HEALTHY)
def test_a_healthy_policy_is_no_error(bench: Bench, script: str) -> None:
    assert [f.message for f in errors(bench, script)] == []


def test_a_policy_that_cannot_be_decided_is_an_info_and_not_examined_elsewhere(bench: Bench) -> None:
    helper = "create function may(uuid) returns boolean language plpgsql stable as $$ begin execute ''; return true; end $$;"
    script = helper + policy("may(org_id)")

    (said,) = found(bench, "RLS014", script, "")
    assert said.startswith("info: Policy p on invoice could not be decided: ")
    assert "may" in said
    assert found(bench, "RLS005", script, "") == []


@pytest.mark.parametrize("id", ["RLS010", "RLS011"])
def test_a_helper_without_arguments_is_wrapped_and_a_strict_one_left_to_a_person(
    bench: Bench, id: str
) -> None:
    script = (
        "create function current_org() returns uuid language sql stable as"
        " $$ select current_setting('app.tenant_id')::uuid $$;" + policy("org_id = current_org()")
    )

    assert len(found(bench, id, script, "")) == 1
    assert survives(bench, "RLS011", script) == []


def test_a_setting_of_a_user_within_the_tenant_is_no_other_name_of_the_tenant(bench: Bench) -> None:
    script = policy(OWN) + (
        "create policy own on invoice as restrictive using (id::text = current_setting('app.user_id', true));"
    )

    assert found(bench, "RLS009", script, "") == []


@pytest.mark.parametrize("key", ["uuid", "bigint", "text"])
def test_camel_case_and_any_type_of_key_are_healthy(bench: Bench, key: str) -> None:
    script = f"""
        create table "Tenant" (id {key} primary key);
        create table "Invoice" (id {key} primary key, "tenantId" {key} not null references "Tenant" (id));
        alter table "Invoice" enable row level security, force row level security;
        create policy "Own" on "Invoice"
            using ("tenantId" = nullif(current_setting('app.tenant_id', true), '')::{key});
        grant select, insert on "Invoice" to app_user;
    """
    toml = """
        [tenancy]
        root = "Tenant"
        column = "tenantId"
        setting = "app.tenant_id"
        app_roles = ["app_user"]
    """
    with bench.open(script) as conn:
        execute(conn, script)
        outcome = run(CHECKS, facts_of(conn, toml))

    assert [f.message for f in outcome.findings if f.severity is Severity.ERROR] == []
    assert {r.id: r.examined for r in outcome.results}["RLS005"] == 1
