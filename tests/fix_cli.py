"""Run the command line as a user would, in this process or in one of its own."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fix_server import fresh
from validate_schema.cli import run
from validate_schema.scratch import Database, Server

SHOP = """
create table organization (id uuid primary key default gen_random_uuid(), name text not null);
create table customer (
    id uuid primary key default gen_random_uuid(),
    org_id uuid not null references organization (id),
    email text not null,
    unique (org_id, email)
);
create table purchase (
    id uuid primary key default gen_random_uuid(),
    org_id uuid not null references organization (id),
    number text not null unique,
    total integer not null
);
create index on purchase (org_id);
"""
SHOP_CONFIG = """
[tenancy]
root = "organization"
column = "org_id"
"""


@dataclass(frozen=True)
class Ran:
    """What a command line left behind."""

    status: int
    out: str
    err: str

    @property
    def complaints(self) -> list[str]:
        """The lines of standard error but for progress, which a slow machine shows."""
        return [line for line in self.err.splitlines() if not line.endswith(" …")]

    @property
    def complaint(self) -> str:
        """The one error line; fails when there is more or less than one."""
        (line,) = self.complaints
        return line


class Terminal:
    """A working directory and an environment without any PostgreSQL variable."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys

    def run(self, *arguments: str) -> Ran:
        """Run in this process."""
        self._capsys.readouterr()
        status = run(list(arguments))
        out, err = self._capsys.readouterr()
        return Ran(status, out, err)

    def start(
        self, *arguments: str, out: int = subprocess.PIPE, **environment: str
    ) -> "subprocess.Popen[str]":
        """Start a process of its own, for signals and pipes."""
        return subprocess.Popen(
            [sys.executable, "-m", "validate_schema", *arguments],
            cwd=self.folder,
            env={**os.environ, **environment},
            text=True,
            stdout=out,
            stderr=subprocess.PIPE,
        )

    def write(self, name: str, text: str) -> Path:
        """Write a file into the working directory."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    """A terminal in an empty directory."""
    monkeypatch.chdir(tmp_path)
    for name in tuple(os.environ):
        if name.startswith(("PG", "GITHUB_", "CI")) or name in (
            "DATABASE_URL",
            "SOURCE_DATE_EPOCH",
            "NO_COLOR",
            "FORCE_COLOR",
        ):
            monkeypatch.delenv(name)
    return Terminal(tmp_path, capsys)


@pytest.fixture
def shop(server: Server) -> Iterator[Database]:
    """A small multi-tenant database: one unique is global, row security is off."""
    with fresh(server) as database:
        with database.connect(autocommit=True) as connection:
            connection.execute(SHOP)
        yield database
