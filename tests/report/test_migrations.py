"""Migrations in a whole run: against a live ledger, replayed, failing, and as every format shows them."""

import json
import re
from pathlib import Path

import psycopg
import pytest

from tests.fix_cli import Ran, Terminal
from tests.fix_history import eventful, facts_with
from tests.fix_report import small
from tests.migrations.test_command import ALEMBIC, PYTHON
from validate_schema.checking.engine import run
from validate_schema.checking.packs import builtin_checks
from validate_schema.migrations.run import steps
from validate_schema.model.report import Report
from validate_schema.report import read_report, render
from validate_schema.report.history import migration_facts
from validate_schema.scratch import Database
from validate_schema.testing import MigratedDatabase

ORGANIZATION = "create table organization (id uuid primary key default gen_random_uuid(), name text);\n"
CUSTOMER = "create table customer (id uuid primary key, org_id uuid not null references organization (id));\n"
FILES = {"0001_organization.sql": ORGANIZATION, "0002_customer.sql": CUSTOMER}
LEDGER = """
create table applied_migrations (version text primary key, name text, applied_at timestamptz, checksum text);
insert into applied_migrations
select v, n, timestamptz '2026-01-01' + v::int * interval '1 day', encode(sha256(convert_to(body, 'utf8')), 'hex')
from (values ('0001', 'organization', %s), ('0002', 'customer', %s)) as f (v, n, body)
"""
CONFIG = """
[tenancy]
root = "organization"
column = "org_id"
[migrations]
path = "db/migrations"
"""


def migrate(database: Database, *scripts: str) -> None:
    """Bring a database to where the two files and their ledger say it is, then run more."""
    with psycopg.connect(database.conninfo, autocommit=True) as conn:
        for script in (*FILES.values(), *scripts):
            conn.execute(script.encode())
        with psycopg.ClientCursor(conn) as cursor:
            cursor.execute(LEDGER, list(FILES.values()))


def project(terminal: Terminal, config: str = CONFIG, **files: str) -> None:
    """Write the migrations and a config that names them, both below the folder `app`."""
    for name, text in (FILES | {f"{n}.sql": t for n, t in files.items()}).items():
        terminal.write(f"app/db/migrations/{name}", text)
    terminal.write("app/validate-schema.toml", config)


def judge(terminal: Terminal, database: Database, *arguments: str) -> tuple[Ran, Report]:
    ran = terminal.run(
        "--config", "app/validate-schema.toml", "--database-url", database.conninfo, "--select", "MIG",
        "--report", "out.json", "--report", "out.md", *arguments,
    )  # fmt: skip
    return ran, read_report(terminal.folder / "out.json")


def migration_lines(ran: Ran) -> list[str]:
    return [line for line in ran.out.splitlines() if line[:1] in "✓✗–" and "migration" in line]


def test_a_deployed_database_is_compared_with_its_files_and_nothing_is_replayed_unasked(
    terminal: Terminal, database: Database
) -> None:
    project(terminal)
    migrate(database)

    ran, report = judge(terminal, database)

    assert (ran.status, ran.complaints) == (0, [])
    assert migration_lines(ran) == [
        "✓ 2 migrations in sequence",
        "✓ 2 of 2 migrations applied, says applied_migrations",
        "✓ 2 of 2 applied migrations verified by checksum",
    ]
    assert [(e.state, e.verified, e.applied_at[:10]) for e in report.migrations.entries] == [
        ("applied", True, "2026-01-02"),
        ("applied", True, "2026-01-03"),
    ]
    unasked = {r.id: (r.status, r.reason) for r in report.checks if r.id in ("MIG010", "MIG011", "MIG013")}
    assert set(unasked.values()) == {
        ("not_applicable", "not part of this run (--replay, or replay = true in [migrations])")
    }
    text = (terminal.folder / "out.md").read_text(encoding="utf-8")
    assert "– objects are as the migrations make them: not part of this run (--replay" in text


def test_a_replay_says_what_each_file_does_what_drifted_and_what_the_pending_one_meets(
    terminal: Terminal, database: Database
) -> None:
    project(terminal, **{"0003_note": "create table note (id int);\ncreate index on customer (nickname);\n"})
    migrate(database, "alter table customer add column hidden text")

    ran, report = judge(terminal, database, "--replay")

    assert ran.status == 1
    assert [(f.check, f.object.name, f.location) for f in report.findings] == [
        ("MIG002", "0003_note.sql", "app/db/migrations/0003_note.sql"),
        ("MIG010", "0003_note.sql", "app/db/migrations/0003_note.sql:2"),
        ("MIG011", "hidden", "app/db/migrations/0002_customer.sql:1"),
        ("MIG013", "0003_note.sql", "app/db/migrations/0003_note.sql:2"),
    ]
    facts = report.migrations
    assert (facts.replay.applied, facts.drift.examined) == (tuple(FILES), True)
    assert [r.failure is None for r in facts.dry_run.runs] == [False]


