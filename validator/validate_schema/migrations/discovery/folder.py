"""A directory as the layouts look at it: listed once, each file read once."""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path

from ...model.errors import MigrationError
from ...model.limits import require_plain, require_size

# What Python makes of bytes in a name that are not UTF-8.
_UNDECODED = re.compile("[\ud800-\udfff]")
_CONTROL = re.compile("[\x00-\x1f\x7f]")
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_NOT_OURS = {"node_modules", "vendor", "target", "build", "dist", "venv", "__pycache__"}
# Undo scripts, checks after a deploy, and seeds: beside migrations by design, never part of them.
_COMPANION = re.compile(
    r"(?:^|/)(?:down\.sql|[^/]*\.(?:down|rollback|undo|revert|drop)\.sql|\d+\.undo\.[^/]*\.sql|seeds?[^/]*\.sql"
    r"|(?-i:U)\d[^/]*__[^/]*\.sql)$"
    r"|(?:^|/)(?:revert|down|undo|rollbacks?|verify|seeds?|snapshots)/",
    re.IGNORECASE,
)
# A way back by its name alone, where a file of the same number and name leads there.
_BACK = re.compile(
    r"(?P<of>V?\d.*?)[._-]+(?:down|dn|undo|rollback|revert|reverse|backwards?|drop)\.sql", re.IGNORECASE
)
_FORTH = re.compile(r"(?P<of>V?\d.*?)(?:[._-]+(?:up|do|apply|forwards?|deploy|create))?\.sql", re.IGNORECASE)


def _migrations(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names, or paths, of files that are no companions of others."""
    kept = [name for name in names if not _COMPANION.search(name)]
    back = {name: m["of"].lower() for name in kept if (m := _BACK.fullmatch(name))}
    forth = {m["of"].lower() for name in kept if name not in back and (m := _FORTH.fullmatch(name))}
    return tuple(name for name in kept if back.get(name) not in forth)


def read_sql(path: Path) -> str:
    """Return the text of an SQL file as `decode` does. Raises `MigrationError` as it and `read` do."""
    return decode(path, read(path))


def read(path: Path) -> bytes:
    """Return a file's bytes. Raises `MigrationError` for one that cannot be read."""
    try:
        require_plain(path, path.stat().st_mode, MigrationError)
        require_size(path, path.stat().st_size, "migration_bytes", MigrationError)
        return path.read_bytes()
    except OSError as error:
        raise MigrationError(f"{path}: {error.strerror or error}") from None


def decode(path: Path, raw: bytes) -> str:
    """Return the text of an SQL file without its byte-order mark; line ends are left as they are.

    Raises `MigrationError` for one that is not UTF-8 or holds a NUL.
    """
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
    """One directory. Names are sorted bytewise; hidden ones are left out.

    Not `deep`: a layout that reaches into sub-directories wants a file of its own at the top, so
    that a whole project is not taken for one folder of migrations.
    """

    def __init__(self, path: Path, *, deep: bool = True) -> None:
        self.path, self.deep = path, deep
        self._texts: dict[Path, str] = {}
        self._raw: dict[Path, bytes] = {}

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
        names = [e.name for e in entries if not e.name.startswith(".")]
        return tuple(sorted(self._nameable(names), key=str.encode))

    def _nameable(self, names: Iterable[str]) -> Iterator[str]:
        """Yield the names without those that are no text. Raises `MigrationError` for an SQL file's that is
        none or has a line break or other control character: no list of files could show it as it is."""
        for name in names:
            sql = name.lower().endswith(".sql")
            if sql and _UNDECODED.search(name):
                raise MigrationError(f"{self.path}: the file name {name!a} is not UTF-8; rename it")
            if sql and _CONTROL.search(name):
                raise MigrationError(
                    f"{self.path}: the file name {name!a} has a control character; rename it"
                )
            if not _UNDECODED.search(name):
                yield name

    @cached_property
    def sql(self) -> tuple[str, ...]:
        """Names of the SQL files, but for undo scripts and seeds."""
        return _migrations([n for n in self.files if n.lower().endswith(".sql")])

    @cached_property
    def every_sql(self) -> tuple[Path, ...]:
        """All SQL files at any depth, but for hidden ones and those in folders of tools; sorted."""
        return tuple(sorted(self._walk(), key=lambda p: p.relative_to(self.path).as_posix()))

    def _walk(self) -> Iterator[Path]:
        for parent, directories, names in os.walk(self.path):
            directories[:] = [d for d in directories if d not in _NOT_OURS and not d.startswith(".")]
            yield from (
                Path(parent, n) for n in self._nameable(names) if n.endswith(".sql") and not n.startswith(".")
            )

    @cached_property
    def tree(self) -> tuple[Path, ...]:
        """The SQL files at any depth, but for undo scripts and seeds."""
        found = {p.relative_to(self.path).as_posix(): p for p in self.every_sql}
        return tuple(found[name] for name in _migrations(list(found)))

    def reach(self, pattern: str, paths: tuple[Path, ...]) -> list[tuple[Path, re.Match[str]]]:
        """Return those of `paths` whose name matches; none if not `deep` and none lies at the top."""
        if not self.deep and not any(re.fullmatch(pattern, n) for n in self.files):
            return []
        return [(p, m) for p in paths if (m := re.fullmatch(pattern, p.name))]

    def at(self, name: str | Path) -> Path:
        """Return the path of a file, by its name here or by a path that leads through this folder, as
        `tree` has them. The folder itself may be a relative path."""
        inside = isinstance(name, Path) and name.is_relative_to(self.path) and not (self.path / name).exists()
        return Path(name) if inside else self.path / name

    def text(self, name: str | Path) -> str:
        """Return the text of a file, by name or path. Raises `MigrationError` as `read_sql` does."""
        path = self.at(name)
        if path not in self._texts:
            self._texts[path] = decode(path, self.raw(name))
        return self._texts[path]

    def raw(self, name: str | Path) -> bytes:
        """Return the bytes of a file, by name or path. Raises `MigrationError` as `read` does, and for one
        that is a link out of this folder: what it leads to is no migration, and would stand in the report."""
        path = self.at(name)
        if path not in self._raw:
            if not path.resolve().is_relative_to(self._real):
                raise MigrationError(f"{path}: a link out of {self.path}; put the file itself there")
            self._raw[path] = read(path)
        return self._raw[path]

    @cached_property
    def _real(self) -> Path:
        return self.path.resolve()

    def near(self, *names: str) -> bool:
        """Return whether one of `names`, which may be patterns, lies here or up to four levels above."""
        places = (self.path, *self.path.resolve().parents[:4])
        return any(next(place.glob(name), None) is not None for place in places for name in names)
