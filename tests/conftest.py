"""Fixtures by topic: every `fix_<topic>.py` of this folder."""

import signal
from pathlib import Path

import pytest

pytest_plugins = tuple(f"tests.{path.stem}" for path in sorted(Path(__file__).parent.glob("fix_*.py")))

# They import each other: pytest must know them all before the first is imported, to rewrite its asserts.
pytest.register_assert_rewrite(*pytest_plugins)


def pytest_configure() -> None:
    # A suite started in the background ignores SIGINT, and the processes it starts would inherit that.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