def test_what_the_pending_file_does_to_live_tables_stands_in_the_report(
    terminal: Terminal, database: Database
) -> None:
    project(
        terminal, **{"0003_nick": "set lock_timeout = '1s';\ncreate unique index n on customer (org_id);\n"}
    )
    migrate(database)

    judge(terminal, database, "--replay", "--report", "out.html")

    row = (
        "0003_nick.sql:2",
        "create unique index n on customer (org_id)",
        "customer",
        "SHARE",
        "an index built",
    )
    for name in ("out.md", "out.html"):
        _, _, text = (
            (terminal.folder / name)
            .read_text(encoding="utf-8")
            .partition("What the pending migrations do to live tables")
        )
        assert all(said in text for said in (*row, "read from end to end", "never analysed"))


def test_the_computed_purpose_and_what_undoing_would_lose_stand_in_the_sequence(
    terminal: Terminal, database: Database
) -> None:
    project(terminal, CONFIG + "replay = true\n", **{"0002_customer.down": "drop table customer;"})
    migrate(database)

    ran, report = judge(terminal, database)

    assert ran.status == 0, ran.out
    assert [(e.creates, e.undo, e.loses) for e in report.migrations.entries] == [
        (('creates table "organization"',), "", ('the rows of "organization"',)),
        (('creates table "customer"',), "0002_customer.down.sql", ('the rows of "customer"',)),
    ]
    text = (terminal.folder / "out.md").read_text(encoding="utf-8")
    assert "1 of 2 migrations have a file or section that takes them back; 2 of 2 would lose data" in text
    assert "no backup folder is configured" in text


def test_no_replay_by_option_wins_over_the_config(terminal: Terminal, database: Database) -> None:
    project(terminal, CONFIG + "replay = true\n")
    migrate(database)

    _, report = judge(terminal, database, "--no-replay")

    assert not report.migrations.replay.attempted


def test_a_database_without_a_ledger_is_incomplete(terminal: Terminal, database: Database) -> None:
    project(terminal)

    ran, report = judge(terminal, database)

    assert (ran.status, report.verdict) == (3, "INCOMPLETE")
    assert "– migrations are applied  (no ledger of plain in this database)" in ran.out


def test_a_ledger_that_this_role_may_not_read_is_incomplete(terminal: Terminal, database: Database) -> None:
    project(terminal)
    migrate(database, "create role blind login")

    blind = psycopg.conninfo.make_conninfo(database.conninfo, user="blind")
    ran, report = judge(terminal, database, "--database-url", blind)

    assert (ran.status, report.verdict) == (3, "INCOMPLETE")
    assert "applied_migrations could not be read" in report.migrations.ledger_reason


def test_a_replay_without_migrations_is_a_usage_error(terminal: Terminal, database: Database) -> None:
    ran = terminal.run("--database-url", database.conninfo, "--replay")

    assert (ran.status, ran.complaint) == (
        2,
        "error: --replay needs migrations: name their folder as `path` in [migrations]",
    )


def test_a_folder_that_is_not_there_is_said_before_the_database_is_asked(terminal: Terminal) -> None:
    terminal.write("validate-schema.toml", CONFIG)

    ran = terminal.run("--database-url", "postgresql://nobody@127.0.0.1:1/none")

    assert ran.status == 2
    assert "db/migrations: no such folder" in ran.complaint


def test_a_snapshot_is_compared_with_a_replay_but_holds_no_ledger(
    terminal: Terminal, database: Database
) -> None:
    project(terminal)
    migrate(database, "drop table customer")
    terminal.run("snapshot", "--database-url", database.conninfo, "--output", "saved.json")

    ran = terminal.run(
        "--config", "app/validate-schema.toml", "--snapshot", "saved.json", "--select", "MIG", "--replay",
        "--report", "out.json",
    )  # fmt: skip
    report = read_report(terminal.folder / "out.json")

    assert ran.status == 1
    assert [(f.check, f.object.label()) for f in report.findings] == [("MIG011", "customer")]
    assert (
        report.migrations.ledger_reason
        == "no ledger: a snapshot holds the schema, not the rows of the ledger"
    )


