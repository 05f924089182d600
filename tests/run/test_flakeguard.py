"""The FlakeGuard example ends where its recorded facts say, and keeps its tenants apart."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.fix_server import fresh
from validate_schema.catalog.reader import read_catalog
from validate_schema.config import load
from validate_schema.migrations import discover, replay
from validate_schema.model.catalog import Catalog, Table
from validate_schema.scratch import Database, Server
from validate_schema.sql.ident import quote_ident

pytestmark = pytest.mark.every_server

EXAMPLE = Path(__file__).parents[2] / "examples" / "flakeguard"
GOOD = EXAMPLE / "prisma"
BROKEN = EXAMPLE / "broken" / "prisma"
FACTS = json.loads((Path(__file__).parents[1] / "data" / "flakeguard_facts.json").read_text())
TENANT_TABLES = sorted(t for t, facts in FACTS["tables"].items() if "orgId" in facts["columns"])
INHERITED_TABLES = ["Artifact", "FGIssueLink", "FGJob", "WorkflowJob", "_FGFailureClusterToFGTestCase"]


@pytest.fixture(scope="module")
def flakeguard(any_server: Server) -> Iterator[Database]:
    """The six migrations, replayed on every server at hand."""
    with fresh(any_server) as database:
        replay(database, discover(GOOD))
        yield database


@pytest.fixture(scope="module")
def catalog(flakeguard: Database) -> Catalog:
    with flakeguard.connect() as connection:
        return read_catalog(connection)


def as_facts(table: Table) -> dict[str, Any]:
    """Return a table of the catalog in the words of the recorded facts."""
    plain = {i.name: list(i.columns) for i in table.indexes if not i.primary}
    unique = {i.name for i in table.indexes if i.unique}
    return {
        "columns": {
            c.name: {"type": _local(c.type), "nullable": not c.not_null}
            | ({"default": _local(c.default)} if c.default else {})
            for c in table.columns
        },
        "primary_key": list(table.primary_key.columns) if table.primary_key else None,
        "unique": {name: columns for name, columns in plain.items() if name in unique},
        "indexes": {name: columns for name, columns in plain.items() if name not in unique},
        "foreign_keys": {
            k.name: {
                "columns": list(k.columns),
                "references": k.references.name if k.references else None,
                "referenced_columns": list(k.referenced_columns),
                "on_delete": k.on_delete.upper(),
                "on_update": k.on_update.upper(),
            }
            for k in table.foreign_keys
        },
    }


def _local(text: str) -> str:
    """The facts were read with the schema on the search path."""
    return text.replace("public.", "")


def test_the_end_state_equals_the_recorded_facts(catalog: Catalog) -> None:
    found = {table.name: as_facts(table) for table in catalog.tables}
    assert found == FACTS["tables"]
    assert {e.name: list(e.labels) for e in catalog.enums} == FACTS["enums"]


def test_the_figures_that_its_report_quotes(catalog: Catalog) -> None:
    indexes = [i for t in catalog.tables for i in t.indexes]
    keys = [k for t in catalog.tables for k in t.foreign_keys]
    tenant = [c for t in catalog.tables for c in t.columns if c.name == "orgId"]
    figures = {
        "tables": len(catalog.tables),
        "tenant tables": len(tenant),
        "orgId NOT NULL": sum(c.not_null for c in tenant),
        "indexes": len(indexes),
        "primary keys": sum(i.primary for i in indexes),
        "other unique": sum(i.unique and not i.primary for i in indexes),
        "plain": sum(not i.unique for i in indexes),
        "org-prefixed uniques": sum(i.unique and i.columns[0] == "orgId" for i in indexes),
        "foreign keys": len(keys),
        "to Organization": sum(
            k.references is not None and k.references.name == "Organization" for k in keys
        ),
        "enums": len(catalog.enums),
    }
    assert figures == {
        "tables": 27,
        "tenant tables": 19,
        "orgId NOT NULL": 18,
        "indexes": 198,
        "primary keys": 27,
        "other unique": 22,
        "plain": 149,
        "org-prefixed uniques": 10,
        "foreign keys": 52,
        "to Organization": 18,
        "enums": 3,
    }


def test_every_tenants_table_has_forced_row_security_for_the_app_role(catalog: Catalog) -> None:
    guarded = {t.name for t in catalog.tables if t.row_security and t.force_row_security}
    assert guarded == {*TENANT_TABLES, *INHERITED_TABLES, "Organization"}
    policies = {(t.name, p.roles, p.command) for t in catalog.tables for p in t.policies}
    assert policies == {(name, ("flakeguard_app",), "ALL") for name in guarded}
    assert all(t.owner != "flakeguard_app" for t in catalog.tables)
    assert not [t.name for t in catalog.tables for g in t.grants if g.grantee == "PUBLIC"]


def seed(connection: psycopg.Connection[Any], tenant: str) -> None:
    """Insert one row of `tenant` into every table, in one go: keys all read `tenant`."""
    number = {"acme": 1, "globex": 2}[tenant]
    for table, facts in FACTS["tables"].items():
        values = {}
        for column, fact in facts["columns"].items():
            if fact["type"] == "text":
                values[column] = tenant
            elif fact["nullable"] or "default" in fact:
                continue
            else:
                values[column] = {"integer": number, "double precision": 0.5}.get(fact["type"], "2026-01-01")
        names = ", ".join(map(quote_ident, values))
        marks = ", ".join(["%s"] * len(values))
        sql = f"insert into {quote_ident(table)} ({names}) values ({marks})"
        connection.execute(sql.encode(), list(values.values()))


@pytest.fixture(scope="module")
def seeded(flakeguard: Database) -> Iterator[psycopg.Connection[Any]]:
    """A connection of the app role, with two tenants' rows in all tables."""
    with flakeguard.connect(autocommit=True) as connection:
        with connection.transaction():
            connection.execute("set local session_replication_role = replica")
            seed(connection, "acme")
            seed(connection, "globex")
        connection.execute("set session authorization flakeguard_app")
        yield connection


