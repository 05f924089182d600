"""What whole processes cost."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import NamedTuple

PROGRAM = str(Path(sys.executable).with_name("validate-schema"))


class Cost(NamedTuple):
    """Wall-clock seconds of a process, its peak resident memory in MiB, and the seconds that it kept a
    processor busy."""

    seconds: float
    mebibytes: float
    processor: float = 0


def costs(
    commands: Sequence[list[str]],
    runs: int,
    environment: Mapping[str, str] | None = None,
    *,
    usual: bool = False,
) -> list[Cost]:
    """Run the commands in turns, `runs` times; return each one's best time, or the `usual` one, which is the
    median, and its largest memory.

    `environment` is added to this process's own. Raises SystemExit when a command fails; 1 is a report
    with findings, 3 one that could not decide everything.
    """
    rounds = [[cost(command, environment or {}) for command in commands] for _ in range(runs)]
    chosen = statistics.median if usual else min
    return [
        Cost(
            chosen(c.seconds for c in of_one),
            max(c.mebibytes for c in of_one),
            chosen(c.processor for c in of_one),
        )
        for of_one in zip(*rounds, strict=True)
    ]


def cost(command: list[str], environment: Mapping[str, str]) -> Cost:
    """Run one command once."""
    env = dict(os.environ) | dict(environment)
    env.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed program has its modules compiled
    with TemporaryFile() as errors:
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors, env=env)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in (0, 1, 3):
            errors.seek(0)
            raise SystemExit(f"{command[0]} failed with {process.returncode}: {errors.read().decode()}")
    return Cost(seconds, usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime)
