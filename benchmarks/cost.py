"""What whole processes cost."""

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from tempfile import TemporaryFile
from typing import NamedTuple


class Cost(NamedTuple):
    """Wall-clock seconds of a process and its peak resident memory in MiB."""

    seconds: float
    mebibytes: float


def costs(
    commands: Sequence[list[str]], runs: int, environment: Mapping[str, str] | None = None
) -> list[Cost]:
    """Run the commands in turns, `runs` times; return each one's best time and largest memory.

    `environment` is added to this process's own. Raises SystemExit when a command fails; 1 is a report
    with findings.
    """
    rounds = [[cost(command, environment or {}) for command in commands] for _ in range(runs)]
    return [
        Cost(min(c.seconds for c in of_one), max(c.mebibytes for c in of_one))
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
        if process.returncode not in (0, 1):
            errors.seek(0)
            raise SystemExit(f"{command[0]} failed with {process.returncode}: {errors.read().decode()}")
    return Cost(seconds, usage.ru_maxrss / 1024)
