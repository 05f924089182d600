"""`make bench`: one table of ratios within one run; docs/benchmarks.md says what each row means.

Every figure is a whole process. The commands that are compared take turns, so that a busy moment of
the machine meets all of them, and the best of their runs counts.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

from benchmarks import supabase
from benchmarks.cloning import cloned
from benchmarks.cost import Cost, costs
from benchmarks.replay import replayed
from benchmarks.synthetic import create
from benchmarks.table import Row, header
from validate_schema.scratch import Server, open_server

SIZES = (500, 5_000, 10_000)
REFLECTED = (500, 5_000)  # reflection of more takes minutes and says nothing new
JUDGED = 5_000  # the size that the budgets are for
RUNS = 3
POLICIES = {22: 3, 144: 12, 288: None}  # tables: seconds

ROOT = Path(__file__).parents[1]
PROGRAM = str(Path(sys.executable).with_name("validate-schema"))
FLAKEGUARD = ROOT / "examples/flakeguard"
BARE = "from benchmarks.bare import main; import sys; main(sys.argv[1])"
REFLECT = """
import sys, sqlalchemy
engine = sqlalchemy.create_engine(sys.argv[1].replace("postgresql://", "postgresql+psycopg://", 1))
sqlalchemy.MetaData().reflect(engine)
"""


def sized(server: Server, tables: int) -> Iterator[Row]:
    """Measure a synthetic database of that many tenant tables; the first row is the product's own."""
    with server.database() as database, TemporaryDirectory() as folder:
        with psycopg.connect(database.conninfo, autocommit=True) as connection:
            create(connection, tables)
        url, report = database.conninfo, Path(folder) / "report.json"
        pg_dump = str((server.bin_dir or Path()) / "pg_dump")
        product, bare = costs(
            [
                [PROGRAM, f"--database-url={url}", f"--report={report}", "--quiet", "--no-data"],
                [sys.executable, "-c", BARE, url],
            ],
            RUNS,
        )
        if f'"tenant_tables": {tables}' not in report.read_text():
            raise SystemExit(f"the report does not count {tables} tenant tables")
        judged = tables == JUDGED
        yield Row("validate-schema", product, tables, product.mebibytes, 250 if judged else None, "MiB")
        yield Row("bare fetch", bare, tables, product.seconds / bare.seconds, 2 if judged else None)
        (dump,) = costs([[pg_dump, "--schema-only", "--dbname", url]], 1)
        yield Row(
            "pg_dump --schema-only", dump, tables, product.seconds / dump.seconds, 0.5 if judged else None
        )
        if tables in REFLECTED:
            (reflect,) = costs([[sys.executable, "-c", REFLECT, url]], 1)
            yield Row("SQLAlchemy reflect", reflect, tables, product.seconds / reflect.seconds)


def grown(products: dict[int, Cost]) -> Iterator[Row]:
    """Compare twice the size with the size that the budgets are for."""
    if {JUDGED, 2 * JUDGED} <= products.keys():
        large, small = products[2 * JUDGED], products[JUDGED]
        yield Row("twice the tables", large, 2 * JUDGED, large.seconds / small.seconds, 2.2)


def policies(server: Server) -> Iterator[Row]:
    """Measure schemas whose policies ask for persons, memberships and claims, and what twice as many cost."""
    found: dict[int, Cost] = {}
    for tables, limit in POLICIES.items():
        with server.database() as database:
            with psycopg.connect(database.conninfo, autocommit=True) as connection:
                what = f"{supabase.create(connection, tables)} policies"
            command = [PROGRAM, f"--database-url={database.conninfo}", "--quiet", "--no-data"]
            (cost,) = costs([command], RUNS)
        found[tables] = cost
        yield Row(what, cost, tables, cost.seconds, limit, "s")
        yield Row(what, cost, tables, cost.mebibytes, 400 if limit else None, "MiB")
    large, half = max(found), max(found) // 2
    yield Row("twice the policies", found[large], large, found[large].seconds / found[half].seconds, 2.2)


def startup() -> Iterator[Row]:
    """Measure `--help` beside importing click alone."""
    helped, click = costs([[PROGRAM, "--help"], [sys.executable, "-c", "import click"]], 10)
    yield Row("import click", click)
    yield Row("validate-schema --help", helped, None, helped.seconds / click.seconds, 3)


def flakeguard() -> Iterator[Row]:
    """Replay the bundled example on a server that has never been prepared, then on one that has."""
    command = [PROGRAM, f"--migrations={FLAKEGUARD / 'prisma/migrations'}"]
    command += [f"--config={FLAKEGUARD / 'validate-schema.toml'}", "--quiet"]
    with TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)  # root starts the server as another user, who must get in
        place = {"VALIDATE_SCHEMA_SCRATCH": folder}
        (cold,) = costs([command], 1, place)
        (warm,) = costs([command], RUNS, place)
    yield Row("FlakeGuard, first run", cold, None, cold.seconds, 3, "s")
    yield Row("FlakeGuard, later runs", warm, None, warm.seconds, 1, "s")


def main() -> None:
    """Run everything; sizes may be given as arguments."""
    sizes = [int(size) for size in sys.argv[1:]] or list(SIZES)
    products: dict[int, Cost] = {}
    show(header())
    with open_server("embedded", key="benchmark") as server:
        for tables in sizes:
            for row in sized(server, tables):
                products.setdefault(tables, row.cost)
                show(str(row))
        for row in (*policies(server), *replayed(server)):
            show(str(row))
    for row in (*grown(products), *startup(), *flakeguard(), *cloned()):
        show(str(row))


def show(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
