"""What an app role can become, own or was granted; job roles that it cannot become are left in peace."""

from typing import Any

import psycopg
import pytest

from checks.bypass import app_role_owner, app_role_privileged, connected_role
from checks.declared_grants import expected_grant
from checks.powers import container_owner
from checks.privileges import default_privileges, public_grant, schema_create, truncate
from tests.fix_examples import facts_of
from tests.fix_world import BOUND, KEY, counted, grant, judged, member, said, tenant_table, world
from validate_schema.model.catalog import (
    Column,
    ConnectedRole,
    DefaultPrivileges,
    Function,
    QName,
    Role,
    Schema,
)
from validate_schema.model.contract import Contract, ExpectedGrant, ExpectedTable
from validate_schema.model.finding import Flaw, ObjectRef, Remedy, Severity
from validate_schema.model.tenancy import TableClass

NO_LOCK = "none on rows: only privileges change"
OWNER = Role("app_owner")


def app(*memberships: object, **attributes: bool) -> Role:
    return Role("app_user", login=True, member_of=memberships, **attributes)  # type: ignore[arg-type]


# BYP001


def test_an_app_role_that_bypasses_row_security_is_found_with_its_cure() -> None:
    _, (finding,) = judged(app_role_privileged, world(roles=(app(superuser=True, bypassrls=True),)))

    assert (
        finding.severity,
        finding.object,
        finding.message,
        finding.expected,
        finding.observed,
        finding.remedy,
    ) == (
        Severity.ERROR,
        ObjectRef("role", name="app_user"),
        "App role app_user has SUPERUSER and BYPASSRLS",
        "NOSUPERUSER and NOBYPASSRLS",
        "SUPERUSER and BYPASSRLS",
        Remedy(
            sql=('ALTER ROLE "app_user" NOSUPERUSER NOBYPASSRLS;',),
            note="Holds for statements from then on, in open sessions too. Let maintenance log in with a role of its own.",
            lock=NO_LOCK,
        ),
    )


def test_every_way_to_a_privileged_role_is_cut_and_no_other_membership() -> None:
    roles = (
        app(member("team"), member("ops")),
        Role("team", member_of=(member("admin"),)),
        Role("ops", member_of=(member("admin"), member("readers"))),
        Role("readers"),
        Role("admin", bypassrls=True),
    )
    result, (finding,) = judged(app_role_privileged, world(roles=roles))

    assert (result.examined, result.passed) == (5, 4)
    assert finding.message == "app_user as admin has BYPASSRLS: the app role app_user may SET ROLE to admin"
    assert finding.object == ObjectRef("role", name="app_user as admin")
    assert finding.remedy == Remedy(
        sql=('REVOKE "admin" FROM "ops";', 'REVOKE "admin" FROM "team";'),
        note="All members of ops, team lose admin with it.",
        lock=NO_LOCK,
    )


@pytest.mark.parametrize(
    "memberships",
    [
        pytest.param((member("admin", set_role=False),), id="inherited without SET"),
        pytest.param((member("team", set_role=False),), id="no SET on the first step"),
        pytest.param((), id="a job role of its own"),
    ],
)
def test_a_bypassing_role_that_the_app_cannot_become_is_no_finding(memberships: tuple[object, ...]) -> None:
    roles = (
        app(*memberships),
        Role("team", member_of=(member("admin"),)),
        Role("admin", bypassrls=True),
        Role("nightly", bypassrls=True, member_of=(member("app_user"),)),
    )

    assert counted(app_role_privileged, world(roles=roles)) == ("passed", 1, 1, 0, 0)


def test_a_role_without_inherit_can_still_be_become() -> None:
    roles = (app(member("admin", inherit=False), inherit=False), Role("admin", superuser=True))

    assert said(app_role_privileged, world(roles=roles)) == [
        "error: app_user as admin has SUPERUSER: the app role app_user may SET ROLE to admin"
    ]


