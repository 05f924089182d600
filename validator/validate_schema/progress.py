"""Progress for people who wait: a step is named on standard error once it has taken a second."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

PATIENCE_SECONDS = 1.0


class Progress:
    """Names the running step after `PATIENCE_SECONDS`. Silent when `enabled` is False."""

    def __init__(self, *, enabled: bool = True) -> None:
        self._enabled = enabled
        self._label = ""
        self._lock = threading.Lock()

    def __call__(self, label: str) -> None:
        """Say what the running step is busy with now; shown if it takes long."""
        with self._lock:
            self._label = label

    @contextmanager
    def step(self, label: str) -> Iterator[None]:
        """Name the step that the block performs."""
        self(label)
        timer = threading.Timer(PATIENCE_SECONDS, self._say)
        timer.daemon = True
        if self._enabled:
            timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _say(self) -> None:
        with self._lock:
            sys.stderr.write(f"{self._label} …\n")
            sys.stderr.flush()
