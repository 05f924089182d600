"""What starting costs: `--help`, and a run on an empty database, beside what they cannot do without.

`python -m benchmarks.startup PROGRAM` compares with another validate-schema, installed elsewhere.
"""

import sys
from collections.abc import Iterator

from benchmarks.cost import PROGRAM, costs
from benchmarks.table import Row, header
from validate_schema.scratch import Server, open_server

RUNS = 15
_CONNECT = "import sys, psycopg; psycopg.connect(sys.argv[1]).close()"


def started(server: Server, other: str = "") -> Iterator[Row]:
    """Measure processor time, which a busy machine leaves alone; the middle of `RUNS` runs of each."""
    python = [sys.executable, "-c"]
    with server.database() as database:
        url = database.conninfo
        commands = [[*python, "import click"], [PROGRAM, "--help"], [*python, _CONNECT, url]]
        commands += [[program, f"--database-url={url}"] for program in (PROGRAM, other) if program]
        click, helped, connected, empty, *others = costs(commands, RUNS, usual=True)
    yield Row("import click", click)
    yield Row("validate-schema --help", helped, None, helped.processor / click.processor, 1.5)
    yield Row("psycopg connects", connected)
    yield Row("an empty database", empty, None, empty.processor / connected.processor, 1.6)
    for cost in others:
        yield Row("the other program", cost, None, empty.processor / cost.processor)


if __name__ == "__main__":
    print(header())
    with open_server("embedded", key="benchmark") as server:
        for row in started(server, *sys.argv[1:]):
            print(row)
