"""`fleet --prove`: what the roles of one member reach of another's rows, on a copy, with rows that are there."""

from pathlib import Path

import psycopg
import pytest

from tests.fix_cli import Terminal
from tests.fix_fleet import HOSTILE
from validate_schema import fleet
from validate_schema.model.crossing import MemberProof
from validate_schema.model.fleet import FleetReport
from validate_schema.scratch import Database
from validate_schema.sql.ident import quote_ident

Conn = psycopg.Connection[object]
VERBS = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE")


def make(conn: Conn, *names: str) -> None:
    for name in names:
        schema, role = quote_ident(name), quote_ident(f"{name}_app"[:63])
        conn.execute(
            f"create schema {schema}; create role {role} login; grant usage on schema {schema} to {role};"
            f" create table {schema}.invoice (id bigint primary key, total numeric not null);"
            f" create table {schema}.line (id bigint primary key, invoice_id bigint not null"
            f" references {schema}.invoice (id));"
            f" grant select, insert, update, delete on all tables in schema {schema} to {role}".encode()
        )


def proven(database: Database, **more: str) -> FleetReport:
    return fleet(
        database_url=database.conninfo, **{"schemas": "tenant%", "select": "FLT014", "prove": True} | more
    )  # type: ignore[arg-type]


def of(report: FleetReport, member: str) -> MemberProof:
    (proof,) = (p for p in report.proofs if p.member == member)
    return proof


def outcomes(proof: MemberProof, table: str) -> dict[str, str]:
    return {a.verb: a.outcome for a in proof.attempted if a.table.name == table}


def test_what_is_refused_was_held_because_a_superuser_met_the_row(database: Database, conn: Conn) -> None:
    make(conn, "tenant_a", "tenant_b", "tenant_c")
    report = proven(database)
    proof = of(report, "tenant_a")
    assert (proof.member, proof.other, proof.roles) == ("tenant_a", "tenant_b", ("tenant_a_app",))
    assert outcomes(proof, "invoice") == dict.fromkeys(VERBS, "held")
    assert outcomes(proof, "line") == dict.fromkeys(VERBS, "held")
    assert (report.findings, report.open_checks) == ((), ())


@pytest.mark.parametrize(
    ("granted", "verb"),
    [
        ("select on tenant_b.invoice", "SELECT"),
        ("select (total) on tenant_b.invoice", "SELECT"),
        ("insert on tenant_b.invoice", "INSERT"),
        ("update (total) on tenant_b.invoice", "UPDATE"),
        ("delete on tenant_b.line", "DELETE"),
        ("truncate on tenant_b.line", "TRUNCATE"),
    ],
    ids=str,
)
def test_each_verb_is_told_for_itself(database: Database, conn: Conn, granted: str, verb: str) -> None:
    make(conn, "tenant_a", "tenant_b", "tenant_c")
    conn.execute(f"grant usage on schema tenant_b to tenant_a_app; grant {granted} to tenant_a_app".encode())
    report = proven(database, reference="tenant_c")
    proof = of(report, "tenant_a")
    reached = {(a.verb, a.table.name): a for a in proof.attempted if a.outcome == "reached"}
    assert {v for v, _ in reached} == {verb}
    (attempt,) = reached.values()
    assert attempt.ways == ("by name", "by search_path")
    (found,) = report.findings
    assert (found.level, "tenant_a_app reached rows of tenant_b" in found.finding.message) == ("error", True)
    assert report.verdict.exit_status == 1


def shared(conn: Conn, *names: str) -> None:
    """Members of one application role, as most have them."""
    conn.execute("create role app login")
    for name in names:
        schema = quote_ident(name)
        conn.execute(
            f"create schema {schema}; grant usage on schema {schema} to app;"
            f" create table {schema}.invoice (id bigint primary key, total numeric not null);"
            f" grant select, insert, update, delete on {schema}.invoice to app".encode()
        )


