"""A backup in pg_dump's custom format: what it needs of the server that it is put back on."""

import re
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

from ..model.errors import RunnerError, UsageError
from ..sql.ident import unquote_ident
from ..sql.parser import Unreadable
from ..sql.roles import named_roles
from ..sql.script import pieces
from . import programs

_MAGIC = b"PGDMP"
# Lines of `pg_restore --list` for what holds rows: the rest are statements.
_ROWS = re.compile(r"\d+; \d+ \d+ (?:TABLE DATA|BLOBS|SEQUENCE SET) ")
_DUMPED_BY = re.compile(r";\s+Dumped by pg_dump version: (\d+)")
_NAMES_ROLES = re.compile(
    r"alter\b.*\bowner\s+to\b|grant\b|revoke\b|set\s+session\s+authorization\b|create\s+policy\b"
    r"|alter\s+default\s+privileges\b|create\s+user\s+mapping\b",
    re.IGNORECASE | re.DOTALL,
)
_EXTENSION = re.compile(
    r'create\s+extension\s+(?:if\s+not\s+exists\s+)?("(?:[^"]|"")+"|[\w$]+)', re.IGNORECASE
)
_SUBSCRIPTION = re.compile(r'create\s+subscription\s+("(?:[^"]|"")+"|[\w$]+)', re.IGNORECASE)


class Archive(NamedTuple):
    """What a backup needs, and says of itself: `public` and `plpgsql` are whether it speaks of the schema
    and of the language at all, `pg_dump` the major version of the program that wrote it."""

    roles: frozenset[str]
    extensions: frozenset[str]
    subscriptions: tuple[str, ...]
    public: bool
    plpgsql: bool
    pg_dump: int


def require_backup(path: Path) -> None:
    """Raise `UsageError` for a file that is not a backup in pg_dump's custom format."""
    try:
        with path.open("rb") as file:
            head = file.read(len(_MAGIC))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from None
    if head != _MAGIC:
        raise UsageError(f"{path}: not a backup in pg_dump's custom format; `migrations backup` makes one")


def read_archive(bin_dir: Path, path: Path) -> Archive:
    """Return what the statements of the backup at `path` need; its rows are not read. Raises `RunnerError`
    where pg_restore cannot read it."""
    contents = _run(bin_dir, path, "--list")
    with tempfile.NamedTemporaryFile("w", suffix=".list") as chosen:
        chosen.writelines(f"{line}\n" for line in contents.splitlines() if not _ROWS.match(line))
        chosen.flush()
        script = _run(bin_dir, path, "--file=-", f"--use-list={chosen.name}")
    statements = [piece.text for piece in pieces(script) if piece.kind == "sql"]
    found = _DUMPED_BY.search(contents)
    return Archive(
        roles=frozenset(name for text in statements for name in _roles(text)),
        extensions=frozenset(_first_names(_EXTENSION, statements)),
        subscriptions=_first_names(_SUBSCRIPTION, statements),
        public=any("public" in text for text in statements),
        plpgsql=any("plpgsql" in text for text in statements),
        pg_dump=int(found[1]) if found else 0,
    )


def _run(bin_dir: Path, path: Path, *options: str) -> str:
    said = subprocess.run(
        [bin_dir / "pg_restore", *options, path.resolve()], capture_output=True, check=False
    )
    if said.returncode != 0:
        why = programs.reason(said.stderr.decode(errors="replace"))
        raise RunnerError(f"{path} cannot be read, nothing was changed: {why}")
    return said.stdout.decode(errors="replace")


def _roles(statement: str) -> frozenset[str]:
    if not _NAMES_ROLES.match(statement):
        return frozenset()
    try:
        return named_roles(statement)
    except Unreadable:
        return frozenset()  # then the server says what is wrong with it


def _first_names(pattern: re.Pattern[str], statements: list[str]) -> tuple[str, ...]:
    return tuple(unquote_ident(found[1]) for text in statements if (found := pattern.match(text)))
