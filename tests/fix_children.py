"""Other processes that use scratch servers, told what to do line by line."""

import os
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
