"""Row security is on, forced and has a policy; what is denied on purpose is left in peace."""

from typing import Any

import pytest

from checks.declared_policies import expected_policy
from checks.row_security import enabled, forced, has_policy, policy_enabled
from tests.fix_examples import printed
from tests.fix_world import BOUND, KEY, counted, grant, judged, member, said, tenant_table, world
from validate_schema.checking.declare import Check
from validate_schema.facts.facts import Facts
from validate_schema.model.catalog import Column, Constraint, Policy, QName, Role, Table
from validate_schema.model.contract import Contract, ExpectedPolicy, ExpectedTable
from validate_schema.model.finding import Flaw, ObjectRef, Remedy, Severity
from validate_schema.model.tenancy import TableClass

LOCK = "ACCESS EXCLUSIVE for a moment each: only the catalog changes, no row is read"
SECURED: dict[str, Any] = {"row_security": True, "policies": (BOUND,)}
CONTEXT = "(SELECT nullif(current_setting('app.tenant_id', true), '')::uuid)"


def flaw_of(check: Check, facts: Facts) -> Flaw:
    """Return the flaw of the first tenant table, as a reader sees it."""
    verdict = check(facts.tenant_tables[0], facts)
    assert isinstance(verdict, Flaw)
    return printed(verdict)


def test_an_open_tenant_table_is_one_finding_with_the_policy_it_needs() -> None:
    facts = world(tenant_table(grants=(grant("app_user", "SELECT"),)))

    assert flaw_of(enabled, facts) == Flaw(
        message="Row security is off for invoice, which holds the rows of many tenants",
        expected="row security on and forced, with a policy that binds the tenant",
        observed="row security off, no policy",
        evidence="used by app_user",
        remedy=Remedy(
            sql=(
                f'CREATE POLICY "tenant_isolation" ON "public"."invoice" USING ("org_id" = {CONTEXT}) '
                f'WITH CHECK ("org_id" = {CONTEXT});',
                'ALTER TABLE "public"."invoice" ENABLE ROW LEVEL SECURITY;',
                'ALTER TABLE "public"."invoice" FORCE ROW LEVEL SECURITY;',
            ),
            note="From then on a session sees rows only after it has set app.tenant_id; see that the app does so first.",
            lock=LOCK,
        ),
    )


def test_policies_that_are_switched_off_are_one_finding_and_not_two() -> None:
    facts = world(tenant_table(policies=(BOUND,)), tenant_table("note"))

    assert said(enabled, facts) == [
        "error: Row security is off for note, which holds the rows of many tenants"
    ]
    assert said(policy_enabled, facts) == ["error: Row security is off for invoice: its policies do nothing"]


@pytest.mark.parametrize(
    "kind", [TableClass.GLOBAL, TableClass.EXEMPT, TableClass.LEDGER, TableClass.UNCLASSIFIED]
)
def test_tables_without_tenant_rows_need_no_row_security(kind: TableClass) -> None:
    assert counted(enabled, world(tenant_table(), classes={"invoice": kind})) == (
        "not_applicable",
        0,
        0,
        0,
        0,
    )


def test_partitions_are_judged_through_their_parent() -> None:
    parent = tenant_table(kind="partitioned")
    child = tenant_table("invoice_2026", parent=parent.qname)

    assert counted(enabled, world(parent, child)) == ("failed", 1, 0, 1, 0)


def test_without_a_tenancy_nobody_knows_which_tables_need_it() -> None:
    result, _ = judged(enabled, world(tenant_table(), identified=False))

    assert (result.status, result.reason) == (
        "skipped",
        "the tenant root and tenant column were not identified",
    )


def test_an_unknown_tenant_context_leaves_the_policy_to_a_person() -> None:
    _, (finding,) = judged(enabled, world(tenant_table(), setting=None))

    assert finding.remedy.sql == ()
    assert finding.remedy.note.startswith("The tenant context is not known. Set tenancy.setting")


@pytest.mark.parametrize(
    ("grants", "found"),
    [
        pytest.param((), [], id="nobody may use it"),
        pytest.param(
            (grant("app_user", "SELECT"),),
            ["error: Row security is off for invoice, which holds the rows of many tenants"],
            id="the app may",
        ),
    ],
)
def test_a_foreign_table_fails_only_while_somebody_may_use_it(
    grants: tuple[object, ...], found: list[str]
) -> None:
    facts = world(tenant_table(kind="foreign", grants=grants))

    assert said(enabled, facts) == found
    assert [f.remedy.sql for f in judged(enabled, facts)[1]] == [()] * len(found)


