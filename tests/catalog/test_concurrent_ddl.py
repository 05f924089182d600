"""Twenty sessions change the schema while it is validated again and again."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from tests.fix_children import NIGHTLY
from tests.fix_cli import Terminal
from validate_schema.scratch import Database

SESSIONS = 20
RUNS = 200 if NIGHTLY else 10
CONFIG = """
[tenancy]
root = "organization"
column = "org_id"
setting = "app.t"
exempt = [{ table = "churn_*", reason = "comes and goes" }]
[checks]
select = ["UNQ001", "TEN", "RLS001", "TBL003", "TBL005"]
"""
# One round of a session; {n} is its number. Names carry it, so that sessions do not wait for each other.
ROUND = (
    "create table churn_{n} (id int primary key, org_id uuid default gen_random_uuid(), kind text)",
    "create index on churn_{n} ((lower(kind))) where kind is not null",
    "create view churn_view_{n} as select id, kind from churn_{n}",
    "create function churn_f_{n}() returns bigint language sql as 'select count(*) from churn_{n}'",
    "alter table churn_{n} add column extra text default 'x' check (extra <> 'y')",
    "alter table churn_{n} enable row level security",
    "create policy p on churn_{n} using (org_id = current_setting('app.t', true)::uuid)",
    "create type churn_type_{n} as enum ('a', 'b')",
    "alter table churn_{n} add column typed churn_type_{n}",
    "drop function churn_f_{n}()",
    "drop view churn_view_{n}",
    "drop table churn_{n}",
    "drop type churn_type_{n}",
)


def churn(database: Database, number: int, stop: threading.Event, failures: list[BaseException]) -> None:
    """Change the schema until told to stop."""
    try:
        with database.connect(autocommit=True) as connection:
            while not stop.is_set():
                for statement in ROUND:
                    connection.execute(statement.format(n=number))
    except psycopg.Error as error:
        failures.append(error)


def tidy(database: Database, stop: threading.Event) -> None:
    """Vacuum the catalogs, which the scratch server's switched-off autovacuum would do."""
    with database.connect(autocommit=True) as connection:
        while not stop.wait(0.5):
            connection.execute("vacuum")


@contextmanager
def changing(database: Database) -> Iterator[list[BaseException]]:
    """Keep `SESSIONS` sessions at work for the length of the block."""
    stop, failures = threading.Event(), list[BaseException]()
    sessions = [
        threading.Thread(target=churn, args=(database, number, stop, failures)) for number in range(SESSIONS)
    ]
    sessions.append(threading.Thread(target=tidy, args=(database, stop)))
    for session in sessions:
        session.start()
    try:
        yield failures
    finally:
        stop.set()
        for session in sessions:
            session.join()


@pytest.mark.no_cover
@pytest.mark.slow
def test_no_crash_and_no_wrong_verdict_under_concurrent_ddl(terminal: Terminal, shop: Database) -> None:
    terminal.write("validate-schema.toml", CONFIG)
    arguments = ("--database-url", shop.conninfo, "--no-data", "--format", "json")
    calm = json.loads(terminal.run(*arguments).out)

    with changing(shop) as failures:
        runs = [terminal.run(*arguments) for _ in range(RUNS)]

    assert failures == []
    assert {(run.status, tuple(run.complaints)) for run in runs} == {(1, ())}
    for run in runs:
        report = json.loads(run.out)
        steady = [f for f in report["findings"] if not f["object"].get("table", "").startswith("churn_")]
        assert steady == calm["findings"]
        assert [c["id"] for c in report["checks"] if c["status"] in ("error", "skipped")] == []