@pytest.mark.parametrize("table", [*TENANT_TABLES, *INHERITED_TABLES, "Organization"])
def test_a_tenant_reads_its_own_rows_only(seeded: psycopg.Connection[Any], table: str) -> None:
    key = FACTS["tables"][table]["primary_key"][0]
    query = f"select {quote_ident(key)} from {quote_ident(table)}".encode()
    seen = {}
    for tenant in ("acme", "globex", ""):
        seeded.execute("select set_config('app.current_tenant_id', %s, false)", [tenant])
        seen[tenant] = seeded.execute(query).fetchall()
    seeded.execute("reset app.current_tenant_id")
    assert seen == {"acme": [("acme",)], "globex": [("globex",)], "": []}
    assert seeded.execute(query).fetchall() == []


def test_a_tenant_cannot_write_a_row_for_another(seeded: psycopg.Connection[Any]) -> None:
    with seeded.transaction(force_rollback=True):
        seeded.execute("select set_config('app.current_tenant_id', 'acme', true)")
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
            seeded.execute(
                'insert into "Subscription" values'
                " ('s', 'globex', 'free', 'active', now(), now(), null, false, '{}', now(), now())"
            )


def test_the_migrations_carry_rows_of_before_organizations_over(database: Database) -> None:
    migrations = discover(GOOD)
    with database.connect(autocommit=True) as connection:
        for file in migrations.files[:3]:
            connection.execute(file.sql.encode())
        connection.execute("""
            insert into "Installation" ("id", "githubInstallationId", "accountLogin", "accountId", "accountType", "updatedAt")
            values ('i1', 7, 'Acme', 70, 'Organization', now());
            insert into "Repository" ("id", "githubId", "nodeId", "name", "fullName", "owner", "installationId", "updatedAt")
            values ('r1', 8, 'n', 'app', 'Acme/app', 'Acme', 'i1', now());
            insert into "FGRepository" ("id", "owner", "name", "installationId", "updatedAt") values ('f1', 'Acme', 'app', 'i1', now());
            insert into "FGTestCase" ("id", "repoId", "suite", "name", "updatedAt") values ('t1', 'f1', 's', 'n', now());
            insert into "FGFlakeScore" ("testId", "lastUpdatedAt") values ('t1', now());
        """)
        for file in migrations.files[3:]:
            connection.execute(file.sql.encode())
        rows = connection.execute(
            'select o."slug", r."orgId", s."id", s."orgId" from "Organization" o, "Repository" r, "FGFlakeScore" s'
        ).fetchall()
    assert rows == [("acme", "org_70", "score_t1", "org_70")]


def test_the_broken_history_replays_and_leaves_its_marks(database: Database) -> None:
    broken, good = discover(BROKEN), discover(GOOD)
    assert [f.sql for f in broken.files[:3]] == [f.sql for f in good.files[:3]]
    assert [broken.label(p) for p in broken.stray] == ["add-multi-tenant-support.sql"]
    replay(database, broken)
    with database.connect() as connection:
        tables = read_catalog(connection).tables
        organizations = connection.execute('select "id" from "Organization"').fetchall()
    temp = [t.name for t in tables for c in t.columns if c.name == "orgId" and c.default == "'temp'::text"]
    assert len(temp) == 14
    assert organizations == [("default-org-id",)]
    assert not any(t.row_security for t in tables)


def test_the_config_names_tables_and_columns_that_exist() -> None:
    config = load(EXAMPLE / "validate-schema.toml", EXAMPLE).config
    listed = [t for group in config.report.groups.values() for t in group]
    assert sorted(listed) == sorted(FACTS["tables"])
    uniques = {(t, u) for t, c in config.contract.tables.items() for u in c.unique}
    facts = {(t, tuple(u)) for t, f in FACTS["tables"].items() for u in f["unique"].values() if "orgId" in u}
    assert facts == {u for u in uniques if "orgId" in u[1]}
    assert {name: list(labels) for name, labels in config.contract.enums.items()} == FACTS["enums"]
    names = {f"{t}.{n}" for t, f in FACTS["tables"].items() for n in f["unique"]}
    assert {s.object for s in config.checks.suppress} <= names