def test_unforced_row_security_is_a_warning_while_the_owner_is_no_app_role() -> None:
    facts = world(tenant_table(**SECURED))

    assert flaw_of(forced, facts) == Flaw(
        message="Row security is not forced for invoice: its policies do not hold for its owner app_owner",
        expected="FORCE ROW LEVEL SECURITY",
        observed="row security on, not forced",
        severity=Severity.WARNING,
        remedy=Remedy(
            sql=('ALTER TABLE "public"."invoice" FORCE ROW LEVEL SECURITY;',),
            note="Whatever runs as the owner (migrations, backfills, pg_dump) is filtered too from then on.",
            lock=LOCK,
        ),
    )


def test_an_owner_that_the_app_can_act_as_makes_it_an_error() -> None:
    table = tenant_table("shared", **SECURED)
    roles = (Role("app_user", login=True, member_of=(member("app_owner"),)), Role("app_owner"))

    assert said(forced, world(table, classes={"shared": TableClass.GLOBAL}, roles=roles)) == [
        "error: Row security is not forced for shared: its policies do not hold for its owner app_owner "
        "(app_user can act as it)"
    ]


def test_a_tenant_table_of_an_app_role_is_left_to_the_check_that_names_the_role() -> None:
    assert counted(forced, world(tenant_table(owner="app_user", **SECURED)))[0] == "not_applicable"


def test_forcing_is_said_to_be_void_for_a_superuser() -> None:
    facts = world(tenant_table(owner="postgres", **SECURED), roles=(Role("postgres", superuser=True),))

    _, (finding,) = judged(forced, facts)

    assert finding.remedy.note.startswith("postgres is a superuser, whom no policy ever holds back")


def test_a_table_denied_to_everybody_on_purpose_is_in_order() -> None:
    facts = world(
        tenant_table(row_security=True, grants=(grant("app_owner", "SELECT"), grant("job", "SELECT")))
    )

    assert counted(has_policy, facts) == ("passed", 1, 1, 0, 0)
    assert counted(forced, facts) == ("not_applicable", 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("fields", "users"),
    [
        pytest.param({"grants": (grant("app_user", "SELECT"),)}, "app_user", id="own grant"),
        pytest.param({"grants": (grant("PUBLIC", "SELECT"),)}, "app_user", id="through PUBLIC"),
        pytest.param({"grants": (grant("readers", "SELECT"),)}, "app_user", id="through a group"),
        pytest.param(
            {"columns": (KEY, Column("org_id", "uuid", grants=(grant("app_user", "UPDATE"),)))},
            "app_user",
            id="one column",
        ),
        pytest.param({"owner": "app_user"}, "app_user", id="as owner"),
    ],
)
def test_a_table_in_use_needs_a_policy(fields: dict[str, Any], users: str) -> None:
    roles = (Role("app_user", member_of=(member("readers"),)), Role("readers"), Role("app_owner"))
    facts = world(tenant_table(row_security=True, **fields), roles=roles)

    _, (finding,) = judged(has_policy, facts)

    assert finding.message == (
        "Row security is on for invoice and it has no policy: whoever is subject to it sees no row and can write none"
    )
    assert finding.observed == f"no policy; used by {users}"
    assert finding.remedy.sql[0].startswith('CREATE POLICY "tenant_isolation" ON "public"."invoice" USING ')


def test_without_a_known_app_role_only_roles_under_row_security_count_as_users() -> None:
    table = tenant_table(row_security=True, grants=(grant("job", "SELECT"),))
    roles = (Role("job", bypassrls=True), Role("app_owner"))

    assert said(has_policy, world(table, roles=roles, app_roles=())) == []

    subject_to_it = (Role("job"), Role("app_owner"))
    _, (finding,) = judged(has_policy, world(table, roles=subject_to_it, app_roles=()))

    assert finding.observed == "no policy; used by job"


def test_enabling_says_so_when_only_restrictive_policies_would_take_effect() -> None:
    floor = Policy("floor", "ALL", ("PUBLIC",), permissive=False, using="true")

    _, (finding,) = judged(policy_enabled, world(tenant_table(policies=(floor,))))

    assert finding.remedy.note == (
        "All its policies are restrictive: without a permissive one, enabling denies every row."
    )
    assert finding.remedy.sql == (
        'ALTER TABLE "public"."invoice" ENABLE ROW LEVEL SECURITY;',
        'ALTER TABLE "public"."invoice" FORCE ROW LEVEL SECURITY;',
    )


def declared(**fields: object) -> Contract:
    policy = ExpectedPolicy(name="tenant_isolation", **fields)  # type: ignore[arg-type]
    return Contract(tables=(ExpectedTable(name="invoice", policies=(policy,)),))


def in_force(**fields: object) -> Table:
    defaults: dict[str, Any] = {
        "command": "ALL",
        "roles": ("app_user",),
        "using": "(org_id = current_org())",
    }
    policy = Policy("tenant_isolation", **(defaults | fields))
    return tenant_table(row_security=True, policies=(policy,))


