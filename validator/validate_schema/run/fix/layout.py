"""Where a corrective migration belongs in a project."""

from datetime import datetime
from pathlib import Path

from ...migrations import tools
from ...migrations.records import MigrationSet
from ...migrations.writing import Script, Writing
from ...model.errors import UsageError


def writing_of(migrations: MigrationSet) -> Writing:
    """Return how the folder's tool wants a new migration.

    Raises `UsageError` for a tool that keeps a plan or journal of its own, or whose migrations are
    programs: there the SQL is wanted as one file.
    """
    writing = tools.find(migrations.tool).writing
    if writing is None:
        raise UsageError(
            f"a migration of {migrations.tool} is added by {migrations.tool} itself: write the SQL with"
            " --output FILE and give it that"
        )
    return writing.among(migrations.files)


def place(migrations: MigrationSet, name: str, script: Script, now: datetime) -> dict[Path, str]:
    """Return the files of the new migration, by path, after the last one of the folder."""
    writing = writing_of(migrations)
    written = writing.write(writing.version(migrations.files, now), name, script)
    return {migrations.folder / path: text for path, text in written.items()}