def test_memberships_in_a_circle_end() -> None:
    roles = (app(member("a")), Role("a", member_of=(member("b"),)), Role("b", member_of=(member("a"),)))

    assert counted(app_role_privileged, world(roles=roles)) == ("passed", 3, 3, 0, 0)


def test_an_app_role_that_does_not_exist_was_not_examined_and_did_not_pass() -> None:
    result, findings = judged(app_role_privileged, world(app_roles=("app_user", "ghost")))

    assert (result.status, result.examined, result.passed, result.skipped) == ("skipped", 2, 1, 1)
    assert (result.reason, findings) == ("role ghost does not exist in this database's cluster", ())


def test_without_app_roles_there_is_nothing_to_examine() -> None:
    assert counted(app_role_privileged, world(app_roles=())) == ("not_applicable", 0, 0, 0, 0)


# BYP002


def test_an_app_role_that_owns_a_table_under_unforced_row_security_is_an_error() -> None:
    facts = world(tenant_table(owner="app_user", row_security=True, policies=(BOUND,)))
    root, subject = app_role_owner.subjects(facts)

    assert app_role_owner(root, facts) is None
    assert app_role_owner(subject, facts) == Flaw(
        message="App role app_user owns invoice, so its policies do not hold for app_user",
        expected="an owner that no app role is or can act as",
        observed="owner app_user, row security not forced",
        severity=Severity.ERROR,
        remedy=Remedy(
            note='At once: ALTER TABLE "public"."invoice" FORCE ROW LEVEL SECURITY; then decide which role should own '
            "the table (the one that runs migrations, never one the app can act as): GRANT SELECT, INSERT, UPDATE, "
            'DELETE ON "public"."invoice" TO "app_user"; ALTER TABLE "public"."invoice" OWNER TO that role.'
        ),
    )


@pytest.mark.parametrize(
    ("fields", "state", "severity"),
    [
        pytest.param(
            {"row_security": True, "force_row_security": True},
            "forced",
            Severity.ERROR,
            id="forced, until the owner says otherwise",
        ),
        pytest.param({}, "off", Severity.WARNING, id="off: RLS001 says so"),
    ],
)
def test_owning_it_at_all_is_told(fields: dict[str, Any], state: str, severity: Severity) -> None:
    _, (finding,) = judged(app_role_owner, world(tenant_table(owner="app_user", **fields)))

    assert (finding.severity, finding.message, finding.observed) == (
        severity,
        "App role app_user owns invoice and can change or drop its policies",
        f"owner app_user, row security {state}",
    )


@pytest.mark.parametrize(
    ("roles", "how"),
    [
        pytest.param((app(member("app_owner")), OWNER), "may SET ROLE to app_owner", id="member"),
        pytest.param(
            (app(member("app_owner", set_role=False)), OWNER),
            "is a member of app_owner",
            id="inherited without SET",
        ),
        pytest.param(
            (app(member("app_owner", inherit=False)), OWNER),
            "may SET ROLE to app_owner",
            id="SET without inheriting",
        ),
        pytest.param(
            (app(member("app_owner", inherit=False, set_role=False, admin=True)), OWNER),
            "may grant itself app_owner by ADMIN OPTION",
            id="ADMIN alone",
        ),
        pytest.param(
            (app(member("team")), Role("team", member_of=(member("app_owner"),)), OWNER),
            "may SET ROLE to app_owner",
            id="chain",
        ),
    ],
)
def test_the_owners_rights_by_membership_count_as_owning(roles: tuple[Role, ...], how: str) -> None:
    tables = [tenant_table(n, row_security=True, force_row_security=True) for n in ("invoice", "note")]

    _, (finding,) = judged(app_role_owner, world(*tables, roles=roles))

    assert (finding.severity, finding.object) == (
        Severity.ERROR,
        ObjectRef("role", name="app_user as app_owner"),
    )
    assert finding.message == (
        f"App role app_user {how}, which owns organization, invoice, note, and can change or drop their policies"
    )
    assert 'REVOKE "app_owner" FROM ' in finding.remedy.note


