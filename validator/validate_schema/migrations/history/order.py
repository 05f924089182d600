"""What the files alone tell of their order: where a tool refuses to go on, and what it will pass over."""

from collections import defaultdict

from .. import tools
from ..discovery.order import ends
from ..records import MigrationFile, MigrationSet


def heads(migrations: MigrationSet) -> tuple[tuple[str, ...], ...]:
    """Return the files of a folder that nothing follows, for each folder with several of them, where the tool
    orders its files by what they name: it does not know which to go to. Source: Alembic, "Working with
    Branches" ("Multiple head revisions are present"); Django, makemigrations ("Conflicting migrations
    detected").
    """
    if not tools.find(migrations.tool).versions.graph:
        return ()
    groups: dict[object, list[MigrationFile]] = defaultdict(list)
    for file in migrations.files:
        groups[file.path.parent].append(file)
    last = [ends(files) for files in groups.values()]
    return tuple(tuple(migrations.label(f.path) for f in files) for files in last if len(files) > 1)


def stepping_back(migrations: MigrationSet) -> tuple[str, ...]:
    """Return the files whose version comes before that of one ahead of them, where the tool compares with the
    newest applied one alone: a database that has that one never gets these."""
    tool = tools.find(migrations.tool)
    if not tool.passes_over or tool.versions.place is None:
        return ()
    found, highest = [], None
    for file in migrations.files:
        place = tool.versions.place(file.version)
        if highest is not None and place < highest:
            found.append(migrations.label(file.path))
        else:
            highest = place
    return tuple(found)
