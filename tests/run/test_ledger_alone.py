"""A ledger of a live database is believed where no migrations folder was given."""

import pytest

from validate_schema import validate
from validate_schema.scratch import Database

PRISMA = """
create table _prisma_migrations (id varchar(36) primary key, checksum varchar(64) not null,
  finished_at timestamptz, migration_name varchar(255) not null, logs text, rolled_back_at timestamptz,
  started_at timestamptz not null default now(), applied_steps_count integer not null default 0);
insert into _prisma_migrations (id, checksum, migration_name, finished_at, logs) values
  ('1', 'a', '20260101000000_init', now(), null), ('2', 'b', '20260102000000_add_users', {});
"""
GOLANG = """
create table schema_migrations (version bigint primary key, dirty boolean not null);
insert into schema_migrations values (7, {});
"""


def migrations_said(database: Database, sql: str) -> list[tuple[str, str]]:
    with database.connect(autocommit=True) as conn:
        conn.execute(sql.encode())
    report = validate(database_url=database.conninfo, data=False)
    return [(f.check, f.message) for f in report.findings if f.check.startswith("MIG")]


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        (
            PRISMA.format("null, 'ERROR: relation users exists'"),
            "20260102000000_add_users failed or never ended",
        ),
        (GOLANG.format("true"), "7 failed or never ended"),
    ],
    ids=["a row that never ended", "a version that is dirty"],
)
def test_a_migration_that_failed_is_told_without_its_file(database: Database, sql: str, said: str) -> None:
    assert migrations_said(database, sql) == [("MIG006", f"{said}, says the ledger")]


@pytest.mark.parametrize(
    "sql", [PRISMA.format("now(), null"), GOLANG.format("false")], ids=["all ended", "clean"]
)
def test_a_ledger_without_a_failure_says_nothing(database: Database, sql: str) -> None:
    assert migrations_said(database, sql) == []
