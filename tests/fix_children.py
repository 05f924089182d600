"""Other processes that use scratch servers, told what to do line by line."""

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

PRELUDE = """
import os, signal, sys
from validate_schema.scratch import open_server

def tell(text):
    print(text, flush=True)

def wait():
    sys.stdin.readline()
"""


# HYPOTHESIS_PROFILE=nightly ends commands in each way many times.
NIGHTLY = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"


def _by_signal(number: signal.Signals) -> "Callable[[subprocess.Popen[str]], None]":
    return lambda process: process.send_signal(number)


def _by_closing(process: "subprocess.Popen[str]") -> None:
    for stream in (process.stdout, process.stderr):
        assert stream is not None
        stream.close()


WAYS = {
    "KILL": _by_signal(signal.SIGKILL),
    "TERM": _by_signal(signal.SIGTERM),
    "INT": _by_signal(signal.SIGINT),
    "HUP": _by_signal(signal.SIGHUP),
    "closed pipe": _by_closing,
}


def each_way(*, nightly: int, usual: int) -> list[tuple[str, int]]:
    """Return how to end a command, with a number for chance: each way so many times."""
    return [(way, number) for way in WAYS for number in range(nightly if NIGHTLY else usual)]


def rest_of(process: "subprocess.Popen[str]") -> str:
    """Wait for the end of a process; return what is left of its error output, "" where that was closed."""
    said = ""
    for stream in (process.stdout, process.stderr):
        assert stream is not None
        if not stream.closed:
            said = stream.read()
            stream.close()
    process.wait()
    return said


class Child:
    """A Python process. It says one line at a time and waits to be sent one."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process

    def line(self) -> str:
        """Return the next line that it tells; fails with its error output if it is gone."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            assert self.process.stderr is not None
            pytest.fail(self.process.stderr.read())
        return line.rstrip("\n")

    def go_on(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def end(self) -> int:
        """Wait for its end; return its exit status."""
        return self.process.wait(60)


Spawn = Callable[..., Child]


@pytest.fixture
def spawn() -> Iterator[Spawn]:
    """Start Python code in another process; `env` adds variables, other options are Popen's."""
    with ExitStack() as stack:

        def start(code: str, *args: str, env: dict[str, str] | None = None, **options: Any) -> Child:
            process = subprocess.Popen(
                [sys.executable, "-c", PRELUDE + textwrap.dedent(code), *args],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=os.environ | (env or {}),
                **options,
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            return Child(process)

        yield start
