"""Schemas for tenants as django-tenants and ros-apartment lay them out: who is a member, what is shared, who is missing."""

import json
import shutil
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.fix_pages import run
from validate_schema.migrations.run.surroundings import environment
from validate_schema.scratch import Database
from validate_schema.sql.ident import quote_ident, quote_literal

FLEETS = Path(__file__).parents[2] / "examples/fleets"
TENANTS = ("acme", "umbrella", "initech")


def url_of(database: Database, folder: Path, tmp_path: Path) -> str:
    (tmp_path / "settings").mkdir()
    return environment(database.parameters, folder, tmp_path / "settings")["DATABASE_URL"]


def told(folder: Path, url: str, *more: str) -> dict[str, Any]:
    command = " ".join(("validate-schema fleet --report told.json -q", *more))
    run(command, folder, DATABASE_URL=url)
    report: dict[str, Any] = json.loads((folder / "told.json").read_text(encoding="utf-8"))
    return report


def states(report: dict[str, Any]) -> dict[str, str]:
    return {row["name"]: row["state"] for row in report["members"]}


def test_a_fleet_of_django_tenants_is_migrated_read_and_expected(database: Database, tmp_path: Path) -> None:
    pytest.importorskip("django_tenants")
    folder = Path(shutil.copytree(FLEETS / "django-tenants", tmp_path / "project"))
    url = url_of(database, folder, tmp_path)
    made = "python manage.py migrate_schemas --shared && python manage.py add_tenants " + " ".join(TENANTS)
    said = run(f"set -e; {made}; python manage.py migrate_schemas", folder, DATABASE_URL=url)
    assert "Traceback" not in said, said
    report = told(folder, url)
    assert states(report) == dict.fromkeys(TENANTS, "alike")
    assert report["control"] == {"schema": "public", "table": "customers_client", "column": "schema_name"}
    assert report["shared"] == [
        "public.customers_client",
        "public.customers_domain",
        "public.django_migrations",
    ]
    assert {row["expected"] for row in report["members"]} == {True}
    assert report["heads"][0]["members"] == 3
    with database.connect(autocommit=True) as conn:
        conn.execute("alter table umbrella.shop_invoice add note text")
        conn.execute(
            "insert into customers_client (schema_name, name) values ('public', 'us'), ('hooli', 'new')"
        )
        conn.execute("delete from initech.django_migrations where app = 'shop'")
    report = told(folder, url)
    assert states(report) == {"acme": "alike", "umbrella": "differs", "initech": "alike", "hooli": "absent"}
    (behind,) = [row["name"] for row in report["members"] if row.get("ledger", {}).get("pending")]
    assert behind == "initech"


def structure(database: Database, *tenants: str) -> None:
    """Make what the example's two files make, `tenant.sql` once for each tenant."""
    folder = FLEETS / "ros-apartment"
    script = (folder / "tenant.sql").read_text(encoding="utf-8")
    with database.connect(autocommit=True) as conn:
        conn.execute((folder / "structure.sql").read_bytes())
        for name in tenants:
            one = script.replace(':"tenant"', quote_ident(name)).replace(":'tenant'", quote_literal(name))
            conn.execute(one.encode())
            conn.execute("reset search_path")


def test_a_fleet_of_apartment_is_read_with_its_own_ledgers(database: Database, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(FLEETS / "ros-apartment", tmp_path / "project"))
    structure(database, *TENANTS)
    url = url_of(database, folder, tmp_path)
    report = told(folder, url)
    assert states(report) == dict.fromkeys(TENANTS, "alike")
    assert report["control"] == {"schema": "public", "table": "accounts", "column": "subdomain"}
    assert [h["head"] for h in report["heads"]] == ["20260201000002"]
    with database.connect(autocommit=True) as conn:
        conn.execute(
            "drop schema acme cascade; delete from umbrella.schema_migrations where version like '202602%'"
        )
    report = told(folder, url)
    assert states(report) == {"acme": "absent", "umbrella": "alike", "initech": "alike"}


TABLES = """
create table public.client (id int primary key, {column} text not null unique);
insert into public.client select n, 'tenant_' || n from generate_series(1, {rows}) n;
"""


@pytest.mark.parametrize(
    ("made", "found"),
    [
        (TABLES.format(column="schema_name", rows=5), "client.schema_name"),
        (TABLES.format(column="anything", rows=4), "client.anything"),
        (TABLES.format(column="anything", rows=1), ""),  # too few of the members
        (TABLES.format(column="login", rows=40), ""),  # many others: people, some of whom are called so
        (
            TABLES.format(column="schema_name", rows=5)
            + TABLES.format(column="anything", rows=5).replace("client", "x"),
            "client.schema_name",
        ),
        (
            TABLES.format(column="anything", rows=5)
            + TABLES.format(column="other", rows=5).replace("client", "x"),
            "",
        ),
        (
            TABLES.format(column="schema_name", rows=5)
            + "alter table client drop constraint client_schema_name_key",
            "",
        ),
        (TABLES.format(column="schema_name", rows=5) + "alter table client set schema tenant_1", ""),
    ],
)
def test_the_tenants_table_is_known_by_the_names_in_it(
    database: Database, conn: "psycopg.Connection[object]", made: str, found: str
) -> None:
    from validate_schema import fleet

    for n in range(1, 5):
        conn.execute(
            f"create schema tenant_{n}; create table tenant_{n}.invoice (id int primary key)".encode()
        )
    conn.execute(made.encode())
    report = fleet(database_url=database.conninfo, schemas="tenant%", select="FLT014")
    control = report.control
    assert (f"{control.table}.{control.column}" if control else "") == found
    if found == "client.schema_name":
        assert [m.name for m in report.of_state("absent")] == ["tenant_5"]
    asked_nobody = fleet(database_url=database.conninfo, schemas="tenant%", select="FLT014", expected="none")
    assert (asked_nobody.control, asked_nobody.of_state("absent")) == (None, ())


def test_a_tenants_table_that_cannot_be_read_leaves_open_who_is_missing(
    database: Database, conn: "psycopg.Connection[object]"
) -> None:
    from validate_schema import fleet

    for n in (1, 2):
        conn.execute(f"create schema tenant_{n}; create table tenant_{n}.bill (id int primary key)".encode())
    conn.execute(TABLES.format(column="schema_name", rows=3).encode())
    with database.connect() as other:
        other.execute("lock table client in access exclusive mode")
        report = fleet(database_url=database.conninfo, schemas="tenant%", select="FLT014")

    assert report.verdict.status == "incomplete"
    assert [note.partition(":")[0] for note in report.notes] == [
        "whether members are missing is not known, the tenants' table could not be looked for"
    ]
