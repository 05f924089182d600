"""Every check of a schema: the bad example is found, the good one is clean, and the remedy cures the bad one."""

import pytest

from tests.fix_bench import Bench, execute
from tests.fix_examples import Judged, findings
from validate_schema.declare import Check
from validate_schema.packs import builtin_checks

CHECKS = tuple(c for c in builtin_checks() if not c.on_migrations)  # those: test_migration_examples

every_schema = pytest.mark.parametrize("schema", ["public", "Mixed Schema"], ids=["public", "mixed"])


def checks(*, remediable: bool | None = None) -> pytest.MarkDecorator:
    chosen = [c for c in CHECKS if remediable is None or c.remediable is remediable]
    return pytest.mark.parametrize("check", chosen, ids=[c.id for c in chosen])


def found_in(bench: Bench, check: Check, schema: str, script: str, config: str) -> Judged:
    with bench.open(script, schema=schema, committed=check.needs == "proof") as conn:
        execute(conn, script)
        return findings(check, conn, config, schema=schema)


@every_schema
@checks()
def test_the_bad_example_is_found(check: Check, bench: Bench, schema: str) -> None:
    judged = found_in(bench, check, schema, check.bad, check.config)

    assert judged.result.status == "failed", judged.said
    assert judged.result.examined >= 1
    for finding in judged.findings:
        assert finding.message
        assert finding.expected
        assert finding.observed
        named = {finding.object.name, finding.object.table} - {""}
        assert any(name in finding.message for name in named), f"{finding.message!r} names none of {named}"


@every_schema
@checks()
def test_the_good_example_is_clean(check: Check, bench: Bench, schema: str) -> None:
    judged = found_in(bench, check, schema, check.good, check.good_config or check.config)

    assert (judged.result.status, judged.said) == ("passed", [])
    assert judged.result.examined >= 1


@every_schema
@checks(remediable=True)
def test_the_remedy_cures_the_bad_example(check: Check, bench: Bench, schema: str) -> None:
    found = found_in(bench, check, schema, check.bad, check.config)
    assert all(f.remedy.sql for f in found.findings), "no SQL for a finding of a remediable check"

    with bench.open(check.bad, *found.cure, schema=schema, committed=check.needs == "proof") as conn:
        execute(conn, check.bad)
        for statement in found.cure:
            assert statement.endswith(";"), statement
            conn.execute(statement)
        cured = findings(check, conn, check.config, schema=schema)

    assert (cured.result.status in ("passed", "not_applicable"), cured.said) == (True, [])


@every_schema
@checks(remediable=False)
def test_what_only_a_person_can_decide_is_said_in_a_note(check: Check, bench: Bench, schema: str) -> None:
    found = found_in(bench, check, schema, check.bad, check.config).findings

    assert [f.remedy.sql for f in found] == [()] * len(found)
    assert all(f.remedy.note for f in found)
