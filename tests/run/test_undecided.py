"""What nobody could decide is no pass: not in the run, not in the proof, not as a figure."""

import pytest

from tests.fix_server import fresh
from validate_schema import Report, prove, validate
from validate_schema.scratch import Database, Server

CONTEXT = "nullif(current_setting('app.tenant_id', true), '')::uuid"
SCHEMA = f"""
create role undecided_app login;
create table organization (id uuid primary key);
alter table organization enable row level security;
alter table organization force row level security;
create policy itself on organization using (id = (select {CONTEXT}));
create function may_see(o uuid, t text) returns boolean language plpgsql stable as $$
declare r boolean;
begin execute 'select $1 = {CONTEXT.replace("'", "''")} or length($2) > 200' into r using o, t; return r; end $$;
create table note (id uuid primary key, org_id uuid not null references organization, shown boolean not null, title text not null);
create index on note (org_id);
alter table note enable row level security;
alter table note force row level security;
create policy p on note using ({{}});
grant select, insert, update, delete on note to undecided_app;
grant select on organization to undecided_app;
"""
TENANCY = """
[tenancy]
root = "organization"
column = "org_id"
setting = "app.tenant_id"
app_roles = ["undecided_app"]
"""
ACCEPTED = """
[[checks.suppress]]
check = "RLS014"
object = "note.p"
reason = "read by two of us in June"
"""


@pytest.fixture
def database(server: Server):  # type: ignore[no-untyped-def]
    with fresh(server) as database:
        yield database
        with database.connect(autocommit=True) as conn:
            conn.execute("drop owned by undecided_app; drop role undecided_app")


def made(database: Database, using: str) -> str:
    with database.connect(autocommit=True) as conn:
        conn.execute(SCHEMA.format(using).encode())
    return database.conninfo


def figure(report: Report, text: str) -> list[str]:
    from validate_schema.report.promises import promises

    return [f"{line.mark} {line.text} ({line.note})" for line in promises(report) if text in line.text]


def test_an_unread_policy_keeps_the_run_from_passing_with_rows_and_without(database: Database) -> None:
    url = made(database, "may_see(org_id, title)")
    read = validate(database_url=url, config=TENANCY)
    tried = validate(database_url=url, config=TENANCY, prove=True)

    for report in (read, tried):
        assert (report.verdict, report.exit_code) == ("INCOMPLETE", 3), report.gate
        assert "undecided: RLS014" in report.gate
        assert figure(report, "policies for reading") == [
            "none policies for reading: 1 bind, 0 open, 1 undecided ()"
        ]
    assert "note" not in tried.isolation.proven
    assert "organization" in tried.isolation.proven
    assert prove(database_url=url, config=TENANCY).verdict == "INCOMPLETE"


def test_accepted_with_a_reason_it_passes_and_is_still_not_proven(database: Database) -> None:
    report = validate(
        database_url=made(database, "may_see(org_id, title)"), config=TENANCY + ACCEPTED, prove=True
    )

    assert report.verdict == "PASS", [(c.id, c.reason) for c in report.checks if c.reason]
    assert figure(report, "policies for reading") == [
        "none policies for reading: 1 bind, 0 open, 1 undecided ()"
    ]
    assert "note" not in report.isolation.proven


def test_what_is_open_whatever_the_unread_part_returns_is_open(database: Database) -> None:
    report = validate(database_url=made(database, "shown or may_see(org_id, title)"), config=TENANCY)

    assert report.verdict == "FAIL"
    assert [f.check for f in report.findings if f.severity == "error"] == ["RLS005"]


def test_what_is_closed_whatever_the_unread_part_returns_is_closed(database: Database) -> None:
    report = validate(
        database_url=made(database, f"org_id = (select {CONTEXT}) and may_see(org_id, title)"),
        config=TENANCY,
        prove=True,
    )

    assert report.verdict == "PASS", [(c.id, c.reason) for c in report.checks if c.reason]
    assert "note" in report.isolation.proven


def test_a_tenant_with_the_empty_key_leaves_nothing_proven(server: Server) -> None:
    script = """
    create role keyless_app login;
    create table organization (id text primary key);
    insert into organization values ('');
    create table note (id int primary key, org_id text not null references organization);
    create index on note (org_id);
    alter table note enable row level security; alter table note force row level security;
    create policy p on note using (org_id = current_setting('app.tenant_id', true));
    grant select, insert, update, delete on note to keyless_app;
    """
    with fresh(server) as database:
        with database.connect(autocommit=True) as conn:
            conn.execute(script.encode())
        config = TENANCY.replace("undecided_app", "keyless_app")
        report = validate(database_url=database.conninfo, config=config, prove=True)
        alone = prove(database_url=database.conninfo, config=config)
        with database.connect(autocommit=True) as conn:
            conn.execute("drop owned by keyless_app; drop role keyless_app")
    assert "DAT006" in {f.check for f in report.findings}
    assert (report.verdict, report.isolation.proven) == ("FAIL", ())
    assert (alone.verdict, alone.isolation.proven) == ("FAIL", ())


def test_a_view_whose_way_in_met_no_row_is_not_isolated(database: Database) -> None:
    url = made(database, f"org_id = (select {CONTEXT})")
    with database.connect(autocommit=True) as conn:
        conn.execute(
            "create view long with (security_barrier = true) as select title from note "
            f"where org_id = {CONTEXT} or length(title) > 200; grant select on long to undecided_app".encode()
        )
    report = validate(database_url=url, config=TENANCY, prove=True)

    assert {c.outcome for c in report.isolation.cells if c.name == "long"} == {"inconclusive"}
    assert report.isolation.coverage.inconclusive == 1
    assert report.verdict == "FAIL"
    assert prove(database_url=url, config=TENANCY).verdict == "FAIL"


def test_what_can_be_read_through_the_table_above_is_not_proven(server: Server) -> None:
    script = """
    create role above_app login;
    create table organization (id uuid primary key);
    create table record (id int not null, title text);
    create table note (org_id uuid not null references organization, primary key (org_id, id)) inherits (record);
    create table memo (id int not null, org_id uuid not null references organization, primary key (org_id, id));
    alter table note enable row level security; alter table note force row level security;
    alter table memo enable row level security; alter table memo force row level security;
    create policy p on note using (org_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
    create policy p on memo using (org_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
    grant select, insert, update, delete on note, memo to above_app; grant select on record to above_app;
    """
    with fresh(server) as database:
        with database.connect(autocommit=True) as conn:
            conn.execute(script.encode())
        config = TENANCY.replace("undecided_app", "above_app") + 'global = ["record"]\n'
        report = validate(database_url=database.conninfo, config=config, prove=True)
        with database.connect(autocommit=True) as conn:
            conn.execute("drop owned by above_app; drop role above_app")
    assert "TEN011" in {f.check for f in report.findings if f.undecided}
    assert ("memo" in report.isolation.proven, "note" in report.isolation.proven) == (True, False)
