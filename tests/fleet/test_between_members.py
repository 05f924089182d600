"""What the checks of a fleet say of what leads from one member to another, and of what only looks so."""

import psycopg
import pytest
from msgspec.structs import replace

from tests.fix_fleet import HOSTILE
from validate_schema import fleet
from validate_schema.catalog.reader import read_catalog
from validate_schema.checking.packs import builtin_checks
from validate_schema.facts.facts import Facts
from validate_schema.model.finding import Finding, Flaw, Severity
from validate_schema.model.fleet import DatabaseFacts, FleetScene, Member
from validate_schema.model.tenancy import Tenancy
from validate_schema.scratch import Database
from validate_schema.sql.ident import quote_ident

MEMBERS = ("tenant_a", "tenant_b", "tenant_c")


def make(conn: "psycopg.Connection[object]", *names: str) -> None:
    for name in map(quote_ident, names):
        conn.execute(
            f"create schema {name}; create table {name}.invoice (id bigint primary key, total numeric)".encode()
        )


def found(database: Database, *checks: str, schemas: str = "tenant%") -> list[Finding]:
    report = fleet(database_url=database.conninfo, schemas=schemas, select=",".join(checks))
    return [f.finding for f in report.findings]


@pytest.mark.parametrize(
    "statement",
    [
        "alter table tenant_b.invoice add foreign key (id) references tenant_a.invoice (id)",
        "create view tenant_b.bill as select i.id from tenant_a.invoice i",
        "create materialized view tenant_b.bill as select id from tenant_a.invoice",
        "create sequence tenant_a.numbers; alter table tenant_b.invoice alter id"
        " set default nextval('tenant_a.numbers')",
        "create function tenant_a.one() returns bigint language sql immutable as 'select 1::bigint';"
        " alter table tenant_b.invoice add check (id > tenant_a.one())",
        "create function tenant_a.one() returns bigint language sql immutable as 'select 1::bigint';"
        " create index on tenant_b.invoice ((id + tenant_a.one()))",
        "create policy own on tenant_b.invoice using (id in (select id from tenant_a.invoice))",
        "create type tenant_a.mood as enum ('sad'); alter table tenant_b.invoice add mood tenant_a.mood",
        "create function tenant_a.mark() returns trigger language plpgsql as 'begin return new; end';"
        " create trigger mark before insert on tenant_b.invoice for each row execute function tenant_a.mark()",
        "create rule copied as on insert to tenant_b.invoice do also insert into tenant_a.invoice values (new.id)",
        "create table tenant_b.child () inherits (tenant_a.invoice)",
        "create function tenant_b.sum() returns numeric language sql as 'select sum(total) from tenant_a.invoice'",
        "create function tenant_b.sum() returns numeric language plpgsql set search_path = tenant_a as"
        " 'begin return (select sum(total) from invoice); end'",
    ],
    ids=str.split,
)
def test_whatever_leads_into_another_member_is_an_error(
    database: Database, conn: "psycopg.Connection[object]", statement: str
) -> None:
    make(conn, *MEMBERS)
    conn.execute(statement.encode())
    finding = found(database, "FLT001")[0]
    assert (finding.severity, finding.undecided) == (Severity.ERROR, False)
    assert "leads to another member: tenant_a" in finding.message


def test_a_name_in_a_text_that_is_put_together_is_undecided(
    database: Database, conn: "psycopg.Connection[object]"
) -> None:
    make(conn, *MEMBERS)
    conn.execute(
        "create function tenant_b.gone(note text) returns void language plpgsql as"
        " $$begin execute 'delete from tenant_a.invoice where ' || note; end$$"
    )
    (finding,) = found(database, "FLT001")
    assert (finding.undecided, "may lead" in finding.message) == (True, True)


def test_an_alias_and_a_comment_that_are_called_like_a_member_lead_nowhere(
    database: Database, conn: "psycopg.Connection[object]"
) -> None:
    make(conn, *MEMBERS)
    conn.execute("create view tenant_b.bill as select tenant_a.id from tenant_b.invoice tenant_a")
    conn.execute(
        "create function tenant_b.sum() returns numeric language sql set search_path = tenant_b as"
        " 'select sum(tenant_a.total) from tenant_b.invoice tenant_a -- not tenant_c.invoice'"
    )
    assert found(database, "FLT001") == []


def test_members_may_be_called_anything(database: Database, conn: "psycopg.Connection[object]") -> None:
    make(conn, *HOSTILE)
    first, *others = map(quote_ident, HOSTILE)
    for name in others:
        conn.execute(f"create view {name}.bill as select id from {first}.invoice".encode())
    told = found(database, "FLT001", schemas="/.*/")
    assert {f.check for f in told} == {"FLT001"}


