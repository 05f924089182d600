"""`prove`, `--prove`, `--prove-live` and `--repro`: what they print, write, refuse and leave alone."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fix_cli import Terminal
from tests.fix_server import fresh
from validate_schema.scratch import Database, Server

BOUND = "org_id = (select nullif(current_setting('app.tenant_id', true), '')::uuid)"
SCHEMA = f"""
do $$ begin create role shop_app login; exception when duplicate_object then null; end $$;
create table organization (id uuid primary key default gen_random_uuid(), name text not null);
create table customer (
    id uuid primary key default gen_random_uuid(),
    org_id uuid not null references organization (id),
    email text not null,
    unique (org_id, email),
    unique (org_id, id)
);
create table purchase (
    id uuid primary key default gen_random_uuid(),
    org_id uuid not null references organization (id),
    customer_id uuid not null,
    total integer not null check (total > 0),
    foreign key (org_id, customer_id) references customer (org_id, id)
);
create policy own on organization
    using (id = (select nullif(current_setting('app.tenant_id', true), '')::uuid));
create policy own on customer using ({BOUND});
create policy own on purchase using ({BOUND});
alter table organization enable row level security;
alter table organization force row level security;
alter table customer enable row level security;
alter table customer force row level security;
alter table purchase enable row level security;
alter table purchase force row level security;
grant select, insert, update, delete on customer, purchase to shop_app;
grant select on organization to shop_app;
"""
LEAK = """
create policy public_customers on customer for select
    using (nullif(current_setting('app.tenant_id', true), '')::uuid is not null);
