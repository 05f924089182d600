"""`validate-schema fleet`: who is a member, who is not like the others, and how it ends."""

import json
from xml.etree import ElementTree

import psycopg
import pytest

from tests.fix_cli import Terminal
from tests.fix_fleet import HOSTILE, make_members, mutate
from validate_schema.scratch import Database

TENANTS = tuple(f"tenant_{n}" for n in range(6))
FLEET = ("fleet", "--schemas", "tenant_%")


@pytest.fixture
def fleet(database: Database, terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> Database:
    """Six schemas that are alike."""
    monkeypatch.setenv("DATABASE_URL", database.conninfo)
    with database.connect() as conn:
        make_members(conn, TENANTS)
        conn.commit()
    return database


def change(fleet: Database, *changes: tuple[str, str]) -> None:
    with fleet.connect() as conn:
        for member, statement in changes:
            mutate(conn, statement, member)
        conn.commit()


def test_members_that_are_alike_pass_and_are_one_line(fleet: Database, terminal: Terminal) -> None:
    ran = terminal.run(*FLEET)
    assert ran.status == 0
    assert ran.out.splitlines()[0] == "PASS: 6 of 6 members are as the reference"
    assert "6 members, the reference" in ran.out


def test_a_member_that_differs_is_named_with_what_differs(fleet: Database, terminal: Terminal) -> None:
    change(fleet, ("tenant_3", "alter table {0}.account add column note text"))
    ran = terminal.run(*FLEET)
    assert ran.status == 1
    assert ran.out.splitlines()[0] == (
        "DRIFT: 5 of 6 members are as the reference (1 member differs from the reference)"
    )
    assert "1 difference: tenant_3\n  + column account.note: nothing -> text\n" in ran.out


def test_the_reference_may_be_named(fleet: Database, terminal: Terminal) -> None:
    change(fleet, ("tenant_3", "alter table {0}.account add column note text"))
    ran = terminal.run(*FLEET, "--reference", "tenant_3")
    assert "reference: tenant_3 (it was named)" in ran.out
    assert "1 of 6 members is as the reference (5 members differ" in ran.out
    wrong = terminal.run(*FLEET, "--reference", "tenant_33")
    assert (wrong.status, 'did you mean "tenant_' in wrong.err) == (2, True)


def test_what_the_control_table_expects_is_held_against_what_is_there(
    fleet: Database, terminal: Terminal
) -> None:
    names = "select 'tenant_' || n from generate_series(1, 7) n"
    ran = terminal.run(*FLEET, "--expected", names, "--format", "json")
    rows = {row["name"]: row for row in json.loads(ran.out)["members"]}
    assert ran.status == 1
    assert {name for name, row in rows.items() if row["state"] == "absent"} == {"tenant_6", "tenant_7"}
    assert {name for name, row in rows.items() if row.get("expected") is False} == {"tenant_0"}


def test_a_member_is_left_out_with_a_reason_alone(fleet: Database, terminal: Terminal) -> None:
    change(fleet, ("tenant_3", "drop table {0}.event"))
    ran = terminal.run(*FLEET, "--exclude", "tenant_3=it is being moved")
    assert (ran.status, "left out: tenant_3 (it is being moved)" in ran.out) == (0, True)
    assert terminal.run(*FLEET, "--exclude", "tenant_3").status == 2


def test_a_fleet_without_a_member_is_never_passed(fleet: Database, terminal: Terminal) -> None:
    ran = terminal.run("fleet", "--schemas", "nobody_%")
    assert (ran.status, ran.out.splitlines()[0][:10]) == (3, "INCOMPLETE")


def test_members_may_be_found_by_a_query(fleet: Database, terminal: Terminal) -> None:
    ran = terminal.run("fleet", "--schemas-query", "select unnest(array['tenant_1', 'tenant_2', 'gone'])")
    assert ran.out.startswith("PASS: 2 of 2")
    writing = terminal.run("fleet", "--schemas-query", "drop schema tenant_1 cascade")
    assert writing.status == 2
    assert terminal.run(*FLEET).out.startswith("PASS: 6 of 6")


def test_members_may_be_matched_by_a_regular_expression(fleet: Database, terminal: Terminal) -> None:
    assert terminal.run("fleet", "--schemas", "/_[12]$/").out.startswith("PASS: 2 of 2")
    assert terminal.run("fleet", "--schemas", "/_[/").status == 2


def test_hostile_names_are_names(
    database: Database, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database.conninfo)
    with database.connect() as conn:
        make_members(conn, HOSTILE)
        mutate(conn, "drop index {0}.invoice_account", "line\nbreak")
        conn.commit()
    ran = terminal.run("fleet", "--schemas", "/./", "--exclude", "public=shared", "--format", "json")
    report = json.loads(ran.out)
    odd = [row["name"] for row in report["members"] if row["state"] != "alike"]
    assert (ran.status, odd) == (1, ["line\nbreak"])
    shown = terminal.run("fleet", "--schemas", "/./", "--exclude", "public=shared")
    assert "- index invoice.invoice_account" in shown.out
    assert "line\nbreak" not in shown.out


def test_databases_are_members(fleet: Database, terminal: Terminal) -> None:
    url = fleet.conninfo
    rows = f'one,"{url}"\ntwo,"{url}"\n'
    terminal.write("fleet.csv", rows)
    assert terminal.run("fleet", "--targets", "fleet.csv").out.startswith("PASS: 2 of 2")
    both = terminal.run("fleet", "--targets", "fleet.csv", "--schemas", "tenant_%")
    assert both.out.startswith("PASS: 12 of 12")
    assert "one/tenant_0" in both.out


def test_a_database_that_cannot_be_examined_is_told_and_the_rest_judged(
    fleet: Database, terminal: Terminal
) -> None:
    url = psycopg.conninfo.make_conninfo(fleet.conninfo, dbname="not_there")
    terminal.write(
        "fleet.csv", f'one,"{fleet.conninfo}"\ntwo,"{url}"\nthree,"host=127.0.0.1 port=1 dbname=x"\n'
    )
    ran = terminal.run("fleet", "--targets", "fleet.csv")
    assert ran.status == 3
    assert ran.out.splitlines()[0] == (
        "INCOMPLETE: 1 of 3 members is as the reference (2 members could not be examined)"
    )
    assert "two: cannot connect" in ran.out
    assert "there is no such database" in ran.out
    assert "nothing listens there" in ran.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("fleet",), "which are the members?"),
        (("fleet", "--databases", "a%", "--targets-query", "select 1"), "name different databases"),
        ((*FLEET, "--schemas-query", "select nope"), "does not exist"),
        ((*FLEET, "--format", "docx"), "known are"),
    ],
)
def test_bad_input_ends_with_two(
    fleet: Database, terminal: Terminal, arguments: tuple[str, ...], said: str
) -> None:
    ran = terminal.run(*arguments)
    assert (ran.status, said in ran.err) == (2, True), ran.err