def test_files_that_fail_are_a_finding_and_a_report_and_no_schema_is_judged(terminal: Terminal) -> None:
    terminal.write("db/0001_a.sql", ORGANIZATION)
    terminal.write("db/0002_b.sql", "create table b (id int);\n\nalter table nope add x int;\n")
    terminal.write("db/0003_c.sql", "create table c (id int);\n")

    ran = terminal.run("--migrations", "db", "--prove", "--report", "out.json", "--report", "out.html")
    report = read_report(terminal.folder / "out.json")

    assert (ran.status, ran.complaints) == (1, [])
    assert [(f.check, f.location) for f in report.findings] == [("MIG010", "db/0002_b.sql:3")]
    assert [(e.file, e.state) for e in report.migrations.entries] == [
        ("0001_a.sql", "replayed"),
        ("0002_b.sql", "failed"),
        ("0003_c.sql", "on_disk"),
    ]
    assert report.statistics.passed == sum(r.status == "passed" for r in report.checks if r.family == "MIG")
    assert {r.status for r in report.checks if r.family not in ("HAZ", "MIG", "SUP")} == {"skipped"}
    assert "Which table holds the tenants?" not in ran.out


def test_a_failing_history_is_never_a_pass(terminal: Terminal) -> None:
    terminal.write("db/0001_a.sql", "create tabel a ();")

    ran = terminal.run("--migrations", "db", "--fail-on", "never")

    assert ran.status == 3


@pytest.fixture(scope="module")
def everything() -> Report:
    """A report of a history with everything in it."""
    import msgspec

    history = eventful()
    outcome = run([c for c in builtin_checks() if c.on_migrations], facts_with(history))
    return msgspec.structs.replace(
        small(),
        findings=outcome.findings,
        checks=outcome.results,
        migrations=migration_facts(history, outcome.findings),
    )


@pytest.mark.parametrize("format", ["md", "html"])
def test_every_part_of_the_history_is_shown(everything: Report, format: str) -> None:
    text = render(everything, format)
    for words in (
        "another migration was applied",
        "after a later one",
        "creates again",
        "Created more than once",
        "Where the database is not what its migrations make",
        "Dry run of the pending migrations",
        "Rows that did not survive",
        "fails on a fresh database",
        "Taking back migrations",
        "public.flyway_schema_history",
    ):
        assert words.replace("_", "\\_" if format == "md" else "_") in text or words in text


def test_each_migration_has_its_findings(everything: Report) -> None:
    checks = {f.fingerprint: f.check for f in everything.findings}
    by_version = {e.version: sorted({checks[f] for f in e.findings}) for e in everything.migrations.entries}

    assert by_version["2"] == ["MIG007", "MIG009", "MIG010", "MIG012"]
    assert by_version["4"] == ["MIG003"]
    assert by_version["13"] == ["MIG002", "MIG013"]


