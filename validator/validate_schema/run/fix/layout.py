"""Where a corrective migration belongs in a project."""

from datetime import datetime
from pathlib import Path

from ...migrations import tools
from ...migrations.records import MigrationSet
from ...migrations.writing import New, Script, Writing
from ...model.errors import UsageError


def writing_of(migrations: MigrationSet) -> Writing:
    """Return how the folder's tool wants a new migration.

    Raises `UsageError` for a tool that keeps a plan of its own or whose programs are not written here, and
    for a folder to which nothing can be added: there the SQL is wanted as one file.
    """
    tool = tools.find(migrations.tool)
    if tool.writing is None:
        raise UsageError(
            f"a migration of {tool.title} is added by {tool.title} itself: write the SQL with"
            " --output FILE and give it that"
        )
    if tool.writing.refuses is not None and (why := tool.writing.refuses(migrations)):
        raise UsageError(f"{migrations.folder}: {why}, or write the SQL with --output FILE")
    return tool.writing.among(migrations.files)


def place(
    migrations: MigrationSet, around: MigrationSet, name: str, script: Script, now: datetime
) -> dict[Path, str]:
    """Return the files of the new migration, by path, after the last one of the folder; `around` are the
    migrations of the project that the folder is a part of, or the same."""
    writing = writing_of(migrations)
    new = New(writing.version(migrations.files, now), name, migrations, around, now)
    return {migrations.folder / path: text for path, text in writing.write(new, script).items()}