@pytest.mark.parametrize(
    "roles",
    [
        pytest.param(
            (app(member("app_owner", set_role=False, inherit=False)), OWNER), id="neither SET nor inherit"
        ),
        pytest.param(
            (
                app(member("team", set_role=False)),
                Role("team", member_of=(member("app_owner", inherit=False),)),
                OWNER,
            ),
            id="SET behind a role that is only inherited",
        ),
        pytest.param((app(), Role("app_owner", member_of=(member("app_user"),))), id="the other way round"),
    ],
)
def test_a_membership_that_gives_no_rights_is_no_finding(roles: tuple[Role, ...]) -> None:
    assert counted(app_role_owner, world(tenant_table(row_security=True), roles=roles)) == (
        "passed",
        2,
        2,
        0,
        0,
    )


# BYP007, BYP008


def test_privileges_past_the_policies_name_who_gave_them() -> None:
    columns = (
        Column("id", "uuid", grants=(grant("app_user", "REFERENCES", "SELECT"),)),
        Column("org_id", "uuid"),
    )
    table = tenant_table(
        columns=columns, grants=(grant("app_owner", "TRUNCATE"), grant("team", "INSERT", "TRUNCATE"))
    )
    facts = world(table, roles=(app(member("team")), Role("team"), OWNER))

    _, (finding,) = judged(truncate, facts)

    assert (finding.object, finding.severity, finding.message, finding.observed, finding.remedy) == (
        ObjectRef("privilege", "public", "invoice", "app_user"),
        Severity.ERROR,
        "App role app_user holds REFERENCES and TRUNCATE on invoice, which no policy restrains",
        'TRUNCATE to team; REFERENCES ("id") to app_user',
        Remedy(
            sql=(
                'REVOKE TRUNCATE ON TABLE "public"."invoice" FROM "team";',
                'REVOKE REFERENCES ("id") ON TABLE "public"."invoice" FROM "app_user";',
            ),
            note="All members of team lose them with it.",
            lock=NO_LOCK,
        ),
    )


@pytest.mark.parametrize(
    "grants",
    [
        pytest.param((grant("app_user", "DELETE", "INSERT", "SELECT", "UPDATE"),), id="row privileges"),
        pytest.param((grant("PUBLIC", "TRUNCATE"),), id="PUBLIC is BYP008's"),
        pytest.param((grant("nightly", "TRUNCATE"),), id="a role of no concern"),
        pytest.param((grant("app_owner", "TRUNCATE", "TRIGGER"),), id="the owner's own"),
    ],
)
def test_ordinary_privileges_are_no_finding(grants: tuple[object, ...]) -> None:
    roles = (app(member("app_owner")), OWNER, Role("nightly"))

    assert counted(truncate, world(tenant_table(grants=grants), roles=roles)) == ("passed", 2, 2, 0, 0)


@pytest.mark.parametrize("word", ["REFERENCES", "MAINTAIN"])
def test_what_neither_shows_nor_takes_rows_is_a_warning(word: str) -> None:
    facts = world(tenant_table(grants=(grant("app_user", word),)))

    assert said(truncate, facts) == [
        f"warning: App role app_user holds {word} on invoice, which no policy restrains"
    ]


@pytest.mark.parametrize(
    ("login", "severity"), [pytest.param(False, "warning", id="web"), pytest.param(True, "error", id="login")]
)
def test_truncate_of_a_role_that_only_the_gateway_becomes_is_a_warning(login: bool, severity: str) -> None:
    roles = (Role("anon"), Role("authenticated", login=login), Role("service_role", bypassrls=True), OWNER)
    table = tenant_table(grants=(grant("authenticated", "SELECT", "TRUNCATE"),))
    functions = (Function("auth", "uid", "", "app_owner", "sql"),)
    facts = world(table, roles=roles, app_roles=("authenticated",), functions=functions)

    assert [m.partition(":")[0] for m in said(truncate, facts)] == [severity]


