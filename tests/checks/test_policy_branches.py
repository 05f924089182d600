"""What the analysis says of policies, check by check, and what mends them."""

import pytest

from tests.fix_bench import Bench, execute
from tests.fix_examples import facts_of, flaws_of, look, survives
from tests.fix_guarded import CONTEXT, TABLE, found
from tests.fix_leaks import BAD, BASE, TOML, Defect
from validate_schema.checking.engine import run
from validate_schema.checking.packs import builtin_checks
from validate_schema.model.finding import Severity

OWN = f"org_id = (select {CONTEXT})"
CURED = ("RLS005", "RLS006", "RLS007", "RLS008")
HELPER = "helper with a default tenant"
OPEN = {name: defect for name, defect in BAD.items() if defect.check in CURED and name != HELPER}


def policy(using: str) -> str:
    return f"{TABLE} create policy p on invoice using ({using});"


@pytest.mark.parametrize("defect", OPEN.values(), ids=OPEN)
def test_the_remedy_of_a_leaking_policy_cures_it(bench: Bench, defect: Defect) -> None:
    assert survives(bench, defect.check, BASE + defect.script, TOML) == []


def test_a_helper_that_opens_a_policy_is_not_what_mends_it(bench: Bench) -> None:
    (flaw,) = flaws_of(bench, "RLS007", BASE + BAD[HELPER].script, TOML)

    assert flaw.remedy.sql == ()
    assert "current_org()" in flaw.remedy.note


def test_a_policy_that_cannot_be_decided_is_told_once_and_counts_everywhere(bench: Bench) -> None:
    helper = "create function may(uuid) returns boolean language plpgsql stable as $$ begin execute format('select %L', $1); return true; end $$;"
    script = helper + policy("may(org_id)")

    (said,) = found(bench, "RLS014", script, "")
    assert said.startswith("warning: Policy p on invoice could not be decided: ")
    assert "may" in said
    assert found(bench, "RLS005", script, "") == []
    reads, told = (look(bench, id, BASE + script, TOML).result for id in ("RLS005", "RLS014"))
    assert [(r.status, r.examined - r.passed, r.failed, r.undecided) for r in (reads, told)] == [
        ("undecided", 1, 0, 1)
    ] * 2


OPEN_IF = f"org_id = (select {CONTEXT}) or current_setting('app.x', true) = '1'"


def test_a_policy_that_is_open_for_reading_does_not_count_as_bound_for_writing(bench: Bench) -> None:
    script = policy(OPEN_IF)
    told, counted = (look(bench, id, BASE + script, TOML).result for id in ("RLS005", "RLS006"))

    assert (told.status, told.failed) == ("failed", 1)
    assert (counted.failed, counted.undecided, counted.passed) == (0, 1, counted.examined - 1)


OPEN_TO = {
    "all commands": ("using (true) with check (true)", "read and write other tenants' rows"),
    "all that are shown": (f"using ({OPEN_IF})", "read and write other tenants' rows"),
    "all but what is written": (f"using (true) with check ({OWN})", "read and write other tenants' rows"),
    "reading": ("for select using (true)", "read other tenants' rows"),
}


@pytest.mark.parametrize(("rest", "effect"), OPEN_TO.values(), ids=OPEN_TO)
def test_what_an_open_policy_lets_be_done_is_said(bench: Bench, rest: str, effect: str) -> None:
    (said,) = found(bench, "RLS005", f"{TABLE} create policy p on invoice {rest};", "")

    assert said.startswith(f"error: Policy p on invoice lets app_user {effect}: ")


HEARD = {
    "a notice": "raise notice 'look %', t; return true;",
    "a warning with an option": "raise warning using message = t; return true;",
    "an error": "if t = '' then raise exception '%', t; end if; return true;",
    "a written row": "insert into heard values (t); return true;",
    "news": "perform pg_notify('heard', t); return true;",
    "by another": "perform say(t); return true;",
    "a text": "execute 'insert into heard values ($1)' using t; return true;",
}
MUTE = {
    "a number": "return length(t) > 0;",
    "a fixed notice": "raise notice 'look'; return true;",
}


@pytest.mark.parametrize("body", [*HEARD.values(), *MUTE.values()], ids=[*HEARD, *MUTE])
def test_a_function_that_looks_at_rows_for_a_policy_keeps_them_to_itself(bench: Bench, body: str) -> None:
    helpers = (
        "create table heard (t text); create function say(t text) returns void language plpgsql as"
        " $$ begin raise notice '%', t; end $$;"
        f" create function seen(t text) returns boolean language plpgsql as $$ begin {body} end $$;"
    )
    own, status = f"org_id = (select {CONTEXT})", "undecided" if body in HEARD.values() else "passed"

    for given, expected in (("id::text", status), ("'x'", "passed")):
        script = helpers + policy(f"{own} and seen({given})")
        assert look(bench, "RLS005", BASE + script, TOML).result.status == expected


@pytest.mark.parametrize(
    ("status", "using"),
    [
        pytest.param("undecided", f"id::text::date is null and org_id = {CONTEXT}", id="dearer"),
        pytest.param("passed", f"id::text::date is null and org_id = (select {CONTEXT})", id="cheaper"),
        pytest.param("passed", f"id::text > 'a' and org_id = {CONTEXT}", id="no failure"),
    ],
)
def test_what_fails_on_other_tenants_rows_runs_after_what_hides_them(
    bench: Bench, status: str, using: str
) -> None:
    assert look(bench, "RLS005", BASE + policy(using), TOML).result.status == status


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
        drop table organization;
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
        outcome = run(builtin_checks(), facts_of(conn, toml))

    assert [f.message for f in outcome.findings if f.severity is Severity.ERROR] == []
    assert {r.id: r.examined for r in outcome.results}["RLS005"] == 1
