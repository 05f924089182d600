"""Standard input as an SQL file, and what it is called where people read of it."""

import sys
from pathlib import Path

import click

from ..model.limits import limits

_NAME = "stdin.sql"
_CALLED = "standard input"
_kept: set[str] = set()


def as_file() -> Path:
    """Return standard input as a file that lasts as long as the command."""
    import tempfile

    folder = Path(click.get_current_context().with_resource(tempfile.TemporaryDirectory()))
    path = folder / _NAME
    path.write_bytes(sys.stdin.buffer.read(limits().migration_bytes + 1))
    _kept.add(str(path))
    return path


def called(path: Path | None) -> str:
    """Return what people call a file that is standard input; "" for any other."""
    return _CALLED if str(path) in _kept else ""


def named(message: str) -> str:
    """Return a message in which the file is called what it is: standard input."""
    for path in _kept:
        message = message.replace(path, _CALLED)
    return message