def test_privileges_on_roots_details_and_partitions_count() -> None:
    held = (grant("app_user", "TRUNCATE"),)
    whole = tenant_table("invoice", kind="partitioned")
    part = tenant_table("invoice_2026", parent=whole.qname, grants=held)
    detail = tenant_table("line", columns=(KEY,), grants=held)
    facts = world(whole, part, detail, classes={"line": TableClass.INHERITED})

    assert [f.object.table for f in judged(truncate, facts)[1]] == ["invoice_2026", "line"]


def test_what_public_holds_is_given_to_the_app_before_it_is_taken_from_all() -> None:
    columns = (KEY, Column("org_id", "uuid"), Column("note", "text", grants=(grant("PUBLIC", "UPDATE"),)))
    table = tenant_table(
        columns=columns, grants=(grant("PUBLIC", "INSERT", "SELECT", "TRUNCATE"), grant("app_user", "SELECT"))
    )

    _, (finding,) = judged(public_grant, world(table))

    assert (finding.severity, finding.message, finding.observed, finding.remedy.sql) == (
        Severity.ERROR,
        "PUBLIC holds INSERT, SELECT, TRUNCATE and UPDATE on invoice",
        'INSERT, SELECT, TRUNCATE, UPDATE ("note") to PUBLIC',
        (
            'GRANT INSERT, UPDATE ("note") ON TABLE "public"."invoice" TO "app_user";',
            'REVOKE INSERT, SELECT, TRUNCATE, UPDATE ("note") ON TABLE "public"."invoice" FROM PUBLIC;',
        ),
    )


def test_a_global_table_may_be_public() -> None:
    country = tenant_table("country", grants=(grant("PUBLIC", "SELECT"),))

    assert (
        counted(public_grant, world(country, classes={"country": TableClass.GLOBAL}))[0] == "not_applicable"
    )


# BYP009


@pytest.mark.parametrize(
    ("connected", "app_roles", "found"),
    [
        pytest.param(
            ConnectedRole("postgres", superuser=True),
            (),
            [
                "warning: Validated as postgres, a superuser, and no app role is known: whether the policies hold "
                "for the app is unproven"
            ],
            id="superuser",
        ),
        pytest.param(
            ConnectedRole("audit", bypassrls=True),
            (),
            [
                "warning: Validated as audit, a role with BYPASSRLS, and no app role is known: whether the policies "
                "hold for the app is unproven"
            ],
            id="BYPASSRLS",
        ),
        pytest.param(ConnectedRole("postgres", superuser=True), ("app_user",), [], id="app role known"),
        pytest.param(ConnectedRole("app_user"), (), [], id="subject to policies"),
    ],
)
def test_policies_are_unproven_when_only_a_bypassing_role_is_known(
    connected: ConnectedRole, app_roles: tuple[str, ...], found: list[str]
) -> None:
    facts = world(connected=connected, app_roles=app_roles)

    assert said(connected_role, facts) == found
    assert counted(connected_role, facts)[1] == 1


# BYP010, BYP011


def test_public_and_the_app_are_two_findings_in_one_schema() -> None:
    public = Schema("public", "app_owner", (grant("PUBLIC", "CREATE", "USAGE"), grant("team", "CREATE")))
    facts = world(schemas=(public,), roles=(app(member("team")), Role("team"), OWNER))

    result, findings = judged(schema_create, facts)

    assert result.examined == 2
    assert [(f.object, f.message, f.remedy.sql) for f in findings] == [
        (
            ObjectRef("schema", "public", name="PUBLIC"),
            "PUBLIC may CREATE in schema public",
            ('REVOKE CREATE ON SCHEMA "public" FROM PUBLIC;',),
        ),
        (
            ObjectRef("schema", "public", name="app_user"),
            "App role app_user may CREATE in schema public",
            ('REVOKE CREATE ON SCHEMA "public" FROM "team";',),
        ),
    ]


