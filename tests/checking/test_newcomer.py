"""A new pack is one file: it is listed, explained, run and told, and its examples are run by three lines."""

import re
from pathlib import Path

import pytest

from tests.fix_cli import SHOP, SHOP_CONFIG
from tests.fix_newcomer import ROOT, Checkout
from tests.testing.test_plugin import LIGHT

PATCH = ROOT / "tests/data/newcomer/pack.patch"
TEST = 'from validate_schema.testing.examples import examples\n\ntest_examples = examples("acme.py")\n'


@pytest.fixture
def newcomer(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    for name in ("PYTEST_ADDOPTS", "PYTEST_XDIST_WORKER"):
        monkeypatch.delenv(name, raising=False)
    checkout.add(PATCH)
    (checkout.folder / "db").mkdir()
    (checkout.folder / "db/001_shop.sql").write_text(SHOP + "create table invoices (id int primary key);")
    (checkout.folder / "validate-schema.toml").write_text(SHOP_CONFIG)
    return checkout


def test_a_new_pack_is_one_file_and_is_told_like_ours(newcomer: Checkout) -> None:
    assert (newcomer.touched, newcomer.rows) == (["acme.py"], [])
    command = ["-m", "validate_schema"]
    explained = newcomer.run(*command, "explain", "--pack", "acme.py", "singular", cwd=newcomer.folder)
    ran = newcomer.run(
        *command, "--pack", "acme.py", "--migrations", "db", "--select", "ACM", cwd=newcomer.folder
    )

    assert explained.stdout.startswith("# ACM001 singular\n\n**A table has a plural name**"), explained.stderr
    assert ran.returncode == 0, ran.stderr
    assert "✗ 3 of 4 tables are named for one of their rows" in ran.stdout
    assert "warning ACM001 A table has a plural name\n  invoices is a plural" in ran.stdout


def test_its_examples_are_run_by_three_lines(newcomer: Checkout) -> None:
    Path(newcomer.folder / "test_acme.py").write_text(TEST)
    ran = newcomer.run("-m", "pytest", *LIGHT, "-q", "test_acme.py", cwd=newcomer.folder)

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.splitlines()[-1].startswith("2 passed")


def test_the_places_that_newcomers_are_sent_to_are_there() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    package = ROOT / "validator/validate_schema"
    rows = [line for line in page.splitlines() if line.startswith("| a")]

    assert len(rows) == 7
    places = re.findall(r"`([a-z_/]+/)[a-z_<>….]*(?:py)?`", "".join(rows))
    assert [p for p in places if not ((package / p).is_dir() or (ROOT / p).is_dir())] == []
    for table, file in (
        ("FORMS", "sources/__init__.py"),
        ("COMMANDS", "cli/main.py"),
        ("FORMATS", "model/formats.py"),
        ("ENGINES", "catalog/engines.py"),
    ):
        assert f"`{file}`" in page
        assert f"\n{table} = " in (package / file).read_text(encoding="utf-8")
