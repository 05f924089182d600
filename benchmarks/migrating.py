"""A backup put back beside pg_restore, and what it costs to watch pending migrations beside trying them."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.cost import Cost, Meter
from benchmarks.synthetic import create, name
from benchmarks.table import Row
from validate_schema.catalog.connect import parse_url
from validate_schema.catalog.reader import read_catalog
from validate_schema.migrations import discover
from validate_schema.migrations.run.dry_run import dry_run
from validate_schema.migrations.run.rehearsal import rehearse
from validate_schema.scratch import Server
from validate_schema.scratch.copy import copy_schema
from validate_schema.scratch.dump import back_up
from validate_schema.scratch.restore import check, restore

RESTORED = 2_000  # tables
LIVE, PENDING = 200, 20  # tables, files
RUNS = 3
_HOW: dict[str, Any] = {"path": ("public",), "large": 0, "limited": False, "timeout_ms": 5_000}
_CHANGE = """set lock_timeout = '5s';
alter table {table} add column note text, add constraint {table}_amount check (amount > 0) not valid;
create table {table}_log (id uuid primary key, {table}_id uuid not null references {table} (id), said text);
update {table} set note = title where note is null;
"""


def restored(server: Server) -> Iterator[Row]:
    """Measure a restore over what the database holds, beside pg_restore of the same file, over it as well.
    The safety backup, which is pg_dump's time, is left out of both."""
    with server.database() as database, TemporaryDirectory() as folder:
        with database.connect(autocommit=True) as connection:
            create(connection, RESTORED)
        destination = parse_url(database.conninfo)
        file = back_up(destination, "saved", server.version_num, Path(folder), now=datetime.now(UTC))
        command = [
            str((server.bin_dir or Path()) / "pg_restore"),
            "--clean",
            "--if-exists",
            "--exit-on-error",
        ]
        command += ["--single-transaction", "--dbname", database.conninfo, str(file)]

        def put_back() -> None:
            with database.connect(autocommit=True) as connection:
                archive = check(connection, file)
            restore(destination, server.version_num, file, archive)

        theirs, ours = _in_turns(server, lambda: subprocess.run(command, check=True), put_back)
    theirs, ours = (found._replace(processor=0) for found in (theirs, ours))
    yield Row("pg_restore", theirs, RESTORED)
    yield Row("restore", ours, RESTORED, ours.seconds / theirs.seconds, 1.5)


def watched(server: Server) -> Iterator[Row]:
    """Measure a dry run of pending migrations that is watched, beside one that is not. Both begin with the
    copy of the target's schema."""
    with TemporaryDirectory() as folder, server.database() as target:
        live = target.connect(autocommit=True)
        with live:
            create(live, LIVE)
            catalog = read_catalog(live)
            for number in range(PENDING):
                Path(folder, f"{number:03}_x.sql").write_text(_CHANGE.format(table=name(number)))
            found = discover(Path(folder))

            def plain() -> None:
                with copy_schema(server, parse_url(target.conninfo), catalog) as (copy, _):
                    dry_run(copy, found, found.files)

            def watching() -> None:
                with copy_schema(server, parse_url(target.conninfo), catalog) as (copy, _):
                    rehearse(copy, found, found.files, live, **_HOW)

            theirs, ours = _in_turns(server, plain, watching)
    yield Row("dry run", theirs, LIVE)
    yield Row("dry run, watched", ours, LIVE, ours.processor / theirs.processor, 1.5)


def _in_turns(server: Server, *jobs: Callable[[], object]) -> list[Cost]:
    """Do the jobs in turns, and return the least that each took: this process, its children, the server."""
    with server.database() as database:
        meter = Meter(database.conninfo)
    rounds = [[_cost(meter, job) for job in jobs] for _ in range(RUNS)]
    return [min(costs, key=lambda c: c.processor) for costs in zip(*rounds, strict=True)]


def _cost(meter: Meter, job: Callable[[], object]) -> Cost:
    before, started = meter.settled() + sum(os.times()[:4]), time.perf_counter()
    job()
    seconds = time.perf_counter() - started
    return Cost(seconds, 0, meter.settled() + sum(os.times()[:4]) - before)
