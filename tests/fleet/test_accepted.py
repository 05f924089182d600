"""What the config accepts is told in a fleet's report in every format, and fails nothing; the gate holds."""

import json
from xml.etree import ElementTree as ET

import pytest

from tests.fix_cli import Terminal
from tests.fix_fleet import make_members, mutate
from validate_schema.report.fleet import FLEET_FORMATS
from validate_schema.scratch import Database

FLEET = ("fleet", "--schemas", "tenant_%", "--select", "TBL005,FLT003")
CONFIG = """
[[checks.suppress]]
check = "TBL005"
object = "event"
reason = "rows are written once"
owner = "data <team>"
expires = "2999-12-31"

[[checks.suppress]]
check = "FLT003"
object = "everywhere"
reason = "one role for all, by design"
"""


@pytest.fixture
def fleet(database: Database, terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> Database:
    """Three members, one of them of another shape, with a role of all of them."""
    monkeypatch.setenv("DATABASE_URL", database.conninfo)
    with database.connect(autocommit=True) as conn:
        make_members(conn, ("tenant_1", "tenant_2", "tenant_3"))
        mutate(conn, "alter table {0}.account add column note text", "tenant_2")
        conn.execute("create role everywhere login")
        conn.execute("grant usage on schema tenant_1, tenant_2, tenant_3 to everywhere")
    return database


def test_accepted_findings_are_no_findings_and_have_their_reason(fleet: Database, terminal: Terminal) -> None:
    before = json.loads(terminal.run(*FLEET, "--format", "json").out)
    assert {f["finding"]["check"] for f in before["findings"]} == {"TBL005", "FLT003"}
    terminal.write("validate-schema.toml", CONFIG)
    report = json.loads(terminal.run(*FLEET, "--format", "json", "--fail-on", "info").out)
    assert "findings" not in report
    told = {(a["finding"]["check"], a["finding"]["reason"], a["members"]) for a in report["suppressed"]}
    assert told == {("TBL005", "rows are written once", 3), ("FLT003", "one role for all, by design", 3)}
    assert report["verdict"]["reasons"] == ["1 member differs from the reference"]


@pytest.mark.parametrize("format", [f for f in FLEET_FORMATS if f != "csv"])
def test_every_format_shows_them(fleet: Database, terminal: Terminal, format: str) -> None:
    terminal.write("validate-schema.toml", CONFIG)
    text = terminal.run(*FLEET, "--format", format).out
    if format == "openmetrics":
        assert "validate_schema_fleet_suppressed 2" in text
        return
    assert "rows are written once" in text
    assert "<team>" not in text or format in ("txt", "json", "sarif")
    if format == "sarif":
        results = json.loads(text)["runs"][0]["results"]
        accepted = [r for r in results if r.get("suppressions")]
        assert {r["ruleId"] for r in accepted} == {"TBL005", "FLT003"}
        assert accepted[0]["suppressions"][0]["status"] == "accepted"
    if format == "junit":
        cases = {c.get("classname"): c for c in ET.fromstring(text).iter("testcase")}
        assert cases["TBL005"].find("failure") is None
        assert "until 2999-12-31" in (cases["TBL005"].findtext("system-out") or "")


def test_the_gate_is_that_of_every_format(fleet: Database, terminal: Terminal) -> None:
    def failing(*arguments: str) -> set[str | None]:
        text = terminal.run(*FLEET, "--format", "junit", *arguments).out
        return {
            c.get("classname") for c in ET.fromstring(text).iter("testcase") if c.find("failure") is not None
        }

    assert failing() == {"fleet"}
    assert failing("--fail-on", "warning") >= {"FLT003"}
    terminal.write("validate-schema.toml", '[report]\nfail_on = "never"\n')
    assert failing() == {"fleet"}
