"""Placeholders that a tool fills in from the project's settings, ``${tenant}`` and the like."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from ..model.errors import MigrationError
from ..sql.script import line_at
from . import tools
from .records import MigrationFile, MigrationSet


def filled(migrations: MigrationSet, values: Mapping[str, str]) -> MigrationSet:
    """Return the migrations with a value for each placeholder that `values` names; notes tell which files
    have others."""
    placeholder = tools.find(migrations.tool).placeholder
    if not placeholder:
        return migrations

    def fill(text: str) -> str:
        return re.sub(placeholder, lambda m: values.get(m[1], m[0]), text)

    files = tuple(replace(f, sql=fill(f.sql), undo_sql=fill(f.undo_sql)) for f in migrations.files)
    notes = tuple(
        f"{migrations.label(file.path)}: {', '.join(left)} left as it stands"
        for file in files
        if (left := sorted({m[0] for m in re.finditer(placeholder, file.sql)}))
    )
    return replace(migrations, files=files, notes=(*migrations.notes, *notes))


def require_filled(migrations: MigrationSet, files: Sequence[MigrationFile]) -> None:
    """Raise `MigrationError` for the first placeholder that is left in one of `files`, with its line."""
    first = next(_left(migrations.tool, files), None)
    if first is not None:
        file, found = first
        line = file.first_line + line_at(file.sql, found.start()) - 1
        raise MigrationError(
            f"{file.path}:{line}: {found[0]} has no value; name it in the config:"
            f' [migrations.placeholders] "{found[1]}" = "…"'
        )


def _left(tool: str, files: Sequence[MigrationFile]) -> Iterator[tuple[MigrationFile, re.Match[str]]]:
    placeholder = tools.find(tool).placeholder
    for file in files if placeholder else ():
        if found := re.search(placeholder, file.sql):
            yield file, found
