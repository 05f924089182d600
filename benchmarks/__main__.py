"""`make bench`: one table of ratios.

Each row is a synthetic database of N tenant tables on one scratch server. Every figure is a whole
process: the product, `pg_dump --schema-only`, the bare fetch of the same catalog rows with psycopg,
SQLAlchemy's reflection. The best of three runs counts, except for reflection, which runs once.
"""

import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import psycopg

from validate_schema.scratch import Server, open_server

from .synthetic import create

SIZES = (500, 5_000, 10_000)
REFLECTED = (500, 5_000)  # reflection of more takes minutes and says nothing new
RUNS = 3

BARE = "from benchmarks.bare import main; import sys; main(sys.argv[1])"
REFLECT = """
import sys, sqlalchemy
engine = sqlalchemy.create_engine(sys.argv[1].replace("postgresql://", "postgresql+psycopg://", 1))
sqlalchemy.MetaData().reflect(engine)
"""


class Cost(NamedTuple):
    """Wall-clock seconds of a process and its peak resident memory in MiB."""

    seconds: float
    mebibytes: float


def cost(command: list[str], runs: int = RUNS) -> Cost:
    """Run `command` and return its best time and largest memory. Raises when it fails."""
    seconds, memory = [], []
    for _ in range(runs):
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        _, status, usage = os.wait4(process.pid, 0)
        seconds.append(time.perf_counter() - started)
        memory.append(usage.ru_maxrss / 1024)
        code = os.waitstatus_to_exitcode(status)
        if code not in (0, 1):
            message = process.stderr.read().decode() if process.stderr else ""
            raise SystemExit(f"{command[0]} failed with {code}: {message}")
        if process.stderr:
            process.stderr.close()
    return Cost(min(seconds), max(memory))


def measure(server: Server, tables: int) -> None:
    """Print the rows of one database size."""
    with server.database() as database, TemporaryDirectory() as folder:
        with psycopg.connect(database.conninfo, autocommit=True) as connection:
            create(connection, tables)
        report = Path(folder) / "report.json"
        product = cost(
            [
                str(Path(sys.executable).with_name("validate-schema")),
                f"--database-url={database.conninfo}",
                f"--report={report}",
                "--quiet",
                "--no-data",
            ]
        )
        if f'"tenant_tables": {tables}' not in report.read_text():
            raise SystemExit(f"the report does not count {tables} tenant tables")
        bare = cost([sys.executable, "-c", BARE, database.conninfo])
        pg_dump = str((server.bin_dir or Path()) / "pg_dump")
        dump = cost([pg_dump, "--schema-only", "--dbname", database.conninfo], runs=1)
        row("whole process", tables, product, 1.0)
        row("pg_dump --schema-only", tables, dump, product.seconds / dump.seconds)
        row("bare fetch", tables, bare, product.seconds / bare.seconds)
        if tables in REFLECTED:
            reflect = cost([sys.executable, "-c", REFLECT, database.conninfo], runs=1)
            row("SQLAlchemy reflect", tables, reflect, product.seconds / reflect.seconds)


def row(what: str, tables: int, spent: Cost, ratio: float) -> None:
    sys.stdout.write(
        f"{tables:>7}  {what:<24} {spent.seconds:>8.2f} s  {spent.mebibytes:>6.0f} MiB  {ratio:>6.2f}\n"
    )
    sys.stdout.flush()


def startup() -> None:
    """Print what `--help` costs beside importing click alone."""
    program = str(Path(sys.executable).with_name("validate-schema"))
    help_ = cost([program, "--help"], runs=10)
    click = cost([sys.executable, "-c", "import click"], runs=10)
    sys.stdout.write(f"\n--help {help_.seconds:.3f} s, import click {click.seconds:.3f} s: ")
    sys.stdout.write(f"ratio {help_.seconds / click.seconds:.2f} (budget 3)\n")


def main() -> None:
    """Run everything; sizes may be given as arguments."""
    sizes = [int(size) for size in sys.argv[1:]] or list(SIZES)
    sys.stdout.write(f"{'tables':>7}  {'process':<24} {'best':>10}  {'peak':>10}  product / this\n")
    with open_server("embedded", key="benchmark") as server:
        for tables in sizes:
            measure(server, tables)
    startup()


if __name__ == "__main__":
    main()
