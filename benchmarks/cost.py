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

import psycopg

PROGRAM = str(Path(sys.executable).with_name("validate-schema"))


class Cost(NamedTuple):
    """Wall-clock seconds of a process, its peak resident memory in MiB, and the seconds that it and, where
    that was asked for, the server kept a processor busy."""

    seconds: float
    mebibytes: float
    processor: float = 0


def costs(
    commands: Sequence[list[str]],
    runs: int,
    environment: Mapping[str, str] | None = None,
    *,
    usual: bool = False,
    server: "Meter | None" = None,
) -> list[Cost]:
    """Run the commands in turns, `runs` times; return each one's best time, or the `usual` one, which is the
    median, and its largest memory. With a `server` its processor time counts as well.

    `environment` is added to this process's own. Raises SystemExit when a command fails; 1 is a report
    with findings, 3 one that could not decide everything.
    """
    rounds = [[cost(command, environment or {}, server) for command in commands] for _ in range(runs)]
    chosen = statistics.median if usual else min
    return [
        Cost(
            chosen(c.seconds for c in of_one),
            max(c.mebibytes for c in of_one),
            chosen(c.processor for c in of_one),
        )
        for of_one in zip(*rounds, strict=True)
    ]


class Meter:
    """The processor time of a local server, told by Linux; elsewhere it stays 0."""

    def __init__(self, conninfo: str) -> None:
        with psycopg.connect(conninfo) as connection:
            row = connection.execute("select pg_read_file('postmaster.pid')").fetchone()
        self._stat = Path(f"/proc/{row[0].split()[0]}/stat")

    def seconds(self) -> float:
        """Return what the server and its backends that have ended used so far."""
        if not self._stat.exists():
            return 0
        ticks = self._stat.read_text().rpartition(")")[2].split()[11:15]
        return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")

    def settled(self) -> float:
        """Return it when the last backend has ended, and nothing more is added."""
        before, now = -1.0, self.seconds()
        while now != before:
            time.sleep(0.1)
            before, now = now, self.seconds()
        return now


def cost(command: list[str], environment: Mapping[str, str], server: Meter | None = None) -> Cost:
    """Run one command once."""
    already = server.settled() if server else 0
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
    processor = usage.ru_utime + usage.ru_stime + (server.settled() - already if server else 0)
    return Cost(seconds, usage.ru_maxrss / 1024, processor)