EXPECTED: dict[str, Any] = {"roles": ("app_user",), "using": "org_id = current_org()"}


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({}, id="the same, printed by the server"),
        pytest.param({"check": "(org_id = current_org())"}, id="USING spelled out as WITH CHECK"),
        pytest.param({"using": "((org_id) = (current_org()))"}, id="other parentheses"),
    ],
)
def test_a_policy_that_means_the_declared_one_passes(fields: dict[str, Any]) -> None:
    assert said(expected_policy, world(in_force(**fields), contract=declared(**EXPECTED))) == []


ALTER = 'ALTER POLICY "tenant_isolation" ON "public"."invoice" TO "app_user" USING (org_id = current_org())'


@pytest.mark.parametrize(
    ("fields", "difference", "sql"),
    [
        pytest.param(
            {"using": "true"}, "USING expression, WITH CHECK expression", (f"{ALTER};",), id="using"
        ),
        pytest.param(
            {"check": "true"},
            "WITH CHECK expression",
            (f"{ALTER} WITH CHECK (org_id = current_org());",),
            id="a check that cannot be dropped is set",
        ),
        pytest.param({"roles": ("PUBLIC",)}, "roles", (f"{ALTER};",), id="roles"),
        pytest.param(
            {"permissive": False},
            "kind",
            (
                'DROP POLICY "tenant_isolation" ON "public"."invoice";',
                'CREATE POLICY "tenant_isolation" ON "public"."invoice" FOR ALL TO "app_user" '
                "USING (org_id = current_org());",
            ),
            id="kind",
        ),
        pytest.param(
            {"command": "SELECT"},
            "command, WITH CHECK expression",
            (
                'DROP POLICY "tenant_isolation" ON "public"."invoice";',
                'CREATE POLICY "tenant_isolation" ON "public"."invoice" FOR ALL TO "app_user" '
                "USING (org_id = current_org());",
            ),
            id="command",
        ),
    ],
)
def test_a_policy_that_differs_says_in_what(
    fields: dict[str, Any], difference: str, sql: tuple[str, ...]
) -> None:
    _, (finding,) = judged(expected_policy, world(in_force(**fields), contract=declared(**EXPECTED)))

    assert (
        finding.message
        == f"Policy tenant_isolation on invoice differs from the declared one in its {difference}"
    )
    assert finding.expected == 'FOR ALL TO "app_user" USING (org_id = current_org())'
    assert finding.remedy.sql == sql


def test_a_missing_policy_is_created_as_declared() -> None:
    facts = world(tenant_table(), contract=declared(command="INSERT", check="org_id = current_org()"))

    _, (finding,) = judged(expected_policy, facts)

    assert (finding.object, finding.message, finding.observed, finding.remedy.sql) == (
        ObjectRef("policy", "public", "invoice", "tenant_isolation"),
        "Policy tenant_isolation on invoice is missing",
        "no policy of that name",
        (
            'CREATE POLICY "tenant_isolation" ON "public"."invoice" FOR INSERT TO PUBLIC '
            "WITH CHECK (org_id = current_org());",
        ),
    )


def test_a_role_that_is_not_there_is_to_be_created_first() -> None:
    facts = world(
        in_force(roles=("PUBLIC",)), contract=declared(roles=("nobody_yet",)), roles=(Role("app_owner"),)
    )

    _, (finding,) = judged(expected_policy, facts)

    assert finding.remedy.note == "Create the role first: nobody_yet."


def test_expressions_that_were_not_declared_are_not_compared() -> None:
    assert said(expected_policy, world(in_force(using="true"), contract=declared(roles=("app_user",)))) == []


def test_a_policy_on_a_table_that_is_not_there_is_the_missing_tables_finding() -> None:
    assert counted(expected_policy, world(contract=declared(**EXPECTED))) == ("not_applicable", 0, 0, 0, 0)


def test_an_inherited_table_says_whose_rows_its_policy_reads() -> None:
    key = Constraint(
        "line_fk",
        "foreign key",
        ("invoice_id",),
        references=QName("public", "invoice"),
        referenced_columns=("id",),
    )
    line = Table(
        "public",
        "line",
        "app_owner",
        columns=(KEY, Column("invoice_id", "uuid", not_null=True)),
        constraints=(key,),
    )
    facts = world(
        tenant_table(row_security=True, force_row_security=True, policies=(BOUND,)),
        line,
        classes={"line": TableClass.INHERITED},
        paths={"line": (QName("public", "invoice"),)},
    )

    _, (finding,) = judged(enabled, facts)

    assert finding.object == ObjectRef("table", "public", "line")
    assert finding.remedy.note.endswith("The policy reads invoice: the app role needs SELECT there.")
