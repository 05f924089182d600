"""Every check of a fleet: the bad example is found, the good one is clean, and the remedy cures the bad one."""

import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

import pytest

from tests.fix_bench import execute
from tests.fix_server import fresh
from validate_schema import fleet
from validate_schema.checking.declare import Check
from validate_schema.checking.packs import builtin_checks
from validate_schema.checking.reference import EXAMPLE_TABLE
from validate_schema.model.fleet import FleetFinding, FleetReport
from validate_schema.scratch import Database, Server
from validate_schema.sql.ident import quote_ident, quote_literal

CHECKS = tuple(c for c in builtin_checks() if c.on_fleet)
_HEAD = re.compile(r"^-- database (\w+)\n", re.MULTILINE)
_ONE = ""
_PROVEN = "FLT014"


class Example:
    """An example in its databases, by the name that it has for each; one of schemas has a single one."""

    def __init__(self, check: Check, databases: Mapping[str, Database]) -> None:
        self._check, self._databases = check, databases

    def make(self, script: str) -> None:
        if _ONE in self._databases:
            self._run(_ONE, f"{EXAMPLE_TABLE};\n{script}")
            return
        parts = _HEAD.split(script)[1:]
        for name, text in zip(parts[::2], parts[1::2], strict=True):
            self._run(name, text)

    def report(self) -> FleetReport:
        if _ONE in self._databases:
            url = self._databases[_ONE].conninfo
            return fleet(
                database_url=url, schemas=r"tenant\__", select=self._check.id, prove=self._check.id == _PROVEN
            )
        targets = {name: database.conninfo for name, database in self._databases.items()}
        return fleet(targets=targets, select=self._check.id)

    def cure(self, findings: tuple[FleetFinding, ...]) -> None:
        for statement in (sql for f in findings for sql in f.finding.remedy.sql):
            self._run(next(iter(self._databases)), statement)

    def _run(self, name: str, script: str) -> None:
        for known, database in self._databases.items():
            if known:
                script = script.replace(f"'{known}'", quote_literal(database.name))
                script = re.sub(rf"\b{known}\b", quote_ident(database.name), script)
        with self._databases[name].connect(autocommit=True) as conn:
            execute(conn, script)


@contextmanager
def example_of(check: Check, server: Server) -> Iterator[Example]:
    names = _HEAD.findall(check.bad) or [_ONE]
    with ExitStack() as stack:
        yield Example(check, {name: stack.enter_context(fresh(server)) for name in names})


def said(report: FleetReport) -> list[str]:
    return [f.finding.message for f in report.findings]


@pytest.mark.parametrize("check", CHECKS, ids=lambda c: c.id)
def test_the_bad_example_is_found(check: Check, server: Server) -> None:
    with example_of(check, server) as example:
        example.make(check.bad)
        report = example.report()
        assert {f.finding.check for f in report.findings} == {check.id}
        for found in report.findings:
            assert found.finding.message
            assert bool(found.finding.remedy.sql) is check.remediable
        assert report.verdict.exit_status in (0, 1)


@pytest.mark.parametrize("check", CHECKS, ids=lambda c: c.id)
def test_the_good_example_is_clean(check: Check, server: Server) -> None:
    with example_of(check, server) as example:
        example.make(check.good)
        assert said(example.report()) == []


@pytest.mark.parametrize("check", [c for c in CHECKS if c.remediable], ids=lambda c: c.id)
def test_the_remedy_cures_the_bad_example(check: Check, server: Server) -> None:
    with example_of(check, server) as example:
        example.make(check.bad)
        example.cure(example.report().findings)
        assert said(example.report()) == []
