"""The checks on migrations: their examples are files and what was done to a database, judged by a whole run."""

import json

import psycopg
import pytest

from tests.fix_cli import Terminal
from validate_schema.checking.declare import Check
from validate_schema.checking.packs import builtin_checks
from validate_schema.model.report import CheckResult, Report
from validate_schema.report import read_report
from validate_schema.scratch import Database
from validate_schema.testing.examples import lay

CHECKS = tuple(c for c in builtin_checks() if c.on_migrations)
REPLAYED = ("replay", "drift", "dry run", "fixtures")

every_check = pytest.mark.parametrize("check", CHECKS, ids=[c.id for c in CHECKS])


def judged(check: Check, example: str, database: Database, terminal: Terminal) -> tuple[CheckResult, Report]:
    """Run the command line on the example as a user would; return what the check said."""
    done = lay(terminal.folder, example)
    with psycopg.connect(database.conninfo, autocommit=True) as conn:
        conn.execute(done.encode())
    config = [check.config or "[migrations]", 'path = "migrations"']
    config += ["replay = true"] if check.needs in REPLAYED else []
    config += ['fixtures = "fixtures"'] if check.needs == "fixtures" else []
    terminal.write("validate-schema.toml", "\n".join(config))
    ran = terminal.run("--database-url", database.conninfo, "--select", check.id, "--report", "out.json")
    assert ran.complaints == []
    report = read_report(terminal.folder / "out.json")
    return next(r for r in report.checks if r.id == check.id), report


@every_check
def test_the_bad_example_is_found(check: Check, database: Database, terminal: Terminal) -> None:
    result, report = judged(check, check.bad, database, terminal)

    assert result.status == "failed", result.reason
    assert report.verdict == ("FAIL" if check.severity == "error" else "PASS")
    for finding in report.findings:
        assert (finding.remedy.sql, bool(finding.remedy.note)) == ((), True)
        named = {finding.object.name, finding.object.table} - {""}
        assert any(name in finding.message for name in named), f"{finding.message!r} names none of {named}"
        place = (finding.location or "").partition(":")[0]
        assert not place or (terminal.folder / place).exists()


@every_check
def test_the_good_example_is_clean(check: Check, database: Database, terminal: Terminal) -> None:
    result, report = judged(check, check.good, database, terminal)

    assert (result.status, report.findings) == ("passed", ()), result.reason
    assert result.examined >= 1
    assert json.loads((terminal.folder / "out.json").read_text())["migrations"]["entries"]
