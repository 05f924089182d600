"""Progress: a step is named on standard error once it has taken its time, and never before."""

import threading

import pytest

from validate_schema import progress
from validate_schema.progress import Progress


class Stream:
    """A standard error that tells when something was written."""

    def __init__(self) -> None:
        self.text = ""
        self.written = threading.Event()

    def write(self, text: str) -> None:
        self.text += text

    def flush(self) -> None:
        self.written.set()


@pytest.fixture
def stderr(monkeypatch: pytest.MonkeyPatch) -> Stream:
    stream = Stream()
    monkeypatch.setattr("sys.stderr", stream)
    return stream


def test_a_long_step_is_named_with_what_it_is_busy_with(stderr: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE_SECONDS", 0.0)
    report = Progress()
    with report.step("reading"):
        assert stderr.written.wait(10)

    assert stderr.text == "reading …\n"


def test_a_short_step_says_nothing(stderr: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE_SECONDS", 3600.0)
    before = threading.active_count()
    with Progress().step("reading"):
        pass

    assert stderr.text == ""
    assert threading.active_count() <= before + 1


def test_switched_off_it_stays_silent(stderr: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE_SECONDS", 0.0)
    with Progress(enabled=False).step("reading"):
        assert not stderr.written.wait(0.05)

    assert stderr.text == ""
