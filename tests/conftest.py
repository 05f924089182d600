"""Fixtures by topic: every `fix_<topic>.py` of this folder."""

import os
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


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slow ones first: one that began last would keep a single worker busy."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Half as many again as there are cores: a worker waits for its servers and for what it started."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores + (cores + 1) // 2
