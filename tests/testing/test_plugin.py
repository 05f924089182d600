"""The pytest plugin in projects of its users: separate runs of pytest, in parallel, crashed and killed."""

import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.metadata import entry_points

import pytest

from tests.fix_server import fresh
from tests.migrations.test_command_rights import HARM
from validate_schema.scratch import Database, Server
from validate_schema.testing import MigratedDatabase

pytest_plugins = ("pytester",)

# Hypothesis, which is loaded as a plugin where it is installed, takes more time to import than all the rest.
LIGHT = ("-p", "no:cacheprovider", "-p", "no:randomly", "-p", "no:hypothesispytest")
MIGRATION = """
create table organization (id uuid primary key default gen_random_uuid(), name text not null);
create table customer (
    id integer primary key, org_id uuid not null references organization (id), email text not null unique,
    level integer not null default 1);
create index on customer (org_id, level);
insert into organization (name) values ('built');
create role plugin_app;
grant select on customer to plugin_app;
"""
CONFIG = """
[tenancy]
root = "organization"
column = "org_id"
[migrations]
path = "migrations"
[checks]
select = ["UNQ001", "TEN003", "COL001"]
"""
# Each test writes what the next one must not see; "built" was made when the template was.
ISOLATED = """
import os, pytest

@pytest.mark.parametrize("n", range(6))
def test_alone(migrated_db, n):
    with migrated_db.connect() as conn:
        ((built, count),) = conn.execute("select (array_agg(id))[1]::text, count(*) from organization").fetchall()
        assert count == 1
        conn.execute("insert into organization (name) values ('mine')")
    with open("built", "a") as log:
        print(built, os.environ.get("PYTEST_XDIST_WORKER", "alone"), file=log)
    assert n != 3
"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project with one migration; its tests are written by each test here."""
    for name in ("PYTEST_ADDOPTS", "PYTEST_XDIST_WORKER", "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    folder = pytester.mkdir("migrations")
    (folder / "1_start.sql").write_text(MIGRATION)
    (pytester.path / "validate-schema.toml").write_text(CONFIG)
    return pytester


@pytest.fixture
def theirs(server: Server) -> Iterator[Database]:
    """A database on a server of somebody's own, which the plugin may use."""
    with fresh(server) as database:
        yield database


def run(project: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return project.runpytest_subprocess(*LIGHT, *arguments)


def outcome(result: pytest.RunResult) -> dict[str, int]:
    """Return the counts of the last line, but for warnings: none may be there."""
    return result.parseoutcomes()


def on(database: Database) -> tuple[set[str], set[str]]:
    """Return the databases and roles of a server."""
    with database.connect(autocommit=True) as conn:
        databases = {name for (name,) in conn.execute("select datname from pg_database")}
        return databases, {name for (name,) in conn.execute("select rolname from pg_roles")}


def differs(database: Database, before: tuple[set[str], set[str]]) -> set[str]:
    """Return what is new on the server and what is gone. The oldest templates that other tests left there
    may go at any time: only so many are kept."""
    (databases, roles), (now, still) = before, on(database)
    return (
        (now - databases) | {n for n in databases - now if not n.startswith("vs_template_")} | (roles ^ still)
    )


def test_the_plugin_is_known_to_pytest() -> None:
    (found,) = entry_points(group="pytest11", name="validate_schema")
    assert found.value == "validate_schema.testing.plugin"


@pytest.mark.parametrize("parallel", [(), ("-n", "2")], ids=["alone", "two-workers"])
def test_each_test_has_a_database_of_its_own_and_nothing_stays(
    project: pytest.Pytester, theirs: Database, parallel: tuple[str, ...]
) -> None:
    before = on(theirs)
    project.makepyfile(ISOLATED)
    result = run(project, f"--validate-schema-server={theirs.conninfo}", *parallel)
    assert outcome(result) == {"passed": 5, "failed": 1}
    assert differs(theirs, before) == set()
    lines = [line.split() for line in (project.path / "built").read_text().splitlines()]
    assert len(lines) == 6
    assert len({built for built, _ in lines}) == 1
    assert len({worker for _, worker in lines}) == (2 if parallel else 1)


CRASH = """
import os, pytest

@pytest.mark.parametrize("n", range(4))
def test_crash(migrated_db, n):
    if n == 1:
        os._exit(9)
"""


@pytest.mark.parametrize("workers", ["1", "2"])
def test_the_database_of_a_worker_that_crashed_is_dropped(
    project: pytest.Pytester, theirs: Database, workers: str
) -> None:
    before = on(theirs)
    project.makepyfile(CRASH)
    result = run(project, f"--validate-schema-server={theirs.conninfo}", "-n", workers)
    assert outcome(result) == {"passed": 3, "failed": 1}
    assert differs(theirs, before) == set()


def test_a_worker_that_crashes_last_leaves_nothing_either(project: pytest.Pytester, theirs: Database) -> None:
    before = on(theirs)
    project.makepyfile("import os\ndef test_crash(migrated_db):\n    os._exit(9)")
    result = run(project, f"--validate-schema-server={theirs.conninfo}", "-n", "1", "--max-worker-restart=0")
    assert result.ret != 0
    assert differs(theirs, before) == set()


HANG = """
import time
def test_hang(migrated_db):
    open("reached", "w").close()
    time.sleep(600)
"""


def test_what_a_killed_run_left_is_dropped_by_the_next(project: pytest.Pytester, theirs: Database) -> None:
    before = on(theirs)
    project.makepyfile(test_hang=HANG, test_next="def test_next(migrated_db): pass")
    server = f"--validate-schema-server={theirs.conninfo}"
    command = [sys.executable, "-m", "pytest", *LIGHT, server, "test_hang.py"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=project.path)
    deadline = time.monotonic() + 60
    while not (project.path / "reached").exists():
        assert time.monotonic() < deadline
        os.sched_yield()
    process.send_signal(signal.SIGKILL)
    process.wait()
    left = on(theirs)[0] - before[0]
    assert sorted(name.rpartition("_")[0][:6] for name in left) == ["vs_db_", "vs_tem"]
    assert outcome(run(project, server, "test_next.py")) == {"passed": 1}
    assert differs(theirs, before) == set()


NOT_OURS = {
    "vs_db_00000007_1": None,
    "vs_template_00000000000000000000000000000001": "our own notes",
    "vs_db_00000008_1": '{"other_tool": "database"}',
    "customers": '{"validate_schema": "database"}',
}


def test_no_database_is_touched_that_the_plugin_did_not_make(
    project: pytest.Pytester, server: Server
) -> None:
    with fresh(server) as theirs, theirs.connect(autocommit=True) as conn:
        try:
            for name, comment in NOT_OURS.items():
                conn.execute(f'create database "{name}"'.encode())
                if comment:
                    conn.execute(f"comment on database \"{name}\" is '{comment}'".encode())
            conn.execute("create table kept (id int); create role kept_role")
            before = on(theirs)
            project.makepyfile("def test_one(migrated_db): pass")
            result = run(project, f"--validate-schema-server={theirs.conninfo}", "--validate-schema")
            assert outcome(result) == {"passed": 2, "failed": 1, "skipped": 1}
            assert differs(theirs, before) == set()
            tables = conn.execute("select relname from pg_class where relnamespace = 'public'::regnamespace")
            assert tables.fetchall() == [("kept",)]
        finally:
            for name in NOT_OURS:
                conn.execute(f'drop database if exists "{name}"'.encode())


def test_a_role_of_the_users_own_stays_when_migrations_name_it(
    project: pytest.Pytester, server: Server
) -> None:
    with fresh(server) as theirs, theirs.connect(autocommit=True) as conn:
        conn.execute("create role plugin_app")
        project.makepyfile("def test_one(migrated_db): pass")
        assert outcome(run(project, f"--validate-schema-server={theirs.conninfo}")) == {"passed": 1}
        assert "plugin_app" in on(theirs)[1]


def test_a_changed_migration_makes_another_template(project: pytest.Pytester, theirs: Database) -> None:
    project.makepyfile("""
    def test_one(migrated_db):
        with migrated_db.connect() as conn:
            conn.execute("select level from customer")
    """)
    server = f"--validate-schema-server={theirs.conninfo}"
    assert outcome(run(project, server)) == {"passed": 1}
    (project.path / "migrations/2_next.sql").write_text("alter table customer drop level;")
    assert outcome(run(project, server)) == {"failed": 1}


MIGRATE = """
import os, psycopg
with psycopg.connect(os.environ["DATABASE_URL"]) as conn:
    conn.execute("create table made (by text); insert into made values ('the program')")
"""


def test_migrations_that_are_programs_make_the_template_too(
    project: pytest.Pytester, theirs: Database
) -> None:
    before = on(theirs)
    versions = project.mkdir("alembic") / "versions"
    versions.mkdir()
    (versions / "1_made.py").write_text('revision = "1"\ndown_revision = None\n')
    (project.path / "migrate.py").write_text(MIGRATE)
    command = f"[migrations]\npath = 'alembic'\ncommand = '{sys.executable} migrate.py'\n"
    (project.path / "validate-schema.toml").write_text(command)
    project.makepyfile("""
    def test_one(migrated_db):
        with migrated_db.connect() as conn:
            assert conn.execute("select by from made").fetchall() == [("the program",)]
    """)
    assert outcome(run(project, f"--validate-schema-server={theirs.conninfo}", "-n", "2")) == {"passed": 1}
    assert differs(theirs, before) == set()


def test_the_embedded_server_stops_with_the_run(project: pytest.Pytester, prepared_home: None) -> None:
    from validate_schema.migrations import discover
    from validate_schema.scratch import list_scratch

    project.makepyfile("def test_one(migrated_db): assert migrated_db.name in migrated_db.url")
    assert outcome(run(project, "-n", "2")) == {"passed": 1}
    key = discover(project.path / "migrations").digest
    (entry,) = [e for e in list_scratch() if e.key == key]
    assert (entry.running, entry.in_use) == (False, False)


ATTACK = f"""
import psycopg, pytest

@pytest.mark.parametrize("harm", {HARM!r})
def test_harm(migrated_db, harm):
    with migrated_db.connect() as conn, pytest.raises(psycopg.Error):
        conn.execute(harm)

def test_roles(migrated_db):
    with migrated_db.connect() as conn:
        conn.execute("set role plugin_app")
        conn.execute("select from customer")
"""


@pytest.mark.pg(">= 16")
def test_neither_migrations_nor_tests_are_a_superuser(project: pytest.Pytester, prepared_home: None) -> None:
    project.makepyfile(ATTACK)
    assert outcome(run(project)) == {"passed": len(HARM) + 1}
    (project.path / "migrations/2_boss.sql").write_text("create role plugin_boss superuser;")
    result = run(project)
    result.stdout.fnmatch_lines(["*2_boss.sql:1:*[[]migrations[]] superuser = true makes it one"])
    allowed = CONFIG.replace("[migrations]", "[migrations]\nsuperuser = true")
    (project.path / "validate-schema.toml").write_text(allowed)
    project.makepyfile("def test_one(migrated_db): pass")
    assert outcome(run(project)) == {"passed": 1}


def test_a_check_is_an_item_that_passes_fails_or_is_skipped(
    project: pytest.Pytester, theirs: Database
) -> None:
    result = run(
        project, "--validate-schema", f"--validate-schema-server={theirs.conninfo}", "-rA", "-n", "2"
    )
    assert outcome(result) == {"passed": 1, "failed": 1, "skipped": 1}
    result.stdout.fnmatch_lines_random(
        [
            "PASSED validate-schema::TEN003",
            "SKIPPED *COL001: nothing to examine in this schema*",
            "error UNQ001 customer.customer_email_key: *is unique across all tenants: it does not hold org_id",
            "    expected: a unique over (org_id, email)",
            "FAILED validate-schema::UNQ001 - UNQ001 Unique not scoped to the tenant: 1 o*",
        ]
    )


def test_items_are_chosen_as_tests_are(project: pytest.Pytester) -> None:
    result = run(project, "--validate-schema", "--collect-only", "-q", "-k", "UNQ001 or TEN003")
    assert result.outlines[:2] == ["validate-schema::TEN003", "validate-schema::UNQ001"]
    assert "1 deselected" in result.outlines[-1]


ASSERTIONS = """
def test_declared(assert_schema):
    assert_schema(tables={"customer": {
        "columns": {"level": {"type": "integer", "nullable": False, "default": 1}},
        "indexes": [["org_id", "level"]], "unique": [["email"]]}})

def test_names(assert_schema):
    assert_schema(tables=["customer", "organization"])

def test_missing(assert_schema):
    assert_schema(tables={"invoice": {}, "customer": {"columns": {"level": {"default": 2}}}}, fail_on="warning")

def test_selected(assert_schema):
    assert_schema(select=["UNQ"])

def test_ignored(assert_schema):
    report = assert_schema(select=["UNQ", "TEN003"], ignore=["UNQ001"])
    assert "UNQ001" not in [check.id for check in report.checks]

def test_nothing(assert_schema):
    assert_schema(select=["ENU"])

def test_after_a_change(assert_schema, migrated_db):
    with migrated_db.connect() as conn:
        conn.execute("drop index customer_org_id_level_idx")
    assert_schema(tables={"customer": {"indexes": [["org_id", "level"]]}})

def test_unknown(assert_schema):
    assert_schema(select=["XYZ001"])
"""


def test_assert_schema_says_what_is_not_as_it_should_be(project: pytest.Pytester, theirs: Database) -> None:
    project.makepyfile(ASSERTIONS)
    result = run(project, f"--validate-schema-server={theirs.conninfo}", "-n", "0")
    assert outcome(result) == {"passed": 3, "failed": 5}
    result.stdout.fnmatch_lines(
        [
            "*_ test_missing _*",
            "E * error TBL001 invoice: Table invoice does not exist",
            "E * warning COL004 customer.level: *",
            "E * expected: default 2 *",
            "E * observed: default 1",
            "*_ test_selected _*",
            "E * error UNQ001 customer.customer_email_key: *",
            "*_ test_nothing _*",
            "E * nothing was examined: *",
            "*_ test_after_a_change _*",
            "E * error IDX006 customer*",
            "*_ test_unknown _*",
            'E *UsageError: no check is called "XYZ001"*',
        ]
    )


def test_what_the_user_can_mend_is_one_line(project: pytest.Pytester, theirs: Database) -> None:
    server = f"--validate-schema-server={theirs.conninfo}"
    project.makepyfile("def test_one(migrated_db): pass")
    (project.path / "migrations/2_bad.sql").write_text("select nothing;")
    result = run(project, server)
    result.stdout.fnmatch_lines(['*2_bad.sql:1: select nothing: column "nothing" does not exist'])
    (project.path / "validate-schema.toml").write_text("[checks]\nselect = ['XYZ']\n")
    result.stdout.no_fnmatch_line("*Traceback*")
    result = run(project, server)
    result.stdout.fnmatch_lines(["validate-schema knows no migrations: set [[]migrations[]] path *"])
    result = run(project, server, "--validate-schema", "--validate-schema-migrations=migrations")
    result.stderr.fnmatch_lines(['ERROR: no check is called "XYZ"*'])
    assert outcome(run(project, "--validate-schema-config=none.toml"))["errors"] == 1


def test_a_run_that_uses_none_of_it_imports_none_of_it(project: pytest.Pytester) -> None:
    project.makepyfile("""
    import sys
    def test_one():
        loaded = {name for name in sys.modules if name.startswith(("validate_schema", "psycopg", "msgspec", "sqlalchemy"))}
        assert loaded == {"validate_schema", "validate_schema.testing", "validate_schema.testing.plugin"}
    """)
    assert outcome(run(project)) == {"passed": 1}


def test_the_url_serves_other_libraries(database: Database) -> None:
    import psycopg
    import sqlalchemy

    given = MigratedDatabase(database)
    for url in (given.url, given.url_for("postgres")):
        with psycopg.connect(url) as conn:
            assert conn.info.dbname == given.name
    engine = sqlalchemy.create_engine(given.url_for("postgresql+psycopg"))
    with engine.connect() as connection:
        assert connection.execute(sqlalchemy.text("select current_database()")).scalar() == given.name
    engine.dispose()
    assert set(given.parameters) == {"host", "port", "user", "dbname"}


@pytest.mark.skipif(importlib.util.find_spec("django") is None, reason="Django is not installed")
def test_django_connects_by_its_own_settings(database: Database) -> None:
    code = """
import sys
from django.conf import settings
settings.configure(DATABASES={"default": eval(sys.argv[1])})
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute("select current_database()")
    print(cursor.fetchone()[0])
"""
    given = MigratedDatabase(database)
    said = subprocess.run(
        [sys.executable, "-c", code, repr(given.django)], capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == given.name


@pytest.mark.parametrize(
    ("conninfo", "url"),
    [
        ("postgresql:///x?host=/tmp/s&port=5432&user=me&hostaddr=&sslmode=disable&options=", "postgresql://me@/x?host=/tmp/s&port=5432"),
        ("host=db.example.org port=6432 user=me password='p@ss/ w' dbname=x sslmode=require", "postgresql://me:p%40ss%2F%20w@db.example.org:6432/x?sslmode=require"),
        ("host=::1 user=me dbname='we?rd/na me'", "postgresql://me@[::1]/we%3Frd%2Fna%20me"),
        ("dbname=x", "postgresql:///x"),
    ],
)  # fmt: skip
def test_the_url_says_what_every_driver_takes(server: Server, conninfo: str, url: str) -> None:
    import psycopg

    given = MigratedDatabase(Database("x", conninfo, server))
    assert given.url == url
    said = psycopg.conninfo.conninfo_to_dict(conninfo)
    kept = {k: v for k, v in said.items() if v and k not in ("hostaddr", "options", "channel_binding")}
    local = str(said.get("host", "")).startswith("/")
    assert psycopg.conninfo.conninfo_to_dict(given.url) == {
        k: v for k, v in kept.items() if not (local and k == "sslmode")
    }
