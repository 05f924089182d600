"""PostgreSQL's client programs: where they are, and how they are given a password."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from ..catalog.connect import Destination
from ..model.errors import RunnerError, UsageError
from ..model.secret import mask

NEEDED = ("pg_dump", "pg_restore", "psql")
# Source: PostgreSQL documentation, "Parameter Key Words".
_SECRETS = frozenset({"sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key"})
_FOLDERS = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/libpq/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/libpq/bin",
)


def find(version_num: int) -> Path:
    """Return the folder of the oldest pg_dump that is at least as new as a server of `version_num`.

    A newer one than need be writes settings that an older server does not know. Raises `RunnerError`.
    """
    wanted = version_num // 10_000
    known = sorted((major, str(folder)) for folder in _folders() if (major := _major(folder)) is not None)
    usable = [folder for major, folder in known if major >= wanted]
    if usable:
        return Path(usable[0])
    newest = f"the newest here is of {known[-1][0]}" if known else "there is none here"
    raise RunnerError(
        f"a backup needs the pg_dump of PostgreSQL {wanted} or newer, {newest}:"
        f" install PostgreSQL {wanted}'s client programs"
    )


def _folders() -> list[Path]:
    from .sources import client_tools

    bundled = client_tools(0)
    found = [Path(p) for p in os.environ.get("PATH", "").split(os.pathsep) if p]
    found += [p for pattern in _FOLDERS for p in Path("/").glob(pattern.lstrip("/"))]
    found += [bundled] if bundled else []
    return [f for f in dict.fromkeys(found) if all(shutil.which(name, path=str(f)) for name in NEEDED)]


def _major(folder: Path) -> int | None:
    try:
        said = subprocess.run(
            [folder / "pg_dump", "--version"], capture_output=True, text=True, check=True, timeout=30
        )
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r"\) (\d+)", said.stdout)
    return int(found[1]) if found else None


def credentials(destination: Destination, options: str = "") -> tuple[str, dict[str, str]]:
    """Return the connection string for a command line, without the password, and the environment that
    holds it. `options` are added to PGOPTIONS.

    Raises `UsageError` for another secret: no variable of libpq takes it, and all see a command line.
    """
    from psycopg import conninfo

    given = conninfo.conninfo_to_dict(destination.conninfo)
    password = given.pop("password", None)
    shown = [name for name in given if name in _SECRETS]
    if shown:
        raise UsageError(
            f"{shown[0]} would stand in the process list when the schema is dumped: put it into a service"
            " file (~/.pg_service.conf) and name that, service=…"
        )
    environ = dict(os.environ)
    if password:
        environ["PGPASSWORD"] = str(password)
    if options:
        environ["PGOPTIONS"] = f"{environ.get('PGOPTIONS', '')} {options}".strip()
    return conninfo.make_conninfo("", **given), environ


def reason(said: str, destination: Destination | None = None) -> str:
    """Return what a program complained of, on one line without secrets, those of `destination` above all."""
    lines = mask(said).strip().splitlines() or ["no message"]
    telling = [line for line in lines if re.search(r"ERROR:|FATAL:|error:", line)]
    line = (telling or lines)[0 if telling else -1]
    line = destination.hide_in(line) if destination else line
    return re.sub(
        r"^(?:pg_dump|pg_restore|psql|<stdin>)?:?(?:<stdin>:\d+)?:? *(?:error|ERROR): *", "", line
    ).strip()
