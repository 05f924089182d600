"""Fixtures by topic: every `fix_<topic>.py` of this folder."""

from pathlib import Path

import pytest

pytest_plugins = tuple(f"tests.{path.stem}" for path in sorted(Path(__file__).parent.glob("fix_*.py")))

# They import each other: pytest must know them all before the first is imported, to rewrite its asserts.
pytest.register_assert_rewrite(*pytest_plugins)
