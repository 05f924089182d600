"""`make bench`: one table of ratios within one run; docs/benchmarks.md says what each row means.

Every figure is a whole process. The commands that are compared take turns, so that a busy moment of
the machine meets all of them, and the best of their runs counts.
"""

import os
import sys
from collections.abc import Iterator
from tempfile import TemporaryDirectory

from benchmarks.cloning import cloned
from benchmarks.confinement import FLAKEGUARD, shut_in
from benchmarks.cost import PROGRAM, Cost, costs
from benchmarks.fleets import databases, fleets
from benchmarks.growth import JUDGED, RUNS, SHAPES, SIZES, grown, people
from benchmarks.loops import loops
from benchmarks.migrating import restored, watched
from benchmarks.replay import replayed
from benchmarks.startup import started
from benchmarks.table import Row, header
from validate_schema.scratch import Server, open_server

OTHERS = {
    "people": people,
    "loops": loops,
    "replay": replayed,
    "restore": restored,
    "watched": watched,
    "startup": started,
    "flakeguard": lambda _: flakeguard(),
    "confinement": lambda _: shut_in(),
    "cloning": lambda _: cloned(),
    "fleets": fleets,
    "databases": databases,
}


def flakeguard() -> Iterator[Row]:
    """Replay the bundled example on a server that has never been prepared, then on one that has; and prove
    it, where what the proof adds is judged."""
    command = [PROGRAM, f"--migrations={FLAKEGUARD / 'prisma/migrations'}"]
    command += [f"--config={FLAKEGUARD / 'validate-schema.toml'}", "--quiet"]
    read, proven = [*command, "--no-prove"], [*command, "--prove"]
    with TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)  # root starts the server as another user, who must get in
        place = {"VALIDATE_SCHEMA_SCRATCH": folder}
        (cold,) = costs([read], 1, place)
        warm, whole = costs([read, proven], RUNS, place)
    yield Row("FlakeGuard, first run", cold, None, cold.seconds, 3, "s")
    yield Row("FlakeGuard, later runs", warm, None, warm.seconds, 1, "s")
    yield Row("FlakeGuard, its proof", whole, None, whole.seconds - warm.seconds, 3, "s")


def measured(server: Server, names: list[str], sizes: list[int]) -> Iterator[Row]:
    """Measure what is named: shapes in those sizes, and the rest."""
    found: dict[tuple[str, int], Cost] = {}
    for shape in SHAPES:
        if shape in names:
            yield from grown(server, shape, [JUDGED] if shape == "unlinked" else sizes, found)
    for other, measure in OTHERS.items():
        if other in names:
            yield from measure(server)


def main() -> None:
    """Run what the arguments name, else everything: shapes and other parts, and sizes of shapes."""
    names = [word for word in sys.argv[1:] if not word.isdigit()]
    sizes = sorted(int(word) for word in sys.argv[1:] if word.isdigit())
    if unknown := {*names} - {*SHAPES, *OTHERS}:
        raise SystemExit(f"nothing is called {', '.join(sorted(unknown))}: {', '.join([*SHAPES, *OTHERS])}")
    show(header())
    with open_server("embedded", key="benchmark") as server:
        for row in measured(server, names or [*SHAPES, *OTHERS], sizes or list(SIZES)):
            show(str(row))


def show(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