def test_a_role_of_all_members_is_what_it_is_and_one_of_some_is_an_error(
    database: Database, conn: "psycopg.Connection[object]"
) -> None:
    make(conn, *MEMBERS)
    conn.execute("create role everywhere login; create role few login; create role one login")
    conn.execute(f"grant usage on schema {', '.join(MEMBERS)} to everywhere".encode())
    conn.execute("grant usage on schema tenant_a, tenant_b to few; grant usage on schema tenant_c to one")
    told = {f.object.name: f.severity for f in found(database, "FLT003")}
    assert told == {"everywhere": Severity.WARNING, "few": Severity.ERROR}


def test_rights_through_another_role_count(database: Database, conn: "psycopg.Connection[object]") -> None:
    make(conn, *MEMBERS)
    conn.execute("create role readers; grant usage on schema tenant_a to readers")
    conn.execute("create role of_b login in role readers; grant usage on schema tenant_b to of_b")
    assert [f.object.name for f in found(database, "FLT003")] == ["of_b"]


def test_the_owner_is_no_application_where_another_role_uses_the_member(
    database: Database, conn: "psycopg.Connection[object]"
) -> None:
    make(conn, *MEMBERS)
    conn.execute("create role owner login")
    for name in MEMBERS:
        conn.execute(
            f"alter schema {name} owner to owner; alter table {name}.invoice owner to owner".encode()
        )
    assert [f.object.name for f in found(database, "FLT003")] == ["owner"]
    for name in MEMBERS:
        conn.execute(f"create role {name}_app login; grant usage on schema {name} to {name}_app".encode())
    assert found(database, "FLT003") == []


def test_a_plain_run_leaves_the_checks_of_fleets_out(database: Database) -> None:
    from validate_schema import validate

    report = validate(database_url=database.conninfo, select="FLT")
    assert {c.status for c in report.checks} == {"not_applicable"}


def test_who_reads_all_data_or_may_become_a_superuser_has_rights_in_every_member(
    database: Database, conn: "psycopg.Connection[object]"
) -> None:
    make(conn, *MEMBERS)
    conn.execute("create role reporting login; grant pg_read_all_data to reporting")
    conn.execute("create role chief superuser; create role deputy login; grant chief to deputy")
    told = {f.object.name: f.severity for f in found(database, "FLT003")}
    assert told == {"reporting": Severity.WARNING, "deputy": Severity.WARNING}


@pytest.mark.parametrize(
    "tables", ["table tenant_a.invoice, tenant_b.invoice", "tables in schema tenant_a, tenant_b"]
)
def test_a_publication_is_seen_whichever_member_is_read(
    database: Database, conn: "psycopg.Connection[object]", tables: str
) -> None:
    make(conn, *MEMBERS)
    conn.execute(f"create publication several for {tables}".encode())
    assert [f.object.name for f in found(database, "FLT009")] == ["several"]


SHARED = """
create role app login;
grant usage on schema tenant_a, tenant_b, tenant_c to app;
create table public.log (id bigint, tenant text);
grant select, insert on public.log to app;
"""


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("", [False]),
        ("alter table public.log enable row level security", []),
        (
            "alter table public.log enable row level security; create policy p on public.log using (true)",
            [True],
        ),
        ("alter table public.log enable row level security; alter table public.log owner to app", [False]),
        ("revoke insert on public.log from app; grant pg_write_all_data to app", [False]),
        ("revoke insert on public.log from app", []),
    ],
    ids=["open", "closed", "a policy that nobody reads", "its owner's", "by a predefined role", "only read"],
)
def test_a_shared_table_is_passed_only_where_nobody_writes_or_something_parts_its_rows(
    database: Database, conn: "psycopg.Connection[object]", more: str, said: list[bool]
) -> None:
    make(conn, *MEMBERS)
    conn.execute(f"{SHARED} {more}".encode())
    assert [f.undecided for f in found(database, "FLT006")] == said


def test_a_member_of_the_same_name_on_another_server_may_be_where_a_foreign_server_leads(
    conn: "psycopg.Connection[object]",
) -> None:
    conn.execute("create extension postgres_fdw")
    conn.execute("create server one foreign data wrapper postgres_fdw options (host 'db-2', dbname 'app')")
    conn.execute("create server self foreign data wrapper postgres_fdw options (dbname 'app')")
    own, other = (DatabaseFacts(database=name, server=f"{name}:5432/app") for name in ("db-1", "db-2"))
    catalog = read_catalog(conn)
    catalog = replace(catalog, server=replace(catalog.server, database="app"))
    scene = FleetScene(
        kind="database", member=Member("db-1", server=own.server), databases=(own, other), first=True
    )
    facts = Facts(catalog, Tenancy(), fleet=scene)
    (check,) = (c for c in builtin_checks() if c.id == "FLT012")
    flaws = {subject.ref.name: check(subject, facts) for subject in check.subjects(facts)}
    assert isinstance(flaws["one"], Flaw)
    assert (flaws["one"].undecided, flaws["self"]) == (True, None)
