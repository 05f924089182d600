"""docs/checks.md is what `explain --all` prints."""

from pathlib import Path

from validate_schema.checking.packs import builtin_checks
from validate_schema.checking.reference import anchor, checks_reference

DOCS = Path(__file__).parents[2] / "docs"


def test_the_reference_of_the_checks_is_current() -> None:
    written = (DOCS / "checks.md").read_text(encoding="utf-8")

    assert checks_reference(builtin_checks()) == written, "run `make docs`"


def test_every_check_has_one_heading_that_its_row_links_to() -> None:
    text = checks_reference(builtin_checks())

    for check in builtin_checks():
        assert text.count(f"\n### {check.id} {check.name}\n") == 1
        assert text.count(f"[{check.id}](#{anchor(check)})") == 1