@pytest.mark.parametrize(
    ("settings", "examined"),
    [
        pytest.param((), ["public PUBLIC", "public app_user"], id="the default path"),
        pytest.param(
            ('search_path="$user", "My App", pg_catalog',),
            ["My App PUBLIC", "My App app_user", "app_user PUBLIC", "app_user app_user"],
            id="the role's own path",
        ),
    ],
)
def test_only_searched_schemas_are_examined(settings: tuple[str, ...], examined: list[str]) -> None:
    names = ("My App", "app_user", "elsewhere", "public") if settings else ("elsewhere", "public")
    facts = world(
        schemas=tuple(Schema(name, "app_owner") for name in names),
        roles=(Role("app_user", settings=settings), OWNER),
    )

    assert [f"{s.schema.name} {s.role}" for s in schema_create.subjects(facts)] == examined


def test_an_app_role_that_owns_an_empty_schema_on_its_path_needs_another_owner() -> None:
    roles = (Role("app_user", login=True, settings=("search_path=mine",)), OWNER)
    facts = world(schemas=(Schema("mine", "app_user", (grant("app_user", "CREATE", "USAGE"),)),), roles=roles)

    _, (finding,) = judged(schema_create, facts)

    assert (finding.observed, finding.remedy.sql, finding.remedy.note) == (
        "owner app_user",
        (),
        'app_user owns the schema: ALTER SCHEMA "mine" OWNER TO a role that the app cannot act as.',
    )


def test_an_app_role_that_owns_a_schema_of_the_tenants_is_told_once() -> None:
    public = Schema("public", "app_user", (grant("app_user", "CREATE", "USAGE"),))
    facts = world(tenant_table(), schemas=(public,))

    assert said(schema_create, facts) == []
    assert said(container_owner, facts) == [
        "error: App role app_user owns schema public and can drop what lies there with every tenant's rows"
    ]


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        pytest.param(("search_path=staging, public",), True, id="its own path"),
        pytest.param((), False, id="the usual path"),
    ],
)
def test_a_schema_on_the_path_of_another_role_counts(settings: tuple[str, ...], found: bool) -> None:
    staging = Schema("staging", "app_owner", (grant("app_user", "CREATE", "USAGE"),))
    roles = (app(), OWNER, Role("nightly", login=True, bypassrls=True, settings=settings))

    assert (
        said(schema_create, world(schemas=(staging,), roles=roles))
        == ["error: App role app_user may CREATE in schema staging, which nightly searches too"] * found
    )


def test_default_privileges_for_public_concern_tables_alone() -> None:
    given = (grant("PUBLIC", "SELECT"),)
    facts = world(
        default_privileges=(
            DefaultPrivileges("app_owner", 'the "app"', "tables", given),
            DefaultPrivileges("app_owner", None, "tables", (grant("app_user", "SELECT"),)),
            DefaultPrivileges("app_owner", None, "functions", (grant("PUBLIC", "EXECUTE"),)),
        )
    )

    result, (finding,) = judged(default_privileges, facts)

    assert (result.examined, result.passed) == (2, 1)
    assert finding.message == (
        'PUBLIC will be granted SELECT on every table that app_owner creates in schema the "app"'
    )
    assert finding.remedy.sql == (
        'ALTER DEFAULT PRIVILEGES FOR ROLE "app_owner" IN SCHEMA "the ""app""" REVOKE SELECT ON TABLES FROM PUBLIC;',
    )


# BYP012


def declared(role: str, *privileges: str) -> Contract:
    return Contract(
        tables=(ExpectedTable(name="invoice", grants=(ExpectedGrant(role=role, privileges=privileges),)),)
    )


