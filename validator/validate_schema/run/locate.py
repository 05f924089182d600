"""Where in the repository each finding belongs: pipelines show it on that line.

The migration that created the object, else the line that declares it, else the migration of its table,
else the line of the config that names it.
"""

import re
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec
from msgspec.structs import replace

from ..checking.engine import Outcome
from ..model.errors import MigrationError
from ..model.finding import Finding, ObjectRef
from ..sql.ident import visible

if TYPE_CHECKING:
    from ..migrations import MigrationSet
    from ..migrations.ddl.created import Origin
    from ..migrations.ddl.origins import Origins

_QUOTED = re.compile(r'"([^"\\]+)"')
_OF_CONFIG = ("config", "suppression")
_Found = TypeVar("_Found", bound=Finding)


class Whereabouts(msgspec.Struct, frozen=True):
    """The files of a run. `root` is what shown paths are relative to (None: the repository that a file
    is in), `base` what the paths of a declaration are; `tool` is that of `migrations`."""

    migrations: Path | None
    tool: str | None
    config: Path | None
    base: Path
    root: Path | None = None


def located(outcome: Outcome, where: Whereabouts) -> Outcome:
    """Return the outcome with a location on every finding that has one."""
    if not outcome.findings and not outcome.suppressed:
        return outcome
    finder = _Finder(where)
    return replace(
        outcome,
        findings=tuple(finder.place(f) for f in outcome.findings),
        suppressed=tuple(finder.place(f) for f in outcome.suppressed),
    )


class _Finder:
    def __init__(self, where: Whereabouts) -> None:
        self._where = where
        self._migrations = _migrations(where)
        self._origins = _origins(self._migrations)
        self._shown: dict[str, str] = {}

    def place(self, finding: _Found) -> _Found:
        ref = finding.object
        own = ref.name or not finding.location
        found = (
            (self._line(self._origins.exact(ref)) if self._origins and own else None)
            or self._declared(finding.location)
            or (self._line(self._origins.of_table(ref)) if self._origins else None)
            or self._configured(ref)
        )
        return msgspec.structs.replace(finding, location=found)

    def _line(self, origin: "Origin | None") -> str | None:
        if origin is None or self._migrations is None:
            return None
        if origin.file not in self._shown:
            self._shown[origin.file] = self._path(self._migrations.folder / origin.file)
        return f"{self._shown[origin.file]}:{origin.line}"

    def _declared(self, location: str | None) -> str | None:
        """Return a place that is relative to the config's folder, to the working directory or to the root."""
        if not location:
            return None
        path, colon, line = location.rpartition(":")
        if not line.isdigit():
            path, colon, line = location, "", ""
        for base in filter(None, (self._where.base, Path(), self._where.root)):
            if (base / path).exists():
                return f"{self._path(base / path)}{colon}{line}"
        return location

    def _configured(self, ref: ObjectRef) -> str | None:
        """Return the line of the config that holds the object's name."""
        config = self._where.config
        if config is None or ref.kind not in _OF_CONFIG:
            return None
        endings = (ref.name[start:] for start in range(len(ref.name) + 1))  # the longest first
        line = next((self._config_lines[name] for name in endings if name in self._config_lines), None)
        return f"{self._path(config)}:{line}" if line is not None else None

    @cached_property
    def _config_lines(self) -> dict[str, int]:
        """The first line of the config that holds each name."""
        config, found = self._where.config, dict[str, int]()
        if config is None or not config.is_file():
            return found
        for number, line in enumerate(config.read_text(encoding="utf-8-sig").splitlines(), 1):
            for name in _QUOTED.findall(line):
                found.setdefault(name, number)
        return found

    def _path(self, path: Path) -> str:
        return visible(shown_path(path, self._where.root))


def shown_path(path: Path, root: Path | None = None) -> str:
    """Return `path` with slashes, relative to `root`, else to its repository, else to the working
    directory; outside of all of them the last names that tell which file it is. Never a machine's path."""
    whole = path.resolve()
    repository = next((p for p in whole.parents if (p / ".git").exists()), None)
    for folder in (root, repository, Path()):
        if folder is not None and whole.is_relative_to(folder.resolve()):
            return whole.relative_to(folder.resolve()).as_posix()
    return "/".join(whole.parts[1:][-3:])


def _origins(migrations: "MigrationSet | None") -> "Origins | None":
    if migrations is None:
        return None
    from ..migrations.ddl.origins import find_origins

    return find_origins(migrations)


def _migrations(where: Whereabouts) -> "MigrationSet | None":
    """Return the migrations; None where there are none that can be read: whoever runs them says so."""
    if where.migrations is None:
        return None
    from ..migrations import discover

    try:
        return discover(where.migrations, where.tool, decided=False)
    except MigrationError:
        return None
