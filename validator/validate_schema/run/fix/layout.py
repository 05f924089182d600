"""Where a corrective migration belongs in a project."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from ...migrations import tools
from ...migrations.records import MigrationSet
from ...migrations.versions import digits
from ...migrations.writing import New, Script, Writing, next_in_text
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
    migrations of the project that the folder is a part of, or the same.

    Raises `UsageError` as `writing_of` does, and where the tool would run no new file after the last one.
    """
    writing = writing_of(migrations)
    there = [
        f.path.relative_to(migrations.folder).as_posix() for f in (*migrations.files, *migrations.shadowed)
    ]
    for version in _versions(migrations, writing, there, now):
        files = writing.write(New(version, name, migrations, around, now), script)
        if writing.sorts is None or all(writing.sorts(next(iter(files))) > writing.sorts(p) for p in there):
            return {migrations.folder / path: text for path, text in files.items()}
    tool = tools.find(migrations.tool)
    what = "choose another with --name" if tool.versions.named else "give the files numbers of one length"
    raise UsageError(
        f"{migrations.folder}: {tool.title} sorts names as text, and runs no {name} after"
        f" {max(there, key=writing.sorts)}: {what}, or write the SQL with --output FILE"
    )


def _versions(migrations: MigrationSet, writing: Writing, there: list[str], now: datetime) -> Iterator[str]:
    """Yield the versions to try, the tool's own next one first."""
    yield writing.version(migrations.files, now)
    if writing.sorts is not None and there:
        last = max(there, key=writing.sorts)
        yield from next_in_text(last)
        if tools.find(migrations.tool).versions.named and (number := digits(last)):
            yield number
