"""Migrations that name those they come after."""

from collections.abc import Sequence
from pathlib import Path

from ...errors import MigrationError
from ..records import MigrationFile


def topological(folder: Path, files: Sequence[MigrationFile]) -> tuple[MigrationFile, ...]:
    """Return `files` with each after those that it requires, otherwise in the order given.

    Raises `MigrationError` for a requirement that is not there, and for a circle.
    """
    by_version = {file.version: file for file in files}
    replaced = {version for file in files for version in file.replaces}
    for file in files:
        for version in file.requires:
            if version not in by_version and version not in replaced:
                raise MigrationError(f"{file.path}: comes after {version}, of which there is no file")
    placed: dict[str, MigrationFile] = {}
    waiting = list(files)
    while waiting:
        ready = next(
            (f for f in waiting if all(v in placed or v not in by_version for v in f.requires)), None
        )
        if ready is None:
            listed = ", ".join(f.version for f in waiting)
            raise MigrationError(f"{folder}: these come after each other in a circle: {listed}")
        waiting.remove(ready)
        placed[ready.version] = ready
    return tuple(placed.values())