@pytest.mark.parametrize(
    ("grants", "expected"),
    [
        pytest.param((grant("app_user", "INSERT", "SELECT"),), ("SELECT", "INSERT"), id="direct"),
        pytest.param(
            (grant("team", "SELECT"), grant("PUBLIC", "INSERT")), ("select", "insert"), id="by any way"
        ),
        pytest.param((), (), id="none"),
        pytest.param(
            (
                grant(
                    "app_user",
                    "DELETE",
                    "INSERT",
                    "MAINTAIN",
                    "REFERENCES",
                    "SELECT",
                    "TRIGGER",
                    "TRUNCATE",
                    "UPDATE",
                ),
            ),
            ("ALL",),
            id="all",
        ),
    ],
)
def test_privileges_as_declared_pass(grants: tuple[object, ...], expected: tuple[str, ...]) -> None:
    facts = world(
        tenant_table(grants=grants),
        roles=(app(member("team")), Role("team"), OWNER),
        contract=declared("app_user", *expected),
    )

    assert counted(expected_grant, facts) == ("passed", 1, 1, 0, 0)


def test_more_and_fewer_are_put_right_where_they_come_from() -> None:
    columns = (KEY, Column("org_id", "uuid", grants=(grant("app_user", "SELECT", "UPDATE"),)))
    table = tenant_table(columns=columns, grants=(grant("team", "DELETE", "INSERT"),))
    facts = world(
        table,
        roles=(app(member("team")), Role("team"), OWNER),
        contract=declared("app_user", "SELECT", "INSERT"),
    )

    _, (finding,) = judged(expected_grant, facts)

    assert (finding.object, finding.message, finding.expected, finding.observed, finding.remedy) == (
        ObjectRef("privilege", "public", "invoice", "app_user"),
        "Privileges of app_user on invoice: DELETE and UPDATE is more than declared; SELECT is missing",
        "INSERT, SELECT",
        'DELETE, INSERT to team; SELECT ("org_id"), UPDATE ("org_id") to app_user',
        Remedy(
            sql=(
                'GRANT SELECT ON TABLE "public"."invoice" TO "app_user";',
                'REVOKE DELETE ON TABLE "public"."invoice" FROM "team";',
                'REVOKE UPDATE ("org_id") ON TABLE "public"."invoice" FROM "app_user";',
            ),
            note="Others lose what is revoked from team as well.",
            lock=NO_LOCK,
        ),
    )


def test_what_an_owner_holds_cannot_be_revoked() -> None:
    table = tenant_table(owner="app_user", grants=(grant("app_user", "SELECT", "UPDATE"),))

    _, (finding,) = judged(expected_grant, world(table, contract=declared("app_user", "SELECT")))

    assert (finding.remedy.sql, finding.remedy.note) == (
        (),
        "What app_user holds as owner can only be taken by giving the table another owner.",
    )


def test_a_role_that_does_not_exist_holds_nothing() -> None:
    _, (finding,) = judged(expected_grant, world(tenant_table(), contract=declared("ghost", "SELECT")))

    assert (finding.observed, finding.remedy) == (
        "no privilege",
        Remedy(note="Role ghost does not exist here: create it, or correct the contract."),
    )


def test_public_can_be_declared_and_is_spelled_either_way() -> None:
    table = tenant_table(grants=(grant("PUBLIC", "SELECT"), grant("app_user", "INSERT")))

    assert said(expected_grant, world(table, contract=declared("public", "SELECT"))) == []


def test_a_contract_for_a_table_in_another_schema_is_about_that_table() -> None:
    there = tenant_table("invoice", "Billing", grants=(grant("app_user", "SELECT"),))
    expected = ExpectedTable(
        name="invoice", schema="Billing", grants=(ExpectedGrant(role="app_user", privileges=("INSERT",)),)
    )

    _, (finding,) = judged(expected_grant, world(there, contract=Contract(tables=(expected,))))

    assert finding.message.startswith("Privileges of app_user on Billing.invoice: ")
    assert there.qname == QName("Billing", "invoice")


# Real roles: what is said agrees with what the server lets them do.

