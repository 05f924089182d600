"""Where a database is, told by a reference: what leads to a URL, and is none itself.

Targets may be written as ``env:NAME``, an environment variable, or ``command:…``, what a program prints. They
are looked up where the connection is made, so that no secret travels to a machine that reads a member.
"""

import os
import shlex
import subprocess

from psycopg import conninfo

from ..catalog.connect import parse_url
from ..model.errors import ConnectError, UsageError
from ..model.secret import Secret

ENV, COMMAND = "env:", "command:"
_PATIENCE = 60  # seconds that a program has
_SECRETS = ("password", "sslpassword")


def resolved(url: Secret | None) -> Secret | None:
    """Return the URL that a reference leads to; whatever is none is returned as it is.

    Raises `ConnectError` where it leads to nothing. What a program says is not repeated: it may be a secret.
    """
    text = url.reveal() if url is not None else ""
    if text.startswith(ENV):
        name = text.removeprefix(ENV)
        if not (value := os.environ.get(name, "").strip()):
            raise ConnectError(f"the environment variable {name} is not set where the member is read")
        return Secret(value)
    if text.startswith(COMMAND):
        return Secret(_printed(text.removeprefix(COMMAND)))
    return url


def _printed(command: str) -> str:
    try:
        words = shlex.split(command)
        ran = subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, timeout=_PATIENCE, check=False
        )
    except (OSError, ValueError, IndexError, subprocess.TimeoutExpired) as error:
        said = "it took too long" if isinstance(error, subprocess.TimeoutExpired) else "it cannot be run"
        raise ConnectError(f"the command of a target gives no URL: {said}") from None
    found = ran.stdout.decode(errors="replace").strip()
    if ran.returncode != 0 or not found:
        raise ConnectError(f"the command of a target gives no URL: it ended with {ran.returncode}")
    return found


def is_reference(url: Secret | None) -> bool:
    """Tell whether a URL is looked up where it is used."""
    return url is not None and url.reveal().startswith((ENV, COMMAND))


def require_no_secret(name: str, url: Secret | None) -> None:
    """Raise `UsageError` for a URL that holds a password: it would travel to other machines."""
    if url is None or is_reference(url):
        return
    if any(key in conninfo.conninfo_to_dict(parse_url(url).conninfo) for key in _SECRETS):
        raise UsageError(
            f"{name or 'the database'}: its URL holds a password, which would travel with --scheduler: write"
            " env:NAME, command:…, or service=NAME, which are looked up on the worker"
        )
