"""Fixtures by topic: every `fix_<topic>.py` of this folder."""

from pathlib import Path

_FOUND = sorted(Path(__file__).parent.glob("fix_*.py"))

# fix_server first: others import it, and pytest must be the first to do so to rewrite its asserts.
pytest_plugins = tuple(f"tests.{p.stem}" for p in sorted(_FOUND, key=lambda p: p.stem != "fix_server"))