OWNED = """
create table organization (id int primary key);
create table invoice (id int primary key, org_id int not null references organization (id));
insert into organization values (1);
insert into invoice values (1, 1);
create policy nobody on invoice using (false);
alter table invoice enable row level security;
create role app_user login;
create role keeper noinherit;
create role team;
alter table invoice owner to keeper;
grant select on invoice to app_user;
"""
INTEGERS = '[tenancy]\nroot = "organization"\ncolumn = "org_id"\napp_roles = ["app_user"]'


@pytest.mark.parametrize(
    "membership",
    [
        pytest.param("grant keeper to app_user", id="member"),
        pytest.param("grant team to app_user; grant keeper to team", id="chain"),
        pytest.param("alter role app_user noinherit; grant keeper to app_user", id="noinherit"),
        pytest.param("select", id="no member"),
        pytest.param("grant app_user to keeper", id="the other way round"),
    ],
)
def test_whether_an_owners_rights_are_reached_agrees_with_the_server(
    any_conn: "psycopg.Connection[Any]", membership: str
) -> None:
    any_conn.execute(OWNED)
    any_conn.execute(membership)

    assert bool(said(app_role_owner, facts_of(any_conn, INTEGERS))) == reaches_hidden_rows(any_conn)


@pytest.mark.pg(">= 16")
@pytest.mark.parametrize(
    "options", ["set false, inherit true", "set true, inherit false", "set false, inherit false"]
)
def test_membership_options_agree_with_the_server(conn: "psycopg.Connection[Any]", options: str) -> None:
    conn.execute(OWNED)
    conn.execute(f"grant keeper to app_user with {options}")

    assert bool(said(app_role_owner, facts_of(conn, INTEGERS))) == reaches_hidden_rows(conn)


def reaches_hidden_rows(conn: "psycopg.Connection[Any]") -> bool:
    """Tell whether a session of the app role gets at the row, as itself or as the owner."""
    conn.execute("set session authorization app_user")
    counts = [conn.execute("select count(*) from invoice").fetchone()]
    try:
        conn.execute("set role keeper")
        counts.append(conn.execute("select count(*) from invoice").fetchone())
    except psycopg.errors.InsufficientPrivilege:
        pass
    conn.execute("reset session authorization")
    return (1,) in counts


@pytest.mark.pg(">= 16")
def test_a_bypassing_role_that_was_granted_without_set_cannot_be_become(
    conn: "psycopg.Connection[Any]",
) -> None:
    conn.execute(OWNED)
    conn.execute("create role admin bypassrls; grant admin to app_user with set false, inherit true")
    assert said(app_role_privileged, facts_of(conn, INTEGERS)) == []

    conn.execute("grant admin to app_user with set true")
    assert said(app_role_privileged, facts_of(conn, INTEGERS)) == [
        "error: app_user as admin has BYPASSRLS: the app role app_user may SET ROLE to admin"
    ]


def test_a_path_of_a_role_that_is_bound_too_is_a_warning() -> None:
    staging = Schema("staging", "app_owner", (grant("app_user", "CREATE", "USAGE"),))
    roles = (app(), OWNER, Role("peer", login=True, settings=("search_path=staging",)))
    facts = world(schemas=(staging,), roles=roles)

    assert [m.partition(":")[0] for m in said(schema_create, facts)] == ["warning"]


@pytest.mark.parametrize(
    ("schemas", "severity"),
    [
        pytest.param((), "warning", id="nowhere to create"),
        pytest.param(
            (Schema("mine", "app_user", (grant("app_user", "CREATE"),)),), "error", id="its own schema"
        ),
        pytest.param(
            (Schema("public", "app_owner", (grant("PUBLIC", "CREATE"),)),), "error", id="everybody's"
        ),
    ],
)
def test_references_tell_which_rows_exist_where_tables_can_be_made(
    schemas: tuple[Schema, ...], severity: str
) -> None:
    facts = world(tenant_table(grants=(grant("app_user", "REFERENCES"),)), schemas=schemas)

    assert [m.partition(":")[0] for m in said(truncate, facts)] == [severity]
