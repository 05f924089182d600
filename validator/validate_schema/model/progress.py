"""Progress for people who wait: a step is named on standard error once it has taken a second."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar, TextIO

PATIENCE_SECONDS = 1.0


class Progress:
    """Names the running step after `PATIENCE_SECONDS`, on `stream` (standard error).

    `latest` is the step that this process was told of last.
    """

    latest: ClassVar[str] = ""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._label = ""
        self._lock = threading.Lock()

    def __call__(self, label: str) -> None:
        """Say what the running step is busy with now; shown if it takes long."""
        with self._lock:
            self._label = Progress.latest = label

    @contextmanager
    def step(self, label: str) -> Iterator[None]:
        """Name the step that the block performs."""
        self(label)
        timer = threading.Timer(PATIENCE_SECONDS, self._say)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _say(self) -> None:
        with self._lock:
            self._stream.write(f"{self._label} …\n")
            self._stream.flush()


class Silence(Progress):
    """Progress that nobody is told of: a library does not write to its caller's standard error."""

    @contextmanager
    def step(self, label: str) -> Iterator[None]:  # noqa: ARG002 - the label is for people
        """Perform the block."""
        yield
