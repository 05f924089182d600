"""A new database engine is a package and a row of a table: both are put into a copy of the project."""

import json
from pathlib import Path

import pytest

from tests.fix_newcomer import ROOT, Checkout

PATCH = ROOT / "tests/data/newcomer/engine.patch"
RUN = ["-m", "validate_schema"]
LISTING = """\
organization.id uuid not null key
task.id uuid not null key
task.org_id uuid not null -> organization.id
note.id uuid not null key
note.org_id uuid
"""
CONFIG = """
[tenancy]
root = "organization"
column = "org_id"
[contract.tables.task]
columns.title = { type = "text" }
[contract.tables.note]
columns.org_id = { type = "uuid", nullable = false }
"""


@pytest.fixture
def newcomer(checkout: Checkout, tmp_path: Path) -> Checkout:
    checkout.add(PATCH)
    (tmp_path / "shop.listing").write_text(LISTING)
    (tmp_path / "validate-schema.toml").write_text(CONFIG)
    return checkout


def test_a_new_engine_is_a_package_and_one_row(newcomer: Checkout) -> None:
    assert newcomer.touched == [
        "validator/validate_schema/catalog/listing/__init__.py",
        "validator/validate_schema/catalog/engines.py",
    ]
    assert len(newcomer.rows) == 1


def test_a_database_of_a_new_engine_is_examined(newcomer: Checkout, tmp_path: Path) -> None:
    command = [*RUN, "--database-url", "listing:///shop.listing", "--report", "r.json"]
    ran = newcomer.run(*command, cwd=tmp_path)
    report = json.loads((tmp_path / "r.json").read_text())
    found = {(f["check"], f["message"]) for f in report["findings"]}
    status = {check["id"]: check["status"] for check in report["checks"]}

    assert ran.returncode == 1, ran.stderr
    assert ran.stdout.splitlines()[2].startswith("shop.listing, Listing 1")
    assert found >= {
        ("COL001", "Column task.title does not exist"),
        ("TEN002", "Tenant column note.org_id may be NULL"),
        ("TEN004", "Tenant column note.org_id has no foreign key to organization"),
    }
    assert (status["TEN001"], status["RLS001"]) == ("passed", "not_applicable")
    assert {f["remedy"]["note"] for f in report["findings"]} == {"Mend it with a migration of your tool."}


def test_a_database_of_a_new_engine_is_a_contract_and_a_side(newcomer: Checkout, tmp_path: Path) -> None:
    (tmp_path / "after.listing").write_text(LISTING + "note.words text\n")
    urls = "listing:///shop.listing", "listing:///after.listing"
    ran = newcomer.run(*RUN, "diff", *urls, cwd=tmp_path)
    declared = newcomer.run(*RUN, "--database-url", urls[0], "--contract", urls[1], cwd=tmp_path)

    assert ran.returncode == 1, ran.stderr
    assert "+ column words" in ran.stdout
    assert "note.words" in declared.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["doctor"], "✓ Listing 1: 3 tables"),
        (["doctor"], "– roles and row-level security do not exist there: checks on them are not applicable"),
        (["--prove"], "Listing has no roles and no row-level security: there is no isolation to prove"),
        (["fix", "--output", "-"], "a database of Listing is mended by its own migration tool"),
        (["--contract", "nothing"], "a database (postgresql://… or listing:///… or sqlite:///…)"),
    ],
)
def test_every_command_knows_what_a_new_engine_can(
    newcomer: Checkout, tmp_path: Path, arguments: list[str], said: str
) -> None:
    ran = newcomer.run(*RUN, *arguments, "--database-url", "listing:///shop.listing", cwd=tmp_path)

    assert ran.returncode == (0 if arguments == ["doctor"] else 2)
    assert said in ran.stdout + ran.stderr
