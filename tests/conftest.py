"""Fixtures by topic: every `fix_<topic>.py` of this folder."""

from pathlib import Path

pytest_plugins = tuple(f"tests.{path.stem}" for path in sorted(Path(__file__).parent.glob("fix_*.py")))
