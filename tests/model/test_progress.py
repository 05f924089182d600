"""Progress: a step is named on standard error once it has taken its time, and never before."""

import io
import threading

import pytest

from validate_schema.model import progress
from validate_schema.model.progress import Progress


class Stream(io.StringIO):
    """A stream that tells when something was written."""

    def __init__(self) -> None:
        super().__init__()
        self.flushed = threading.Event()

    def flush(self) -> None:
        self.flushed.set()


def test_a_long_step_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE_SECONDS", 0.0)
    stream = Stream()
    with Progress(stream).step("reading"):
        assert stream.flushed.wait(10)

    assert stream.getvalue() == "reading …\n"


def test_a_short_step_says_nothing_and_leaves_no_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE_SECONDS", 3600.0)
    stream = Stream()
    with Progress(stream).step("reading"):
        timers = [t for t in threading.enumerate() if isinstance(t, threading.Timer)]
    for timer in timers:
        timer.join(10)

    assert stream.getvalue() == ""
    assert not any(timer.is_alive() for timer in timers)
