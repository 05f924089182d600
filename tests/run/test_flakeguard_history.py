"""FlakeGuard's two histories: the broken one's four conflicts are findings, the corrected one has none."""

import os
from pathlib import Path

import psycopg
import pytest

from tests.fix_cli import Terminal
from validate_schema.cli.validate import example_report
from validate_schema.migrations import discover
from validate_schema.model.report import Report
from validate_schema.report import read_report, render
from validate_schema.scratch import Database

EXAMPLE = Path(__file__).parents[2] / "examples" / "flakeguard"
STRAY = "add-multi-tenant-support.sql"
FOURTH = "20240826000000_add_organization_tables/migration.sql"
FIFTH = "20240826000001_add_flakeguard_models/migration.sql"


@pytest.fixture(scope="module")
def broken() -> Report:
    return example_report(EXAMPLE, "broken/prisma")


@pytest.fixture(scope="module")
def corrected() -> Report:
    return example_report(EXAMPLE, "prisma")


def test_a_stray_file_that_creates_the_organizations_again(broken: Report) -> None:
    (finding,) = [f for f in broken.findings if f.check == "MIG008"]

    assert (finding.severity.value, finding.object.name) == ("error", STRAY)
    assert 'table "Organization"' in finding.observed
    assert finding.location == f"broken/prisma/migrations/{STRAY}"


def test_a_tenant_column_that_two_migrations_add(broken: Report) -> None:
    found = [f for f in broken.findings if f.check == "MIG009" and f.object.name.startswith("column")]

    assert len(found) == 14
    assert {f.object.name.rpartition(".")[2] for f in found} == {'"orgId"'}
    assert all(f"{FOURTH} and again by {FIFTH}; IF NOT EXISTS hides it" in f.message for f in found)


def test_a_primary_key_that_two_migrations_replace(broken: Report) -> None:
    (found,) = [f for f in broken.findings if f.check == "MIG009" and "key" in f.object.name]

    assert found.object.name == 'primary key of "FGFlakeScore"'
    assert found.location == f"broken/prisma/migrations/{FIFTH}:43"


def test_a_placeholder_that_rows_were_given_for_a_tenant(broken: Report) -> None:
    assert len([f for f in broken.findings if f.check == "TEN006" and "'temp'" in f.observed]) == 14


def test_nothing_else_is_said_of_the_broken_history(broken: Report) -> None:
    found = sorted({f.check for f in broken.findings if f.check.startswith("MIG")})

    assert found == ["MIG008", "MIG009"]
    assert (broken.verdict, broken.migrations.replay.failure) == ("FAIL", None)


def test_the_corrected_history_has_no_finding(corrected: Report) -> None:
    judged = {r.id: (r.status, r.examined) for r in corrected.checks if r.family == "MIG"}

    assert [f for f in corrected.findings if f.check.startswith("MIG")] == []
    assert {id: said for id, said in judged.items() if said[0] == "passed"} == {
        "MIG001": ("passed", 6),
        "MIG008": ("passed", 6),
        "MIG009": ("passed", corrected.migrations.statements),
        "MIG010": ("passed", 6),
        "MIG014": ("passed", 1),
        "MIG015": ("passed", 6),
    }
    assert all(entry.creates for entry in corrected.migrations.entries)


def test_the_conflict_joins_the_rows_of_the_sequence(broken: Report) -> None:
    page = render(broken, "html")

    assert '15 objects created again by <a href="#migration-5">row 5</a>' in page
    assert 'as does <a href="#migration-4">row 4</a>' in page


@pytest.fixture
def deployed(database: Database) -> Database:
    """A database that Prisma deployed the corrected history to."""
    with psycopg.connect(database.conninfo, autocommit=True) as conn:
        conn.execute(
            "create table _prisma_migrations (id varchar(36) primary key, checksum varchar(64) not null,"
            " finished_at timestamptz, migration_name varchar(255) not null, logs text, rolled_back_at"
            " timestamptz, started_at timestamptz not null default now(), applied_steps_count integer"
            " not null default 0)"
        )
        conn.execute("create role flakeguard_app login") if not conn.execute(
            "select from pg_roles where rolname = 'flakeguard_app'"
        ).fetchone() else None
        for number, file in enumerate(discover(EXAMPLE / "prisma").files):
            conn.execute(file.sql.encode())
            conn.execute(
                "insert into _prisma_migrations values (%s, encode(sha256(%s), 'hex'), now(), %s, null, null,"
                " now(), 1)",
                [str(number), file.raw, file.version],
            )
    return database


def test_a_deployed_flakeguard_is_vouched_for_from_end_to_end(deployed: Database, terminal: Terminal) -> None:
    config = os.fspath(EXAMPLE / "validate-schema.toml")

    ran = terminal.run(
        "--config", config, "--database-url", deployed.conninfo, "--select", "MIG", "--replay",
        "--report", "out.json",
    )  # fmt: skip
    report = read_report(terminal.folder / "out.json")

    assert (ran.status, [f.message for f in report.findings]) == (0, [])
    lines = [line for line in ran.out.splitlines() if line.startswith(("✓", "✗", "–"))][-6:]
    assert lines == [
        "✓ 6 migrations in sequence",
        "✓ 6 of 6 migrations applied, says _prisma_migrations",
        "✓ 6 of 6 applied migrations verified by checksum",
        "✓ 400 statements, none of which creates an object again  (1 not read: DO, CALL, or unparsed)",
        "✓ 6 of 6 migrations run through on a fresh database",
        f"✓ {report.migrations.drift.objects} of {report.migrations.drift.objects} objects are as the migrations make them",
    ]


def test_against_the_broken_ones_report_the_four_conflicts_are_resolved(
    terminal: Terminal, broken: Report
) -> None:
    terminal.write("before.json", render(broken, "json"))
    config = str(EXAMPLE / "validate-schema.toml")
    terminal.run(
        "--config", config, "--migrations", str(EXAMPLE / "prisma"),
        "--baseline", "before.json", "--report", "now.json", "--report", "now.md",
    )  # fmt: skip
    compared = read_report(Path("now.json")).baseline
    assert compared is not None
    gone = {f.fingerprint for f in compared.resolved}
    conflicts = [f for f in broken.findings if f.check in ("MIG008", "MIG009", "TEN006")]
    assert len(conflicts) >= 30
    assert [f for f in conflicts if f.fingerprint not in gone] == []
    assert f"| error | MIG008 | `{STRAY}` |" in Path("now.md").read_text()
