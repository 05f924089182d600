"""Code that runs inside a scratch server, and what is seen of the server from outside."""

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest

from validate_schema.scratch import launcher, list_scratch, open_server

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
with_landlock = pytest.mark.skipif(launcher.landlock_version() < 6, reason="this kernel has no Landlock 6")
with_seccomp = pytest.mark.skipif(not launcher.has_seccomp(), reason="system calls cannot be filtered here")


@contextmanager
def superuser(key: str) -> Iterator["psycopg.Connection[Any]"]:
    with (
        open_server(key=key) as server,
        server.database() as database,
        database.connect(autocommit=True) as conn,
    ):
        conn.execute("create table said (line text)")
        yield conn


def run(conn: "psycopg.Connection[Any]", command: str) -> list[str]:
    """Run a shell command as the server's user; return the lines that it wrote."""
    conn.execute("truncate said")
    with suppress(psycopg.errors.ExternalRoutineException):
        quoted = f"{{ {command}; }} 2>&1; true".replace("'", "''")
        conn.execute(
            f"copy said from program '{quoted}' with (format csv, delimiter e'\\x01', quote e'\\x02')".encode()
        )
    return [line for (line,) in conn.execute("select line from said").fetchall()]


NATIVE = """
import ctypes, os, resource, socket
libc = ctypes.CDLL(None, use_errno=True)
def tell(name, call, *arguments):
    ctypes.set_errno(0)
    try:
        result = call(*arguments)
    except OSError as error:
        print(name, -1, error.errno)
    else:
        print(name, result if isinstance(result, int) else 0, ctypes.get_errno())
"""


def native(conn: "psycopg.Connection[Any]", code: str) -> dict[str, tuple[int, int]]:
    """Run Python in the server's place, with all of the system's calls at hand: each `tell(name, call,
    *arguments)` is what came back, and errno."""
    lines = run(conn, f"/usr/bin/python3 -I -c {shlex.quote(NATIVE + code + chr(10) + 'print(4711)')}")
    assert lines[-1:] == ["4711"], lines
    said = (line.split() for line in lines[:-1])
    return {name: (int(result), int(number)) for name, result, number in said}


def folder_of(key: str) -> Path:
    return next(e.folder for e in list_scratch() if e.key == key)


def user_of(key: str) -> int:
    return (folder_of(key) / "data").lstat().st_uid


def alive(pid: int) -> bool:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] != "Z"
