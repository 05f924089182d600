"""A report of things that hang on one another, deeper than a stack: every format has it, and so has a diff."""

import pytest
from msgspec.structs import replace

from tests import fix_shapes
from tests.fix_shapes import catalog, facts_about
from tests.run.test_hostile_schemas import TARGET
from validate_schema.checking.engine import run
from validate_schema.checking.packs import builtin_checks
from validate_schema.contract.diff.catalogs import compare
from validate_schema.model.formats import FORMATS
from validate_schema.report import render
from validate_schema.report.build import Circumstances, build_report

MANY = 1_200  # more than Python's stack has frames


@pytest.mark.parametrize("shape", ["chain", "inherited_chain", "children", "views"])
def test_every_format_shows_the_last_of_a_chain(shape: str) -> None:
    facts = facts_about(getattr(fix_shapes, shape)(MANY))
    outcome = run(builtin_checks(), facts)
    report = build_report(facts, outcome, "error", Circumstances(TARGET, generated_at="2026-07-01T00:00:00Z"))
    for name in FORMATS:
        text = render(report, name)
        assert text
        if name in ("md", "html", "json", "csv") and shape != "views":
            assert f"t{MANY - 1:05}" in text


@pytest.mark.parametrize(
    "shape", ["chain", "inherited_chain", "children", "partitions", "views", "roles", "routines"]
)
def test_a_diff_tells_the_end_of_a_chain_that_is_gone(shape: str) -> None:
    whole = getattr(fix_shapes, shape)(MANY)
    kind = {"views": "views", "routines": "functions"}.get(shape, "tables")
    shorter = replace(whole, **{kind: getattr(whole, kind)[:-1]})
    (gone, *more) = compare(whole, shorter)
    assert (gone.kind, more) == ("removed", [])
    assert len(compare(catalog(()), whole)) >= len(getattr(whole, kind)) - 1