"""
CONFIG = """
[tenancy]
root = "organization"
column = "org_id"
setting = "app.tenant_id"
app_roles = ["shop_app"]
"""


def migrations(terminal: Terminal, sql: str = SCHEMA, config: str = CONFIG) -> tuple[str, ...]:
    """Write the schema as a migration and the config; return the options that name them."""
    terminal.write("db/001_shop.sql", sql)
    terminal.write("validate-schema.toml", config)
    return "--migrations", "db"


@pytest.fixture
def shop(server: Server, terminal: Terminal) -> Iterator[Database]:
    """A live shop that leaks, with rows of two tenants."""
    terminal.write("validate-schema.toml", CONFIG)
    with fresh(server) as database:
        with database.connect(autocommit=True) as conn:
            conn.execute((SCHEMA + LEAK).encode())
            conn.execute(
                "with org as (insert into organization (name) values ('a'), ('b') returning id)"
                " insert into customer (org_id, email) select id, 'a@example.org' from org"
            )
        yield database


def traces(database: Database) -> list[tuple[object, ...]]:
    """Every row of every table with where it stands (its place changes with any write), and its roles."""
    with database.connect(autocommit=True) as conn:
        tables = ("organization", "customer", "purchase")
        found = [conn.execute(f"select ctid, xmin, t from {t} as t order by 1".encode()) for t in tables]
        roles = conn.execute("select rolname from pg_catalog.pg_roles order by 1")
        names = conn.execute("select oid, relname from pg_catalog.pg_class order by 1")
        return [tuple(map(str, row)) for cursor in (*found, roles, names) for row in cursor]


def writes(database: Database) -> list[tuple[object, ...]]:
    """What the server counted of writes to each table, those that were rolled back included."""
    with database.connect(autocommit=True) as conn:
        conn.execute("select pg_stat_force_next_flush()")
        conn.execute("select pg_stat_clear_snapshot()")
        counted = conn.execute(
            "select relname, n_tup_ins, n_tup_upd, n_tup_del, n_tup_hot_upd, n_mod_since_analyze"
            " from pg_stat_all_tables where schemaname <> 'pg_toast' order by 1"
        )
        return [tuple(map(str, row)) for row in counted]


@pytest.mark.parametrize(
    "command", [("prove",), ("prove", "--live"), ("--prove",), ("--prove-live",)], ids=" ".join
)
def test_nothing_is_ever_written_to_the_target(
    terminal: Terminal, shop: Database, command: tuple[str, ...]
) -> None:
    before, counted = traces(shop), writes(shop)
    ran = terminal.run(*command, "--database-url", shop.conninfo, "--repro", "leaks")

    assert ran.status == 1
    assert (traces(shop), writes(shop)) == (before, counted)


def test_a_healthy_schema_is_proven_table_by_table(terminal: Terminal) -> None:
    ran = terminal.run("prove", *migrations(terminal))

    assert (ran.status, ran.complaints) == (0, [])
    assert ran.out.splitlines()[0].startswith("PASS")
    proven = "✓ 3 of 3 tables with tenants' rows proven isolated"
    assert f"{proven} (as shop_app, with made-up rows on a copy)" in ran.out
    assert "customer      ✓     ✓       ✓       ✓       ✓        ✓" in ran.out
    assert "organization  ✓     ◦       ◦       ◦       ◦        ✓" in ran.out


def test_a_leak_fails_and_names_table_role_and_probe(terminal: Terminal) -> None:
    ran = terminal.run("prove", *migrations(terminal, SCHEMA + LEAK))

    assert ran.status == 1
    assert ran.out.splitlines()[0].startswith("FAIL")
    assert "customer      ✗     ✓" in ran.out
    assert "read as shop_app, table customer:" in ran.out


def psql(database: Database, script: Path) -> subprocess.CompletedProcess[str]:
    """Run a script as its heading says."""
    binary = database.server.bin_dir / "psql" if database.server.bin_dir else Path()
    if not binary.exists():
        pytest.skip("these binaries have no psql")
    command = [str(binary), "-X", "-v", "ON_ERROR_STOP=1", "-d", database.conninfo, "-f", str(script)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_script_of_a_leak_shows_it_in_psql_and_leaves_nothing_behind(
    terminal: Terminal, server: Server
) -> None:
    ran = terminal.run("prove", *migrations(terminal, SCHEMA + LEAK), "--repro", "leaks")
    (script,) = (terminal.folder / "leaks").iterdir()

    assert ran.complaint == "1 script of leaks in leaks"
    assert script.name == "1-read-shop_app-customer.sql"
    with fresh(server) as database:
        with database.connect(autocommit=True) as conn:
            conn.execute((SCHEMA + LEAK).encode())
        before = traces(database)
        leaking = psql(database, script)
        assert traces(database) == before
        with database.connect(autocommit=True) as conn:
            conn.execute("drop policy public_customers on customer")
        mended = psql(database, script)
    assert (leaking.returncode, leaking.stderr) == (0, "")
    assert "(0 rows)" not in leaking.stdout
    assert (mended.returncode, mended.stdout.count("(0 rows)")) == (0, 1)


def test_a_full_run_with_the_proof_judges_its_cells(terminal: Terminal) -> None:
    chosen = migrations(terminal, SCHEMA + LEAK)
    report = json.loads(terminal.run(*chosen, "--prove", "--format", "json").out)

    found = {f["check"]: f["object"]["table"] for f in report["findings"] if f["severity"] == "error"}
    assert found == {"RLS005": "customer"}
    leaks = [(c["label"], c["probe"]) for c in report["isolation"]["cells"] if c["outcome"] == "leak"]
    assert leaks == [("customer", "read")]
    assert "ISO001" in {
        f["check"] for f in json.loads(terminal.run("prove", *chosen, "--format", "json").out)["findings"]
    }
    assert report["isolation"]["attempted"]
    assert report["isolation"]["proven"] == ["organization", "purchase"]


def test_without_the_option_nothing_is_proven_and_the_checks_say_so(terminal: Terminal) -> None:
    report = json.loads(terminal.run(*migrations(terminal), "--format", "json").out)

    assert not report["isolation"]["attempted"]
    proof = [(c["status"], c["examined"], c["reason"]) for c in report["checks"] if c["family"] == "ISO"]
    assert proof == [("not_applicable", 0, "not proven in this run (--prove)")] * 10


def test_an_accepted_leak_does_not_fail_the_proof(terminal: Terminal) -> None:
    accepted = (
        '[[checks.suppress]]\ncheck = "ISO001"\nobject = "customer.shop_app"\nreason = "public directory"\n'
    )
    ran = terminal.run("prove", *migrations(terminal, SCHEMA + LEAK, CONFIG + accepted))

    assert ran.status == 0
    assert "✗ 2 of 3 tables" in ran.out


def test_a_context_of_several_statements_is_set_as_configured(terminal: Terminal) -> None:
    claims = "(select (nullif(current_setting('request.jwt.claims', true), '')::json ->> 'org_id')::uuid)"
    setting = "(select nullif(current_setting('app.tenant_id', true), '')::uuid)"
    context = (
        "[prove]\ncontext = [\"select set_config('request.jwt.claims', "
        "json_build_object('org_id', :tenant, 'sub', :user)::text, false)\"]\nuser = \"it's me\"\n"
    )
    schema = SCHEMA.replace(setting, claims)
    assert schema.count(claims) == 3

    told = terminal.run("prove", *migrations(terminal, schema, CONFIG + context))
    untold = terminal.run("prove", *migrations(terminal, schema))

    assert (told.status, untold.status) == (0, 1)
    assert "cannot work with its own rows" in terminal.run(*migrations(terminal, schema), "--prove").out


def test_a_live_database_is_proven_on_a_copy_and_stays_as_it_is(terminal: Terminal, shop: Database) -> None:
    before = traces(shop)
    ran = terminal.run("prove", "--database-url", shop.conninfo)

    assert traces(shop) == before
    assert ran.status == 1
    assert "customer      ✗     ✓" in ran.out


def test_live_rows_are_counted_and_stay_as_they_are(terminal: Terminal, shop: Database) -> None:
    before = traces(shop)
    ran = terminal.run("prove", "--live", "--database-url", shop.conninfo)
    report = json.loads(terminal.run("--prove-live", "--database-url", shop.conninfo, "--format", "json").out)

    assert traces(shop) == before
    assert ran.status == 1
    assert "✗ no row of another tenant among the live rows" in ran.out
    assert report["isolation"]["live"]
    assert report["isolation"]["proven"] == []


def test_two_runs_give_the_same_bytes(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1767225600")
    monkeypatch.setattr("sys.argv", ["validate-schema"])
    chosen = migrations(terminal, SCHEMA + LEAK)
    first, second = (terminal.run("prove", *chosen, "--format", "json").out for _ in range(2))

    assert first == second


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (("prove", "--snapshot", "s.json"), 2, "a snapshot holds no database to prove isolation on"),
        (("--prove", "--snapshot", "s.json"), 2, "a snapshot holds no database to prove isolation on"),
        (("--prove-live", "--migrations", "db"), 2, "--prove-live counts the rows of a live database"),
        (("prove", "--live", "--migrations", "db"), 2, "counts the rows of a live database"),
        (("--prove", "--prove-live", "--migrations", "db"), 2, "give one"),
        (("--repro", "out", "--migrations", "db"), 2, "add --prove"),
        (("prove", "--migrations", "db", "--repro", "db/001_shop.sql/x"), 2, "cannot write scripts to"),
        (("prove",), 2, "no target"),
        (("prove", "--database-url", "postgresql://ana:s3cr3t@127.0.0.1:1/shop"), 3, "127.0.0.1"),
        (("prove", "--migrations", "db", "--select", "RLS"), 2, "--select"),
    ],
)
def test_what_cannot_be_proven_is_one_line(
    terminal: Terminal, arguments: tuple[str, ...], status: int, says: str
) -> None:
    migrations(terminal)
    ran = terminal.run(*arguments)

    assert (ran.status, ran.out) == (status, "")
    assert says in ran.complaint
    assert "s3cr3t" not in ran.complaint


def test_a_schema_without_tenants_is_no_pass(terminal: Terminal) -> None:
    ran = terminal.run("prove", *migrations(terminal, "create table note (id int primary key);", ""))

    assert ran.status == 3
    assert ran.out.splitlines()[0].startswith("INCOMPLETE")
    assert "not identified" in ran.out


NOBODY = SCHEMA.replace("to shop_app", "to public").replace("create role shop_app login", "null")
CANDIDATES = CONFIG.replace('app_roles = ["shop_app"]', "")


def test_app_roles_that_nobody_configured_are_inferred_and_said_to_be(terminal: Terminal) -> None:
    chosen = migrations(terminal, SCHEMA, CANDIDATES)
    ran = terminal.run("prove", *chosen)
    report = json.loads(terminal.run("prove", *chosen, "--format", "json").out)

    (role,) = report["isolation"]["roles"]
    assert (ran.status, role["name"], role.get("made_up", False)) == (0, "shop_app", False)
    assert role["how"].startswith("inferred: ")
    assert "as shop_app: inferred" in " ".join(ran.out.split())


def test_without_any_app_role_one_is_made_up_and_said_to_be(terminal: Terminal) -> None:
    chosen = migrations(terminal, NOBODY, CANDIDATES)
    ran = terminal.run("prove", *chosen)
    report = json.loads(terminal.run("prove", *chosen, "--format", "json").out)
    page = terminal.run("--prove", *chosen, "--format", "html").out

    (role,) = report["isolation"]["roles"]
    assert (ran.status, role["name"], role["made_up"]) == (0, "validate_schema_app", True)
    assert "as validate_schema_app: made up on the copy" in " ".join(ran.out.split())
    assert "made up on the copy: no app role is configured" in page


LINE = """
create table line (id uuid primary key, purchase_id uuid not null references purchase (id));
grant select, insert, update, delete on line to shop_app;
"""
KINDS = {
    "partition": """
        create table event (id int, org_id uuid not null references organization (id), at date, primary key (id, at))
            partition by range (at);
        create table event_2024 partition of event for values from ('2024-01-01') to ('2025-01-01');
        alter table event enable row level security;
        alter table event force row level security;
        create policy own on event using (BOUND);
        grant select, insert, update, delete on event, event_2024 to shop_app;
    """.replace("BOUND", BOUND),
    "owner": "alter table customer owner to shop_app; alter table customer no force row level security;",
    "inherited": LINE,
    "view": "create view seen as select * from customer; grant select on seen to shop_app;",
    "function": "create function seen(org uuid) returns setof customer language sql security definer"
    " as 'select * from customer where org_id = org';",
    "materialized view": "create materialized view seen as select * from customer; grant select on seen to shop_app;",
    "blind write": f"drop policy own on purchase; create policy r on purchase for select using ({BOUND});"
    f" create policy i on purchase for insert with check ({BOUND});"
    " create policy u on purchase for update using (true); create policy d on purchase for delete using (true);",
    "reference": "alter table purchase add constraint loose foreign key (customer_id) references customer (id),"
    " drop constraint purchase_org_id_customer_id_fkey; alter table customer add unique (id);",
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_scripts_of_every_kind_of_leak_show_it_in_psql(
    terminal: Terminal, server: Server, kind: str
) -> None:
    schema = SCHEMA + KINDS[kind]
    ran = terminal.run("prove", *migrations(terminal, schema), "--repro", "leaks")
    scripts = sorted((terminal.folder / "leaks").iterdir())

    assert (ran.status, scripts != []) == (1, True)
    with fresh(server) as database:
        with database.connect(autocommit=True) as conn:
            conn.execute(schema.encode())
        before = traces(database)
        shown = [psql(database, script) for script in scripts]
        assert traces(database) == before
    for script, done in zip(scripts, shown, strict=True):
        assert (done.returncode, done.stderr) == (0, ""), script.name
        last = done.stdout.strip().splitlines()
        nothing = {"(0 rows)", "UPDATE 0", "DELETE 0", "INSERT 0 0"}
        assert not nothing & set(last), script.name


ENDING = """
create function ending(uuid) returns boolean language plpgsql as $$
    begin perform pg_terminate_backend(pg_backend_pid()); return true; end $$;
"""


def test_code_that_ends_the_session_ends_the_proof_in_one_line(terminal: Terminal) -> None:
    policy = "create policy ending on customer as restrictive using (ending(id));"
    given = migrations(terminal, SCHEMA + ENDING + policy)
    for command in (("prove",), ("--prove",)):
        ran = terminal.run(*command, *given)
        assert (ran.status, ran.out) == (3, "")
        assert ran.complaint.startswith(
            "error: the proof did not come to its end: its session on the copy was"
        )


def test_a_check_that_would_end_the_session_may_not_and_is_no_pass(terminal: Terminal) -> None:
    given = migrations(terminal, SCHEMA + ENDING + "alter table customer add check (ending(id));")
    ran = terminal.run("prove", *given)
    assert (ran.status, "permission denied to terminate process" in ran.out) == (3, True)
