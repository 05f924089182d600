"""A fleet in parts: shards, what they come to, an interrupt; the checks; every format."""

import csv
import io
import json
import signal
from pathlib import Path
from xml.etree import ElementTree as ET

import html5lib
import psycopg
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from sarif_pydantic import Sarif

from tests.fix_cli import Terminal
from tests.fix_fleet import make_members, mutate
from validate_schema import fleet as examine
from validate_schema.report.fleet import FLEET_FORMATS
from validate_schema.scratch import Database

NAMES = ("tenant_1", "tenant_2", "tenant_3", "tenant_4", "tenant_5", "tenant_|<b>", "tenant_=x")
FLEET = ("fleet", "--schemas", "tenant_%")


@pytest.fixture
def fleet(database: Database, terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> Database:
    """Seven schemas, of which two differ, and a table in `public`."""
    monkeypatch.setenv("DATABASE_URL", database.conninfo)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    with database.connect() as conn:
        make_members(conn, NAMES)
        mutate(conn, "alter table {0}.account add column note text", "tenant_2")
        mutate(conn, "drop index {0}.invoice_account", "tenant_|<b>")
        conn.execute("create table public.plan (name text)")
        conn.commit()
    return database


@pytest.mark.parametrize("shards", [2, 5])
def test_parts_come_to_the_report_of_one_run_byte_for_byte(
    fleet: Database, terminal: Terminal, shards: int
) -> None:
    names = "select 'tenant_' || n from generate_series(1, 6) n"
    asked = (*FLEET, "--expected", names, "--exclude", "tenant_4=being moved")
    whole = terminal.run(*asked, "--format", "json")
    parts = [f"part-{k}.json" for k in range(1, shards + 1)]
    for k, part in enumerate(parts, 1):
        assert terminal.run(*asked, "--shard", f"{k}/{shards}", "--report", part).status == 0
    merged = terminal.run("fleet", "merge", *reversed(parts), "--format", "json")
    assert (merged.status, merged.out) == (1, whole.out)


def test_a_part_that_is_missing_or_there_twice_is_never_passed(fleet: Database, terminal: Terminal) -> None:
    for k in (1, 2):
        terminal.run(*FLEET, "--shard", f"{k}/3", "--report", f"part-{k}.json")
    ran = terminal.run("fleet", "merge", "part-1.json", "part-2.json")
    assert (ran.status, "shard 3/3 is missing" in ran.out) == (3, True)
    twice = terminal.run("fleet", "merge", "part-1.json", "part-1.json")
    assert (twice.status, "is there twice" in twice.err) == (2, True)
    terminal.write("other.json", "{}")
    assert terminal.run("fleet", "merge", "other.json").status == 2
    assert terminal.run(*FLEET, "--shard", "4/3", "--report", "x.json").status == 2
    assert terminal.run(*FLEET, "--shard", "1/3").status == 2


def test_the_checks_run_once_for_each_shape_and_their_findings_are_one_for_all(
    fleet: Database, terminal: Terminal
) -> None:
    ran = terminal.run(*FLEET, "--format", "json", "--select", "TBL005,IDX002")
    findings = [
        (f["finding"]["check"], f["finding"]["object"], f["members"]) for f in json.loads(ran.out)["findings"]
    ]
    event = {"kind": "table", "schema": "member", "table": "event"}
    shared = {"kind": "table", "schema": "public", "table": "plan"}
    assert ("TBL005", event, 7) in findings
    assert ("TBL005", shared, 7) in findings
    assert [members for check, _, members in findings if check == "IDX002"] == [1]


def test_a_finding_fails_the_run_from_the_severity_that_was_said(
    database: Database, terminal: Terminal
) -> None:
    with database.connect() as conn:
        make_members(conn, ("tenant_1", "tenant_2"))
        conn.commit()
    asked = (*FLEET, "--database-url", database.conninfo)
    assert terminal.run(*asked).status == 0
    ran = terminal.run(*asked, "--fail-on", "warning")
    assert (ran.status, ran.out[:8]) == (1, "FINDINGS")
    assert terminal.run(*asked, "--fail-on", "warning", "--select", "TBL001").status == 0


@pytest.mark.parametrize("format", FLEET_FORMATS)
def test_every_format_holds_the_members_that_differ(fleet: Database, terminal: Terminal, format: str) -> None:
    ran = terminal.run(*FLEET, "--format", format)
    assert ran.status == 1
    text = ran.out
    if format == "html":
        html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(text)
        assert "tenant_|&lt;b&gt;" in text
        assert "<b>" not in text
    elif format == "junit":
        cases = ET.fromstring(text).iter("testcase")
        failed = {case.get("name") for case in cases if case.find("failure") is not None}
        assert failed == {"tenant_2", "tenant_|<b>"}
    elif format == "csv":
        rows = {row["member"]: row for row in csv.DictReader(io.StringIO(text))}
        assert {name for name, row in rows.items() if row["state"] == "differs"} == {
            "tenant_2",
            "tenant_|<b>",
        }
        assert len(rows) == len(NAMES)
    elif format == "sarif":
        Sarif.model_validate_json(text)
        assert text.count('"ruleId": "FLEET/differs"') == 2
    elif format == "openmetrics":
        metrics = {m.name: m for m in text_string_to_metric_families(text)}
        states = {s.labels["state"]: s.value for s in metrics["validate_schema_fleet_members"].samples}
        assert states == {"alike": 5, "differs": 2, "unread": 0, "absent": 0}
    elif format == "md":
        assert "`tenant_|<b>`" not in text
        assert "column account.note" in text
    else:
        assert "note" in text


def test_an_interrupt_reports_what_is_known_as_incomplete(fleet: Database, terminal: Terminal) -> None:
    locked = psycopg.connect(fleet.conninfo)
    locked.execute("lock table pg_catalog.pg_policy in access exclusive mode")
    process = terminal.start(*FLEET, "--statement-timeout", "60000", DATABASE_URL=fleet.conninfo)
    with psycopg.connect(fleet.conninfo, autocommit=True) as watcher:
        waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
        while not (watcher.execute(waiting).fetchone() or (0,))[0]:
            pass
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    locked.close()
    assert process.returncode == 3, err
    assert out.startswith("INCOMPLETE")
    assert "interrupted" in out


def test_a_library_caller_gets_the_report(fleet: Database) -> None:
    report = examine(database_url=fleet.conninfo, schemas="tenant_%", select="TBL005")
    assert [m.name for m in report.of_state("differs")] == ["tenant_2", "tenant_|<b>"]
    assert report.verdict.exit_status == 1


def test_a_member_that_is_shared_with_no_other_shard_stays_out_of_the_others(
    fleet: Database, terminal: Terminal
) -> None:
    terminal.run(*FLEET, "--shard", "1/3", "--report", "part.json")
    part = json.loads(Path("part.json").read_text(encoding="utf-8"))
    for sample in part["samples"]:
        schemas = {table["schema"] for table in sample["catalog"]["tables"]}
        assert schemas == {"public", sample["member"]["schema"]}
