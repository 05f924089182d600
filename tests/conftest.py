"""Fixtures by topic."""

pytest_plugins = ("tests.fix_server", "tests.fix_bench", "tests.fix_cli")
