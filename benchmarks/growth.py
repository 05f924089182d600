"""Schemas of each shape in several sizes: what they cost, and what twice the size costs.

Compared is processor time, of the process and of the server: other programs leave it alone.
"""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import psycopg

from benchmarks import supabase, synthetic
from benchmarks.cost import PROGRAM, Cost, Meter, costs
from benchmarks.table import Row
from validate_schema.scratch import Server

SIZES = (1_000, 2_000, 5_000, 10_000)
JUDGED = 5_000  # tables: the size that the budgets are for
RUNS = 3
_LONG = 10_000  # tables: one run tells enough
PEOPLE = {22: 3, 144: 12}  # tables with persons and memberships: seconds
PROVEN = {22: 20}  # tables: seconds that the proof may add
_GROWTH = 2.2  # times for twice the size
_LINKED = 1.3  # times what tables cost that refer to themselves alone
_BARE = "from benchmarks.bare import main; import sys; main(sys.argv[1])"
_REFLECT = """
import sys, sqlalchemy
engine = sqlalchemy.create_engine(sys.argv[1].replace("postgresql://", "postgresql+psycopg://", 1))
sqlalchemy.MetaData().reflect(engine)
"""


class Measured(NamedTuple):
    """A shape in one size: what a run on it costs, and where it may be measured further."""

    shape: str
    tables: int
    cost: Cost
    url: str
    meter: Meter


Make = Callable[[psycopg.Connection[Any], int], object]
SHAPES: dict[str, Make] = {
    **{shape: lambda conn, n, s=shape: synthetic.create(conn, n, s) for shape in synthetic.SHAPES},
    "suppressions": lambda conn, n: synthetic.create(conn, n, flawed=True),
    "policies": supabase.create,
}


def grown(
    server: Server, shape: str, sizes: Sequence[int], found: dict[tuple[str, int], Cost]
) -> Iterator[Row]:
    """Measure a shape in each size, and compare each with that of half the size. `found` is added to."""
    for tables in sizes:
        with server.database() as database, TemporaryDirectory() as folder:
            with psycopg.connect(database.conninfo, autocommit=True) as connection:
                SHAPES[shape](connection, tables)
            meter = Meter(database.conninfo)
            cost = run(database.conninfo, Path(folder), shape, tables, meter)
            found[shape, tables] = cost
            yield from _judged(server, Measured(shape, tables, cost, database.conninfo, meter))
            page = f"{shape} as HTML"
            (found[page, tables],) = costs([rendering(Path(folder))], 1)
        yield from _beside_unlinked(shape, tables, found)
        yield Row(page, found[page, tables], tables)
        for what in (shape, page):
            half = found.get((what, tables // 2))
            if half is not None:
                whole = found[what, tables]
                yield Row(f"{what}, twice", whole, tables, whole.processor / half.processor, _GROWTH)


def rendering(folder: Path) -> list[str]:
    """Return the command that makes the page of the report that is kept in a folder."""
    return [PROGRAM, "render", str(folder / "report.json"), "--report", str(folder / "report.html")]


def run(url: str, folder: Path, shape: str, tables: int, meter: Meter) -> Cost:
    """Return what a run costs, and see that it saw every table. Raises SystemExit when it did not."""
    report, config = folder / "report.json", folder / "validate-schema.toml"
    config.write_text(synthetic.accepting(tables) if shape == "suppressions" else "")
    command = [PROGRAM, f"--database-url={url}", f"--config={config}", f"--report={report}"]
    runs = RUNS if tables < _LONG else 1
    (cost,) = costs([[*command, "--quiet", "--no-data"]], runs, server=meter)
    said = json.loads(report.read_text())
    seen, accepted = said["counts"]["tables"], len(said["suppressed"])
    if seen < tables or (shape == "suppressions" and accepted < tables):
        raise SystemExit(f"{shape}: {seen} tables and {accepted} suppressions of {tables} were seen")
    return cost


def _judged(server: Server, it: Measured) -> Iterator[Row]:
    judged = it.tables == JUDGED and it.shape == "modules"
    yield Row(it.shape, it.cost, it.tables, it.cost.mebibytes, 250 if judged else None, "MiB")
    if it.shape != "modules":
        return
    pg_dump = [str((server.bin_dir or Path()) / "pg_dump"), "--schema-only", "--dbname", it.url]
    bare, dump = costs([[sys.executable, "-c", _BARE, it.url], pg_dump], RUNS, server=it.meter)
    yield Row("bare fetch", bare, it.tables, it.cost.processor / bare.processor, 2 if judged else None)
    yield Row(
        "pg_dump --schema-only", dump, it.tables, it.cost.processor / dump.processor, 0.8 if judged else None
    )
    if judged:  # reflection of more takes minutes and says nothing new
        (reflect,) = costs([[sys.executable, "-c", _REFLECT, it.url]], 1, server=it.meter)
        yield Row("SQLAlchemy reflect", reflect, it.tables, it.cost.processor / reflect.processor)


def _beside_unlinked(shape: str, tables: int, found: dict[tuple[str, int], Cost]) -> Iterator[Row]:
    """Compare linked tables with as many that refer to themselves alone."""
    plain, cost = found.get(("unlinked", tables)), found[shape, tables]
    if plain is not None and shape in synthetic.SHAPES and shape != "unlinked":
        budget = _LINKED if tables == JUDGED else None
        yield Row(f"{shape} ÷ unlinked", cost, tables, cost.processor / plain.processor, budget)
        yield Row(f"{shape} ÷ unlinked, memory", cost, tables, cost.mebibytes / plain.mebibytes, budget)


def people(server: Server) -> Iterator[Row]:
    """Measure schemas whose policies ask for persons, memberships and claims: read, the smaller proven."""
    for tables, limit in PEOPLE.items():
        with server.database() as database, TemporaryDirectory() as folder:
            with psycopg.connect(database.conninfo, autocommit=True) as connection:
                what = f"{supabase.create(connection, tables)} policies"
            cost = run(database.conninfo, Path(folder), "policies", tables, Meter(database.conninfo))
            yield Row(what, cost, tables, cost.seconds, limit, "s")
            yield Row(what, cost, tables, cost.mebibytes, 400, "MiB")
            if tables in PROVEN:
                command = [PROGRAM, f"--database-url={database.conninfo}", "--prove", "--quiet"]
                (proof,) = costs([command], RUNS)
                yield Row(f"{what}, proven", proof, tables, proof.seconds - cost.seconds, PROVEN[tables], "s")