def test_one_role_for_all_members_is_told_as_what_it_is(database: Database, conn: Conn) -> None:
    shared(conn, "tenant_a", "tenant_b", "tenant_c")
    report = proven(database)
    (proof,) = report.proofs
    assert outcomes(proof, "invoice") == dict.fromkeys(VERBS[:4], "reached") | {"TRUNCATE": "held"}
    assert [f.finding.check for f in proven(database, select="TBL005").findings] == ["FLT014"]
    assert proven(database, select="TBL005", ignore="FLT014").findings == ()
    (found,) = report.findings
    assert (found.level, found.finding.message.endswith("search_path alone keeps tenants apart")) == (
        "warning",
        True,
    )
    assert (report.verdict.exit_status, proven(database, fail_on="warning").verdict.exit_status) == (0, 1)


def test_a_role_that_is_become_for_a_tenant_is_held_and_the_one_that_becomes_it_is_not(
    database: Database, conn: Conn
) -> None:
    shared(conn)
    conn.execute("alter role app noinherit")
    for name in ("tenant_a", "tenant_b"):
        conn.execute(
            f"create role {name}; grant {name} to app; create schema {name}; grant usage on schema {name} to {name};"
            f" create table {name}.invoice (id bigint primary key);"
            f" grant select, insert, update, delete on {name}.invoice to {name}".encode()
        )
    proof = of(proven(database), "tenant_a")
    ways = {a.ways for a in proof.attempted if a.outcome == "reached"}
    assert ways == {("by SET ROLE tenant_b",)}
    assert {(a.role, a.via) for a in proof.attempted} == {("app", "tenant_a")}


def test_the_rows_of_shared_tables_are_tried_where_they_lead_to_the_tenants_table(
    database: Database, conn: Conn
) -> None:
    shared(conn, "tenant_a", "tenant_b", "tenant_c")
    conn.execute(
        """
        create table public.client (id bigint primary key, schema_name varchar(63) not null unique);
        insert into public.client values (1, 'tenant_a'), (2, 'tenant_b'), (3, 'tenant_c');
        create table public.domain (id bigint primary key, client_id bigint not null references public.client (id));
        create table public.price (id bigint primary key);
        alter table public.domain enable row level security;
        create policy own on public.domain using (client_id = (
          select id from public.client where schema_name = current_schema()));
        grant select on public.client, public.domain to app;
        """
    )
    report = proven(database)
    (proof,) = report.proofs
    assert report.control is not None
    assert (report.control.table, report.control.column) == ("client", "schema_name")
    assert outcomes(proof, "client")["SELECT"] == "reached"
    assert [a.ways for a in proof.attempted if a.table.name == "domain" and a.verb == "SELECT"] == [
        ("by search_path",)
    ]
    assert any("price" in note for note in proof.notes)


def test_a_verb_that_met_no_row_is_not_tried_and_nothing_passes_for_it(
    database: Database, conn: Conn
) -> None:
    make(conn, "tenant_a", "tenant_b")
    for name in ("tenant_a", "tenant_b"):
        conn.execute(
            f"create rule nothing as on insert to {name}.line do instead nothing;"
            f" alter table {name}.line enable always rule nothing".encode()
        )
    report = proven(database)
    proof = of(report, "tenant_a")
    assert outcomes(proof, "line") == dict.fromkeys(VERBS, "not tried")
    assert outcomes(proof, "invoice") == dict.fromkeys(VERBS, "held")
    assert report.verdict.exit_status == 3


def test_what_a_superuser_cannot_do_either_is_not_held(database: Database, conn: Conn) -> None:
    make(conn, "tenant_a", "tenant_b")
    for name in ("tenant_a", "tenant_b"):
        conn.execute(
            f"create rule kept as on delete to {name}.line do instead nothing;"
            f" alter table {name}.line enable always rule kept".encode()
        )
    proof = of(proven(database), "tenant_a")
    assert outcomes(proof, "line") == dict.fromkeys(VERBS, "held") | {"DELETE": "not tried"}
    (why,) = {a.why for a in proof.attempted if a.outcome == "not tried"}
    assert why.startswith("the self-check failed")


