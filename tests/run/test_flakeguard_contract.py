"""FlakeGuard's Prisma schema is the contract that its migrations keep; whatever changes is found."""

import json
from collections.abc import Iterator
from datetime import date
from functools import lru_cache
from pathlib import Path

import pytest
from msgspec.structs import replace
from msgspec.structs import replace as changed

from tests.fix_examples import TODAY
from tests.fix_mutations import mutations
from tests.fix_server import fresh
from validate_schema.catalog.reader import read_catalog
from validate_schema.checking.engine import run
from validate_schema.checking.packs import builtin_checks
from validate_schema.config import load
from validate_schema.facts.facts import Facts
from validate_schema.migrations import discover, replay
from validate_schema.model.catalog import Catalog
from validate_schema.model.contract import Contract, ExpectedColumn, ExpectedKey, ExpectedTable
from validate_schema.scratch import Server
from validate_schema.sources import SourceContext, read_source
from validate_schema.sources.build import build_contract
from validate_schema.sql.compare import same_expression, same_type
from validate_schema.tenancy import identify

EXAMPLE = Path(__file__).parents[2] / "examples" / "flakeguard"
FACTS = json.loads((Path(__file__).parents[1] / "data" / "flakeguard_facts.json").read_text())
JUDGES = tuple(
    c
    for c in builtin_checks()
    if c.id
    in [
        "TBL001",
        "TBL002",
        "TBL005",
        "TBL007",
        "TBL008",
        "COL001",
        "COL002",
        "COL003",
        "COL004",
        "COL005",
        "TEN001",
        "TEN002",
        "TEN003",
        "TEN006",
        "UNQ004",
        "UNQ006",
        "IDX006",
        "IDX007",
        "FKY002",
        "FKY009",
        "ENU001",
        "ENU002",
        "ENU004",
    ]
)
ABOUT_THE_CONTRACT = {c.id for c in JUDGES} - {"TBL005", "TEN001", "TEN002", "TEN003", "TEN006"}


@lru_cache
def contract() -> Contract:
    read = read_source("schema.prisma", EXAMPLE, SourceContext())
    return changed(read, closed=True)


def tables() -> dict[str, ExpectedTable]:
    return {t.name: t for t in contract().tables}


# The contract is equal to the facts.


def test_the_schema_declares_the_tables_and_enums_of_the_facts() -> None:
    assert sorted(tables()) == sorted(FACTS["tables"])
    assert {e.name: list(e.labels) for e in contract().enums} == FACTS["enums"]
    assert {e.schema for e in (*contract().enums, *contract().tables)} == {None}


@pytest.mark.parametrize("name", sorted(FACTS["tables"]))
def test_a_table_of_the_schema_is_equal_to_its_facts(name: str) -> None:
    facts, table = FACTS["tables"][name], tables()[name]
    key = table.primary_key.columns if table.primary_key else ()
    pair = tuple(k.columns for k in table.uniques if k.name is None)

    assert [c.name for c in table.columns] == list(facts["columns"])
    for column, fact in zip(table.columns, facts["columns"].values(), strict=True):
        assert same_type(column.type or "", fact["type"]), column
        assert column.nullable == fact["nullable"], column
        assert same_expression(column.default, fact.get("default"), of_type=fact["type"]), column
        assert column.default_declared
    assert list(key or pair[0]) == facts["primary_key"]
    assert {k.name: list(k.columns) for k in table.uniques if k.name} == facts["unique"]
    assert {k.name: list(k.columns) for k in table.indexes} == facts["indexes"]
    assert {
        k.name: {
            "columns": list(k.columns),
            "references": k.references,
            "referenced_columns": list(k.referenced_columns),
            "on_delete": (k.on_delete or "").upper(),
            "on_update": (k.on_update or "").upper(),
        }
        for k in table.foreign_keys
    } == facts["foreign_keys"]


def test_every_expectation_names_its_line() -> None:
    lines = (EXAMPLE / "schema.prisma").read_text().splitlines()
    for table in contract().tables:
        joined = table.name.startswith("_")
        for part in (table, *table.columns, *table.uniques, *table.indexes, *table.foreign_keys):
            file, _, line = part.where.rpartition(":")
            text = lines[int(line) - 1]
            if isinstance(part, ExpectedTable | ExpectedColumn) and not joined:
                assert part.name in text
            if isinstance(part, ExpectedKey) and not joined:
                assert "unique" in text or "@@index" in text
            assert (file, part.origin) == ("schema.prisma", "schema.prisma")


# The migrations satisfy it.


@pytest.fixture(scope="module")
def catalog(server: Server) -> Iterator[Catalog]:
    with fresh(server) as database:
        replay(database, discover(EXAMPLE / "prisma"))
        with database.connect() as connection:
            yield read_catalog(connection)


def judged(catalog: Catalog, expected: Contract) -> set[tuple[str, str, str]]:
    """Return the findings of the checks that know the contract: check, table and message."""
    config = load(EXAMPLE / "validate-schema.toml", EXAMPLE).config
    tenancy = identify(catalog, config.tenancy, today=TODAY)
    outcome = run(JUDGES, Facts(catalog, tenancy, expected, today=date(2026, 7, 1)))
    assert [r.reason for r in outcome.results if r.status == "error"] == []
    return {(f.check, f.object.table or f.object.name, f.message) for f in outcome.findings}


def test_the_migrations_satisfy_the_schema(catalog: Catalog) -> None:
    found = judged(catalog, contract())

    assert {f for f in found if f[0] in ABOUT_THE_CONTRACT} == set()


def test_the_example_reads_the_schema_and_its_own_contract_together(catalog: Catalog) -> None:
    config = load(EXAMPLE / "validate-schema.toml", EXAMPLE).config
    both = build_contract(config, EXAMPLE)

    assert both.sources == ("schema.prisma",)
    assert [t.name for t in both.tables] == [t.name for t in contract().tables]
    assert {f for f in judged(catalog, both) if f[0] in ABOUT_THE_CONTRACT} == set()


# Whatever is changed, one thing at a time, is found.


@pytest.mark.no_cover
def test_every_property_changed_one_at_a_time_is_found(catalog: Catalog) -> None:
    config = load(EXAMPLE / "validate-schema.toml", EXAMPLE).config
    base = Facts(catalog, identify(catalog, config.tenancy, today=TODAY), contract(), today=TODAY)
    before = {(f.fingerprint, f.message) for f in run(JUDGES, base).findings}
    # Its orgId may be NULL, which TEN002 says whatever the contract does: one defect, one finding.
    said_anyway = [("declared column nullability", "Task", "orgId")]
    silent, count = [], 0

    for change in mutations(catalog, contract()):
        count += 1
        outcome = run(JUDGES, replace(base, catalog=change.catalog, contract=change.contract))
        assert not [r.reason for r in outcome.results if r.status == "error"], change[:3]
        found = [f for f in outcome.findings if (f.fingerprint, f.message) not in before]
        if not any(change.table in (f.object.table, f.object.name) for f in found):
            silent.append(change[:3])

    assert silent == said_anyway
    assert count > 7000
