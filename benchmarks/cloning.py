"""A database for a test: cloned from a template, or migrated anew."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.cost import Cost
from benchmarks.table import Row, header
from validate_schema.migrations import MigrationSet, discover, replay, templated
from validate_schema.scratch import Database, open_server

FLAKEGUARD = Path(__file__).parents[1] / "examples/flakeguard/prisma/migrations"
MANY = 200
RUNS = 5
_CLONE_LIMIT = 0.2  # seconds


def cloned() -> Iterator[Row]:
    """Measure a database with FlakeGuard's schema, and one after 200 migrations, made both ways."""
    yield from _compared("FlakeGuard", discover(FLAKEGUARD))
    with TemporaryDirectory() as folder:
        for number in range(1, MANY + 1):
            Path(folder, f"{number:04}_step.sql").write_text(_step(number))
        yield from _compared(f"{MANY} migrations", discover(Path(folder)))


def _step(number: int) -> str:
    """Return a migration: every fourth makes a table, the others change it."""
    table = f"t{(number - 1) // 4:03}"
    return (
        f"create table {table} (id bigint generated always as identity primary key, name text not null);",
        f"alter table {table} add created_at timestamptz not null default now();",
        f"create index on {table} (created_at, name);",
        f"alter table {table} add constraint {table}_name check (name <> '');",
    )[(number - 1) % 4]


def _compared(what: str, migrations: MigrationSet) -> Iterator[Row]:
    with open_server("embedded", key=migrations.digest) as server:
        template, _ = templated(server, migrations)

        def migrate(database: Database) -> None:
            replay(database, migrations)

        migrated = _best(server.database, migrate)
        clone = _best(lambda: server.database(template), _connect)
    yield Row(f"{what}: migrate", Cost(migrated, 0))
    yield Row(f"{what}: clone", Cost(clone, 0), None, migrated / clone)
    yield Row(f"{what}: clone", Cost(clone, 0), None, clone, _CLONE_LIMIT, "s")


def _best(make: Callable[[], AbstractContextManager[Database]], use: Callable[[Database], None]) -> float:
    """Return the best time, in seconds, to make a database, use it and drop it."""
    times = []
    for _ in range(RUNS):
        started = time.perf_counter()
        with make() as database:
            use(database)
        times.append(time.perf_counter() - started)
    return min(times)


def _connect(database: Database) -> None:
    with database.connect() as connection:
        connection.execute("select 1")


if __name__ == "__main__":
    print(header())
    for row in cloned():
        print(row)
