"""A directory as the layouts look at it: listed once, each file read once."""

import re
from functools import cached_property
from pathlib import Path

from ..errors import MigrationError

_UTF16 = (b"\xff\xfe", b"\xfe\xff")
# Undo scripts, checks after a deploy, and seeds: beside migrations by design, never part of them.
_COMPANION = re.compile(
    r"(?:^|/)(?:down\.sql|[^/]*\.(?:down|rollback|undo|revert|drop)\.sql|seeds?[^/]*\.sql|U[^/]*__[^/]*\.sql)$"
    r"|(?:^|/)(?:revert|verify|seeds?|snapshots|node_modules)/"
)


def read_sql(path: Path) -> str:
    """Return the text of an SQL file without its byte-order mark; line ends are left as they are.

    Raises `MigrationError` for a file that cannot be read, is not UTF-8 or holds a NUL.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise MigrationError(f"{path}: {error.strerror or error}") from None
    if raw.startswith(_UTF16):
        raise MigrationError(f"{path}: encoded as UTF-16; save it as UTF-8")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise MigrationError(
            f"{path}:{line}: byte 0x{raw[error.start]:02x} is not UTF-8; save the file as UTF-8"
        ) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise MigrationError(f"{path}:{line}: holds a NUL character, which no SQL text may")
    return text


class Folder:
    """One directory. Names are sorted bytewise; hidden ones are left out."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._texts: dict[Path, str] = {}

    @cached_property
    def files(self) -> tuple[str, ...]:
        return self._names(directories=False)

    @cached_property
    def directories(self) -> tuple[str, ...]:
        return self._names(directories=True)

    def _names(self, *, directories: bool) -> tuple[str, ...]:
        try:
            entries = [e for e in self.path.iterdir() if e.is_dir() is directories]
        except OSError as error:
            raise MigrationError(f"{self.path}: {error.strerror or error}") from None
        return tuple(sorted((e.name for e in entries if not e.name.startswith(".")), key=str.encode))

    @cached_property
    def sql(self) -> tuple[str, ...]:
        """Names of the SQL files, but for undo scripts and seeds."""
        return tuple(n for n in self.files if n.lower().endswith(".sql") and not _COMPANION.search(n))

    @cached_property
    def tree(self) -> tuple[Path, ...]:
        """All SQL files at any depth, but for undo scripts, seeds and what is hidden; sorted."""
        found = (p.relative_to(self.path) for p in self.path.rglob("*.sql") if p.is_file())
        kept = (p for p in found if not any(part.startswith(".") for part in p.parts))
        return tuple(
            self.path / p for p in sorted(kept, key=Path.as_posix) if not _COMPANION.search(p.as_posix())
        )

    def text(self, name: str | Path) -> str:
        """Return the text of a file, by name or path. Raises `MigrationError` as `read_sql` does."""
        path = self.path / name
        if path not in self._texts:
            self._texts[path] = read_sql(path)
        return self._texts[path]

    def near(self, *names: str) -> bool:
        """Return whether one of `names` lies here or up to four levels above."""
        places = (self.path, *self.path.resolve().parents[:4])
        return any((place / name).exists() for place in places for name in names)
