"""Standard output where a CI runner reads it: what a name says is no command to the runner.

Sources: GitHub documentation, "Workflow commands for GitHub Actions"; actions/runner, ActionCommand.cs (both
forms, and what may stand before them); Azure Pipelines documentation, "Logging commands"; TeamCity
documentation, "Service messages".
"""

import os
import re
import secrets
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from typing import Any, TextIO, cast

import click

_RUNNERS = ("GITHUB_ACTIONS", "TF_BUILD", "TEAMCITY_VERSION")
_AT_START = re.compile(r"(^|[\r\n])(\s*):(?=:[^\s:][^\r\n]*?::)")
_ANYWHERE = re.compile(r"##(?=\w*\[)")


class Guarded:
    """A stream on which a runner obeys nothing but what `command` writes."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write text in which nothing is a command any more. In JSON it means the same."""
        return self._stream.write(harmless(text))

    def command(self, text: str) -> None:
        """Write what the runner is to obey."""
        self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def harmless(text: str) -> str:
    """Return the text with a blank in what would be a command at the start of a line, and with the second
    sign of what would be one anywhere written as in JSON."""
    return _ANYWHERE.sub(r"#\\u0023", _AT_START.sub(r"\1\2: ", text))


@contextmanager
def guarded() -> Iterator[None]:
    """Guard standard output and standard error for the length of the block, where a runner reads them."""
    with ExitStack() as stack:
        if any(os.environ.get(name) for name in _RUNNERS):
            stack.enter_context(redirect_stdout(cast("TextIO", Guarded(sys.stdout))))
            stack.enter_context(redirect_stderr(cast("TextIO", Guarded(sys.stderr))))
        yield


def tell(commands: str, *, err: bool = False) -> None:
    """Write commands that the runner is to obey."""
    stream = sys.stderr if err else sys.stdout
    if isinstance(stream, Guarded):
        stream.command(commands)
    else:
        click.echo(commands, nl=False, err=err)


@contextmanager
def unheard() -> Iterator[None]:
    """Have GitHub's runner obey nothing that the block writes. Nobody can write the word that ends this: it
    is random."""
    word = secrets.token_hex(16)
    tell(f"::stop-commands::{word}\n")
    try:
        yield
    finally:
        tell(f"::{word}::\n")
