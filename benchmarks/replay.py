"""A long history, replayed by the product and by psql; and what a clone of its template costs."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

from benchmarks.cost import Cost, cost
from benchmarks.table import Row
from validate_schema.migrations import discover, replay
from validate_schema.scratch import Database, Server

FILES = 500
RUNS = 3
CLONES = 5
_FILE = """-- Migration {n}
create table "t{n}" (
    id uuid primary key default gen_random_uuid(),
    org_id uuid not null,
    title varchar(200) not null,
    status text not null default 'active' check (status in ('active', 'done')),
    payload jsonb not null default '{{}}'::jsonb,
    created_at timestamptz not null default now(),
    unique (org_id, title)
);
create index on "t{n}" (org_id, created_at);
insert into "t{n}" (org_id, title) values (gen_random_uuid(), 'one; and only');
"""
_CHANGE = """alter table "t{before}" add column note text, add foreign key (id) references "t{n}" not valid;
"""


def write(folder: Path) -> list[Path]:
    """Write a history of `FILES` files, each a table, an index, a row, and a change of the one before."""
    paths = []
    for n in range(FILES):
        path = folder / f"{n:04}_t.sql"
        path.write_text(_FILE.format(n=n) + (_CHANGE.format(n=n, before=n - 1) if n else ""))
        paths.append(path)
    return paths


def replayed(server: Server) -> Iterator[Row]:
    """Measure the replay beside one psql that runs every file in one session, each on a new database."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        files = write(folder)
        psql = [str((server.bin_dir or Path()) / "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1"]
        psql += [f"--file={path}" for path in files]
        own = [sys.executable, "-c", f"from benchmarks.replay import main; main({name!r})"]
        rounds = [(_run(server, psql, "--dbname={}"), _run(server, own, "{}")) for _ in range(RUNS)]
        by_psql, by_us = (min(costs, key=lambda c: c.seconds) for costs in zip(*rounds, strict=True))
        yield Row(f"psql -f, {FILES} files", by_psql, FILES)
        yield Row(f"replay of {FILES} files", by_us, FILES, by_us.seconds / by_psql.seconds, 1.5)
        yield _cloned(server, folder)


def _run(server: Server, command: list[str], target: str) -> Cost:
    with server.database() as database:
        return cost([*command, target.format(database.conninfo)], {})


def _cloned(server: Server, folder: Path) -> Row:
    """Measure a clone of the template, from asking for it to having it."""
    found = discover(folder)
    template = server.template(found.digest, lambda database: cast(None, replay(database, found)))
    times = []
    for _ in range(CLONES):
        started = time.perf_counter()
        with server.database(template):
            times.append(time.perf_counter() - started)
    return Row("clone of its template", Cost(min(times), 0), FILES, 1000 * min(times), 200, "ms")


def main(folder: str) -> None:
    """Replay the files of `folder` on the database that the first argument names."""
    conninfo = sys.argv[1]
    # A server is asked only for extensions that it lacks, and these files need none.
    replay(Database("benchmark", conninfo, cast(Server, None)), discover(Path(folder)))
