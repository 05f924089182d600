"""A project with migrations and a database that they are applied to."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.fix_cli import Ran, Terminal
from validate_schema.scratch import Database

LIMIT_SECONDS = 120
_LIMITED = f"import runpy, signal; signal.alarm({LIMIT_SECONDS}); runpy.run_module('validate_schema', run_name='__main__')"
ROWS = "select version, name, checksum is not null from validate_schema.applied_migrations order by version"


@dataclass(frozen=True)
class Project:
    """A folder of migrations, `m`, and its database."""

    terminal: Terminal
    database: Database

    @property
    def folder(self) -> Path:
        return self.terminal.folder / "m"

    def lay(self, files: dict[str, str]) -> None:
        """Write migrations; existing ones of the same name are replaced."""
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())

    def run(self, command: str, *arguments: str) -> Ran:
        """Run `migrations <command>` in this process."""
        return self.terminal.run("migrations", command, *self._arguments(command), *arguments)

    def start(self, command: str, *arguments: str, stdin: int | None = None) -> "subprocess.Popen[str]":
        """Start `migrations <command>` in a process of its own, which ends by SIGALRM if it hangs: whoever
        reads its output meets an end of file then."""
        return subprocess.Popen(
            [
                sys.executable,
                "-c",
                _LIMITED,
                "migrations",
                command,
                *self._arguments(command),
                *arguments,
            ],
            cwd=self.terminal.folder,
            env=dict(os.environ),
            text=True,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def _arguments(self, command: str) -> list[str]:
        files = [] if command in ("backup", "restore") else ["--migrations", "m"]
        return [*files, "--database-url", self.database.conninfo]

    def sql(self, *statements: str) -> list[tuple[Any, ...]]:
        """Run statements; return the rows of the last."""
        with self.database.connect(autocommit=True) as connection:
            cursor = connection.cursor()
            for statement in statements:
                cursor.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def rows(self) -> list[tuple[Any, ...]]:
        """Return version, name and whether there is a checksum, of each applied migration."""
        return self.sql(ROWS)

    def tables(self) -> set[str]:
        """Return the names of the tables in public."""
        return {name for (name,) in self.sql("select tablename from pg_tables where schemaname = 'public'")}

    def stranger(self) -> "psycopg.Connection[Any]":
        """Return a connection of somebody else's, in autocommit mode."""
        return self.database.connect(autocommit=True)


def until(true: Callable[[], bool]) -> None:
    """Look until it is so; fails when it is not after as long as a process of `Project.start` may live."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while not true():
        assert time.monotonic() < deadline, f"not so after {LIMIT_SECONDS} s"


@pytest.fixture
def project(terminal: Terminal, database: Database) -> Project:
    """An empty project on PostgreSQL 18."""
    return Project(terminal, database)


@pytest.fixture
def any_project(terminal: Terminal, any_database: Database) -> Project:
    """An empty project on every server at hand."""
    return Project(terminal, any_database)