def test_a_policy_that_goes_by_the_search_path_is_met_by_bare_names(database: Database, conn: Conn) -> None:
    shared(conn, "tenant_a", "tenant_b")
    for name in ("tenant_a", "tenant_b"):
        conn.execute(
            f"alter table {name}.invoice enable row level security;"
            f" create policy own on {name}.invoice using (current_schema() = '{name}')".encode()
        )
    proof = of(proven(database), "tenant_a")
    (read,) = (a for a in proof.attempted if a.verb == "SELECT")
    assert (read.outcome, read.ways) == ("reached", ("by search_path",))
    assert ('"tenant_b"."invoice"' in read.statements[-2], '"invoice"' in read.statements[-2]) == (
        False,
        True,
    )


def test_members_may_be_called_anything(database: Database, conn: Conn) -> None:
    shared(conn, *HOSTILE)
    (proof,) = proven(database, schemas="/.*/", exclude={"public": "shared"}).proofs  # type: ignore[arg-type]
    assert outcomes(proof, "invoice") == dict.fromkeys(VERBS[:4], "reached") | {"TRUNCATE": "held"}


def test_members_without_a_role_are_not_proven(database: Database, conn: Conn) -> None:
    conn.execute("create schema tenant_a; create schema tenant_b; create table tenant_a.x (id int)")
    conn.execute("create table tenant_b.x (id int)")
    report = proven(database)
    assert "no role but a superuser" in report.proofs[0].reason
    assert report.verdict.exit_status == 3


def test_what_was_reached_is_reproduced_by_its_statements(database: Database, conn: Conn) -> None:
    shared(conn, "tenant_a", "tenant_b")
    (proof,) = proven(database).proofs
    for attempt in (a for a in proof.attempted if a.verb == "SELECT"):
        *before, statement, end = attempt.statements
        with database.connect() as again:
            for each in before[1:]:
                again.execute(each.encode())
            assert again.execute(statement.encode()).fetchall()
            assert end == "rollback"


def test_every_format_holds_what_was_reached(database: Database, conn: Conn, terminal: Terminal) -> None:
    shared(conn, "tenant_a", "tenant_b")
    told = {
        "csv": "4,1,0",
        "json": '"reached"',
        "prom": 'validate_schema_fleet_proof{outcome="reached"} 4',
        "txt": "proof: as roles of tenant_a on tenant_b: 4 reached, 1 held, 0 not tried",
        "html": "4 reached",
        "md": "4 reached",
        "sarif": "FLT014",
        "xml": "FLT014",
    }
    reports = [word for ending in told for word in ("--report", f"fleet.{ending}")]
    asked = ("fleet", "--database-url", database.conninfo, "--schemas", "tenant%", "--select", "FLT014")
    ran = terminal.run(*asked, "--prove", *reports)
    assert ran.status == 0, ran.err
    missing = {
        ending for ending, text in told.items() if text not in Path(f"fleet.{ending}").read_text("utf-8")
    }
    assert missing == set()


def test_databases_and_shards_are_refused(terminal: Terminal, database: Database) -> None:
    asked = ("fleet", "--database-url", database.conninfo, "--prove")
    for more in (("--databases", "x%"), ("--schemas", "t%", "--shard", "1/2", "--report", "p.json")):
        ran = terminal.run(*asked, *more)
        assert (ran.status, ran.err.count("\n"), "--prove" in ran.err) == (2, 1, True)


def test_where_nothing_could_be_tried_nothing_is_passed(database: Database, conn: Conn) -> None:
    make(conn, "tenant_a")
    conn.execute("create schema tenant_b")
    report = proven(database)
    proof = of(report, "tenant_a")
    assert (proof.attempted, proof.reason) == ((), "the other member has no table: nothing was tried")
    assert any(
        check.check == "FLT014" and "tenant_a: the other member has no table" in check.reason
        for check in report.open_checks
    )
