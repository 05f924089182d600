"""What takes a migration back: a file beside it, or a section of it."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ...model.errors import MigrationError
from ...sql import script
from ..records import MigrationFile
from . import sections
from .folder import Folder
from .order import flyway_version

_SECTIONS = frozenset({"goose", "dbmate", "node-pg-migrate", "tern"})
_BESIDE = frozenset({"golang-migrate", "sqlx", "pop", "plain", "applied-set"})
_SUFFIXES = (".down.sql", ".rollback.sql", ".undo.sql", ".revert.sql")


def with_undo(tool: str, folder: Folder, file: MigrationFile) -> MigrationFile:
    """Return `file` with what takes it back, if there is such a thing and it does something."""
    if file.program:
        return file
    if tool in _SECTIONS:
        section = sections.undo(tool, folder.text(file.path))
        return _with(file, file.path, section.sql) if section else file
    path = next((p for p in _candidates(tool, folder, file) if p.is_file()), None)
    if path is None:
        return file
    try:
        return _with(file, path, folder.text(path))
    except MigrationError:  # one that cannot be read is there all the same
        return replace(file, undo=path)


def _with(file: MigrationFile, path: Path, sql: str) -> MigrationFile:
    return replace(file, undo=path, undo_sql=sql) if script.pieces(sql) else file


def _candidates(tool: str, folder: Folder, file: MigrationFile) -> Iterator[Path]:
    path = file.path
    if tool == "prisma":
        yield path.with_name("down.sql")
    elif tool == "yoyo":
        yield path.with_name(f"{path.stem}.rollback.sql")
    elif tool == "sqitch":
        top = next(p for p in path.parents if p.name == "deploy")
        yield top.with_name("revert") / path.relative_to(top)
    elif tool == "flyway":
        yield from _flyway(folder, file)
    elif tool in _BESIDE:
        stem = re.sub(r"(?:\.up)?\.(?:sql|fizz)$", "", path.name)
        yield from (path.with_name(stem + suffix) for suffix in _SUFFIXES)


_UNDO = re.compile(r"U(\d+(?:[._]\d+)*)__.*\.sql", re.IGNORECASE)


def _flyway(folder: Folder, file: MigrationFile) -> Iterator[Path]:
    if not file.path.name.startswith("V"):
        return
    wanted = flyway_version(file.version)
    for path in folder.every_sql:
        if (m := _UNDO.fullmatch(path.name)) and path.name[0] == "U" and flyway_version(m[1]) == wanted:
            yield path
