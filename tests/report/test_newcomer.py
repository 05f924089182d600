"""A new output format is a module and a row of a table: both are put into a copy of the project."""

from pathlib import Path

import pytest

from tests.fix_cli import SHOP, SHOP_CONFIG
from tests.fix_newcomer import ROOT, Checkout

PATCH = ROOT / "tests/data/newcomer/format.patch"


@pytest.fixture
def newcomer(checkout: Checkout, tmp_path: Path) -> Checkout:
    checkout.add(PATCH)
    (tmp_path / "db").mkdir()
    (tmp_path / "db/001_shop.sql").write_text(SHOP)
    (tmp_path / "validate-schema.toml").write_text(SHOP_CONFIG)
    return checkout


def test_a_new_format_is_one_module_and_one_row(newcomer: Checkout) -> None:
    module, table = newcomer.touched
    assert (module, table) == (
        "validator/validate_schema/report/tap.py",
        "validator/validate_schema/model/formats.py",
    )
    assert len(newcomer.rows) == 1


def test_a_new_format_is_written_rendered_and_offered(newcomer: Checkout, tmp_path: Path) -> None:
    command = ["-m", "validate_schema"]
    target = ["--migrations", "db", "--select", "UNQ001,UNQ003,DAT001", "--no-data"]
    ran = newcomer.run(*command, *target, "--report", "out.tap", "--report", "out.json", cwd=tmp_path)
    rendered = newcomer.run(*command, "render", "out.json", "--format", "tap", cwd=tmp_path)
    offered = newcomer.run(*command, "--help", cwd=tmp_path)

    assert ran.returncode == 1, ran.stderr
    text = (tmp_path / "out.tap").read_text()
    assert text.splitlines() == [
        "TAP version 14",
        "1..3",
        "ok 1 - DAT001 Rows without a tenant # SKIP row counts are switched off",
        "not ok 2 - UNQ001 Unique not scoped to the tenant: 1 of 2",
        "ok 3 - UNQ003 Unique that lets duplicates slip through NULL",
    ]
    assert rendered.stdout == text
    assert "openmetrics|tap]" in offered.stdout
