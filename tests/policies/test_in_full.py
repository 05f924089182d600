"""The whole engine over one schema: a defect of row security is one error, and a healthy variant none."""

import pytest

from tests.fix_bench import Bench, execute
from tests.fix_examples import facts_of
from tests.fix_leaks import BAD, BASE, HEALTHY, TOML, Defect
from validate_schema.checking.engine import run
from validate_schema.checking.packs import builtin_checks
from validate_schema.model.finding import Finding, Severity

pytestmark = pytest.mark.every_server


def errors(bench: Bench, script: str) -> list[Finding]:
    """Return the errors of every check there is."""
    with bench.open(script) as conn:
        execute(conn, BASE)
        execute(conn, script)
        return [
            f for f in run(builtin_checks(), facts_of(conn, TOML)).findings if f.severity is Severity.ERROR
        ]


def test_the_schema_that_the_variants_stand_on_has_no_error(bench: Bench) -> None:
    assert [f.message for f in errors(bench, "")] == []


@pytest.mark.parametrize("defect", BAD.values(), ids=BAD)
def test_a_leak_is_exactly_one_error_that_names_the_table_and_the_branch(
    bench: Bench, defect: Defect
) -> None:
    found = errors(bench, defect.script)

    assert [f.check for f in found] == [defect.check], [f.message for f in found]
    assert all(word in found[0].message for word in defect.names), found[0].message


@pytest.mark.parametrize("script", HEALTHY.values(), ids=HEALTHY)
def test_a_healthy_variant_is_no_error(bench: Bench, script: str) -> None:
    assert [f.message for f in errors(bench, script)] == []
