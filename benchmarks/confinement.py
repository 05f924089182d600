"""What it costs that a scratch server is shut in: FlakeGuard beside the same without Landlock and seccomp,
and beside other releases. `python -m benchmarks.confinement [PROGRAM …]`: each the `validate-schema` of one.

Servers are nobody's children: whoever measures adopts what a command leaves, and waits for it, so that the
processor time of the server, of initdb and of what starts them is all there.
"""

import os
import resource
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.cost import PROGRAM, Cost
from benchmarks.table import Row
from validate_schema.scratch import launcher

FLAKEGUARD = Path(__file__).parents[1] / "examples/flakeguard"
RUNS = 4
COLD, WARM = 1.25, 1.15  # of what it costs otherwise
_ADOPTS = 36  # PR_SET_CHILD_SUBREAPER of prctl(2)
_OPEN = """\
import sys
from pathlib import Path
from validate_schema.cli import main
from validate_schema.scratch import cluster
cluster._LAUNCHER = Path(sys.argv.pop(1))
sys.exit(main())
"""


def busy(command: Sequence[str], environment: dict[str, str]) -> tuple[float, float]:
    """Return the processor seconds of a command with all that it started, wherever that went, and of itself
    with its children alone. Raises SystemExit where it fails."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        launcher._prctl(_ADOPTS, 1)
        quiet = os.open(os.devnull, os.O_RDWR)
        actions = [(os.POSIX_SPAWN_DUP2, quiet, number) for number in (0, 1)]
        environ = {**os.environ, **environment}
        environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed program has its modules compiled
        spawned = os.posix_spawn(command[0], command, environ, file_actions=actions)
        _, status, own = os.wait4(spawned, 0)
        status = os.waitstatus_to_exitcode(status)
        while True:
            try:
                os.wait()
            except ChildProcessError:
                break
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        both = (used.ru_utime + used.ru_stime, own.ru_utime + own.ru_stime)
        os.write(writer, f"{status} {both[0]} {both[1]}".encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as said:
        status, whole, alone = said.read().split()
    os.waitpid(child, 0)
    if int(status) not in (0, 1, 3):
        raise SystemExit(f"{command[0]} failed with {status}")
    return float(whole), float(alone)


def compared(programs: dict[str, list[str]]) -> Iterator[Row]:
    """Run each in turns, cold and then warm, and compare it with the first; the best of each counts."""
    asked = [f"--migrations={FLAKEGUARD / 'prisma/migrations'}", "--quiet"]
    asked.append(f"--config={FLAKEGUARD / 'validate-schema.toml'}")
    commands = {name: [*program, *asked, *_reads_only(program)] for name, program in programs.items()}
    cold: dict[str, list[tuple[float, float]]] = {name: [] for name in programs}
    warm: dict[str, list[tuple[float, float]]] = {name: [] for name in programs}
    for _ in range(RUNS):
        for name, command in commands.items():
            with TemporaryDirectory() as folder:
                os.chmod(folder, 0o755)  # root starts the server as another user, who must get in
                place = {"VALIDATE_SCHEMA_SCRATCH": folder}
                cold[name].append(busy(command, place))
                warm[name] += [busy(command, place) for _ in range(2)]
    for word, found, budget in (("first", cold, COLD), ("later", warm, WARM)):
        ours = min(found["shut in"])[0]
        for name, seconds in found.items():
            best, alone = min(seconds)
            measured = (ours / best, budget) if name != "shut in" else ()
            yield Row(f"{word} run, {name}", Cost(alone, 0, best), None, *measured)


def _reads_only(program: list[str]) -> list[str]:
    """Return the option by which a release that proves where nobody says so does not."""
    said = subprocess.run([*program, "--help"], check=True, capture_output=True, text=True).stdout
    return ["--no-prove"] if "--no-prove" in said else []


def shut_in(others: Sequence[str] = ()) -> Iterator[Row]:
    """Measure the product beside itself without confinement, and beside the programs of `others`."""
    with TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        opened = Path(folder, "launcher.py")
        own = Path(launcher.__file__).read_text()
        without = "landlock_version = lambda: 0\nhas_seccomp = lambda: False\n"
        opened.write_text(
            own.replace('\nif __name__ == "__main__":', f'\n{without}\nif __name__ == "__main__":')
        )
        programs = {"shut in": [PROGRAM], "open": [sys.executable, "-c", _OPEN, str(opened)]}
        yield from compared(programs | {path: [path] for path in others})


if __name__ == "__main__":
    for row in shut_in(sys.argv[1:]):
        sys.stdout.write(f"{row}\n")
