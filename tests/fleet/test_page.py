"""What docs/fleet.md shows for CI, Kubernetes and Prometheus can be read, and names what there is."""

import re

import click
import yaml

from tests.fix_pages import DOCS, blocks
from validate_schema.cli.main import cli
from validate_schema.model.fleet import FleetReport, FleetVerdict
from validate_schema.report.fleet import render_fleet

PAGE = "fleet.md"


def test_alerts_are_about_figures_that_a_report_holds() -> None:
    report = FleetReport(
        generated_at="2026-01-01T00:00:00Z", verdict=FleetVerdict(status="pass", exit_status=0)
    )
    given = set(re.findall(r"^# TYPE (\w+) gauge", render_fleet(report, "openmetrics"), re.MULTILINE))
    (rules,) = (yaml.safe_load(b) for b in blocks(PAGE, "yaml") if b.startswith("groups:"))
    for rule in rules["groups"][0]["rules"]:
        named = set(re.findall(r"validate_schema_fleet_\w+", rule["expr"]))
        assert named, rule["alert"]
        assert named <= given, rule["alert"]


def test_every_option_on_the_page_is_one() -> None:
    context = click.Context(cli)
    group = cli.get_command(context, "fleet")
    assert isinstance(group, click.Group)
    commands = [group, *(group.get_command(context, name) for name in group.list_commands(context))]
    known = {option for command in commands if command for p in command.params for option in p.opts}
    for shown in re.findall(r"validate-schema fleet [^\n`]*", (DOCS / PAGE).read_text(encoding="utf-8")):
        assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", shown)) <= known, shown


def test_ci_and_kubernetes_are_yaml() -> None:
    kinds = [sorted(yaml.safe_load(block)) for block in blocks(PAGE, "yaml")]
    assert kinds == [["jobs"], ["apiVersion", "kind", "metadata", "spec"], ["groups"]]