def test_a_saved_report_renders_the_same(everything: Report, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text(render(everything, "json"), encoding="utf-8")

    assert render(read_report(path), "html") == render(everything, "html")
    assert json.loads(path.read_text())["migrations"]["ledger"] == "public.flyway_schema_history"


ALEMBIC_CONFIG = """
[migrations]
path = "alembic"
command = "{python} -m alembic upgrade head"
replay = true
"""


def write_alembic(terminal: Terminal) -> None:
    """Write a project of two revisions, spelt as Alembic writes them, and the command that runs them."""
    for name, text in ALEMBIC.items():
        both = re.sub(
            r"^revision, down_revision = (.*), (.*)$", r"revision = \1\ndown_revision = \2", text, flags=re.M
        )
        terminal.write(name, both)
    terminal.write("validate-schema.toml", ALEMBIC_CONFIG.format(python=PYTHON))


def test_programs_are_run_by_their_command_and_compared_with_the_database(
    terminal: Terminal, database: Database
) -> None:
    write_alembic(terminal)
    with psycopg.connect(database.conninfo, autocommit=True) as conn:
        conn.execute("create table note (id serial primary key, body text)")
        conn.execute("create table alembic_version (version_num varchar(32) primary key)")
        conn.execute("insert into alembic_version values ('bbb')")

    ran = terminal.run("--database-url", database.conninfo, "--select", "MIG", "--report", "out.json")
    assert (ran.status, ran.complaints) == (1, [])
    report = read_report(terminal.folder / "out.json")

    assert [(f.check, f.object.label()) for f in report.findings] == [("MIG011", "note.note_body_key")]
    assert [e.state for e in report.migrations.entries] == ["unverifiable", "unverifiable"]


def test_programs_alone_make_the_schema_that_is_judged(terminal: Terminal) -> None:
    write_alembic(terminal)

    ran = terminal.run("--migrations", "alembic", "--fail-on", "never", "--report", "out.json")
    assert ran.complaints == []
    report = read_report(terminal.folder / "out.json")

    assert [t.label for t in report.tables] == ["note"]
    assert [e.state for e in report.migrations.entries] == ["replayed", "replayed"]


def rollback_words(terminal: Terminal) -> str:
    """Return the sentences above the report's table of how migrations are taken back."""
    text = (terminal.folder / "out.md").read_text(encoding="utf-8").replace("\\", "")
    return text.partition("### Taking back migrations\n\n")[2].partition("\n")[0]


BACKED_UP = CONFIG + 'backup = "kept"\n'


@pytest.mark.parametrize(
    ("config", "backups", "said"),
    [
        (CONFIG, [], "is not known: no backup folder is configured ([migrations] backup). Make one first."),
        (BACKED_UP, [], "is not known: kept cannot be read (No such file or directory). Make one first."),
        (BACKED_UP, ["other_20260101T000000Z"], "is not known: kept holds none of {db}. Make one first."),
        (
            BACKED_UP,
            ["{db}_20250101T000000Z", "{db}_20260102T120000Z", "other_20270101T000000Z"],
            "The last backup is kept/{db}_20260102T120000Z.dump, made 2026-01-02T12:00:00Z;"
            " of these migrations 1 came after it.",
        ),
        (
            BACKED_UP,
            ["{db}_20260104T000000Z_2"],
            "The last backup is kept/{db}_20260104T000000Z_2.dump, made 2026-01-04T00:00:00Z.",
        ),
    ],
)
def test_the_rollback_plan_says_where_the_last_backup_is(
    terminal: Terminal, database: Database, config: str, backups: list[str], said: str
) -> None:
    project(terminal, config)
    migrate(database)
    for name in backups:
        terminal.write(f"app/kept/{name.format(db=database.name)}.dump", "")

    judge(terminal, database)

    assert rollback_words(terminal).endswith(said.format(db=database.name))


def test_without_a_database_no_backup_is_claimed_to_be_the_last(terminal: Terminal) -> None:
    project(terminal, BACKED_UP)
    terminal.write("app/kept/postgres_20260104T000000Z.dump", "")

    terminal.run(
        "--config", "app/validate-schema.toml", "--migrations", "app/db/migrations", "--report", "out.md"
    )

    assert rollback_words(terminal).endswith(
        "is not known: no database was looked at whose backups kept could hold. Make one first."
    )


def test_what_the_first_of_very_many_migrations_did_is_said_not_to_be_known(
    terminal: Terminal, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "_LIMIT", 600)
    project(terminal, **{"0003_own": "create table own_to_this_test (id int);"})
    migrate(database)

    _, report = judge(terminal, database, "--replay")

    assert [e.creates for e in report.migrations.entries] == [(), (), ('creates table "own_to_this_test"',)]
    assert report.migrations.note == (
        "The files were read as those of applied-set, whose ledger the database has."
        " What each of the first 2 migrations did, and would lose if undone, was not computed:"
        " reading the catalog after every one of so long a history would take minutes."
    )


def test_a_repeated_column_is_a_finding_of_its_file_wherever_the_config_lies(
    terminal: Terminal, database: Database
) -> None:
    again = "alter table customer add column if not exists org_id text;"
    project(terminal, **{"0003_again": again})
    migrate(database)

    _, report = judge(terminal, database)

    (repeated,) = [f for f in report.findings if f.check == "MIG009"]
    assert repeated.location == "app/db/migrations/0003_again.sql:1"
    assert repeated.fingerprint in report.migrations.entries[2].findings


@pytest.mark.parametrize("named", ["schema=app", "options=-csearch_path%3Dapp"])
def test_a_schema_of_another_name_is_replayed_compared_and_tried_under_that_name(
    terminal: Terminal, database: Database, named: str
) -> None:
    project(terminal, **{"0003_note": "alter table customer add note text;"})
    with psycopg.connect(database.conninfo, autocommit=True) as conn:
        conn.execute("create schema app; set search_path = app")
        for text in FILES.values():
            conn.execute(text.encode())
        with psycopg.ClientCursor(conn) as cursor:
            cursor.execute(LEDGER, list(FILES.values()))
    at = MigratedDatabase(database)
    url = f"{at.url}{'&' if '?' in at.url else '?'}{named}"

    ran = terminal.run(
        "--config", "app/validate-schema.toml", "--database-url", url, "--select", "MIG", "--replay",
        "--report", "out.json",
    )  # fmt: skip
    facts = read_report(terminal.folder / "out.json").migrations

    assert "✓ 1 of 1 pending migration run on a copy of this schema" in ran.out.splitlines()
    assert (facts.drift.examined, facts.drift.changes) == (True, ())