def test_another_order_of_columns_is_no_difference(fleet: Database, terminal: Terminal) -> None:
    change(
        fleet,
        (
            "tenant_2",
            "alter table {0}.invoice drop column days; alter table {0}.invoice add column days {0}.span",
        ),
        ("tenant_4", "create table {0}.a (x integer, y integer references {0}.account (id), unique (y, x))"),
        ("tenant_5", "create table {0}.a (y integer references {0}.account (id), x integer, unique (y, x))"),
    )
    ran = terminal.run(*FLEET)
    assert "shape" in ran.out
    assert "2 members, 1 difference: tenant_4, tenant_5" in ran.out
    assert ran.out.startswith("DRIFT: 4 of 6 members")


def test_a_name_with_an_underscore_leaves_out_that_member_alone(
    database: Database, terminal: Terminal
) -> None:
    with database.connect() as conn:
        make_members(conn, ("tenant_1", "tenantX1"))
        conn.commit()
    ran = terminal.run(
        "fleet", "--database-url", database.conninfo, "--schemas", "tenant%", "--exclude", "tenant_1=moving"
    )
    assert ran.out.splitlines()[0] == "PASS: 1 of 1 members is as the reference"


def test_what_of_the_catalog_could_not_be_read_is_no_pass_though_no_member_has_a_tenant_inside(
    database: Database, terminal: Terminal
) -> None:
    with database.connect(autocommit=True) as conn:
        make_members(conn, ("tenant_1", "tenant_2"))
        conn.execute("revoke select on pg_catalog.pg_auth_members from public")
        conn.execute("create role reader login")
    url = psycopg.conninfo.make_conninfo(database.conninfo, user="reader")
    ran = terminal.run("fleet", "--database-url", url, "--schemas", "tenant_%", "--select", "FLT003")
    assert ran.status == 3, ran.out
    assert "memberships of roles" in ran.out
    junit = terminal.run(
        "fleet", "--database-url", url, "--schemas", "tenant_%", "--select", "FLT003", "--format", "junit"
    )
    verdict = ElementTree.fromstring(junit.out).find(".//testcase[@name='verdict']/error")
    assert verdict is not None


def test_the_gate_of_the_config_is_the_fleets_as_well(fleet: Database, terminal: Terminal) -> None:
    with fleet.connect(autocommit=True) as conn:
        conn.execute(
            f"create role everywhere login; grant usage on schema {', '.join(TENANTS)} to everywhere"
        )
    selected = (*FLEET, "--select", "FLT003")
    assert terminal.run(*selected).status == 0
    (terminal.folder / "validate-schema.toml").write_text('[report]\nfail_on = "warning"\n')
    assert terminal.run(*selected).status == 1
    assert terminal.run(*selected, "--fail-on", "error").status == 0
