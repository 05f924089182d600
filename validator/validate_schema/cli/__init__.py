"""The command line: parse, call, write, exit. Every exception becomes one line and a status here."""

import gc
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from types import FrameType

import click

from ..model.errors import ValidateSchemaError
from ..model.progress import Progress
from ..model.secret import Secret, password
from .alarm import TimedOut, no_alarm
from .lazy import Unread
from .main import cli as cli
from .runner import guarded

INTERRUPTED = 128 + signal.SIGINT
TERMINATED = 128 + signal.SIGTERM
UNREAD = 128 + signal.SIGPIPE


class Terminated(KeyboardInterrupt):
    """SIGTERM or SIGHUP, as the exception that psycopg cancels a running statement for, and that context
    managers stop servers and drop databases for on the way out."""


def main() -> None:
    """Run the command line and exit with its status; no traceback reaches the terminal.

    Set VALIDATE_SCHEMA_TRACEBACK=1 to see the traceback of an internal error.
    """
    signal.signal(signal.SIGTERM, _terminate)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # under nohup it is
        signal.signal(signal.SIGHUP, _terminate)
    _leave_no_core()
    # One run and out: what a run makes it keeps to the end, and hardly any of it is cyclic. Looking for
    # garbage in a hundred thousand records would only cost time, at the exit too.
    gc.disable()
    status = run(sys.argv[1:])
    gc.freeze()
    sys.exit(status)


def _leave_no_core() -> None:
    """Let no crash, of this process or of those that it starts, write a file with what is in memory: the
    passwords, and rows."""
    with suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def run(arguments: list[str]) -> int:
    """Run one command line; return its exit status."""
    with guarded():
        return _run(arguments)


def _run(arguments: list[str]) -> int:
    try:
        status = cli.main(arguments, prog_name="validate-schema", standalone_mode=False)
        return status if isinstance(status, int) else 0
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    except click.UsageError as error:
        return _complain(_without_secrets(_usage_message(error), arguments), error.exit_code)
    except click.ClickException as error:
        return _complain(_without_secrets(error.format_message(), arguments), error.exit_code)
    except ValidateSchemaError as error:
        return _complain(_without_secrets(str(error), arguments), error.exit_status)
    except (click.Abort, KeyboardInterrupt) as error:
        if isinstance(error.__cause__ or error, TimedOut):
            return _complain(str(error.__cause__ or error), 3)
        terminated = isinstance(error.__cause__ or error, Terminated)
        return _complain("terminated", TERMINATED) if terminated else _complain("interrupted", INTERRUPTED)
    except Unread:
        # The reader went away (`| head`); keep the interpreter from complaining again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNREAD
    except OSError as error:
        return _complain(_without_secrets(_os_message(error), arguments), 3)
    except Exception as error:
        if os.environ.get("VALIDATE_SCHEMA_TRACEBACK"):
            raise
        reason = _without_secrets(" ".join(str(error).split()), arguments)
        return _complain(
            f"internal error: {type(error).__name__}: {reason} (VALIDATE_SCHEMA_TRACEBACK=1 shows where)", 3
        )
    finally:
        no_alarm()


def _os_message(error: OSError) -> str:
    where = f" on {error.filename}" if error.filename else ""
    busy = f" while {Progress.latest}" if Progress.latest else ""
    return f"{error.strerror or error}{where}{busy}"


def _usage_message(error: click.UsageError) -> str:
    command = error.ctx.command_path if error.ctx else "validate-schema"
    return f"{error.format_message()} (see '{command} --help')"


def _without_secrets(message: str, arguments: Sequence[str]) -> str:
    """Return the message without a password that the command line or the environment holds, whoever wrote
    the message: click repeats an argument that it has no use for."""
    named = [Secret(text) for text in (*arguments, os.environ.get("DATABASE_URL", ""))]
    for secret in (*named, password(os.environ.get("PGPASSWORD", ""))):
        message = secret.hide_in(message)
    return message


def _complain(message: str, status: int) -> int:
    from .output import use_color
    from .piped import named

    click.echo(
        click.style("error: ", fg="red", bold=True) + named(message),
        err=True,
        color=use_color(None, sys.stderr),
    )
    return status


def _terminate(_signal: int, _frame: FrameType | None) -> None:
    raise Terminated
