"""Files of no tool: numbered SQL files, or the only one that there is."""

import re

from ...model.errors import MigrationError
from ..records import MigrationFile
from ..tool import Loaded
from ..versions import by_numbers
from .files import plain_mode, whole
from .folder import Folder

PLAIN = "plain"
_NUMBERED = r"(?i)[Vv]?(\d+(?:[.\-]\d+)*)[-_. ]*(.*)\.sql"


def numbered(folder: Folder) -> list[tuple[str, str, str]]:
    """Return version, name and file of the SQL files whose names begin with numbers, by those."""
    found = [m for n in folder.sql if (m := re.fullmatch(_NUMBERED, n))]
    found.sort(key=lambda m: (by_numbers(m[1]), m[0]))
    return [(".".join(map(str, by_numbers(m[1]))), m[2], m[0]) for m in found]


def plain(folder: Folder, chosen: bool) -> Loaded | None:
    """Numbered SQL files by number; or the only SQL file there is, as psql would run it.

    Raises `MigrationError` for several files of which none has a number: nothing tells their order.
    """
    found = numbered(folder)
    if not found:
        if len(folder.sql) > 1 and chosen:
            raise MigrationError(
                f"{folder.path}: nothing tells the order of {', '.join(folder.sql[:3])}"
                f"{' …' if len(folder.sql) > 3 else ''}; begin their names with numbers"
            )
        if len(folder.sql) != 1:
            return None
        file = single(folder, folder.sql[0])
        return Loaded((file,), territory=file.path)
    files = tuple(
        whole(folder, path, version, name or path[:-4], plain_mode(folder.text(path)))
        for version, name, path in found
    )
    names = [path for _, _, path in found]
    by_name = [n for n in folder.sql if n in set(names)]
    note = "The order by number is not the order by name: psql loops and shells run it otherwise."
    return Loaded(files, notes=(note,) if names != by_name else ())


def single(folder: Folder, name: str) -> MigrationFile:
    """Return the migration that one file is: a dump such as ``structure.sql``, or a script."""
    return whole(folder, name, name[:-4], name[:-4], plain_mode(folder.text(name)))
